"""A gray crop into which things are drawn before it becomes a print: lit from one side, with a shadow, as if they had
stood before the camera.

Planes are H x W float32 in [0, 1], sRGB-encoded gray; points are (x, y) in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.synthetic.shapes import Plane, Points, Random, log_uniform, smooth_noise

Mask = NDArray[np.bool_]

_OVER = 3
_SHIFT = 4
"""Fractional bits of OpenCV's drawing coordinates."""
_TRIES = 24
_LIKED = 2.0
"""What a fitting tone counts beside calm, if a thing's place is chosen."""
_LEAST_CHANGE = 0.2
_THERE = 0.08
"""From this share of a pixel on a thing is there."""


class Canvas:
    """A cover that is drawn at three times its size and brought down."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.ink = np.zeros((shape[0] * _OVER, shape[1] * _OVER), np.uint8)

    def line(self, points: Points, width: float, value: int = 255) -> None:
        """A polyline; below a third of a pixel it stays that wide."""
        thick = max(1, round(width * _OVER))
        cv2.polylines(self.ink, [_scaled(points)], False, value, thick, cv2.LINE_AA, _SHIFT)

    def ellipse(
        self,
        centre: Points,
        axes: tuple[float, float],
        angle: float = 0.0,
        value: int = 255,
        *,
        rim: float = 0.0,
        span: tuple[float, float] = (0.0, 360.0),
    ) -> None:
        """Half axes in pixels, ``angle`` in degrees; filled, or a line of the width ``rim`` over a span of degrees."""
        thick = max(1, round(rim * _OVER)) if rim else -1
        one = _OVER << _SHIFT
        radii = (max(1, round(axes[0] * one)), max(1, round(axes[1] * one)))
        at = (round(float(centre[0]) * one), round(float(centre[1]) * one))
        cv2.ellipse(self.ink, at, radii, angle, span[0], span[1], value, thick, cv2.LINE_AA, _SHIFT)

    def polygon(self, points: Points, value: int = 255) -> None:
        """A filled polygon."""
        cv2.fillPoly(self.ink, [_scaled(points)], value, cv2.LINE_AA, _SHIFT)

    @property
    def cover(self) -> Plane:
        """H x W, 0..1."""
        small = cv2.resize(self.ink, (self.shape[1], self.shape[0]), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.float32) / np.float32(255)


def _scaled(points: Points) -> NDArray[np.int32]:
    return np.rint(points * (_OVER << _SHIFT)).astype(np.int32)


@dataclass
class Scene:
    """A plane, where things were drawn into it, and where the light comes from (radians; y points down)."""

    plane: Plane
    things: Mask
    light: float

    @classmethod
    def of(cls, plane: Plane, rng: Random) -> Scene:
        """Nothing is drawn yet. Light mostly comes from above."""
        light = rng.normal(-np.pi / 2, 0.7) if rng.random() < 0.8 else rng.uniform(0, 2 * np.pi)
        return cls(plane, np.zeros(plane.shape, bool), float(light))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.plane.shape[0], self.plane.shape[1]

    def canvas(self) -> Canvas:
        """An empty cover of the plane's size."""
        return Canvas(self.shape)

    def place(self, size: float, rng: Random, *, dark: bool | None = None) -> Points:
        """Where a thing of that size may lie: of some places the calmest, and the darkest or lightest if asked."""
        side = max(3, round(size)) | 1
        mean = np.asarray(cv2.blur(self.plane, (side, side)))
        varies = np.sqrt(np.maximum(np.asarray(cv2.blur(self.plane * self.plane, (side, side))) - mean * mean, 0))
        height, width = self.shape
        x, y = rng.integers(0, width, _TRIES), rng.integers(0, height, _TRIES)
        tone = mean[y, x] * (0.0 if dark is None else _LIKED if dark else -_LIKED)
        best = int(np.argmin(tone + varies[y, x]))
        return np.array([x[best], y[best]], np.float64)

    def tone_at(self, place: Points) -> float:
        """Tone of a place, blurred a little."""
        x, y = (int(np.clip(v, 2, side - 3)) for v, side in zip(place, self.shape[::-1], strict=True))
        return float(self.plane[y - 2 : y + 3, x - 2 : x + 3].mean())

    def facing(self, cover: Plane, sigma: float) -> Plane:
        """How far each pixel of a rounded thing faces the light, about -1..1."""
        height = np.asarray(cv2.GaussianBlur(cover, (0, 0), max(0.5, sigma)), np.float32)
        slope = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=0.125) * np.float32(np.cos(self.light))
        slope += cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=0.125) * np.float32(np.sin(self.light))
        return np.asarray(np.clip(slope * np.float32(-4 * max(0.5, sigma)), -1, 1), np.float32)

    def put(self, cover: Plane, surface: Plane | float, *, shadow: float = 0.0, reach: float = 1.5) -> None:
        """Lay a surface over the plane as far as ``cover`` goes, and its shadow beside it, away from the light."""
        if shadow > 0:
            moved = cv2.warpAffine(
                cover,
                np.array([[1, 0, -reach * np.cos(self.light)], [0, 1, -reach * np.sin(self.light)]]),
                self.shape[::-1],
            )
            cast = np.asarray(cv2.GaussianBlur(np.asarray(moved), (0, 0), max(0.5, 0.6 * reach)), np.float32)
            self.plane = self.plane * (1 - np.float32(shadow) * cast)
        new = self.plane * (1 - cover) + np.asarray(surface, np.float32) * cover
        self.plane = np.clip(new, 0, 1).astype(np.float32)
        self.things |= cover > _THERE

    def solid(self, cover: Plane, tone: float, size: float, rng: Random, *, relief: float | None = None) -> None:
        """A rounded thing of one tone, about ``size`` pixels thick."""
        deep = rng.uniform(0.15, 0.6) if relief is None else relief
        surface = np.float32(tone) + self.facing(cover, 0.35 * size) * np.float32(deep)
        if rng.random() < 0.5:
            surface = surface + smooth_noise(self.shape, log_uniform(rng, 1.2, 6), rng) * np.float32(
                rng.uniform(0, 0.06)
            )
        # what is at the rim of a shining thing mirrors the dark
        self.put(cover, np.clip(surface, 0, 1), shadow=rng.uniform(0, 0.5), reach=max(0.7, 0.3 * size))


def contrasting(ground: float, rng: Random, *, lighter: bool | None = None) -> float:
    """A tone that can be seen on a ground of that tone: lighter, darker, or as it comes."""
    up = lighter if lighter is not None else rng.random() < (0.9 if ground < 0.35 else 0.1 if ground > 0.7 else 0.5)
    if lighter is None and (1 - ground if up else ground) < _LEAST_CHANGE:
        up = not up
    change = rng.uniform(_LEAST_CHANGE, 0.75)
    return float(np.clip(ground + (change if up else -change), 0.02, 1.0))


def turned(points: Points, angle: float, centre: Points) -> Points:
    """Points about (0, 0), turned by an angle in radians and moved to a centre."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cosine, sine], [-sine, cosine]]) + centre, np.float64)


def upright(rng: Random) -> float:
    """By how much a thing is turned, in radians: mostly little, as people stand upright."""
    return float(rng.normal(0, 0.25) if rng.random() < 0.8 else rng.uniform(0, 2 * np.pi))
