"""Film scans with an infrared channel, made by code: a photograph, and dust whose place is known."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.colour import linear_to_srgb, luminance_y, srgb_to_linear

Image = NDArray[np.float32]
Plane = NDArray[np.float32]

_CYAN, _MAGENTA = 0.06, 0.02
"""Share of the density in red and green that a slide's dyes have in infrared."""


@dataclass(frozen=True)
class Slide:
    """``pixels`` as scanned (H x W x 3 sRGB), ``infrared`` (H x W uint16), and where dust lies in ``pixels``."""

    pixels: Image
    infrared: NDArray[np.uint16]
    dust: NDArray[np.bool_]


def slide(
    photo: Image,
    seed: int,
    *,
    specks: int = 60,
    hairs: int = 6,
    silver: bool = False,
    shift: tuple[int, int] = (2, -1),
    noise: float = 0.004,
    dyes: float = 1.0,
) -> Slide:
    """A scan of a slide under dust.

    Dust takes light of all colours and of infrared. Colours get noise of half the channel's; the channel is a little
    out of focus and lies ``shift`` (down, across) pixels beside them, and the lamp falls off towards its corners.

    :param photo: H x W x 3 sRGB in [0, 1], without dust.
    :param silver: the picture is of silver, which infrared shows too (and gray).
    :param dyes: how much of infrared the dyes take, as a multiple of a slide's.
    """
    rng = np.random.default_rng(seed)
    height, width = photo.shape[:2]
    light = _dust(rng, height, width, specks, hairs)
    clean = np.repeat(luminance_y(photo)[:, :, None], 3, axis=2) if silver else photo
    linear = srgb_to_linear(np.asarray(clean, np.float32))
    seen = linear * light[:, :, None]
    pixels = np.clip(linear_to_srgb(seen) + rng.normal(0, noise / 2, photo.shape), 0, 1).astype(np.float32)
    pixels = (np.rint(pixels * np.float32(65535)) / np.float32(65535)).astype(np.float32)
    density = -np.log10(np.maximum(linear, np.float32(1e-3)))
    taken = density.mean(axis=2) if silver else dyes * (_CYAN * density[:, :, 0] + _MAGENTA * density[:, :, 1])
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    lamp = 0.85 * (1 - 0.08 * (down**2 + across**2))
    sharp = np.asarray(lamp * 10**-taken * light, np.float32)
    soft = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 0.8), np.float32)
    channel = np.roll(soft, shift, axis=(0, 1)) + rng.normal(0, noise, soft.shape)
    return Slide(pixels, np.rint(np.clip(channel, 0, 1) * 65535).astype(np.uint16), np.asarray(light < 0.93, np.bool_))


def _dust(rng: np.random.Generator, height: int, width: int, specks: int, hairs: int) -> Plane:
    """Share of the light that comes through, 1 where there is no dust."""
    light = np.ones((height, width), np.float32)
    edge = 8
    for _ in range(specks):
        cover = np.zeros((height, width), np.uint8)
        middle = (int(rng.integers(edge, width - edge)), int(rng.integers(edge, height - edge)))
        axes = (int(rng.integers(1, 5)), int(rng.integers(1, 5)))
        cv2.ellipse(cover, middle, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
        light *= 1 - cover.astype(np.float32) / 255 * np.float32(1 - rng.uniform(0.08, 0.7))
    for _ in range(hairs):
        cover = np.zeros((height, width), np.uint8)
        at, turn = rng.uniform(0.1, 0.9, 2) * (width, height), rng.uniform(0, 2 * np.pi)
        points = [at]
        for _ in range(40):
            turn += rng.normal(0, 0.12)
            points.append(points[-1] + 2.5 * np.array([np.cos(turn), np.sin(turn)]))
        cv2.polylines(cover, [np.asarray(points, np.int32)], False, 255, int(rng.integers(1, 3)), cv2.LINE_AA)
        light *= 1 - cover.astype(np.float32) / 255 * np.float32(1 - rng.uniform(0.1, 0.6))
    return np.asarray(cv2.GaussianBlur(light, (0, 0), 0.5), np.float32)
