"""Faces of many more pixels than their restorer knows: looked at in a copy of a fraction of their size.

A restorer's face has 512 pixels a side. On a scan of 4,000 dpi one may have 10,000, and judging it there would take
gigabytes and tell nothing more. So such a face is restored and judged in a copy, and what the restorer changed is then
enlarged onto the photograph itself, band by band: its own finer detail and grain stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from restoration.photo import bands
from restoration.photo.picture import FloatImage
from restoration.steps import alignment
from restoration.steps.pasting import with_chroma_of

LEAST_SCALE = 0.25
"""Pixels of the restorer's face for one of the photograph; faces of a large photograph below this are looked at in a
copy of twice as many to four times as many."""


@dataclass(frozen=True)
class Near:
    """A face with its surroundings, reduced: pixels (h x w x 3), and its alignment and landmarks in them."""

    pixels: FloatImage
    matrix: alignment.Matrix
    landmarks: alignment.Points


def near(pixels: FloatImage, matrix: alignment.Matrix, landmarks: alignment.Points) -> Near:
    """A face in the copy of the photograph it is judged in: of most faces that is the photograph itself."""
    scale = alignment.scale_of(matrix)
    if not bands.is_large(pixels) or scale >= LEAST_SCALE:
        return Near(pixels, matrix, landmarks)
    factor = 2 ** int(np.floor(np.log2(2 * LEAST_SCALE / scale)))
    region = alignment.face_region(matrix, pixels.shape[0], pixels.shape[1], margin=16 * factor)
    corner = np.array([region.left, region.top], np.float64)
    # pixels are counted from their centres: the first of the copy is the middle of a square of the photograph's
    back = np.array([[factor, 0, corner[0] + (factor - 1) / 2], [0, factor, corner[1] + (factor - 1) / 2], [0, 0, 1]])
    marks = (landmarks - corner + 0.5) / factor - 0.5
    return Near(_shrunk(pixels, region, factor), np.asarray(matrix @ back, np.float64), marks.astype(np.float32))


def _shrunk(pixels: FloatImage, region: alignment.Region, factor: int) -> FloatImage:
    """Means of squares of ``factor`` pixels a side; what is left over at the right and below is left out."""
    height, width = max(1, region.height // factor), max(1, region.width // factor)
    columns = slice(region.left, region.left + width * factor)
    small = np.empty((height, width, 3), np.float32)
    step = max(1, bands.BAND_PIXELS // (width * factor) // factor)
    for start in range(0, height, step):
        stop = min(height, start + step)
        part = pixels[region.top + start * factor : region.top + stop * factor, columns]
        small[start:stop] = cv2.resize(
            np.ascontiguousarray(part), (width, stop - start), interpolation=cv2.INTER_AREA
        ).reshape(stop - start, width, 3)
    return small


def paste(
    canvas: FloatImage,
    matrix: alignment.Matrix,
    landmarks: alignment.Points,
    change: FloatImage,
    share: float,
    bits: Literal[8, 16],
    *,
    chroma_from_restorer: bool,
) -> None:
    """Put what the restorer changed about a large face onto its photograph, in place and band by band.

    :param change: aligned, 512 x 512 x 3.
    :param share: of the restored face in the result, 0..1.
    """
    region = alignment.face_region(matrix, canvas.shape[0], canvas.shape[1])
    step = max(1, bands.BAND_PIXELS // region.width)
    for top in range(region.top, region.top + region.height, step):
        height = min(step, region.top + region.height - top)
        strip = alignment.Region(region.left, top, region.width, height)
        mask = alignment.ellipse_mask(matrix, landmarks, strip)
        if not mask.any():
            continue
        place = alignment.extent(mask, strip)
        inner = slice(place.top - top, place.top - top + place.height)
        mask = mask[inner, place.left - strip.left : place.left - strip.left + place.width]
        base = np.ascontiguousarray(canvas[place.slices])
        face = np.clip(base + alignment.uncrop(change, matrix, place), 0, 1).astype(np.float32)
        if not chroma_from_restorer:
            face = with_chroma_of(base, face, bits)
        canvas[place.slices] = alignment.blended(base, face, mask * np.float32(share))
