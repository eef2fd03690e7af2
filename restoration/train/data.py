"""Training samples for colorizers: crops of colour photographs, aged on the fly, balanced by family.

The family of a photograph is its file name up to the first underscore (``civ_...``, ``krna_...``); families are drawn
with set weights, so that the largest of them does not paint everybody's background its own colour.
"""

from __future__ import annotations

from collections import defaultdict
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
from restoration.synthetic import ageing
from restoration.train.skin import NO_SKIN, SkinFinder

Sample = tuple[Tensor, Tensor, Tensor, Tensor]
"""Aged luminance, true ab, true luminance, skin: see :class:`AgedCrops`."""

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}


def family_of(path: Path) -> str:
    """Family name of a photograph: its file name up to the first underscore."""
    return path.stem.split("_", 1)[0]


def find_photos(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Photographs under the folders by family, sorted by name.

    :raises UsageError: a folder is missing or holds no photograph.
    """
    families: dict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES) if folder.is_dir() else []
        if not found:
            raise UsageError(f"{folder} holds no photographs to train on; name a folder of colour photographs")
        for path in found:
            families[family_of(path)].append(path)
    return dict(families)


def read_small(path: Path, long_side: int) -> NDArray[np.uint8]:
    """Read a trusted training photograph as H x W x 3 uint8 RGB, its long side brought to ``long_side``.

    :raises UsageError: the file cannot be decoded.
    """
    found = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if found is None:
        raise UsageError(f"{path} is not a readable photograph; remove it from the training folder")
    image = np.asarray(found, dtype=np.uint8)
    scale = long_side / max(image.shape[:2])
    size = (max(round(image.shape[1] * scale), 32), max(round(image.shape[0] * scale), 32))
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return np.ascontiguousarray(np.asarray(resized, dtype=np.uint8)[:, :, ::-1])


def to_lab(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """H x W x 3 sRGB in [0, 1] to CIELAB (L* 0..100, a*, b*), D65."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb, dtype=np.float32), cv2.COLOR_RGB2LAB), dtype=np.float32)


@dataclass(frozen=True)
class Sampling:
    """How crops are drawn: ``height`` x ``width`` pixels, multiples of the net's stride, cut from the largest box of
    that shape in the photograph times a factor between ``smallest`` and 1. ``aged_share`` of them are aged;
    ``severity`` scales the ageing.
    """

    height: int = 160
    width: int = 128
    smallest: float = 0.5
    aged_share: float = 0.7
    severity: float = 0.6


class AgedCrops(Dataset[Sample]):
    """Item ``i`` is drawn from ``(seed, i)`` alone: the same index always gives the same sample.

    Items are float32: aged luminance 1 x H x W as L*/50 - 1, true ab 2 x H x W as ab/110, true luminance 1 x H x W, and
    1 x H x W the share of skin, 0..1 (0 everywhere where no ``finder`` is given). Within a family a photograph is drawn
    with the weight of its ITA group (``ita_weights``; 1 for groups that are not named).
    """

    def __init__(
        self,
        families: Mapping[str, Sequence[Path]],
        weights: Mapping[str, float],
        *,
        sampling: Sampling,
        seed: int,
        length: int,
        long_side: int = 288,
        finder: SkinFinder | None = None,
        ita_weights: Mapping[str, float] | None = None,
    ) -> None:
        self.names = sorted(families)
        self.chances = _shares([weights.get(name, weights.get("*", 1.0)) for name in self.names])
        self.photos: dict[str, list[NDArray[np.uint8]]] = {}
        self.members: dict[str, NDArray[np.float64]] = {}
        for name in self.names:
            found = [_with_skin(path, long_side, finder) for path in families[name]]
            self.photos[name] = [pixels for pixels, _ in found]
            self.members[name] = _shares([(ita_weights or {}).get(group, 1.0) for _, group in found])
        if finder:
            finder.save()
        self.sampling = sampling
        self.seed = seed
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng((self.seed, index))
        name = self.names[int(rng.choice(len(self.names), p=self.chances))]
        place = int(rng.choice(len(self.photos[name]), p=self.members[name]))
        cut = self._crop(self.photos[name][place], rng)
        crop, skin = np.ascontiguousarray(cut[:, :, :3]), np.ascontiguousarray(cut[None, :, :, 3])
        truth = to_lab(crop)
        aged = crop
        if rng.random() < self.sampling.aged_share:
            plan = ageing.random_plan(rng, severity=self.sampling.severity)
            aged = ageing.age(crop, plan, int(rng.integers(2**31))).pixels
        lightness = to_lab(aged if aged is not crop else ageing.gray_to_rgb(_gray_of(truth)))[:, :, :1]
        return (
            torch.from_numpy(np.ascontiguousarray(lightness.transpose(2, 0, 1))) / 50.0 - 1.0,
            torch.from_numpy(np.ascontiguousarray(truth[:, :, 1:].transpose(2, 0, 1))) / 110.0,
            torch.from_numpy(np.ascontiguousarray(truth[:, :, :1].transpose(2, 0, 1))) / 50.0 - 1.0,
            torch.from_numpy(skin),
        )

    def _crop(self, photo: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
        """All channels of a part of the photograph, in [0, 1]."""
        height, width = photo.shape[:2]
        shape = self.sampling.height / self.sampling.width * float(np.exp(rng.uniform(-0.08, 0.08)))
        share = float(rng.uniform(self.sampling.smallest, 1.0))
        tall = max(round(share * min(height, width * shape)), 32)
        wide = max(min(width, round(tall / shape)), 32)
        top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
        patch = photo[top : top + tall, left : left + wide]
        if rng.random() < 0.5:
            patch = patch[:, ::-1]
        size = (self.sampling.width, self.sampling.height)
        resized = cv2.resize(np.ascontiguousarray(patch), size, interpolation=cv2.INTER_AREA)
        return np.asarray(resized, dtype=np.float32) / 255.0


def _with_skin(path: Path, long_side: int, finder: SkinFinder | None) -> tuple[NDArray[np.uint8], str]:
    """A photograph as H x W x 4 uint8 (RGB, skin 0 or 255) and its ITA group."""
    rgb = read_small(path, long_side)
    if finder is None:
        return np.dstack([rgb, np.zeros(rgb.shape[:2], np.uint8)]), NO_SKIN
    found = finder.find(path.name, rgb)
    return np.dstack([rgb, found.mask]), found.group


def _shares(weights: Sequence[float]) -> NDArray[np.float64]:
    """Weights as probabilities."""
    raw = np.asarray(weights, dtype=np.float64)
    return np.asarray(raw / raw.sum(), dtype=np.float64)


def _gray_of(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """sRGB gray plane in [0, 1] with the given L*: the scan a perfect panchromatic film would have given."""
    gray = lab.copy()
    gray[:, :, 1:] = 0
    return np.asarray(cv2.cvtColor(gray, cv2.COLOR_LAB2RGB)[:, :, 1], dtype=np.float32)
