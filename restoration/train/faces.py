"""Training samples for face restorers: aligned faces of sharp portraits, degraded on the fly.

Faces are found by the detector that recipes use and aligned to the FFHQ template at half its size (256 x 256). A share
of them is gray, as old photographs are; a share is aged besides (grain, dust, scratches); a share is left as it is, so
that a restorer learns to leave good faces alone. Tones are never changed: that is not a restorer's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from restoration.errors import UsageError
from restoration.models.nets.house_restorer import SIDE
from restoration.photo.picture import FloatImage
from restoration.steps import alignment
from restoration.synthetic import ageing
from restoration.synthetic.degradation import degrade, random_degradation

if TYPE_CHECKING:
    from restoration.models.nets.detection import Detection

Detector = Callable[[NDArray[np.uint8], float], Sequence["Detection"]]

CONFIDENCE = 0.6
SMALLEST_SIDE = 224
"""Photographs with a shorter long side hold faces that are themselves degraded: they teach nothing."""


@dataclass(frozen=True)
class Faults:
    """Shares of samples that are left clean, that are gray, and that are aged besides being degraded."""

    clean: float = 0.08
    gray: float = 0.5
    aged: float = 0.3


def aligned_faces(paths: Sequence[Path], detector: Detector, memory: Path) -> NDArray[np.uint8]:
    """The best face of every photograph that is large enough, N x 256 x 256 x 3 uint8 RGB; kept in a file.

    :raises UsageError: a photograph cannot be read, or none holds a face.
    """
    if memory.exists():
        kept: NDArray[np.uint8] = np.load(memory)
        return kept
    found = [face for path in paths if (face := _aligned(path, detector)) is not None]
    if not found:
        raise UsageError("no photograph holds a face to train on; name a folder of portraits of 224 pixels or more")
    faces = np.stack(found)
    np.save(memory, faces)
    return faces


def align(rgb: NDArray[np.uint8], detector: Detector) -> NDArray[np.uint8] | None:
    """The best face of a photograph (H x W x 3 uint8), 256 x 256 x 3 uint8; None where no face is found."""
    faces = detector(rgb, CONFIDENCE)
    matrix = alignment.alignment(faces[0].landmarks) if faces else None
    if matrix is None:
        return None
    crop = alignment.crop(rgb.astype(np.float32) / np.float32(255), matrix)
    small = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(np.rint(small * 255), np.uint8)


class DegradedFaces(Dataset[tuple[Tensor, ...]]):
    """Item ``i`` is drawn from ``(seed, i)`` alone: degraded and true face, 3 x H x W each, float32 in [-1, 1]."""

    def __init__(self, faces: NDArray[np.uint8], faults: Faults, size: tuple[int, int], seed: int, length: int) -> None:
        self.faces, self.faults, self.size, self.seed, self.length = faces, faults, size, seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, index))
        truth = self.faces[int(rng.integers(len(self.faces)))].astype(np.float32) / np.float32(255)
        if rng.random() < 0.5:
            truth = np.ascontiguousarray(truth[:, ::-1])
        if rng.random() < self.faults.gray:
            truth = ageing.gray_to_rgb(ageing.film_response(truth, ageing.PANCHROMATIC))
        given = truth if rng.random() < self.faults.clean else self._worn(truth, rng)
        top, left = (int(rng.integers(SIDE - side + 1)) for side in self.size)
        window = (slice(top, top + self.size[0]), slice(left, left + self.size[1]))
        return _tensor(given[window]), _tensor(truth[window])

    def _worn(self, truth: FloatImage, rng: np.random.Generator) -> FloatImage:
        given = degrade(truth, random_degradation(rng), int(rng.integers(2**31)))
        if rng.random() < self.faults.aged:
            plan = replace(ageing.random_plan(rng), fade=0.0, vignette=0.0, blur=0.0, keep_colour=True)
            given = ageing.age(given, plan, int(rng.integers(2**31))).pixels
        if np.array_equal(truth[:, :, 0], truth[:, :, 2]):
            given = np.repeat(given[:, :, 1:2], 3, axis=2)  # what is gray stays gray, whatever the JPEG did to chroma
        return given


def _aligned(path: Path, detector: Detector) -> NDArray[np.uint8] | None:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise UsageError(f"{path} is not a readable photograph; remove it from the training folder")
    if max(image.shape[:2]) < SMALLEST_SIDE:
        return None
    return align(np.ascontiguousarray(np.asarray(image, np.uint8)[:, :, ::-1]), detector)


def _tensor(pixels: FloatImage) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))) * 2 - 1
