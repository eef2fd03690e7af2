"""Enlarge by a whole factor: Lanczos, or a super-resolution net where the recipe names one."""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np

from restoration.errors import PhotoFailed, ReasonCode
from restoration.models.registry import Models
from restoration.photo.picture import FloatImage
from restoration.steps.parameters import Upscale
from restoration.steps.protocol import BaseStep, Frame, StepOutcome


class SuperResolution(Protocol):
    """What a loaded super-resolution net must offer."""

    def upscale(self, pixels: FloatImage) -> FloatImage:
        """Enlarge H x W x 3 float32 sRGB in [0, 1] to sH x sW x 3, s being the net's own factor."""


class Step(BaseStep[Upscale]):
    """Enlarges; leaves alone what would grow beyond ``max_side``.

    A net is a :class:`SuperResolution`; where its own factor is larger than the one asked for, the result is reduced
    by area averaging.
    """

    name = "upscale"

    def apply(self, frame: Frame, parameters: Upscale, models: Models) -> StepOutcome:
        """The enlarged picture. :raises PhotoFailed: the net's factor is smaller than the one asked for."""
        picture = frame.picture
        height, width = picture.height * parameters.factor, picture.width * parameters.factor
        if parameters.factor == 1:
            return StepOutcome(picture, "not_needed", ReasonCode.NOT_NEEDED)
        if max(height, width) > parameters.max_side:
            wanted = {"width": width, "height": height, "max_side": parameters.max_side}
            return StepOutcome(picture, "left_alone", ReasonCode.TOO_LARGE, wanted)
        if parameters.model:
            pixels = _by_net(picture.pixels, models.load(parameters.model), width, height, frame.name)
            model = models.entry(parameters.model)
        else:
            pixels, model = _lanczos(picture.pixels, width, height), None
        method = parameters.model or "lanczos"
        detail: dict[str, Any] = {"factor": parameters.factor, "method": method, "width": width, "height": height}
        return StepOutcome(picture.with_pixels(pixels), "applied", detail=detail, model=model)


def _lanczos(pixels: FloatImage, width: int, height: int) -> FloatImage:
    larger = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LANCZOS4)
    return np.clip(np.asarray(larger, np.float32), 0, 1)


def _by_net(pixels: FloatImage, net: SuperResolution, width: int, height: int, name: str) -> FloatImage:
    larger = np.asarray(net.upscale(pixels), np.float32)
    if larger.shape[0] < height or larger.shape[1] < width:
        raise PhotoFailed(
            f"the net gives {larger.shape[1]} x {larger.shape[0]} pixels where {width} x {height} are asked for",
            photo=name,
        )
    if larger.shape[:2] != (height, width):
        larger = np.asarray(cv2.resize(larger, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    return np.clip(larger, 0, 1)
