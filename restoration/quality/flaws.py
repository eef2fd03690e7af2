"""How much is wrong with a whole picture, besides noise: JPEG's blocks, and softness of its sharpest edges.

Both are asked before a picture is cleaned, so that one without flaws is left alone. Planes are H x W float32, luma
(sRGB-encoded) in [0, 1].
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_BLOCK = 8
_LEAST_SIDE = 32
_REBLUR = 1.0
_EDGES = 0.02
"""Share of pixels, those of steepest slope, that count as edges."""
_SHARPEST = 10.0
"""The percentile of the edges' widths that stands for the picture: something in it should be in focus."""
_NO_EDGE = 6.0 / 255
"""Slopes below this are no edges: noise, haze, a plain wall."""
_WIDEST = 9.0


def blockiness(luma: Plane) -> float:
    """How much higher steps are on a grid of 8 pixels than next to it, on 0..255: 0 without blocks.

    The curvature across each line between two pixels is compared with its neighbours'; of the eight places where a
    grid may begin the worst counts, less the second worst, which is what chance makes.
    """
    if min(luma.shape) < _LEAST_SIDE:
        return 0.0
    return (_grid_step(luma) + _grid_step(np.ascontiguousarray(luma.T))) / 2


def _grid_step(luma: Plane) -> float:
    steps = np.abs(np.diff(luma, axis=1)) * np.float32(255)
    # a step that stands out from both its neighbours, cut where it is a true edge
    standing = np.clip(steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2, -8, 8)
    columns = standing.mean(axis=0, dtype=np.float64)
    phases = np.sort([float(columns[start::_BLOCK].mean()) for start in range(_BLOCK)])
    return float(max(0.0, phases[-1] - phases[-2]))


def edge_softness(luma: Plane) -> float:
    """Sigma, in pixels, of the blur of the sharpest tenth of the edges; 0 where there are no edges to tell.

    A blur of known sigma on top changes sharp edges much and soft ones little (Zhuo and Sim 2011): the ratio of slopes
    before and after tells how soft they were.
    """
    if min(luma.shape) < _LEAST_SIDE:
        return 0.0
    before = _slopes(luma)
    after = _slopes(np.asarray(cv2.GaussianBlur(luma, (0, 0), _REBLUR), np.float32))
    limit = max(float(np.quantile(before, 1 - _EDGES)), _NO_EDGE)
    edges = (before >= limit) & (before >= _highest_near(before))
    if int(edges.sum()) < _LEAST_SIDE:
        return 0.0
    ratio = np.maximum(before[edges] / np.maximum(after[edges], 1e-6), 1.0)
    sigma = np.minimum(_REBLUR / np.sqrt(np.maximum(ratio**2 - 1, 1e-6)), _WIDEST)
    return float(np.percentile(sigma, _SHARPEST))


def _slopes(luma: Plane) -> Plane:
    across = np.asarray(cv2.Sobel(luma, cv2.CV_32F, 1, 0, scale=1 / 8), np.float32)
    along = np.asarray(cv2.Sobel(luma, cv2.CV_32F, 0, 1, scale=1 / 8), np.float32)
    return np.hypot(across, along)


def _highest_near(slopes: Plane) -> Plane:
    """The highest slope among a pixel's neighbours: where it is a pixel's own, the edge is there."""
    return np.asarray(cv2.dilate(slopes, np.ones((3, 3), np.uint8)), np.float32)
