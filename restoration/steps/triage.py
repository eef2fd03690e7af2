"""Gray, tinted or colour? A tinted scan is made neutral, so that colorizers meet it as the gray print it once was.

A print of one ink on one paper has colours that depend on lightness alone, however brown it has become; a colour
photograph has not. So a* and b* are fitted as smooth curves of L* (the *tint curve*), and what remains decides: JPEG
colour noise is small and fine, uneven fading and stains lie along one hue line, true colours do neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.errors import ReasonCode
from restoration.models.registry import Models
from restoration.photo.colour import gray_from_lightness, lightness, rgb_to_lab
from restoration.photo.picture import FloatImage
from restoration.steps.measure import at_long_side
from restoration.steps.parameters import Triage
from restoration.steps.protocol import BaseStep, Frame, StepOutcome

ScanKind = Literal["gray", "tinted", "colour"]
TintKind = Literal["", "sepia", "yellowed", "cyanotype", "toned"]

_SIDE = 256
_SMOOTHING = 1.0
_BORDER = 0.05
_KNOTS = 5
_FIT_ROUNDS = 4
_ALONG = 0.6
"""Weight of a residual along the main hue line of the scan: uneven toning and stains lie there."""
_ACROSS = 2.0
"""Weight of a residual across that line. With the two, ``colour_spread`` = 6 lies in the middle of the gap between the
old prints, sound or scratched, and the palest colour photographs that were tried (5.4 and 6.3)."""
_PERCENTILE = 98
_NARROW = 9
_MARK_CONTRAST = 26.0
"""Narrow marks, in pixels at the measured size, that differ by so much in L* may be scratches or dust."""
_MOST_MARKS = 0.5


@dataclass(frozen=True)
class Chromatics:
    """What triage found: mean tint (a*, b*), its mean chroma, and the spread of colours round the tint curve."""

    tint_a: float
    tint_b: float
    tint_chroma: float
    spread: float

    def kind(self, parameters: Triage) -> ScanKind:
        """Gray, tinted or colour by the recipe's thresholds."""
        if self.spread > parameters.colour_spread:
            return "colour"
        return "tinted" if self.tint_chroma > parameters.tint_chroma else "gray"

    def tint_kind(self) -> TintKind:
        """Name of the tint by its hue: a word for people, nothing depends on it."""
        if np.hypot(self.tint_a, self.tint_b) < 1:
            return ""
        hue = np.degrees(np.arctan2(self.tint_b, self.tint_a)) % 360
        if 20 <= hue < 80:
            return "sepia"
        if 80 <= hue < 125:
            return "yellowed"
        return "cyanotype" if 190 <= hue < 310 else "toned"


class Step(BaseStep[Triage]):
    """Notes the kind of scan under ``triage`` and makes gray and tinted ones exactly neutral, with the same L*."""

    name = "triage"

    def apply(self, frame: Frame, parameters: Triage, models: Models) -> StepOutcome:
        """Colour scans, and gray ones whose channels are equal already, come back untouched."""
        pixels = frame.picture.pixels
        found = Chromatics(0.0, 0.0, 0.0, 0.0) if is_neutral(pixels) else chromatics(pixels)
        kind = found.kind(parameters)
        detail: dict[str, Any] = {
            "kind": kind,
            "tint": found.tint_kind() if kind == "tinted" else "",
            "tint_a": round(found.tint_a, 2),
            "tint_b": round(found.tint_b, 2),
            "tint_chroma": round(found.tint_chroma, 2),
            "spread": round(found.spread, 2),
        }
        frame.notes["triage"] = detail
        if kind == "colour" or is_neutral(pixels):
            return StepOutcome(frame.picture, "not_needed", ReasonCode.NOT_NEEDED, detail)
        neutral = gray_from_lightness(lightness(pixels))
        return StepOutcome(frame.picture.with_pixels(neutral), "applied", detail=detail)


def is_neutral(pixels: FloatImage) -> bool:
    """Whether the three channels are equal everywhere."""
    red = pixels[:, :, 0]
    return bool(np.array_equal(red, pixels[:, :, 1]) and np.array_equal(red, pixels[:, :, 2]))


def chromatics(pixels: FloatImage) -> Chromatics:
    """Tint and spread of a scan (H x W x 3 float32 sRGB in [0, 1]).

    Measured at 256 pixels, slightly smoothed, without the outer 5 % on each side, where mounts, captions and colour
    targets are.
    """
    sharp = rgb_to_lab(at_long_side(pixels, _SIDE))
    lab = np.asarray(cv2.GaussianBlur(sharp, (0, 0), _SMOOTHING), np.float64)
    height, width = lab.shape[:2]
    top, left = int(height * _BORDER), int(width * _BORDER)
    window = (slice(top, height - top), slice(left, width - left))
    whole = _measured(lab[window].reshape(-1, 3))
    unmarked = _measured(lab[window][~_narrow_marks(sharp[:, :, 0])[window]])
    # Damage can only widen the spread, and leaving pixels out can only make it less certain: the smaller one counts.
    return min(whole, unmarked, key=lambda found: found.spread)


def _measured(lab: NDArray[np.float64]) -> Chromatics:
    """What pixels (N x 3, L*a*b*) tell."""
    chroma = lab[:, 1:]
    curve = _tint_curve(lab[:, 0], chroma)
    mean = curve.mean(axis=0)
    return Chromatics(
        tint_a=float(mean[0]),
        tint_b=float(mean[1]),
        tint_chroma=float(np.hypot(curve[:, 0], curve[:, 1]).mean()),
        spread=_spread(chroma, chroma - curve),
    )


def _narrow_marks(luminance: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels in and next to narrow marks that stand out in L*: scratches and dust have none of the paper's tint.

    Empty where almost everything is narrow (halftone, lettering): nothing would remain to be measured.
    """
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_NARROW, _NARROW))
    bright = cv2.morphologyEx(luminance, cv2.MORPH_TOPHAT, element)
    dark = cv2.morphologyEx(luminance, cv2.MORPH_BLACKHAT, element)
    marks = (np.maximum(bright, dark) > _MARK_CONTRAST).astype(np.uint8)
    near = np.asarray(cv2.dilate(marks, np.ones((5, 5), np.uint8))) > 0
    return near if near.mean() < _MOST_MARKS else np.zeros_like(near)


def _tint_curve(luminance: NDArray[np.float64], chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tint (N x 2) at each pixel's lightness: piecewise linear in L*, fitted robustly (L1, by reweighting)."""
    basis = _hats(luminance)
    weight = np.ones(len(luminance))
    curve = np.zeros_like(chroma)
    for _ in range(_FIT_ROUNDS):
        weighted = basis * weight[:, None]
        normal = weighted.T @ basis + 1e-3 * np.eye(_KNOTS)
        curve = basis @ np.linalg.solve(normal, weighted.T @ chroma)
        weight = 1 / np.maximum(np.hypot(*(chroma - curve).T), 0.5)
    return curve


def _hats(luminance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (N x knots) of the hat functions whose knots divide the scan's own range of lightness evenly."""
    low, high = np.percentile(luminance, [1, 99])
    place = np.clip((luminance - low) / max(high - low, 1.0), 0, 1) * (_KNOTS - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(place[:, None] - np.arange(_KNOTS))), np.float64)


def _spread(chroma: NDArray[np.float64], residual: NDArray[np.float64]) -> float:
    """98th percentile of the residuals, those along the scan's main hue line counting less than those across it."""
    _, axes = np.linalg.eigh(chroma.T @ chroma)
    along, across = residual @ axes[:, 1], residual @ axes[:, 0]
    return float(np.percentile(np.hypot(_ALONG * along, _ACROSS * across), _PERCENTILE))
