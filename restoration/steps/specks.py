"""Specks on even ground: backdrops, skies and walls have none of their own, so less certainty is asked there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

_LARGEST = 7
_LEAST_PIXELS = 2
"""Long side and area, in pixels at the size that was searched."""
_ROUND_ABOUT = 9
"""Ground that is looked at on each side of a speck's middle,"""
_APART = 2
"""but for so many pixels next to it, which may be its soft edge."""
_EVEN = 0.03
"""Standard deviation of even ground's luma,"""
_CONTRAST = 0.12
_CONTRAST_BY_GROUND = 5.0
"""from which a speck differs by so much, and by so many times that deviation."""


def specks_on_even_ground(asked: Mask, labels: NDArray[np.int32], stats: NDArray[np.int32], luma: Plane) -> Mask:
    """Which of the places that are asked about are specks on even ground.

    :param asked: by label.
    :param labels: H x W, connected places.
    :param stats: by label, as OpenCV has it: left, top, width, height, area.
    :param luma: H x W in [0, 1].
    """
    small = (np.maximum(stats[:, 2], stats[:, 3]) <= _LARGEST) & (stats[:, 4] >= _LEAST_PIXELS)
    specks = np.zeros(len(asked), bool)
    for label in np.flatnonzero(asked & small):
        specks[label] = _stands_alone(int(label), labels, stats[label], luma)
    return specks


def _stands_alone(label: int, labels: NDArray[np.int32], stat: NDArray[np.int32], luma: Plane) -> bool:
    """Whether one place stands out from ground that is even."""
    left, top, width, height = (int(value) for value in stat[:4])
    x, y = left + width // 2, top + height // 2
    rows, columns = (slice(max(0, middle - _ROUND_ABOUT), middle + _ROUND_ABOUT + 1) for middle in (y, x))
    ground = np.ones(labels[rows, columns].shape, bool)
    ground[
        max(0, top - _APART - rows.start) : top + height + _APART - rows.start,
        max(0, left - _APART - columns.start) : left + width + _APART - columns.start,
    ] = False
    around, here = luma[rows, columns][ground], luma[rows, columns][labels[rows, columns] == label]
    deviation = float(around.std())
    contrast = float(np.abs(here - np.median(around)).max())
    return deviation < _EVEN and contrast > max(_CONTRAST, _CONTRAST_BY_GROUND * deviation)
