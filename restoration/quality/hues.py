"""Are hues found: grass green, skies blue, and not everything in one orange wash.

Lab is H x W x 3, CIELAB D65. Hues are degrees from -180 to 180, 0 at +a* (magenta red), 90 at +b* (yellow).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Lab = NDArray[np.float32]

COLOURED = 15.0
"""True chroma from which a pixel has a hue that people would name."""
NEAR = 45.0
"""A hue within so many degrees of the truth is found."""
LEAST_SHARE = 1 / 3
"""Less than this share of the true chroma is gray, whatever its hue."""
GREENS = (95.0, 170.0)
"""Grass and leaves."""
BLUES = (-145.0, -60.0)
"""Skies and water."""
ORANGE = 60.0
_AROUND = 30.0
MIN_PIXELS = 200
"""Fewer pixels of a colour say nothing about a picture."""


@dataclass(frozen=True)
class HuesFound:
    """Shares of truly coloured, green and blue pixels whose hue was found, 0..1; None where the truth has too few."""

    all: float | None
    greens: float | None
    blues: float | None


def hues_found(truth: Lab, painted: Lab) -> HuesFound:
    """How much of the truth's colours a picture has."""
    hue, chroma = _polar(truth)
    other_hue, other_chroma = _polar(painted)
    apart = np.abs((other_hue - hue + 180) % 360 - 180)
    right = (apart <= NEAR) & (other_chroma >= LEAST_SHARE * chroma)
    coloured = chroma > COLOURED

    def share(where: NDArray[np.bool_]) -> float | None:
        return float(right[where].mean()) if where.sum() >= MIN_PIXELS else None

    greens, blues = ((hue >= low) & (hue <= high) & coloured for low, high in (GREENS, BLUES))
    return HuesFound(share(coloured), share(greens), share(blues))


def warmth(truth: Lab, painted: Lab) -> float:
    """Mean b* of a picture minus the truth's: above 0 it is too yellow, below too blue."""
    return float((painted[:, :, 2] - truth[:, :, 2]).mean(dtype=np.float64))


def orange_share(painted: Lab) -> float | None:
    """Share of a picture's chroma that lies within 30 degrees of orange, 0..1; None if it is gray (mean below 1)."""
    hue, chroma = _polar(painted)
    if float(chroma.mean(dtype=np.float64)) < 1:
        return None
    near = np.abs((hue - ORANGE + 180) % 360 - 180) <= _AROUND
    return float(chroma[near].sum(dtype=np.float64) / chroma.sum(dtype=np.float64))


def _polar(lab: Lab) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Hue and chroma of every pixel."""
    a, b = lab[:, :, 1], lab[:, :, 2]
    return np.degrees(np.arctan2(b, a)).astype(np.float32), np.hypot(a, b).astype(np.float32)
