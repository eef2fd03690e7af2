"""Lettering as a cover, H x W in [0, 1]: print, numbers scratched into a plate, and writing by hand."""

from __future__ import annotations

import cv2
import numpy as np

from restoration.synthetic.shapes import Plane, Points, Random, log_uniform, smooth_noise

_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_COMPLEX_SMALL,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
_LETTERS = np.array(list("ABCDEFGHIKLMNOPRSTUVWXYZabcdefghiklmnoprstuvwxyz0123456789.,-&#()/"))
_FIGURES = np.array(list("00112233445566778899---EDMFST/."))
_CAP = 21
"""Height of OpenCV's capitals at scale 1, in pixels."""
_OVER = 2
_REACH = ((1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (2.3, 0.0), (2.1, 0.0), (1.0, -1.2), (0.6, 0.0))
"""How far a letter goes above its line and below, in heights of a small letter."""


def cover(shape: tuple[int, int], rng: Random) -> Plane:
    """Lettering of any sort, anywhere or (half of it) along an edge."""
    draw = rng.random()
    if draw < 0.35:
        return handwriting(shape, rng)
    return plate_number(shape, rng) if draw < 0.65 else printed_text(shape, rng)


def printed_text(shape: tuple[int, int], rng: Random) -> Plane:
    """One or two lines of type."""
    height, width = shape
    canvas = np.zeros((height, width), np.uint8)
    size = log_uniform(rng, 0.3, 2.2)
    weight = max(1, round(size * rng.uniform(0.6, 2.6)))
    font = _FONTS[int(rng.integers(len(_FONTS)))]
    x, y = _start(shape, rng)
    for row in range(int(rng.integers(1, 3))):
        text = "".join(rng.choice(_LETTERS, int(rng.integers(2, 24))))
        cv2.putText(canvas, text, (x, y + round(row * size * 34)), font, size, 255, weight, cv2.LINE_AA)
    return _laid(canvas, rng, warp=0.0)


def plate_number(shape: tuple[int, int], rng: Random) -> Plane:
    """Figures that somebody wrote onto the plate, uneven and often mirrored."""
    height, width = shape
    canvas = np.zeros((height, width), np.uint8)
    size = log_uniform(rng, 0.35, 2.4)
    weight = max(1, round(size * rng.uniform(0.8, 3.4)))
    font = _FONTS[int(rng.choice([0, 0, 1, 5]))]
    x, y = _start(shape, rng)
    for figure in rng.choice(_FIGURES, int(rng.integers(1, 11))):
        tall = size * rng.uniform(0.85, 1.15)
        at = (x, y + round(rng.normal(0, 1.5) * size))
        cv2.putText(canvas, str(figure), at, font, tall, 255, weight, cv2.LINE_AA)
        x += round(_CAP * size * rng.uniform(0.75, 1.3))
    if rng.random() < 0.3:
        canvas = np.ascontiguousarray(canvas[:, ::-1] if rng.random() < 0.7 else canvas[::-1])
    return _laid(canvas, rng, warp=rng.uniform(0.4, 1.6) * size)


def _start(shape: tuple[int, int], rng: Random) -> tuple[int, int]:
    """Where a line of type begins: anywhere, or near the upper or lower edge."""
    height, width = shape
    y = rng.uniform(0.05, 1.0) if rng.random() < 0.5 else rng.choice([rng.uniform(0.03, 0.2), rng.uniform(0.85, 1)])
    return int(rng.uniform(-0.2, 0.7) * width), int(y * height)


def _laid(canvas: np.ndarray, rng: Random, *, warp: float) -> Plane:
    """Turned a little or by a quarter, its strokes bent by ``warp`` pixels."""
    height, width = canvas.shape
    angle = rng.normal(0, 12) if rng.random() < 0.5 else 0.0
    if rng.random() < 0.2:
        angle += float(rng.choice([-90, 90, 180]))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    laid = np.asarray(cv2.warpAffine(canvas, turn, (width, height)), np.float32) / np.float32(255)
    if warp > 0:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        grain = log_uniform(rng, 6, 25)
        x, y = (axis + smooth_noise((height, width), grain, rng) * np.float32(warp) for axis in (x, y))
        laid = np.asarray(cv2.remap(laid, x, y, cv2.INTER_LINEAR), np.float32)
    return laid


def handwriting(shape: tuple[int, int], rng: Random) -> Plane:
    """One to five words of joined letters, thicker where the pen goes down; with a flourish now and then."""
    height, width = shape
    size = log_uniform(rng, 3.5, 22)
    slant, wide, pen = rng.normal(0.35, 0.2), rng.uniform(0.5, 1.0), log_uniform(rng, 0.7, max(1.2, 0.28 * size))
    canvas = np.zeros((height * _OVER, width * _OVER), np.uint8)
    angle, start = (
        rng.normal(0, 0.12) if rng.random() < 0.8 else rng.uniform(0, 6.3),
        np.array(_start(shape, rng), float),
    )
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    x = 0.0
    for _ in range(int(rng.integers(1, 6))):
        word = _word(int(rng.integers(1, 10)), wide, rng)
        points = np.stack([x + word[:, 0] + slant * word[:, 1], -word[:, 1]], axis=1) * size
        _written(canvas, points @ turn + start, pen, rng.uniform(0.3, 0.8))
        x += float(word[-1, 0]) + rng.uniform(0.6, 1.4)
    if rng.random() < 0.2:
        t = np.linspace(0, 1, 40)[:, None]
        flourish = np.concatenate([t * x, -0.6 + 0.5 * np.sin(t * rng.uniform(2, 8))], axis=1) * (size, -size)
        _written(canvas, flourish @ turn + start, pen, 0.5)
    small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def _word(letters: int, wide: float, rng: Random) -> Points:
    """A joined line through the letters of a word, (x, height above the line), in heights of a small letter."""
    knots: list[tuple[float, float]] = [(0.0, rng.uniform(0, 0.4))]
    x = 0.0
    for number in range(letters):
        up, down = (2.0, 0.0) if number == 0 and rng.random() < 0.4 else _REACH[int(rng.integers(len(_REACH)))]
        step = wide * rng.uniform(0.7, 1.4)
        knots += [
            (x + 0.45 * step, up * rng.uniform(0.85, 1.1)),
            (x + rng.uniform(0.1, 0.4) * step, rng.uniform(0.2, 0.7) * up),
            (x + rng.uniform(0.3, 0.6) * step, down * rng.uniform(0.9, 1.1) + rng.normal(0, 0.05)),
            (x + step, rng.uniform(0.05, 0.6)),
        ]
        x += step
    return _smooth(np.array(knots))


def _smooth(knots: Points) -> Points:
    """A Catmull-Rom spline, six points from knot to knot."""
    padded = np.concatenate([knots[:1], knots, knots[-1:]])
    a, b, c, d = (padded[k : len(padded) - 3 + k, None] for k in range(4))
    t = np.linspace(0, 1, 6, endpoint=False)[None, :, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.asarray(curve.reshape(-1, 2), np.float64)


def _written(canvas: np.ndarray, points: Points, pen: float, pressure: float) -> None:
    """Strokes as wide as the pen where they go down, thinner where they go up."""
    steps = np.diff(points, axis=0)
    down = steps[:, 1] / np.maximum(np.hypot(*steps.T), 1e-6)
    at = np.rint(points * _OVER * 16).astype(np.int32)
    for number, way in enumerate(down):
        width = max(1, round(_OVER * pen * (1 - pressure * (0.5 - 0.5 * way))))
        cv2.line(canvas, tuple(at[number]), tuple(at[number + 1]), 255, width, cv2.LINE_AA, 4)
