"""Faded prints made by code: colour prints whose dyes went, and negatives, from photographs in colour."""

from __future__ import annotations

import cv2
import numpy as np

from restoration.photo.colour import linear_to_srgb, srgb_to_linear

Pixels = np.ndarray
Random = np.random.Generator

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_PAPER = np.array([0.946, 0.719, 0.641], np.float32)
_SHADOWS = np.array([0.330, 0.239, 0.196], np.float32)
"""sRGB of white and black of a drugstore print of the 1970s that hung in the light."""
SIDE_ABSORPTIONS = np.array([[0.84, 0.12, 0.04], [0.10, 0.82, 0.08], [0.04, 0.19, 0.77]], np.float64)
"""Densities of the red, green and blue channel for a unit of cyan, magenta and yellow."""


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    done, data = cv2.imencode(".jpg", np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)[:, :, ::-1],
                              [cv2.IMWRITE_JPEG_QUALITY, quality])  # fmt: skip
    assert done
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1], np.float32) / np.float32(255)


def veiled(pixels: Pixels, keep: float, rng: Random) -> Pixels:
    """A print of which ``keep`` of the saturation is left, under a pink veil, with a scanner's noise, as a JPEG."""
    plain = (pixels @ _LUMA)[:, :, None]
    faint = plain + np.float32(keep) * (pixels - plain)
    print_ = _SHADOWS + (_PAPER - _SHADOWS) * faint
    return jpeg(print_ + rng.normal(0, 0.006, pixels.shape), int(rng.integers(75, 95)))


def dyes_lost(pixels: Pixels, keep: tuple[float, float, float], rng: Random) -> Pixels:
    """A print of which these shares of cyan, magenta and yellow are left, on yellowed paper."""
    density = -np.log10(np.maximum(srgb_to_linear(pixels.astype(np.float32)), 1e-3))
    dyes = density @ np.linalg.inv(SIDE_ABSORPTIONS).T
    left = (dyes * np.asarray(keep)) @ SIDE_ABSORPTIONS.T + np.array([0.02, 0.05, 0.15])
    print_ = linear_to_srgb(np.power(10.0, -left).astype(np.float32))
    return jpeg(print_ + rng.normal(0, 0.006, pixels.shape), int(rng.integers(75, 95)))


def gray_negative(pixels: Pixels) -> Pixels:
    """A negative in gray, of a photograph in gray or colour."""
    return np.repeat(_film(pixels @ _LUMA)[:, :, None], 3, axis=2)


def colour_negative(pixels: Pixels) -> Pixels:
    """A colour negative with its orange mask, as a scanner sees it."""
    return _film(pixels, np.array([0.0, 0.42, 0.85]))


def _film(pixels: Pixels, mask: Pixels | float = 0.0) -> Pixels:
    """What light leaves on film: densities that fall as the print's rise, over the base and a mask."""
    scene = np.minimum(-np.log10(np.maximum(srgb_to_linear(pixels.astype(np.float32)), 1e-3)), 2.2)
    density = 0.03 + mask + 0.6 * (2.2 - scene)
    return np.clip(linear_to_srgb(np.power(10.0, -density).astype(np.float32)), 0, 1)
