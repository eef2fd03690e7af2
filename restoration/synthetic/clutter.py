"""What a photograph holds that looks like damage and is none: lettering, lamps, lace, bars, dots of a screen, mounts.

All of it is drawn onto a :class:`restoration.synthetic.damage.Worn` plane. Lettering gets its own kind, so that it is
reported; everything else counts as undamaged.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from restoration.damage_kinds import DamageKind
from restoration.synthetic import lettering as written
from restoration.synthetic import shapes
from restoration.synthetic.damage import Worn
from restoration.synthetic.shapes import Random, log_uniform


def lettering(worn: Worn, rng: Random) -> None:
    """A caption, a number or a signature, printed or written by hand, light or dark."""
    for _ in range(int(rng.integers(1, 3))):
        cover = written.cover(worn.shape, rng)
        tone = float(rng.uniform(0.85, 1.0)) if rng.random() < 0.6 else float(rng.uniform(0, 0.25))
        worn.lay(cover * np.float32(rng.uniform(0.6, 1.0)), tone, DamageKind.WRITING)


def lamps(worn: Worn, rng: Random) -> None:
    """Lamps or pearls in a row: alike, evenly spaced, with a soft edge or a halo."""
    height, width = worn.shape
    size = log_uniform(rng, 2, 12)
    path = shapes.wavering_path(worn.shape, rng, length=log_uniform(rng, 40, 2 * max(height, width)), bend=0.02)
    step = max(1, round(size * rng.uniform(1.1, 6) / 4))
    cover = np.zeros((height, width), np.float32)
    for x, y in path[::step]:
        cv2.circle(cover, (round(x), round(y)), max(1, round(size / 2)), 1.0, -1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(cover, (0, 0), size * rng.uniform(0.1, 0.4))
    halo = cv2.GaussianBlur(cover, (0, 0), size * rng.uniform(0.8, 2)) * np.float32(rng.uniform(0, 0.8))
    light = np.clip(np.maximum(np.asarray(soft), np.asarray(halo)), 0, 1)
    worn.plane = np.asarray(worn.plane + (np.float32(rng.uniform(0.85, 1)) - worn.plane) * light, np.float32)


def pattern(worn: Worn, rng: Random) -> None:
    """Dots, bars or a lattice at an even pitch over a part of the plane: lace, cloth, window bars, wire, ribs."""
    height, width = worn.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, pitch = rng.uniform(0, np.pi), log_uniform(rng, 4, 40)
    bend = shapes.smooth_noise(worn.shape, max(height, width) / 2, rng) * np.float32(rng.uniform(0, 4))
    along = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)) + bend
    across = y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle)) + bend
    waves = np.cos(along * np.float32(2 * np.pi / pitch)), np.cos(across * np.float32(2 * np.pi / pitch))
    kind = int(rng.integers(3))
    field = waves[0] if kind == 0 else (np.minimum(*waves) if kind == 1 else np.maximum(*waves))
    edge = np.clip((field - np.float32(rng.uniform(0.2, 0.95))) * np.float32(pitch / 4) + 0.5, 0, 1)
    place = np.asarray(cv2.GaussianBlur(shapes.blob(worn.shape, log_uniform(rng, 60, 400), rng), (0, 0), 2), np.float32)
    change = edge * place * np.float32(rng.uniform(0.1, 0.6) * (1 if rng.random() < 0.5 else -1))
    worn.plane = np.clip(worn.plane + change, 0, 1).astype(np.float32)


def screen(worn: Worn, rng: Random) -> None:
    """The dots of a printed picture, all over."""
    height, width = worn.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, pitch = rng.uniform(0, np.pi / 2), rng.uniform(3, 8)
    wave = np.float32(2 * np.pi / pitch)
    along = np.cos((x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) * wave)
    across = np.cos((y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))) * wave)
    dots = 1 / (1 + np.exp(-(worn.plane - (0.5 + 0.25 * (along + across))) * np.float32(rng.uniform(4, 14))))
    share = np.float32(rng.uniform(0.15, 0.6))
    worn.plane = np.asarray(worn.plane * (1 - share) + dots * share, np.float32)


def mount(worn: Worn, rng: Random) -> None:
    """A border of card or film round the picture: straight, rounded or oval, clean as it was made."""
    tone = float(rng.uniform(0.75, 1.0)) if rng.random() < 0.5 else float(rng.uniform(0, 0.3))
    outside = _outside(worn.shape, rng)
    edge = np.asarray(cv2.GaussianBlur(outside, (0, 0), rng.uniform(0.3, 1.5)), np.float32)
    card = np.float32(tone) + shapes.smooth_noise(worn.shape, 3, rng) * np.float32(rng.uniform(0, 0.02))
    worn.plane = np.clip(worn.plane * (1 - edge) + card * edge, 0, 1).astype(np.float32)
    if rng.random() < 0.3:
        _ruled(worn, outside, rng)


def _outside(shape: tuple[int, int], rng: Random) -> shapes.Plane:
    """1 where the picture is not: beyond an oval, a rounded rectangle, or straight strips along some sides."""
    height, width = shape
    draw = rng.random()
    outside = np.zeros(shape, np.float32)
    if draw < 0.25:
        outside[:] = 1
        centre = (round(rng.uniform(-0.2, 1.2) * width), round(rng.uniform(-0.2, 1.2) * height))
        axes = (round(log_uniform(rng, 0.4, 1.6) * width), round(log_uniform(rng, 0.4, 1.6) * height))
        cv2.ellipse(outside, centre, axes, rng.uniform(0, 180), 0, 360, 0.0, -1, cv2.LINE_AA)
    elif draw < 0.6:
        return _film_frame(shape, rng)
    else:
        for side in rng.choice(4, int(rng.integers(1, 4)), replace=False):
            depth = round(log_uniform(rng, 3, 60))
            rows = (slice(0, depth), slice(height - depth, height), slice(None), slice(None))[side]
            columns = (slice(None), slice(None), slice(0, depth), slice(width - depth, width))[side]
            outside[rows, columns] = 1
    return outside


def _film_frame(shape: tuple[int, int], rng: Random) -> shapes.Plane:
    """Beyond a rectangle with rounded corners, a little askew, with the uneven edge that a film holder leaves."""
    height, width = shape
    low = np.array([log_uniform(rng, 2, 0.25 * width), log_uniform(rng, 2, 0.25 * height)])
    high = np.array([width - log_uniform(rng, 2, 0.25 * width), height - log_uniform(rng, 2, 0.25 * height)])
    shift = rng.uniform(-0.6, 0.6, 2) * (width, height) * (rng.random(2) < 0.6)
    low, high = low + np.minimum(shift, 0) * 3, high + np.maximum(shift, 0) * 3
    radius = log_uniform(rng, 1, 20)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    askew = rng.normal(0, 0.01)
    x, y = x + y * np.float32(askew), y - x * np.float32(askew)
    middle, half = (low + high) / 2, (high - low) / 2 - radius
    beyond_x = np.maximum(np.abs(x - np.float32(middle[0])) - np.float32(half[0]), 0)
    beyond_y = np.maximum(np.abs(y - np.float32(middle[1])) - np.float32(half[1]), 0)
    uneven = shapes.smooth_noise(shape, log_uniform(rng, 6, 60), rng) * np.float32(rng.uniform(0, 1.2))
    beyond = np.hypot(beyond_x, beyond_y) - np.float32(radius) + uneven
    return np.asarray(np.clip(beyond + 0.5, 0, 1), np.float32)


def _ruled(worn: Worn, outside: shapes.Plane, rng: Random) -> None:
    """A printed line along the mount's edge."""
    near = np.asarray(cv2.GaussianBlur(outside, (0, 0), log_uniform(rng, 2, 8)), np.float32)
    ruled = np.clip(1 - np.abs(near - np.float32(rng.uniform(0.2, 0.8))) * np.float32(rng.uniform(8, 25)), 0, 1)
    ink = float(rng.uniform(0, 0.3)) if rng.random() < 0.7 else float(rng.uniform(0.8, 1))
    share = ruled * np.float32(rng.uniform(0.4, 1))
    worn.plane = np.asarray(worn.plane * (1 - share) + np.float32(ink) * share, np.float32)


MAKERS: tuple[tuple[Callable[[Worn, Random], None], float], ...] = (
    (lamps, 0.04),
    (pattern, 0.06),
    (mount, 0.10),
    (lettering, 0.14),
    (screen, 0.03),
)


def furnish(worn: Worn, rng: Random) -> None:
    """Add some of it, or nothing."""
    for maker, chance in MAKERS:
        if rng.random() < chance:
            maker(worn, rng)
