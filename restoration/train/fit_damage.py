"""Fits the weights of the damage classifier on clean photographs and on the same ones with damage made by code.

``python -m restoration.train.fit_damage FOLDER`` prints the text of ``restoration/photo/damage_weights.py``. Candidates
that lie mostly on made damage are examples of damage, all others are not; of real old prints only the damaged copies
are used, since nobody has marked the damage they already have.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.colour import luminance_y
from restoration.photo.damage import Mask, Polarity, Response, find_candidates, working_plane
from restoration.photo.picture import FloatImage
from restoration.synthetic import ageing

_POLARITIES: tuple[Polarity, ...] = ("bright", "dark")
_NEGATIVE_WEIGHT = {"bright": 3.0, "dark": 1.5}
"""Errors on clean pictures cost this much more than missed damage."""
_RIDGE = 0.3
_HEADER = '''"""Weights of the damage classifier, printed by ``restoration.train.fit_damage``."""

from __future__ import annotations

MEAN: dict[str, tuple[float, ...]] = {}
SCALE: dict[str, tuple[float, ...]] = {}
WEIGHTS: dict[str, tuple[float, ...]] = {}
'''
Examples = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]
"""Features (N x 14), whether damage, and area in pixels."""


def main(folder: Path) -> str:
    """Text of the weights module, fitted on every JPEG below ``folder``."""
    examples: dict[Polarity, list[Examples]] = {polarity: [] for polarity in _POLARITIES}
    for number, path in enumerate(sorted(folder.rglob("*.jpg"))):
        for plane, mask in _versions(path, number):
            for polarity in _POLARITIES:
                examples[polarity].append(_examples(plane, mask, polarity))
    text = _HEADER
    for polarity, parts in examples.items():
        features, damaged, areas = (np.concatenate(column) for column in zip(*parts, strict=True))
        text += _fitted(polarity, features, damaged, areas)
    return text


def _versions(path: Path, seed: int) -> Iterator[tuple[NDArray[np.float32], Mask]]:
    """The gray photograph as it is (unless it is an old print itself) and damaged, at the working size."""
    stored = cv2.imread(str(path))
    if stored is None or max(stored.shape) < 256:
        return
    pixels = np.ascontiguousarray(stored[:, :, ::-1], np.float32) / np.float32(255)
    clean = np.repeat(luminance_y(pixels)[:, :, None], 3, axis=2)
    if path.parent.name != "old":
        plane = working_plane(luminance_y(clean))
        yield plane, np.zeros(plane.shape, bool)
    damaged, mask = _damaged(clean, np.random.default_rng(seed))
    plane = working_plane(np.clip(luminance_y(damaged), 0, 1))
    small = cv2.resize(mask.astype(np.uint8), plane.shape[::-1], interpolation=cv2.INTER_AREA)
    yield plane, np.asarray(small) > 0


def _damaged(clean: FloatImage, rng: np.random.Generator) -> tuple[FloatImage, Mask]:
    picture = ageing.grain(ageing.fade(clean, rng.uniform(0, 0.5), rng), rng.uniform(0, 0.3), rng)
    picture, mask = ageing.scratch(picture, rng.uniform(0.1, 0.8), rng)
    picture, specks = ageing.dust(picture, rng.uniform(0.1, 0.8), rng)
    mask = np.asarray(mask | specks)
    if rng.random() < 0.6:
        picture, fold = ageing.crease(picture, rng.uniform(0.2, 1), rng)
        mask = np.asarray(mask | fold)
    for _ in range(int(rng.integers(0, 4))):
        picture, crack = _crack(picture, rng)
        mask = np.asarray(mask | crack)
    return ageing.jpeg_noise(picture, int(rng.integers(70, 95))), mask


def _crack(picture: FloatImage, rng: np.random.Generator) -> tuple[FloatImage, Mask]:
    """An irregular white line of any contrast, as emulsions break."""
    height, width = picture.shape[:2]
    angle, length = rng.uniform(0, np.pi), rng.uniform(0.15, 0.7) * max(height, width)
    along = np.linspace(-0.5, 0.5, 40)[:, None] * length * np.array([np.cos(angle), np.sin(angle)])
    wander = np.cumsum(rng.normal(0, max(height, width) / 400, (40, 2)), axis=0)
    points = np.rint(along + wander + rng.uniform(0.1, 0.9, 2) * (width, height)).astype(np.int32)
    cover = np.zeros((height, width), np.uint8)
    cv2.polylines(cover, [points], False, 255, int(rng.integers(1, 3)), cv2.LINE_AA)
    soft = np.asarray(cv2.GaussianBlur(cover.astype(np.float32) / 255, (0, 0), 0.6), np.float32)
    share = (soft * np.float32(rng.uniform(0.35, 0.9)))[:, :, None]
    return np.asarray(picture * (1 - share) + np.float32(0.93) * share, np.float32), cover > 0


def _examples(plane: NDArray[np.float32], mask: Mask, polarity: Polarity) -> Examples:
    found = find_candidates(Response.of(plane), polarity)
    near = np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))) > 0
    hits = np.bincount(found.labels[near].ravel(), minlength=len(found.areas) + 1)[1:]
    return found.features, np.asarray(hits / np.maximum(found.areas, 1) > 0.5), found.areas


def _fitted(
    polarity: Polarity, features: NDArray[np.float64], damaged: NDArray[np.bool_], areas: NDArray[np.float64]
) -> str:
    """Logistic regression in the standardised features and their products."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = features.mean(axis=0), features.std(axis=0)
    scaled = (features - mean) / scale
    first, second = np.triu_indices(scaled.shape[1])
    terms = np.concatenate([scaled, scaled[:, first] * scaled[:, second]], axis=1)
    cost = np.where(damaged, np.sqrt(areas), _NEGATIVE_WEIGHT[polarity] * areas**0.7)
    model = LogisticRegression(C=_RIDGE, max_iter=1000).fit(terms, damaged, sample_weight=cost)
    weights = np.concatenate([model.intercept_, model.coef_[0]])
    names = (("MEAN", mean), ("SCALE", scale), ("WEIGHTS", weights))
    return "".join(f'{name}["{polarity}"] = ({", ".join(f"{v:.4g}" for v in values)})\n' for name, values in names)


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1])))
