"""Where damage lies: the shapes of scratches, cracks, creases, specks, hairs, holes, tears and stains.

Every function returns a *cover*: H x W float32 in [0, 1], how much of each pixel is taken. Lengths are in pixels of the
plane that is drawn on. Lines are drawn at twice the size and brought down, so that a hair of half a pixel is a faint
line and not a jagged one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Points = NDArray[np.float64]
Random = np.random.Generator

_OVER = 2
_SHIFT = 4
"""Fractional bits of OpenCV's drawing coordinates."""


def log_uniform(rng: Random, low: float, high: float) -> float:
    """A number between ``low`` and ``high`` whose logarithm is uniform: as many small ones as large ones."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def smooth_noise(shape: tuple[int, int], grain: float, rng: Random) -> Plane:
    """Noise of mean 0 and deviation 1 whose features are about ``grain`` pixels wide."""
    height, width = shape
    small = (max(2, round(height / grain) + 2), max(2, round(width / grain) + 2))
    coarse = rng.standard_normal(small).astype(np.float32)
    plane = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    return np.asarray((plane - plane.mean()) / max(float(plane.std()), 1e-6), np.float32)


def rough_noise(shape: tuple[int, int], grain: float, rng: Random) -> Plane:
    """Noise like :func:`smooth_noise` with finer features on it, each octave half as strong: torn, not poured."""
    total = smooth_noise(shape, grain, rng)
    for octave in (2, 4, 8):
        if grain / octave >= 1:
            total += smooth_noise(shape, grain / octave, rng) / np.float32(octave)
    return np.asarray(total / max(float(total.std()), 1e-6), np.float32)


def wavering_path(
    shape: tuple[int, int], rng: Random, *, length: float, bend: float, anchor: tuple[float, float] | None = None
) -> Points:
    """A polyline of (x, y): it starts anywhere (or at ``anchor``) and turns by ``bend`` radians a step of 4 pixels."""
    height, width = shape
    count = max(3, round(length / 4))
    turns = (
        np.cumsum(rng.normal(0, bend, count)) + rng.uniform(0, 2 * np.pi) + rng.normal(0, bend / 3) * np.arange(count)
    )
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * (length / count)
    path = np.cumsum(steps, axis=0)
    start = np.array(anchor) if anchor else np.array([rng.uniform(0, width), rng.uniform(0, height)])
    origin = path[0] if anchor else path[int(rng.integers(count))]
    return np.asarray(path - origin + start, np.float64)


def crossing_path(shape: tuple[int, int], rng: Random, *, waver: float) -> Points:
    """A polyline from one edge of the plane to another, as folds run; ``waver`` in pixels."""
    height, width = shape
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]) + rng.normal(0, 0.06)
    reach = float(np.hypot(height, width))
    along = np.linspace(-0.6, 0.6, max(8, round(reach / 8)))[:, None] * reach
    middle = np.array([rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.9) * height])
    line = middle + along * np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-np.sin(angle), np.cos(angle)])
    wander = np.cumsum(rng.normal(0, 1, len(line)))
    wander = (wander - np.linspace(wander[0], wander[-1], len(wander))) * waver / 4
    return np.asarray(line + wander[:, None] * across, np.float64)


def line(shape: tuple[int, int], path: Points, width: float) -> Plane:
    """A polyline of one width, anti-aliased; below a pixel it gets fainter, not thinner."""
    height, wide = shape
    canvas = np.zeros((height * _OVER, wide * _OVER), np.uint8)
    _polyline(canvas, path, 255, _thickness(width))
    return _brought_down(canvas, shape) * np.float32(min(1.0, width))


def tapering_line(shape: tuple[int, int], path: Points, first: float, last: float) -> Plane:
    """A polyline whose width goes from ``first`` to ``last``: a tear, a scratch that lifts off."""
    height, width = shape
    canvas = np.zeros((height * _OVER, width * _OVER), np.uint8)
    widths = np.linspace(first, last, len(path))
    for number in range(len(path) - 1):
        _polyline(canvas, path[number : number + 2], 255, _thickness(float(widths[number])))
    return _brought_down(canvas, shape)


def _thickness(width: float) -> int:
    """OpenCV's thickness for a line of that width: its soft edges add up to two pixels, and one is the least."""
    return max(1, round(width * _OVER - 1.9))


def _polyline(canvas: NDArray[np.uint8], path: Points, value: int, thickness: int) -> None:
    points = np.rint((path * _OVER) * (1 << _SHIFT)).astype(np.int32)
    cv2.polylines(canvas, [points], False, value, thickness, cv2.LINE_AA, _SHIFT)


def _brought_down(canvas: NDArray[np.uint8], shape: tuple[int, int]) -> Plane:
    small = cv2.resize(canvas, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def broken(cover: Plane, share: float, grain: float, rng: Random) -> Plane:
    """The cover with about ``share`` of it missing, in gaps of about ``grain`` pixels."""
    level = float(np.clip(2 * share - 1, -0.95, 0.95)) * 1.3
    gaps = 1 / (1 + np.exp(-(smooth_noise((cover.shape[0], cover.shape[1]), grain, rng) - level) * 6))
    return np.asarray(cover * gaps, np.float32)


def blob(shape: tuple[int, int], size: float, rng: Random, *, centre: tuple[float, float] | None = None) -> Plane:
    """One irregular patch about ``size`` pixels across, with a sharp edge."""
    height, width = shape
    x0, y0 = centre or (rng.uniform(0, width), rng.uniform(0, height))
    stretch = log_uniform(rng, 0.5, 2.0)
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    along = (x - np.float32(x0)) * np.float32(np.cos(angle)) + (y - np.float32(y0)) * np.float32(np.sin(angle))
    across = (y - np.float32(y0)) * np.float32(np.cos(angle)) - (x - np.float32(x0)) * np.float32(np.sin(angle))
    radius = np.sqrt(along**2 * np.float32(stretch) + across**2 / np.float32(stretch)) / np.float32(size / 2)
    edge = rough_noise(shape, max(3.0, size / rng.uniform(1.5, 4)), rng) * np.float32(rng.uniform(0.05, 0.45))
    return _soft_step(1 - radius + edge, size / 2)


def jagged(shape: tuple[int, int], size: float, rng: Random) -> Plane:
    """One patch about ``size`` pixels across with straight sides between corners, as torn or cut paper has."""
    height, width = shape
    corners = int(rng.integers(4, 18))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = size / 2 * rng.uniform(rng.uniform(0.4, 0.9), 1.2, corners)
    stretch = log_uniform(rng, 0.6, 1.6)
    points = np.stack([np.cos(angles) * stretch, np.sin(angles) / stretch], axis=1) * radius[:, None]
    return polygon(shape, points + np.array([rng.uniform(0, width), rng.uniform(0, height)]))


def wedge(shape: tuple[int, int], path: Points, first: float, rng: Random) -> Plane:
    """A tear along a path: open by ``first`` pixels where it begins, closed where it ends, with its own two banks."""
    t = np.linspace(1, 0, len(path))[:, None]
    step = np.gradient(path, axis=0)
    across = np.stack([-step[:, 1], step[:, 0]], axis=1) / np.maximum(np.hypot(*step.T)[:, None], 1e-6)
    rough = rng.normal(0, max(0.3, first * 0.06), (2, len(path), 1)) * t
    banks = [path + across * (t * first / 2 + rough[0]), path - across * (t * first / 2 + rough[1])]
    return polygon(shape, np.concatenate([banks[0], banks[1][::-1]]))


def polygon(shape: tuple[int, int], points: Points) -> Plane:
    """A filled polygon of (x, y), anti-aliased."""
    canvas = np.zeros((shape[0] * _OVER, shape[1] * _OVER), np.uint8)
    cv2.fillPoly(canvas, [np.rint(points * _OVER * (1 << _SHIFT)).astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
    return _brought_down(canvas, shape)


def _soft_step(signed: Plane, unit: float) -> Plane:
    """0 outside, 1 inside, over about one pixel; ``signed`` times ``unit`` is the distance inside, in pixels."""
    return np.asarray(np.clip(signed * np.float32(unit) + 0.5, 0, 1), np.float32)


def missing_edge(shape: tuple[int, int], depth: float, rng: Random) -> Plane:
    """A corner or a side that is torn or cut off, ``depth`` pixels deep."""
    height, width = shape
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.7 else rng.integers(4) * np.pi / 2 + rng.normal(0, 0.05)
    direction = np.array([np.cos(angle), np.sin(angle)])
    corner = np.array([width if direction[0] > 0 else 0, height if direction[1] > 0 else 0], np.float64)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    beyond = (x - np.float32(corner[0])) * np.float32(direction[0]) + (y - np.float32(corner[1])) * np.float32(
        direction[1]
    )
    ragged = rough_noise(shape, rng.uniform(6, 40), rng) * np.float32(rng.uniform(0.3, max(0.5, depth * 0.15)))
    return np.asarray(np.clip(beyond + np.float32(depth) + ragged + 0.5, 0, 1), np.float32)


def flakes(shape: tuple[int, int], size: float, share: float, rng: Random) -> Plane:
    """Many small patches of bare paper over a part of the plane: emulsion that comes off."""
    grain = max(1.5, size)
    field = rough_noise(shape, grain, rng) + 0.8 * smooth_noise(shape, max(shape) / rng.uniform(1.5, 4), rng)
    level = float(np.quantile(field[::3, ::3], 1 - share))
    return _soft_step(np.asarray(field - level, np.float32), grain / 2)


def crack_network(shape: tuple[int, int], mesh: float, width: float, rng: Random) -> Plane:
    """Cracks that meet: the zero lines of rough noise, ``mesh`` pixels apart."""
    field = rough_noise(shape, mesh, rng)
    slope = np.asarray(
        cv2.magnitude(cv2.Sobel(field, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(field, cv2.CV_32F, 0, 1, scale=0.125))
    )
    distance = np.abs(field) / np.maximum(slope, 0.25 / mesh)
    return np.asarray(np.clip(width / 2 + 0.5 - distance, 0, 1), np.float32)


def specks(shape: tuple[int, int], count: int, sizes: tuple[float, float], rng: Random) -> Plane:
    """Specks of any size between ``sizes`` (pixels across), round to lumpy."""
    height, width = shape
    canvas = np.zeros((height * _OVER, width * _OVER), np.uint8)
    for _ in range(count):
        size = log_uniform(rng, *sizes)
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        value = int(rng.integers(120, 256))
        for _ in range(1 if size < 3 else int(rng.integers(1, 5))):
            spot = (x + rng.normal(0, size / 5), y + rng.normal(0, size / 5))
            axes = (size / 2 * rng.uniform(0.7, 1.2), size / 2 * rng.uniform(0.5, 1.0))
            _ellipse(canvas, spot, axes, rng.uniform(0, 180), value)
    return _brought_down(canvas, shape)


def _ellipse(
    canvas: NDArray[np.uint8], centre: tuple[float, float], axes: tuple[float, float], angle: float, value: int
) -> None:
    one = 1 << _SHIFT
    at = (round(centre[0] * _OVER * one), round(centre[1] * _OVER * one))
    radii = (max(1, round(axes[0] * _OVER * one)), max(1, round(axes[1] * _OVER * one)))
    cv2.ellipse(canvas, at, radii, angle, 0, 360, value, -1, cv2.LINE_AA, _SHIFT)


def hairs(shape: tuple[int, int], count: int, rng: Random) -> Plane:
    """Short bent fibres, one to two pixels wide."""
    cover = np.zeros(shape, np.float32)
    for _ in range(count):
        path = wavering_path(shape, rng, length=log_uniform(rng, 8, 0.6 * max(shape)), bend=rng.uniform(0.04, 0.25))
        cover = np.maximum(cover, line(shape, path, log_uniform(rng, 0.5, 2.5)))
    return cover
