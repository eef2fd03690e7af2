"""Quality of the scan, of the result, and of the two together, as numbers for the catalog.

Where a printing screen was taken out, the two together are the print without its dots and the result: dots that are
gone are no loss, and what came after shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from restoration.models.registry import Models
from restoration.photo import bands
from restoration.photo.picture import FloatImage
from restoration.quality import metrics
from restoration.steps.parameters import Measure
from restoration.steps.protocol import BaseStep, Frame, Measurement, Stage, StepOutcome

_SINGLE: dict[str, Callable[[FloatImage], float]] = {
    "colourfulness": metrics.colourfulness_hs,
    "colourfulness_abs": metrics.colourfulness_abs,
    "chroma": metrics.mean_chroma,
    "sharpness": metrics.sharpness,
    "contrast_rms": metrics.contrast_rms,
    "contrast_michelson": metrics.contrast_michelson,
    "noise": metrics.noise_immerkaer,
    "luminance": metrics.mean_luminance,
}
_PAIR: dict[str, Callable[[FloatImage, FloatImage], float]] = {
    "psnr": metrics.psnr,
    "ssim_y": metrics.ssim_y,
    "delta_e00": metrics.delta_e00,
}


class Step(BaseStep[Measure]):
    """Measures at a set long side, so that scans of different sizes can be compared. Changes nothing."""

    name = "measure"

    def apply(self, frame: Frame, parameters: Measure, models: Models) -> StepOutcome:
        """Every metric of :data:`restoration.quality.metrics.METRICS` at its stage."""
        source = at_long_side(frame.source.pixels, parameters.long_side)
        height, width = source.shape[:2]
        restored, base = (
            source if one is None or one is frame.source else _resized(one.pixels, width, height)
            for one in (frame.picture, frame.base)
        )
        measured = (*_of_one("source", source), *_of_one("restored", restored), *_of_pair(base, restored))
        size = {"width": int(source.shape[1]), "height": int(source.shape[0])}
        return StepOutcome(frame.picture, "applied", detail=size, measurements=measured)


def at_long_side(pixels: FloatImage, long_side: int) -> FloatImage:
    """The picture reduced by area averaging to at most ``long_side`` pixels; never enlarged."""
    height, width = pixels.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    return _resized(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


def _resized(pixels: FloatImage, width: int, height: int) -> FloatImage:
    if pixels.shape[:2] == (height, width):
        return pixels
    smaller = pixels.shape[0] >= height and pixels.shape[1] >= width
    if bands.is_large(pixels) and smaller:
        return np.clip(bands.resized(pixels, width, height), 0, 1)
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.clip(np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.float32), 0, 1)


def _of_one(stage: Stage, pixels: FloatImage) -> Iterator[Measurement]:
    for name, function in _SINGLE.items():
        yield Measurement(name, stage, function(pixels))


def _of_pair(base: FloatImage, restored: FloatImage) -> Iterator[Measurement]:
    for name, function in _PAIR.items():
        yield Measurement(name, "pair", function(base, restored))
