"""Blind degradation of sharp faces: blur, loss of resolution, noise and JPEG, as GFP-GAN's authors trained with it.

Wang et al. 2021, section 4.1: y = [(x * k) downsampled by r + n] JPEG q, brought back to its size. Ageing by time and
handling is another subject: :mod:`restoration.synthetic.ageing`. Arrays are H x W x 3 float32, sRGB-encoded, in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.picture import FloatImage

KERNEL = 41
"""Side of the blur kernel, pixels."""


@dataclass(frozen=True)
class Degradation:
    """One draw. ``sigma_x``, ``sigma_y`` (pixels) and ``angle`` (radians) of a Gaussian kernel; ``factor`` by which
    resolution is lost; ``noise``, its standard deviation on 0..255; ``quality`` of the JPEG, 0..100.
    """

    sigma_x: float
    sigma_y: float
    angle: float
    factor: float
    noise: float
    quality: int


def random_degradation(rng: np.random.Generator) -> Degradation:
    """Sigma 0.2 to 10 (half of the kernels round), factor 1 to 8, noise 0 to 15, quality 60 to 100, all uniform."""
    sigma_x = float(rng.uniform(0.2, 10.0))
    sigma_y = sigma_x if rng.random() < 0.5 else float(rng.uniform(0.2, 10.0))
    return Degradation(
        sigma_x,
        sigma_y,
        float(rng.uniform(-np.pi, np.pi)),
        float(rng.uniform(1.0, 8.0)),
        float(rng.uniform(0.0, 15.0)),
        int(rng.integers(60, 101)),
    )


def degrade(face: FloatImage, how: Degradation, seed: int) -> FloatImage:
    """The degraded picture, of the same size; the same arguments give the same pixels."""
    height, width = face.shape[:2]
    blurred = cv2.filter2D(face, -1, gaussian_kernel(how), borderType=cv2.BORDER_REFLECT_101)
    small_size = (max(1, round(width / how.factor)), max(1, round(height / how.factor)))
    small = np.asarray(cv2.resize(blurred, small_size, interpolation=cv2.INTER_LINEAR), np.float32)
    grain = np.random.default_rng(seed).standard_normal(small.shape).astype(np.float32)
    noisy = np.clip(small + grain * np.float32(how.noise / 255), 0, 1)
    done, body = cv2.imencode(
        ".jpg", np.rint(noisy[:, :, ::-1] * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, how.quality]
    )
    if not done:
        raise ValueError(f"OpenCV could not encode a face of {small_size[0]} x {small_size[1]} pixels as JPEG")
    decoded = np.asarray(cv2.imdecode(body, cv2.IMREAD_COLOR), np.float32)[:, :, ::-1] / np.float32(255)
    return np.asarray(cv2.resize(decoded, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def gaussian_kernel(how: Degradation) -> NDArray[np.float32]:
    """The draw's kernel, 41 x 41, summing to 1."""
    axis = np.arange(KERNEL) - KERNEL // 2
    x, y = np.meshgrid(axis, axis)
    along = np.cos(how.angle) * x + np.sin(how.angle) * y
    across = -np.sin(how.angle) * x + np.cos(how.angle) * y
    kernel = np.exp(-0.5 * ((along / how.sigma_x) ** 2 + (across / how.sigma_y) ** 2))
    return np.asarray(kernel / kernel.sum(), np.float32)
