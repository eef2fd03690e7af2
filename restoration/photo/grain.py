"""Grain: the noise of a print's surface, borrowed for places that were filled smoothly."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.picture import FloatImage

Mask = NDArray[np.bool_]

_GRAIN_SIGMA = 1.2
_REACHES = (7, 15, 31, 61)
GRAIN_REACH = _REACHES[-1] + 8
"""What has to be seen round a pixel, on each side, to borrow grain for it."""
_SHIFTS = tuple((dy, dx) for reach in _REACHES for dy, dx in ((0, reach), (reach, 0), (0, -reach), (-reach, 0)))
"""Where grain is borrowed from: the nearest undamaged place to the right, below, left, above."""


def with_grain(filled: FloatImage, mask: Mask) -> FloatImage:
    """The filled picture with the grain of its surroundings where it was filled, so that no smooth worm remains.

    Grain is what is left of the luma after smoothing, cut at twice its own median size: it is noise that is borrowed,
    never an edge.
    """
    luma = filled.mean(axis=2)
    rest = luma - np.asarray(cv2.GaussianBlur(luma, (0, 0), _GRAIN_SIGMA), np.float32)
    unknown = np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)), np.uint8) > 0
    level = _noise_level(rest, unknown)
    grain = np.zeros(mask.shape, np.float32)
    wanting = mask.copy()
    for dy, dx in _SHIFTS:
        if not wanting.any():
            break
        there = np.roll(~unknown, (dy, dx), axis=(0, 1))
        take = wanting & there
        grain[take] = np.roll(rest, (dy, dx), axis=(0, 1))[take]
        wanting &= ~there
    grain = np.clip(grain, -2 * level, 2 * level) * mask
    return np.asarray(np.clip(filled + grain[:, :, None], 0, 1), np.float32)


def _noise_level(rest: NDArray[np.float32], unknown: Mask) -> float:
    """Median size of the rest outside what is unknown, as the deviation of a normal distribution."""
    known = np.abs(rest[~unknown])
    return float(np.median(known) / 0.6745) if known.size else 0.0
