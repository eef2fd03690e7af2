"""One photograph cut out of a scan that shows several: its own samples if it lies straight, turned if not."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo import bands
from restoration.photo.outline.several import Part
from restoration.photo.picture import FloatImage, Picture, Samples

T = TypeVar("T", bound=np.generic)

_REACH = 4
"""Pixels beyond a place that are kept for bicubic interpolation at it, which looks at two."""


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

    Beyond the scan's edge a turned part shows what the edge shows. A large part lies in a nameless file, and one plane
    that is seen three times stays one (:mod:`restoration.photo.bands`).
    """
    box = pixel_box(part, *pixels.shape[:2])
    if bands.is_one_plane(pixels):
        return bands.gray(_cut(pixels[:, :, 0], box))
    return _cut(pixels, box)


def cut_picture(picture: Picture, part: Part) -> Picture:
    """A photograph that was cut out of a scan as a picture of its own, with the facts of its scan.

    ``info.cut`` says where it was: ``box`` as in :class:`restoration.divisions.PartBox`, ``pixels`` (middle, whole
    width and height, in pixels of the upright page), ``page_size`` (width and height of the page), and ``resampled``:
    whether it was turned straight, by bicubic interpolation.
    """
    height, width = picture.height, picture.width
    box = pixel_box(part, height, width)
    told = {
        "box": [part.x, part.y, part.width, part.height, part.angle],
        "pixels": {"x": box.x, "y": box.y, "width": box.width, "height": box.height},
        "page_size": [width, height],
        "resampled": box.resampled,
    }
    info = replace(picture.info, width=box.width, height=box.height, cut=told)
    extra = None if picture.extra is None else _cut(picture.extra, box)
    return Picture(cut(picture.pixels, part), info, cast("Samples | None", extra))


def _cut(pixels: NDArray[T], box: PixelBox) -> NDArray[T]:
    """What a box holds of a picture or plane (H x W or H x W x C), by bands of rows."""
    out = bands.empty((box.height, box.width, *pixels.shape[2:]), pixels.dtype)
    if not box.resampled:
        left, top = box.columns_and_rows()
        for rows in bands.bands(out):
            out[rows] = pixels[top + rows.start : top + rows.stop, left : left + box.width]
        return out
    for rows in bands.bands(out):
        out[rows] = _turned(pixels, box, rows)
    return out


def _turned(pixels: NDArray[T], box: PixelBox, rows: slice) -> NDArray[T]:
    """Some rows of a turned box, out of that piece of the scan that they need."""
    turn = np.deg2rad(box.angle)
    right, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    start = np.array([box.x - 0.5, box.y - 0.5]) - right * (box.width - 1) / 2 - down * (box.height - 1) / 2
    start = start + down * rows.start
    count = rows.stop - rows.start
    corners = np.array([start + right * a + down * b for a in (0, box.width - 1) for b in (0, count - 1)])
    left, top, stop_x, stop_y = _needed(corners, pixels.shape[1], pixels.shape[0])
    piece = np.ascontiguousarray(pixels[top:stop_y, left:stop_x])
    affine = np.stack([right, down, start - (left, top)], axis=1)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(piece, affine, (box.width, count), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if warped.dtype == np.float32:
        warped = np.clip(warped, 0, 1)
    return np.asarray(warped, pixels.dtype)


def _needed(corners: NDArray[np.float64], width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the piece of a scan that bicubic interpolation between these places looks at;
    where they lie beyond the scan it is the scan's edge.
    """
    low = np.floor(corners.min(axis=0)).astype(int) - _REACH
    high = np.ceil(corners.max(axis=0)).astype(int) + _REACH + 1
    left, top = min(max(0, int(low[0])), width - 1), min(max(0, int(low[1])), height - 1)
    return left, top, max(left + 1, min(width, int(high[0]))), max(top + 1, min(height, int(high[1])))
