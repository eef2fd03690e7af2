"""Optical density, D = -log10(linear light): what dyes and silver take away of the light, channel by channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from restoration.photo.colour import linear_to_srgb, srgb_to_linear

PAPER, BLACK = 0.03, 1.9
"""Densities of paper and of black in a sound print, as scanners see it: sRGB 0.97 and 0.12."""
ENDS = (0.5, 99.5)
"""Percentiles of density that count as one end and the other."""


def density_of(pixels: NDArray[np.float32], *, least_light: float) -> NDArray[np.float32]:
    """Density of encoded sRGB in [0, 1], any shape.

    :param least_light: linear light below which nothing is told apart, above 0.
    """
    return np.asarray(-np.log10(np.maximum(srgb_to_linear(pixels), np.float32(least_light))), np.float32)


def light_of(densities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Encoded sRGB in [0, 1] of densities, any shape."""
    linear = np.power(np.float32(10), -densities)
    return np.clip(linear_to_srgb(np.asarray(linear, np.float32)), 0, 1)
