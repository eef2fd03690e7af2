"""Scratches, cracks, creases and specks are found and filled from their surroundings; strong grain is reduced.

Only marked pixels are filled, at the scan's full depth. A clean scan comes back as it came.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.errors import ReasonCode
from restoration.models.registry import Models
from restoration.photo.colour import luminance_y
from restoration.photo.damage import Mask, find_damage
from restoration.photo.picture import FloatImage
from restoration.quality.metrics import flat_noise
from restoration.steps.parameters import Repair
from restoration.steps.protocol import BaseStep, Frame, StepOutcome
from restoration.steps.triage import is_neutral

_METHODS = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}
_INPAINT_RADIUS = 3.0
_LEVELS = np.float32(65535)
_NOISE_FLOOR = 4.0
"""Noise of flat areas (0..255) below which grain is left alone: film scans and JPEG lie below, coarse grain above."""
_GRAIN_RADIUS = 2


class Step(BaseStep[Repair]):
    """Notes ``damage_share`` under ``repair``; too much damage is left to a person (heavy_damage)."""

    name = "repair"

    def apply(self, frame: Frame, parameters: Repair, models: Models) -> StepOutcome:
        """The repaired picture, with the share of each kind of damage and the noise in the detail."""
        pixels = frame.picture.pixels
        damage = find_damage(luminance_y(pixels), parameters.sensitivity)
        shares = damage.shares()
        noise = flat_noise(pixels)
        detail: dict[str, Any] = {**shares, "noise": round(noise, 2), "grain_reduced": False}
        frame.notes["repair"] = {"damage_share": shares["damage"]}
        if shares["damage"] > parameters.max_share:
            return StepOutcome(frame.picture, "left_alone", ReasonCode.HEAVY_DAMAGE, detail)
        mask = mask_at_size(damage.whole, pixels.shape[0], pixels.shape[1])
        detail["filled"] = round(float(mask.mean()), 6)
        repaired = inpaint(pixels, mask, parameters.method)
        if parameters.denoise > 0 and noise > _NOISE_FLOOR:
            repaired = reduce_grain(repaired, noise, parameters.denoise)
            detail["grain_reduced"] = True
        if repaired is pixels:
            return StepOutcome(frame.picture, "not_needed", ReasonCode.NOT_NEEDED, detail)
        return StepOutcome(frame.picture.with_pixels(repaired), "applied", detail=detail)


def mask_at_size(mask: Mask, height: int, width: int) -> Mask:
    """A mask of the working size at the scan's own, widened to cover the soft edges of the marks."""
    scale = height / mask.shape[0]
    size = 2 * max(1, round(1.5 * scale)) + 1
    full = mask.astype(np.uint8)
    if mask.shape != (height, width):
        full = np.asarray(cv2.resize(full, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.dilate(full, element), np.uint8) > 0


def inpaint(pixels: FloatImage, mask: Mask, method: str) -> FloatImage:
    """Fill masked pixels from their surroundings; all others keep their exact values.

    Works in float32, channel by channel (once for a neutral picture). The same array comes back for an empty mask.
    """
    if not mask.any():
        return pixels
    stamp = mask.astype(np.uint8)
    radius = _INPAINT_RADIUS * max(1.0, max(mask.shape) / 1024)
    filled = pixels.copy()
    for channel in range(1 if is_neutral(pixels) else 3):
        # OpenCV adds terms of the size of one level, so the float samples must have levels: those of 16 bits.
        plane = np.ascontiguousarray(pixels[:, :, channel]) * _LEVELS
        new = np.asarray(cv2.inpaint(plane, stamp, radius, _METHODS[method]), np.float32) / _LEVELS
        filled[mask, channel] = np.clip(new[mask], 0, 1)
    if is_neutral(pixels):
        filled[mask] = filled[mask][:, :1]
    return filled


def reduce_grain(pixels: FloatImage, noise: float, strength: float) -> FloatImage:
    """Smooth luma where it varies by no more than the noise does (self-guided filter, He et al. 2013); colour is kept.

    :param noise: standard deviation of the grain, 0..255.
    :param strength: share of the smoothed picture in the result, 0..1.
    """
    luma = luminance_y(pixels)
    smooth = _guided(luma, float((2 * noise / 255) ** 2))
    change = (smooth - luma) * np.float32(strength)
    return np.clip(pixels + change[:, :, None], 0, 1)


def _guided(plane: NDArray[np.float32], epsilon: float) -> NDArray[np.float32]:
    size = (2 * _GRAIN_RADIUS + 1, 2 * _GRAIN_RADIUS + 1)
    mean = cv2.boxFilter(plane, cv2.CV_32F, size)
    variance = np.maximum(cv2.boxFilter(plane * plane, cv2.CV_32F, size) - mean * mean, 0)
    slope = variance / (variance + np.float32(epsilon))
    offset = mean - slope * mean
    return np.asarray(
        cv2.boxFilter(slope, cv2.CV_32F, size) * plane + cv2.boxFilter(offset, cv2.CV_32F, size), np.float32
    )
