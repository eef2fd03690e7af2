"""Stained prints made by code: what water, glue, rust and years put over a gray or toned print, the clean one as truth.

A stain absorbs: it adds to the print's density, most of it in blue, least in red, smoothly or with a rim where water
dried. Silvering is light that is thrown back by a mirror of silver, where the print is dark, along its edges. Pictures
are H x W x 3 float32 sRGB in [0, 1].
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from restoration.photo.colour import linear_to_srgb, srgb_to_linear
from restoration.photo.density import density_of, light_of
from restoration.photo.picture import FloatImage
from restoration.synthetic import shapes
from restoration.synthetic.shapes import Plane, Random, log_uniform

StainKind = Literal["water", "patch", "foxing", "edge", "silvering"]
KINDS: tuple[StainKind, ...] = ("water", "patch", "foxing", "edge", "silvering")

_COLOURS = ((0.05, 0.20, 0.60), (0.02, 0.10, 0.45), (0.20, 0.42, 0.80), (0.15, 0.45, 0.85))
"""Densities of yellowed paper, glue, tea-brown water and rust, in red, green and blue, at full strength."""
_MIRROR = (0.72, 0.84, 1.0)
"""Light that silvering throws back, in red, green and blue, of what it throws back in blue."""
_LEAST_LIGHT = 1e-3


def stained(photo: FloatImage, kind: StainKind, strength: float, rng: Random) -> tuple[FloatImage, Plane]:
    """The print with a stain, and how much of it lies where (H x W, 0 none, about 1 at its middle).

    :param strength: share of the stain's full density, or of the mirror's light.
    """
    cover = _cover(photo.shape[:2], kind, rng)
    if kind == "silvering":
        dark = np.clip(1 - 2.2 * photo.mean(axis=2), 0, 1)
        light = (cover * dark * np.float32(0.09 * strength))[:, :, None] * np.asarray(_MIRROR, np.float32)
        return np.clip(linear_to_srgb(srgb_to_linear(photo) + light), 0, 1), cover * dark
    colour = np.asarray(_COLOURS[int(rng.integers(len(_COLOURS)))], np.float32)
    colour = colour * rng.uniform(0.85, 1.15, 3).astype(np.float32) * np.float32(strength)
    density = density_of(photo, least_light=_LEAST_LIGHT) + cover[:, :, None] * colour
    return light_of(density), cover


def _cover(shape: tuple[int, int], kind: StainKind, rng: Random) -> Plane:
    side = max(shape)
    if kind == "foxing":
        count = round(log_uniform(rng, 8, 60))
        specks = shapes.specks(shape, count, (0.004 * side, 0.025 * side), rng)
        return np.asarray(cv2.GaussianBlur(specks, (0, 0), 0.003 * side), np.float32)
    if kind in ("edge", "silvering"):
        return _edges(shape, rng)
    blob = shapes.blob(shape, log_uniform(rng, 0.15 * side, 0.8 * side), rng)
    if kind == "patch":
        return np.asarray(cv2.GaussianBlur(blob, (0, 0), log_uniform(rng, 0.006, 0.04) * side), np.float32)
    soft = np.asarray(cv2.GaussianBlur(blob, (0, 0), 0.003 * side), np.float32)
    inner = np.asarray(cv2.GaussianBlur(blob, (0, 0), 0.015 * side), np.float32)
    rim = np.clip(soft - inner, 0, 1) * np.float32(rng.uniform(0.6, 1.6))
    return np.asarray(soft * np.float32(rng.uniform(0.4, 0.8)) + rim, np.float32)


def _edges(shape: tuple[int, int], rng: Random) -> Plane:
    """Strong along one to four edges, uneven, gone within a tenth to a quarter of the picture."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    away = np.full(shape, np.inf, np.float32)
    for distance in rng.permutation(np.stack([y, height - 1 - y, x, width - 1 - x]))[: int(rng.integers(1, 5))]:
        away = np.minimum(away, distance)
    reach = rng.uniform(0.1, 0.25) * min(shape) * (1 + 0.35 * shapes.smooth_noise(shape, 0.15 * max(shape), rng))
    return np.exp(-away / np.maximum(reach / 2, 1)).astype(np.float32)
