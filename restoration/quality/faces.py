"""What a face says about itself before anybody touches it: does it need restoring, and could anyone know it again?

:func:`needs_nothing` holds a face against what sharp, quiet portraits look like, so that they can be left alone.
:func:`certainty` says how far the identity model can be trusted about it. It asks the model twice, of the face and of
its mirror image, and looks how soft the face is: where the answers differ or nothing is left to see, the model is
guessing, and so would be whoever restores the face.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.colour import luminance_y
from restoration.photo.picture import FloatImage
from restoration.quality.metrics import NOISE_SCALE, noise_of_plane, noise_response

SIDE = 256
"""Side at which aligned faces are judged, pixels."""

SOFTEST = 0.70
LEAST_DETAIL = 0.30
MOST_GRAIN = (2.0, 4.0)
"""Limits of a face that needs nothing: softness, noise at full size (rounding to 8 bits alone makes 0.2), and grain at
full and half size. Of 350 sharp official portraits 98 in 100 keep within them, and of 350 after the degradation of
:mod:`restoration.synthetic.degradation`, 5 in 100.
"""

_INNER = (slice(28, 228), slice(44, 212))
"""Rows and columns of the face itself in the aligned square: without most of the backdrop."""
_BLOCK = 12

Embedding = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float64]]
"""Luminance (H x W, 0..255) and five landmarks (5 x 2) to a descriptor."""


def needs_nothing(aligned: FloatImage) -> bool:
    """Whether a face is sharp and quiet enough to be left as it is.

    :param aligned: S x S x 3, sRGB-encoded, 0..1, aligned to the FFHQ template; judged at 256 pixels a side.
    """
    inner = _inner_luma(aligned)
    half = np.asarray(cv2.resize(inner, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)
    quiet = grain(inner) < MOST_GRAIN[0] and grain(half) < MOST_GRAIN[1]
    return quiet and noise_of_plane(inner) > LEAST_DETAIL and softness(inner, 1.0) < SOFTEST


def softness(plane: NDArray[np.float32], scale: float) -> float:
    """Share of a plane's gradient energy, after a blur of ``scale`` pixels, that another of twice that leaves: near 1
    where there is nothing of that size to see, about a half at scale 1 for a sharp face.
    """
    first = np.asarray(cv2.GaussianBlur(plane, (0, 0), scale), np.float32)
    energy = _gradient_energy(first)
    second = np.asarray(cv2.GaussianBlur(first, (0, 0), 2 * scale), np.float32)
    return _gradient_energy(second) / energy if energy else 1.0


def grain(plane: NDArray[np.float32]) -> float:
    """Standard deviation of noise in the smoothest fifth of a plane's blocks, in the plane's own unit."""
    half = _BLOCK // 2
    blocks = np.asarray(cv2.blur(noise_response(plane), (_BLOCK, _BLOCK)), np.float32)[half:-half:half, half:-half:half]
    return float(np.percentile(blocks, 20)) * NOISE_SCALE


def certainty(aligned: FloatImage, agreement: float) -> float:
    """What identity a face can be expected to have with the same face undamaged, 0..1.

    A linear fit on 600 portraits with the built-in identity model (rank correlation 0.79): the median identity of
    faces whose certainty is 0.3 to 0.4 was 0.35, at 0.5 to 0.6 it was 0.55, at 0.7 to 0.8 it was 0.80. A stranger
    reaches 0.45 at a certainty below 0.5 once in a hundred times, 0.50 at 0.5 to 0.7 as often, and 0.60 above 0.7 in
    two of a thousand.

    :param aligned: S x S x 3, sRGB-encoded, 0..1, aligned to the FFHQ template.
    :param agreement: :func:`mirror_agreement` of the face.
    """
    coarse = softness(_inner_luma(aligned), 2.0)
    return float(np.clip(1.77 * agreement - 0.47 * np.log(max(coarse, 1e-6)) - 1.22, 0, 1))


def mirror_agreement(
    gray: NDArray[np.uint8], landmarks: NDArray[np.float32], own: NDArray[np.float64], embed: Embedding
) -> float:
    """Cosine between the descriptors of a face and of its mirror image, -1..1; 0 where one has no length.

    :param gray: H x W luminance; ``landmarks`` in its pixels, left ones first; ``own`` the face's own descriptor.
    """
    mirrored = np.ascontiguousarray(gray[:, ::-1])
    turned = np.array([gray.shape[1] - 1, 0], np.float32) + landmarks * np.array([-1, 1], np.float32)
    return cosine(own, embed(mirrored, np.ascontiguousarray(turned[[1, 0, 2, 4, 3]])))


def cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Cosine of two descriptors, -1..1; 0 where either is all zero."""
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.clip(np.dot(one, other) / length, -1, 1)) if length > 0 else 0.0


def _inner_luma(aligned: FloatImage) -> NDArray[np.float32]:
    """Luma of the face itself at the judging size, 0..255."""
    luma = luminance_y(np.ascontiguousarray(aligned)) * np.float32(255)
    whole = np.asarray(cv2.resize(luma, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
    return np.ascontiguousarray(whole[_INNER])


def _gradient_energy(plane: NDArray[np.float32]) -> float:
    across, down = cv2.Sobel(plane, cv2.CV_32F, 1, 0), cv2.Sobel(plane, cv2.CV_32F, 0, 1)
    return float(np.mean(across * across + down * down, dtype=np.float64))
