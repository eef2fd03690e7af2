"""One photograph cut out of a scan that shows several: its own samples if it lies straight, turned if not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from restoration.photo.outline.several import Part
from restoration.photo.picture import FloatImage


@dataclass(frozen=True)
class PixelBox:
    """A part of a scan in its pixels: the middle, whole width and height, and its turn in degrees clockwise.

    Places are counted from the scan's top left corner; the middle of the first pixel is (0.5, 0.5).
    """

    x: float
    y: float
    width: int
    height: int
    angle: float = 0.0

    @property
    def resampled(self) -> bool:
        """Whether cutting it out needs new samples between those of the scan."""
        return self.angle != 0

    def columns_and_rows(self) -> tuple[int, int]:
        """Left column and top row of a straight part."""
        return round(self.x - self.width / 2), round(self.y - self.height / 2)


def pixel_box(part: Part, height: int, width: int) -> PixelBox:
    """Where a part is, in whole pixels of a scan of that size, rather a pixel more than less of it."""
    side = max(height, width)
    x, y, wide, high = part.x * width, part.y * height, part.width * side, part.height * side
    if part.angle:
        return PixelBox(x, y, max(1, math.ceil(wide)), max(1, math.ceil(high)), part.angle)
    left, right = _clipped(x, wide, width)
    top, bottom = _clipped(y, high, height)
    return PixelBox((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)


def _clipped(middle: float, length: float, whole: int) -> tuple[int, int]:
    """First pixel and one after the last, inside the scan, one at least."""
    first = min(max(0, math.floor(middle - length / 2 + 0.01)), whole - 1)
    return first, max(first + 1, min(whole, math.ceil(middle + length / 2 - 0.01)))


def cut(pixels: FloatImage, part: Part) -> FloatImage:
    """The part of a scan (H x W x 3): a copy of its samples if it lies straight; turned straight if it does not.

    Beyond the scan's edge a turned part shows what the edge shows.
    """
    box = pixel_box(part, *pixels.shape[:2])
    if not box.resampled:
        left, top = box.columns_and_rows()
        return pixels[top : top + box.height, left : left + box.width].copy()
    turn = np.deg2rad(box.angle)
    right, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    start = np.array([box.x - 0.5, box.y - 0.5]) - right * (box.width - 1) / 2 - down * (box.height - 1) / 2
    affine = np.stack([right, down, start], axis=1)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(pixels, affine, (box.width, box.height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(np.asarray(warped, np.float32), 0, 1)
