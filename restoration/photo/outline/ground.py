"""What photographs lie on: a scanner's lid, an album's leaf. One tone that may shade evenly, and reaches the edges."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.picture import FloatImage

Plane = NDArray[np.float32]

_RING = 0.015
"""Share of the long side that is looked at along the edges."""
_LEAST_RING = 0.3
"""Share of the edges that the ground takes; prints may lie at the others."""
_CELLS = 12
_NEAR = (0.12, 0.08, 0.06)
"""A pixel counts for the ground's shade if it is so near in every channel, from fit to fit."""
_MOST_SHADE = 0.25
"""The ground's tone differs by no more from end to end."""
_FLOOR, _NOISE, _MOST = 0.022, 3.5, 0.085
"""Tolerance of the ground: this, and so many of its deviations, at most so much."""
_STRIDE = 4
_SMOOTHING = 0.7


def away_from_ground(small: FloatImage) -> Plane | None:
    """How far each pixel (H x W) is from the ground's tone, in tolerances: below 1 it may be ground.

    None if the edges are not of one tone.

    :param small: H x W x 3 float32 sRGB in [0, 1], reduced to some 800 pixels.
    """
    smooth = np.asarray(cv2.GaussianBlur(small, (0, 0), _SMOOTHING), np.float32)
    tone = _mode(_ring(smooth))
    samples = np.ascontiguousarray(smooth[_STRIDE // 2 :: _STRIDE, _STRIDE // 2 :: _STRIDE])
    places = _basis(*samples.shape[:2])
    model: NDArray[np.float32] = np.broadcast_to(tone, samples.shape)
    for near in _NEAR:
        counted = _largest(np.abs(samples - model)) < near
        if counted.mean() < 0.01:
            return None
        model = _fitted(places, samples, counted)
    if float(np.ptp(model.mean(axis=2))) > _MOST_SHADE:
        return None
    full = np.asarray(cv2.resize(model, smooth.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    rest = _largest(np.asarray(cv2.absdiff(smooth, full), np.float32))
    sampled = rest[::_STRIDE, ::_STRIDE]
    tolerance = min(_FLOOR + _NOISE * float(np.median(sampled[sampled < _NEAR[-1]])), _MOST)
    away = np.asarray(rest / np.float32(tolerance), np.float32)
    return away if float((_ring(away[:, :, None]) < 1).mean()) >= _LEAST_RING else None


def reached(away: Plane) -> NDArray[np.bool_]:
    """Where the ground is, H x W: what may be ground and is joined to the edges; a like tone inside a print is not."""
    labels = np.asarray(cv2.connectedComponents((away < 1).astype(np.uint8), connectivity=4)[1])
    depth = 3
    edge = (labels[:depth], labels[-depth:], labels[:, :depth], labels[:, -depth:])
    of_edge = np.zeros(int(labels.max()) + 1, bool)
    for strip in edge:
        of_edge[np.unique(strip)] = True
    of_edge[0] = False
    return np.asarray(of_edge[labels], np.bool_)


def _ring(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values (N x channels) along the edges, without the outermost pixels, which scanners spoil."""
    depth = max(2, round(_RING * max(picture.shape[:2])))
    inner = picture[1:-1, 1:-1]
    strips = (inner[:depth], inner[-depth:], inner[depth:-depth, :depth], inner[depth:-depth, -depth:])
    return np.concatenate([strip.reshape(-1, picture.shape[2]) for strip in strips])


def _mode(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The commonest colour (3) of N."""
    cells = np.minimum((values * _CELLS).astype(np.int64), _CELLS - 1)
    keys = (cells[:, 0] * _CELLS + cells[:, 1]) * _CELLS + cells[:, 2]
    most = values[keys == np.bincount(keys).argmax()].mean(axis=0)
    near = np.abs(values - most).max(axis=1) < _NEAR[0]
    return np.asarray(np.median(values[near], axis=0), np.float32)


def _basis(height: int, width: int) -> NDArray[np.float32]:
    """Polynomials of the second degree over the picture, H x W x 6."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=2).astype(np.float32)


def _fitted(
    places: NDArray[np.float32], samples: NDArray[np.float32], counted: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The shade (H x W x 3) that fits samples best, where they count; a little stiff, to stay tame far from them."""
    wide = places[counted].astype(np.float64)
    stiff = np.diag([0, 1e-3, 1e-3, 3e-3, 3e-3, 3e-3]) * len(wide)
    weights = np.linalg.solve(wide.T @ wide + stiff, wide.T @ samples[counted].astype(np.float64))
    return np.asarray(places @ weights.astype(np.float32), np.float32)


def _largest(planes: NDArray[np.float32]) -> Plane:
    """The largest of three channels."""
    return np.asarray(np.maximum(np.maximum(planes[:, :, 0], planes[:, :, 1]), planes[:, :, 2]), np.float32)
