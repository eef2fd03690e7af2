"""Filling what is damaged: thin marks from both sides, wide ones by diffusion or an inpainting net, grain over all.

Only masked pixels change. Which way is better was measured with true masks on held-out photographs (docs/repair.md): up
to ``THIN`` pixels across OpenCV's Navier-Stokes leaves least error, beyond that diffusion does.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.boxes import Box, grown, inside, places
from restoration.photo.diffusion import pushed_and_pulled
from restoration.photo.grain import GRAIN_REACH, with_grain
from restoration.photo.picture import FloatImage
from restoration.steps.inpainters import CONTEXT, Inpainter
from restoration.steps.triage import is_neutral

Mask = NDArray[np.bool_]

THIN = 6.0
"""Places that are nowhere wider than this many pixels are filled by OpenCV's inpainting."""
_TOUCHED = 0.02
"""A pixel of the reduced picture belongs to the hole where more than this share of it does."""
_GRAIN_CELL = 512
_RADIUS = 3.0
_LEVELS = np.float32(65535)


@dataclass(frozen=True)
class Filled:
    """The filled picture, and which of its pixels a net made (H x W)."""

    pixels: FloatImage
    by_net: Mask


def fill(
    pixels: FloatImage, mask: Mask, *, method: int, inpainter: Inpainter | None = None, grained: bool = True
) -> Filled:
    """Fill masked pixels; all others keep their exact values, and the same array comes back for an empty mask.

    :param pixels: H x W x 3 sRGB in [0, 1].
    :param method: ``cv2.INPAINT_TELEA`` or ``cv2.INPAINT_NS``, for what is thin.
    :param inpainter: the net for wide places (:mod:`restoration.steps.inpainters`); None to do without.
    :param grained: give what was filled the grain of its surroundings.
    :raises OutOfMemory: not even one place fits the device.
    """
    nothing = np.zeros(mask.shape, bool)
    if not mask.any():
        return Filled(pixels, nothing)
    wide = wide_places(mask)
    filled = pixels.copy()
    _fill_thin(filled, mask, mask & ~wide, method)
    _fill_places(filled, mask, wide, inpainter)
    if grained:
        _grain(filled, mask)
    return Filled(filled, nothing if inpainter is None else wide)


def wide_places(mask: Mask) -> Mask:
    """The connected places of a mask that are somewhere wider than ``THIN``."""
    stamp = mask.astype(np.uint8)
    depth = np.asarray(cv2.distanceTransform(np.pad(stamp, 1), cv2.DIST_L2, 5), np.float32)[1:-1, 1:-1]
    count, labels = cv2.connectedComponents(stamp, connectivity=8)
    labels = np.asarray(labels)
    is_wide = np.zeros(count, bool)
    is_wide[labels[depth > THIN / 2]] = True
    return np.asarray(is_wide[labels], np.bool_)


def _grain(filled: FloatImage, mask: Mask) -> None:
    """Give filled pixels the grain of what is near them, in place; worked on in pieces that hold some of them."""
    for box in places(mask, cell=_GRAIN_CELL):
        around = grown(box, GRAIN_REACH, mask.shape)
        part, hole = filled[around], mask[around]
        inner = hole & inside(box, around, hole.shape)
        part[inner] = with_grain(part, hole)[inner]


def _fill_thin(filled: FloatImage, mask: Mask, thin: Mask, method: int) -> None:
    """Fill ``thin`` in place, from pixels outside ``mask``; worked on in pieces that hold some of it."""
    for box in places(thin, cell=256):
        around = grown(box, 16, mask.shape)
        part, hole = filled[around], mask[around]
        new = _inpainted(part, hole, method)
        inner = thin[around] & inside(box, around, hole.shape)
        part[inner] = new[inner]


def _inpainted(part: FloatImage, hole: Mask, method: int) -> FloatImage:
    """OpenCV's inpainting, channel by channel (once for a neutral picture).

    It adds terms of the size of one level, so the float samples must have levels: those of 16 bits.
    """
    stamp = hole.astype(np.uint8)
    new = np.empty_like(part)
    channels = 1 if is_neutral(part) else 3
    for channel in range(channels):
        plane = np.ascontiguousarray(part[:, :, channel]) * _LEVELS
        new[:, :, channel] = np.asarray(cv2.inpaint(plane, stamp, _RADIUS, method), np.float32) / _LEVELS
    if channels == 1:
        new[:, :, 1:] = new[:, :, :1]
    return np.clip(new, 0, 1)


def _fill_places(filled: FloatImage, mask: Mask, wide: Mask, inpainter: Inpainter | None) -> None:
    """Fill all wide places in place, one after the other.

    For a net that takes long ones in pieces, what it has painted counts as known, so that it goes on with that.
    """
    left = mask.copy() if inpainter is not None and inpainter.piece else mask
    for place in places(wide):
        for box in _pieces(wide, place, inpainter.piece if inpainter is not None else 0):
            _fill_wide(filled, left, wide, box, inpainter)
            if left is not mask:
                left[box] &= ~wide[box]


def _pieces(wide: Mask, place: Box, piece: int) -> list[Box]:
    """The parts of a place that is long but narrow, such as a torn edge; else the whole of it, to be seen at once."""
    rows, columns = place
    if not piece or max(rows.stop - rows.start, columns.stop - columns.start) <= piece:
        return [place]
    stamp = np.pad(wide[place].astype(np.uint8), 1)
    if 2 * float(np.asarray(cv2.distanceTransform(stamp, cv2.DIST_L2, 5)).max()) > piece / 2:
        return [place]
    return [
        (
            slice(rows.start + part[0].start, rows.start + part[0].stop),
            slice(columns.start + part[1].start, columns.start + part[1].stop),
        )
        for part in places(wide[place], cell=piece)
    ]


def _fill_wide(filled: FloatImage, mask: Mask, wide: Mask, box: Box, inpainter: Inpainter | None) -> None:
    """Fill the part of ``wide`` in a box, in place: by diffusion, and what the net changes about that."""
    long_side = max(box[0].stop - box[0].start, box[1].stop - box[1].start)
    context = CONTEXT if inpainter is None else inpainter.context
    around = grown(box, context.margin(long_side), mask.shape)
    part, hole = filled[around], mask[around]
    new = pushed_and_pulled(part, hole)
    if inpainter is not None:
        new = np.clip(new + _change(inpainter, new, hole), 0, 1)
    if is_neutral(part):
        new = np.repeat(new.mean(axis=2, keepdims=True), 3, axis=2)
    inner = wide[around] & inside(box, around, hole.shape)
    part[inner] = new[inner]


def _change(inpainter: Inpainter, base: FloatImage, hole: Mask) -> FloatImage:
    """What the net, which looks at ``inpainter.side`` pixels, would change about a picture filled by diffusion."""
    height, width = hole.shape
    scale = min(1.0, inpainter.side / max(height, width))
    if scale == 1:
        return inpainter.paint(base, hole) - base
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(base, size, interpolation=cv2.INTER_AREA), np.float32)
    cover = np.asarray(cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)
    change = inpainter.paint(small, np.asarray(cover > _TOUCHED, np.bool_)) - small
    return np.asarray(cv2.resize(change, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
