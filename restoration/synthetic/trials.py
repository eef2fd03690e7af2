"""Damage by other hands than the training's: seven trials by which finders and menders are held against the truth.

None of this code makes training samples, so that a finder is not asked what it has learned by heart. Pictures are
H x W x 3 float32 sRGB in [0, 1]; sizes follow the picture's long side (``unit`` is one at 600 pixels).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.picture import FloatImage
from restoration.synthetic import ageing

Mask = NDArray[np.bool_]
Random = np.random.Generator
Cover = NDArray[np.uint8]


@dataclass(frozen=True)
class Trial:
    """A damaged picture, the place of its damage (H x W), and the picture before."""

    kind: str
    damaged: FloatImage
    mask: Mask
    truth: FloatImage


def make_trial(kind: str, truth: FloatImage, seed: int) -> Trial:
    """Damage a picture; the same arguments give the same trial.

    :param kind: one of :data:`TRIALS`.
    :raises KeyError: another word.
    """
    rng = np.random.default_rng((seed, sorted(TRIALS).index(kind)))
    damaged, mask = TRIALS[kind](truth, rng)
    return Trial(kind, np.clip(damaged, 0, 1).astype(np.float32), mask, truth)


def _unit(picture: FloatImage) -> float:
    return float(max(picture.shape[:2]) / 600)


def _laid(picture: FloatImage, cover: Cover, tone: float, rng: Random, noise: float = 0.0) -> tuple[FloatImage, Mask]:
    """A tone with some noise, where the cover is; edges as soft as a scanner makes them."""
    soft = np.asarray(cv2.GaussianBlur(cover.astype(np.float32) / 255, (0, 0), 0.7), np.float32)[:, :, None]
    surface = np.float32(tone) + rng.normal(0, noise, picture.shape[:2]).astype(np.float32)[:, :, None]
    return np.asarray(picture * (1 - soft) + surface * soft, np.float32), soft[:, :, 0] > 0.04


def _curve(shape: tuple[int, ...], rng: Random, length: float) -> NDArray[np.int32]:
    """A quadratic curve of about that length."""
    height, width = shape[:2]
    start = rng.uniform(0.05, 0.95, 2) * (width, height)
    angle = rng.uniform(0, 2 * np.pi)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length
    bow = start + reach / 2 + rng.normal(0, length / 10, 2)
    t = np.linspace(0, 1, 40)[:, None]
    return np.rint((1 - t) ** 2 * start + 2 * t * (1 - t) * bow + t**2 * (start + reach)).astype(np.int32)


def _lines(picture: FloatImage, rng: Random, count: int, widths: tuple[float, float]) -> tuple[FloatImage, Mask]:
    damage = np.zeros(picture.shape[:2], bool)
    for _ in range(count):
        cover = np.zeros(picture.shape[:2], np.uint8)
        width = max(1, round(rng.uniform(*widths) * _unit(picture)))
        path = _curve(picture.shape, rng, rng.uniform(0.2, 0.9) * max(picture.shape[:2]))
        cv2.polylines(cover, [path], False, 255, width, cv2.LINE_AA)
        picture, mask = _laid(picture, cover, 0.95 if rng.random() < 0.7 else 0.06, rng, 0.02)
        damage |= mask
    return picture, damage


def thin(picture: FloatImage, rng: Random) -> tuple[FloatImage, Mask]:
    """Scratches of one or two pixels."""
    return _lines(picture, rng, int(rng.integers(4, 10)), (0.8, 1.9))


def bold(picture: FloatImage, rng: Random) -> tuple[FloatImage, Mask]:
    """Scratches of four to nine pixels."""
    return _lines(picture, rng, int(rng.integers(2, 6)), (4, 9))


def crease(picture: FloatImage, rng: Random) -> tuple[FloatImage, Mask]:
    """Folds across the print, with their shade."""
    return ageing.crease(picture, rng.uniform(0.5, 1), rng)


def tear(picture: FloatImage, rng: Random) -> tuple[FloatImage, Mask]:
    """Wedges that come in from an edge, jagged, with a rim of torn paper."""
    height, width = picture.shape[:2]
    damage = np.zeros((height, width), bool)
    for _ in range(int(rng.integers(1, 3))):
        start = np.array([rng.uniform(0.1, 0.9) * width, 0.0])
        end = start + np.array([rng.normal(0, 0.2) * width, rng.uniform(0.25, 0.6) * height])
        t = np.linspace(0, 1, 14)[:, None]
        middle = start + t * (end - start) + np.cumsum(rng.normal(0, 3 * _unit(picture), (14, 2)), axis=0)
        open_by = (1 - t) * rng.uniform(5, 26) * _unit(picture) * np.array([[1.0, 0.0]])
        wedge = np.concatenate([middle - open_by, (middle + open_by)[::-1]])
        if rng.random() < 0.5:
            wedge = np.array([0, height]) + wedge * (1, -1)
        cover = np.zeros((height, width), np.uint8)
        cv2.fillPoly(cover, [np.rint(wedge).astype(np.int32)], 255, cv2.LINE_AA)
        reach = max(1, round(_unit(picture)))
        rim = np.asarray(cv2.dilate(cover, np.ones((3, 3), np.uint8), iterations=reach), np.uint8)
        picture, outer = _laid(picture, rim, 0.92, rng, 0.04)
        picture, inner = _laid(picture, cover, (0.97, 0.03, 0.55)[int(rng.integers(3))], rng, 0.015)
        damage |= outer | inner
    return picture, damage


def hole(picture: FloatImage, rng: Random) -> tuple[FloatImage, Mask]:
    """Holes of 20 to 110 pixels, and now and then a missing corner."""
    height, width = picture.shape[:2]
    cover = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        centre = rng.uniform(0.1, 0.9, 2) * (width, height)
        angles = np.sort(rng.uniform(0, 2 * np.pi, 15))
        radius = rng.uniform(10, 55) * _unit(picture) * rng.uniform(0.7, 1.15, 15)
        points = centre + np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius[:, None]
        cv2.fillPoly(cover, [np.rint(points).astype(np.int32)], 255, cv2.LINE_AA)
    if rng.random() < 0.4:
        corner = np.array([(0, 0), (rng.uniform(0.08, 0.25) * width, 0), (0, rng.uniform(0.08, 0.25) * height)])
        if rng.random() < 0.5:
            corner = np.array([width, 0]) + corner * (-1, 1)
        cv2.fillPoly(cover, [np.rint(corner).astype(np.int32)], 255, cv2.LINE_AA)
    return _laid(picture, cover, (0.96, 0.02, 0.6, 0.85)[int(rng.integers(4))], rng, 0.015)


def dust(picture: FloatImage, rng: Random) -> tuple[FloatImage, Mask]:
    """Specks and a few hairs."""
    picture, damage = ageing.dust(picture, rng.uniform(0.4, 1), rng)
    for _ in range(int(rng.integers(0, 5))):
        cover = np.zeros(picture.shape[:2], np.uint8)
        path = _curve(picture.shape, rng, rng.uniform(15, 60) * _unit(picture))
        cv2.polylines(cover, [path], False, 230, max(1, round(_unit(picture))), cv2.LINE_AA)
        picture, mask = _laid(picture, cover, 0.93, rng)
        damage = np.asarray(damage | mask)
    return picture, damage


def mixed(picture: FloatImage, rng: Random) -> tuple[FloatImage, Mask]:
    """Three of the others together, softened and compressed as a scan of it would be."""
    damage = np.zeros(picture.shape[:2], bool)
    names = rng.choice(["thin", "bold", "crease", "tear", "hole", "dust"], 3, replace=False)
    for name in sorted(str(name) for name in names):
        picture, mask = TRIALS[name](picture, rng)
        damage |= mask
    return picture, damage


TRIALS: dict[str, Callable[[FloatImage, Random], tuple[FloatImage, Mask]]] = {
    "thin": thin,
    "bold": bold,
    "crease": crease,
    "tear": tear,
    "hole": hole,
    "dust": dust,
    "mixed": mixed,
}
"""Every trial by name: the six kinds alone, and three of them together."""
