"""Training samples for the inpainting net: photographs with holes, filled by diffusion, and what was there.

Most are gray or tinted, as old prints are. Holes have the shapes that damage has: patches, bands, missing edges; the
hole takes less than half of the crop, so that something is left to guess from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from restoration.photo.diffusion import pushed_and_pulled
from restoration.photo.picture import FloatImage
from restoration.synthetic import ageing, shapes
from restoration.synthetic.shapes import Plane, Random, log_uniform
from restoration.train.damage_crops import read_photo, zoomed

_MOST = 0.45
"""Largest share of a crop that is a hole."""


class Holes(Dataset[tuple[Tensor, ...]]):
    """Item ``i`` is drawn from ``(seed, i)`` alone: given 4 x H x W and truth 3 x H x W, colours in [-1, 1]."""

    def __init__(
        self, families: Mapping[str, Sequence[Path]], size: tuple[int, int], gray: float, seed: int, length: int
    ) -> None:
        self.families = [list(families[name]) for name in sorted(families)]
        sizes = np.array([len(paths) for paths in self.families], np.float64)
        self.chances = np.sqrt(sizes) / np.sqrt(sizes).sum()
        self.size, self.gray, self.seed, self.length = size, gray, seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        cv2.setNumThreads(0)  # the loading process is one of several
        rng = np.random.default_rng((self.seed, index))
        family = self.families[int(rng.choice(len(self.families), p=self.chances))]
        truth = zoomed(read_photo(family[int(rng.integers(len(family)))]), self.size, rng)
        truth = toned(truth, self.gray, rng)
        mask = hole(self.size, rng)
        given = pushed_and_pulled(truth, mask > 0)
        stacked = np.concatenate([given * 2 - 1, mask[:, :, None]], axis=2)
        return _tensor(stacked), _tensor(truth * 2 - 1)


def toned(photo: FloatImage, gray: float, rng: Random) -> FloatImage:
    """The photograph as prints are: gray, gray on tinted paper, or in colour; sometimes faded."""
    picture = photo
    if rng.random() < gray:
        mix = rng.dirichlet((3.0, 5.0, 2.0))
        response = (float(mix[0]), float(mix[1]), float(mix[2]))
        picture = ageing.gray_to_rgb(ageing.film_response(photo, response))
        if rng.random() < 0.3:
            picture = ageing.tint_paper(picture, ("sepia", "yellowed")[int(rng.integers(2))])
    if rng.random() < 0.5:
        picture = ageing.fade(picture, rng.uniform(0, 0.8), rng)
    return np.clip(picture, 0, 1).astype(np.float32)


def hole(size: tuple[int, int], rng: Random) -> Plane:
    """A mask of 0 and 1 whose ones take up to 45 % of the plane."""
    while True:
        mask = np.zeros(size, np.float32)
        for _ in range(int(rng.integers(1, 4))):
            mask = np.maximum(mask, _one_hole(size, rng))
        mask = (mask > 0.1).astype(np.float32)
        if 0 < float(mask.mean()) <= _MOST:
            return mask


def _one_hole(size: tuple[int, int], rng: Random) -> Plane:
    draw = rng.random()
    if draw < 0.6:
        return shapes.blob(size, log_uniform(rng, 10, 0.62 * min(size)), rng)
    if draw < 0.75:
        return shapes.missing_edge(size, log_uniform(rng, 6, 0.3 * min(size)), rng)
    path = shapes.wavering_path(size, rng, length=log_uniform(rng, 30, 1.5 * max(size)), bend=rng.uniform(0.0, 0.15))
    return shapes.line(size, path, log_uniform(rng, 5, 36))


def _tensor(values: FloatImage) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1), np.float32))
