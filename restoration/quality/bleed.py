"""Colour that runs over outlines: how much of a picture's colour change lies away from the edges of its lightness.

A colorizer that does not see where a thing ends lets its colour fade over the outline, or paints a patch whose border
follows nothing in the photograph. Both show as gradients of (a*, b*) where L* is smooth. Colour photographs have such
gradients too (make-up, printed cloth, blurred lights), so the truth's own figure stands beside.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.quality.skin import Lab, Mask

EDGE_SHARE = 0.10
"""The steepest tenth of L* counts as edges, as in published boundary measures."""
EDGE_FLOOR = 0.5
"""A slope of L* below this, in units a pixel, is no edge whatever its rank."""
CHROMA_FLOOR = 0.5
"""As much of a slope of chroma, in CIELAB units a pixel, is rounding and JPEG noise; only what is beyond counts.

Twice as much would pass over colour that runs out softly over a dozen pixels."""
TOLERANCE = 2
"""Pixels round an edge of L* that still belong to it."""

_SMOOTHING = 1.0
_SOBEL_SCALE = 0.125
"""Makes OpenCV's 3 x 3 Sobel operator a slope a pixel."""


def lightness_edges(lab: Lab) -> Mask:
    """The steepest tenth of L* (smoothed, sigma 1); no pixel whose slope is below 0.5 a pixel."""
    slope = _slope(lab[:, :, 0])
    threshold = max(float(np.percentile(slope, 100 * (1 - EDGE_SHARE))), EDGE_FLOOR)
    return np.asarray(slope >= threshold, np.bool_)


def bleed(lab: Lab, edges: Mask | None = None) -> float:
    """Share of the energy of chroma gradients that lies away from the edges of L*, 0..1; 0 for a gray picture.

    With ``c = sqrt(|grad a*|^2 + |grad b*|^2)`` (Sobel after a Gaussian of sigma 1) and E the edges of L* widened by 2
    pixels: ``sum of max(c - 0.5, 0)^2 outside E / sum of max(c - 0.5, 0)^2``.

    :param edges: edges of L* where they are known already (all models share the scan's L*).
    """
    own = (lightness_edges(lab) if edges is None else edges).astype(np.uint8)
    near = np.asarray(cv2.dilate(own, _disc())) > 0
    change = np.hypot(_slope(lab[:, :, 1]), _slope(lab[:, :, 2]))
    energy = np.maximum(change - CHROMA_FLOOR, 0.0) ** 2
    away, beside = float(energy[~near].sum()), float(energy[near].sum())
    return away / (away + beside) if away + beside > 0 else 0.0


def _disc() -> NDArray[np.uint8]:
    """All pixels within the tolerance of the middle; OpenCV's own ellipse is wider than it is high."""
    down, across = np.ogrid[-TOLERANCE : TOLERANCE + 1, -TOLERANCE : TOLERANCE + 1]
    return np.asarray(down * down + across * across <= TOLERANCE * TOLERANCE, np.uint8)


def _slope(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Length of the gradient of a smoothed plane, in the plane's unit a pixel."""
    smooth = cv2.GaussianBlur(plane.astype(np.float64), (0, 0), _SMOOTHING)
    across = cv2.Sobel(smooth, cv2.CV_64F, 1, 0, ksize=3, scale=_SOBEL_SCALE)
    down = cv2.Sobel(smooth, cv2.CV_64F, 0, 1, ksize=3, scale=_SOBEL_SCALE)
    return np.asarray(np.hypot(across, down), np.float64)
