"""Fading undone on lightness alone: black and white point by percentiles, then gentle local contrast."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.errors import ReasonCode
from restoration.models.registry import Models
from restoration.photo.colour import gray_from_lightness, keep_luminance, lightness, rgb_to_lab
from restoration.photo.picture import FloatImage, Picture
from restoration.steps.parameters import Grade
from restoration.steps.protocol import BaseStep, Frame, StepOutcome
from restoration.steps.triage import is_neutral

_FULL_RANGE = 90.0
"""A scan whose L* spans this much between the percentiles is not faded."""
_MOST_GAIN = 3.0
"""A blank or very foggy scan is not stretched further than this, since only its noise would grow."""
_TILES = 8
_CLIP_LIMIT = 2.0


class Step(BaseStep[Grade]):
    """Stretches L*; a*, b* of colour scans stay as they are (less where sRGB cannot hold them)."""

    name = "grade"

    def apply(self, frame: Frame, parameters: Grade, models: Models) -> StepOutcome:
        """The graded picture, with black point, white point and gain in the detail."""
        picture = frame.picture
        old = lightness(picture.pixels)
        low, high = (float(p) for p in np.percentile(old, [parameters.low_percentile, parameters.high_percentile]))
        gain = min(100.0 / max(high - low, 1.0), _MOST_GAIN)
        detail = {"black": round(low, 2), "white": round(high, 2), "gain": round(gain, 3)}
        if high - low >= _FULL_RANGE or parameters.strength == 0:
            return StepOutcome(picture, "not_needed", ReasonCode.NOT_NEEDED, detail)
        stretched = _stretched(old, low, high, gain)
        stretched += np.float32(parameters.local_contrast) * (_locally_equalised(stretched) - stretched)
        new = np.clip(old + np.float32(parameters.strength) * (stretched - old), 0, 100)
        return StepOutcome(picture.with_pixels(_with_lightness(picture, new)), "applied", detail=detail)


def _stretched(plane: NDArray[np.float32], low: float, high: float, gain: float) -> NDArray[np.float32]:
    """Linear stretch about the middle of the old range; where the gain is limited, the middle keeps its place."""
    start = max(0.0, (low + high) / 2 - 50.0 / gain) if gain >= _MOST_GAIN else low
    return np.asarray(np.clip((plane - np.float32(start)) * np.float32(gain), 0, 100), np.float32)


def _locally_equalised(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Contrast-limited adaptive histogram equalisation of L*, at 16 bits."""
    levels = np.rint(plane * np.float32(655.35)).astype(np.uint16)
    equalised = cv2.createCLAHE(clipLimit=_CLIP_LIMIT, tileGridSize=(_TILES, _TILES)).apply(levels)
    return np.asarray(equalised, np.float32) / np.float32(655.35)


def _with_lightness(picture: Picture, luminance: NDArray[np.float32]) -> FloatImage:
    if is_neutral(picture.pixels):
        return gray_from_lightness(luminance)
    return keep_luminance(luminance, rgb_to_lab(picture.pixels)[:, :, 1:], bits=picture.info.bits)
