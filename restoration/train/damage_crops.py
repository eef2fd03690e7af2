"""Training samples for the finder of damage: crops of photographs, grayed, furnished and worn by code.

A crop is cut near the photograph's own scale, or now and then enlarged as a large scan would show it, given the tones
and grain of an old print, then damaged. A share stays undamaged: what looks like damage and is none has to be learned
too. Old photographs may join (``old`` folders); they hold damage that nobody marked, so what their undamaged
pixels count can be set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from restoration.errors import UsageError
from restoration.synthetic import ageing, clutter, surfaces, things
from restoration.synthetic.damage import Worn, wear
from restoration.synthetic.shapes import Plane, Random, log_uniform

_NEAR = 0.85
"""Share of the crops that are cut near their photograph's own scale."""
_FAINT, _PLAIN = 0.06, 0.22
"""Damage that changes a pixel by less than the first does not count: whoever learns to see it sees damage everywhere.
From the second on it counts in full.
"""
_LOST, _CLEAR = 0.7, 1.7
"""The same, as shares of how much the photograph itself varies there (deviation over 9 x 9 pixels): a gray speck in
grass is nobody's to find.
"""


@dataclass(frozen=True)
class Wear:
    """The share of crops that stays ``clean``; the share cut from ``old`` photographs, and what these weigh where no
    damage was made; the share with ``things`` in it, and what a pixel of these weighs; the share, of what is not old,
    that is cut round ``hard`` places.
    """

    clean: float = 0.3
    old_weight: float = 0.3
    old_share: float = 0.2
    things: float = 0.0
    thing_weight: float = 1.0
    hard_share: float = 0.0


@dataclass(frozen=True)
class Place:
    """A place of a photograph, as shares of its width and height."""

    path: Path
    x: float
    y: float


_HARD_CLEAN = 0.5
"""Share of the crops round hard places that stays undamaged whatever else is said."""


class DamagedCrops(Dataset[tuple[Tensor, ...]]):
    """Item ``i`` is drawn from ``(seed, i)`` alone: luma 1 x H x W in [-1, 1], kinds H x W (uint8), weights H x W."""

    def __init__(
        self,
        families: Mapping[str, Sequence[Path]],
        old: Sequence[Path],
        how: Wear,
        size: tuple[int, int],
        seed: int,
        length: int,
        hard: Sequence[Place] = (),
    ) -> None:
        self.families = [list(families[name]) for name in sorted(families)]
        sizes = np.array([len(paths) for paths in self.families], np.float64)
        self.chances = np.sqrt(sizes) / np.sqrt(sizes).sum()
        self.old, self.hard = list(old), list(hard)
        self.how, self.size, self.seed, self.length = how, size, seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        cv2.setNumThreads(0)  # the loading process is one of several
        rng = np.random.default_rng((self.seed, index))
        is_old = bool(self.old) and rng.random() < self.how.old_share
        is_hard = not is_old and bool(self.hard) and rng.random() < self.how.hard_share
        gray = self._background(is_old, is_hard, rng)
        innocent = np.zeros(gray.shape, bool)
        if rng.random() < self.how.things:
            gray, innocent = things.furnish(gray, rng)
        worn = Worn.clean(printed(gray, rng))
        clutter.furnish(worn, rng)
        before, lettered = worn.plane, worn.kinds.copy()
        if rng.random() >= max(self.how.clean, _HARD_CLEAN if is_hard else 0.0):
            wear(worn, rng)
        plane = scanned(worn.plane, rng)
        weight = np.where(worn.unsure & (worn.kinds == 0), 0.0, 1.0)
        weight = np.where(worn.kinds != lettered, weight * plainness(before, worn.plane), weight)
        if is_old:
            weight = np.where((worn.kinds == 0) & ~innocent, weight * self.how.old_weight, weight)
        weight = np.where((worn.kinds == 0) & innocent, weight * self.how.thing_weight, weight)
        return (
            torch.from_numpy(plane[None] * np.float32(2) - np.float32(1)),
            torch.from_numpy(worn.kinds),
            torch.from_numpy(weight.astype(np.float32)),
        )

    def _background(self, is_old: bool, is_hard: bool, rng: Random) -> Plane:
        """An undamaged gray crop."""
        middle: tuple[float, float] | None = None
        if is_old:
            path = self.old[int(rng.integers(len(self.old)))]
        elif is_hard:
            place = self.hard[int(rng.integers(len(self.hard)))]
            path, middle = place.path, (place.x, place.y)
        else:
            family = self.families[int(rng.choice(len(self.families), p=self.chances))]
            path = family[int(rng.integers(len(family)))]
        crop = zoomed(read_photo(path), self.size, rng, middle)
        mix = rng.dirichlet((3.0, 5.0, 2.0))
        return ageing.film_response(crop, (float(mix[0]), float(mix[1]), float(mix[2])))


def plainness(before: Plane, after: Plane) -> Plane:
    """How far a change of each pixel can be told from the photograph itself, 0..1."""
    change = np.abs(after - before)
    mean = np.asarray(cv2.blur(before, (9, 9)))
    varies = np.sqrt(np.maximum(np.asarray(cv2.blur(before * before, (9, 9))) - mean * mean, 0))
    beside = change / np.maximum(varies, 0.02)
    seen = (change - _FAINT) / (_PLAIN - _FAINT)
    return np.asarray(np.clip(seen, 0, 1) * np.clip((beside - _LOST) / (_CLEAR - _LOST), 0, 1), np.float32)


def read_photo(path: Path) -> NDArray[np.float32]:
    """A training photograph, H x W x 3 sRGB in [0, 1]. :raises UsageError: it cannot be decoded."""
    found = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if found is None:
        raise UsageError(f"{path} is not a readable photograph; remove it from the training folder")
    return np.asarray(found[:, :, ::-1], np.float32) / np.float32(255)


def zoomed(
    photo: NDArray[np.float32], size: tuple[int, int], rng: Random, middle: tuple[float, float] | None = None
) -> NDArray[np.float32]:
    """A crop of ``size`` from the photograph at a random zoom, turned and mirrored at random; with ``middle`` (shares
    of width and height) one that holds this place.

    Most are cut near the photograph's own scale: enlarged ones are soft, and a finder that has seen no others takes
    every sharp detail for damage.
    """
    height, width = size
    least = max(height / photo.shape[0], width / photo.shape[1])
    near = rng.random() < _NEAR
    zoom = max(least, log_uniform(rng, 0.55, 1.3)) if near else least * log_uniform(rng, 1.0, 3.2)
    tall, wide = min(photo.shape[0], max(8, round(height / zoom))), min(photo.shape[1], max(8, round(width / zoom)))
    top, left = int(rng.integers(photo.shape[0] - tall + 1)), int(rng.integers(photo.shape[1] - wide + 1))
    if middle is not None:
        top = _round(middle[1] * photo.shape[0], tall, photo.shape[0], rng)
        left = _round(middle[0] * photo.shape[1], wide, photo.shape[1], rng)
    cut = photo[top : top + tall, left : left + wide]
    way = cv2.INTER_AREA if zoom < 1 else (cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)[int(rng.integers(2))]
    crop = np.clip(np.asarray(cv2.resize(np.ascontiguousarray(cut), (width, height), interpolation=way)), 0, 1)
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    if rng.random() < 0.25:
        crop = np.rot90(crop, int(rng.integers(1, 4))) if height == width else crop[::-1]
    return np.ascontiguousarray(crop, np.float32)


def _round(place: float, length: int, whole: int, rng: Random) -> int:
    """Where a cut of that length begins that holds a place, well inside where the photograph allows it."""
    return int(np.clip(round(place - length * rng.uniform(0.2, 0.8)), 0, whole - length))


def printed(gray: Plane, rng: Random) -> Plane:
    """The tones, softness, grain and surface of a print, before anything happens to it."""
    plane = gray
    if rng.random() < 0.35:
        plane = np.asarray(cv2.GaussianBlur(plane, (0, 0), rng.uniform(0.3, 2.2)), np.float32)
    elif rng.random() < 0.3:
        plane = plane + (plane - np.asarray(cv2.GaussianBlur(plane, (0, 0), 1.2))) * np.float32(rng.uniform(0.3, 1.5))
    picture = ageing.gray_to_rgb(np.clip(plane, 0, 1).astype(np.float32))
    if rng.random() < 0.6:
        picture = ageing.fade(picture, rng.uniform(0, 1), rng)
    if rng.random() < 0.65:
        picture = ageing.grain(picture, rng.uniform(0, 1) ** 2, rng)
    plane = picture[:, :, 0]
    if rng.random() < 0.35:
        shape = (plane.shape[0], plane.shape[1])
        plane = plane + surfaces.emulsion_texture(shape, rng) * np.float32(rng.uniform(0, 0.04))
    return np.clip(plane, 0, 1).astype(np.float32)


def scanned(plane: Plane, rng: Random) -> Plane:
    """What the scanner and the file add: softness, noise, JPEG blocks."""
    if rng.random() < 0.3:
        plane = np.asarray(cv2.GaussianBlur(plane, (0, 0), rng.uniform(0.3, 1.0)), np.float32)
    if rng.random() < 0.3:
        plane = plane + rng.standard_normal(plane.shape).astype(np.float32) * np.float32(rng.uniform(0, 0.03))
    eight = np.rint(np.clip(plane, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.6:
        _, packed = cv2.imencode(".jpg", eight, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 98))])
        eight = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return eight.astype(np.float32) / np.float32(255)
