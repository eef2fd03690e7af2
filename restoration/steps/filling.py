"""Filling what is damaged: thin marks from both sides, wide ones by diffusion or an inpainting net, grain over all.

Only masked pixels change. Which way is better was measured with true masks on held-out photographs (docs/repair.md): up
to ``THIN`` pixels across OpenCV's Navier-Stokes leaves least error, beyond that diffusion does.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo import bands
from restoration.photo.boxes import Box, grown, inside, numbered, places
from restoration.photo.cover import Cover
from restoration.photo.diffusion import pushed_and_pulled
from restoration.photo.grain import GRAIN_REACH, with_grain
from restoration.photo.picture import FloatImage
from restoration.steps.inpainters import CONTEXT, Context, Inpainter
from restoration.steps.triage import is_neutral

Mask = NDArray[np.bool_]

THIN = 6.0
"""Places that are nowhere wider than this many pixels are filled by OpenCV's inpainting."""
_TOUCHED = 0.02
"""A pixel of the reduced picture belongs to the hole where more than this share of it does."""
_GRAIN_CELL = 512
_RADIUS = 3.0
_LARGE_PIECE = 512
"""Places of large pictures that are longer than this but narrow are filled in pieces, whatever fills them."""
_PIECE_CONTEXT = Context(0.25, 128)
_MOST_DIFFUSED = 36_000_000
_MOSTLY_HOLE = 0.75
_LEVELS = np.float32(65535)


@dataclass(frozen=True)
class Filled:
    """The filled picture, and which of its pixels a net made (of the mask's size)."""

    pixels: FloatImage
    by_net: Mask


def fill(
    pixels: FloatImage, mask: Mask, *, method: int, inpainter: Inpainter | None = None, grained: bool = True
) -> Filled:
    """Fill masked pixels; all others keep their exact values, and the same array comes back for an empty mask.

    :param pixels: H x W x 3 sRGB in [0, 1].
    :param mask: H x W; of a large picture perhaps half of that (:class:`restoration.photo.cover.Cover`).
    :param method: ``cv2.INPAINT_TELEA`` or ``cv2.INPAINT_NS``, for what is thin.
    :param inpainter: the net for wide places (:mod:`restoration.steps.inpainters`); None to do without.
    :param grained: give what was filled the grain of its surroundings.
    :raises OutOfMemory: not even one place fits the device.
    """
    nothing = np.zeros(mask.shape, bool)
    if not mask.any():
        return Filled(pixels, nothing)
    cover = Cover(mask, *pixels.shape[:2])
    wide = wide_places(mask, cover.scale)
    canvas = _Canvas(pixels)
    _fill_thin(canvas, cover, mask & ~wide, method)
    _fill_places(canvas, cover, wide, inpainter)
    if grained:
        _grain(canvas, cover)
    return Filled(canvas.picture, nothing if inpainter is None else wide)


class _Canvas:
    """A copy of a picture that is filled part by part; of a large gray one, of its plane."""

    def __init__(self, pixels: FloatImage) -> None:
        self.one_plane = bands.is_one_plane(pixels)
        self._pixels = bands.copied(pixels[:, :, :1] if self.one_plane else pixels)
        self.shape = (pixels.shape[0], pixels.shape[1])
        self.large = bands.is_large(pixels)

    @property
    def picture(self) -> FloatImage:
        """The whole picture."""
        return bands.gray(self._pixels[:, :, 0]) if self.one_plane else self._pixels

    def part(self, box: Box) -> FloatImage:
        """A part in three channels, not to be written to."""
        part = self._pixels[box]
        return np.repeat(part, 3, axis=2) if self.one_plane else part

    def planes(self, box: Box) -> NDArray[np.float32]:
        """A part in as many channels as are held, not to be written to."""
        return self._pixels[box]

    def put(self, box: Box, where: Mask, values: FloatImage) -> None:
        """Take new values for a part, there alone where a mask of it says so."""
        self._pixels[box][where] = values[where][:, : self._pixels.shape[2]]


def wide_places(mask: Mask, scale: float = 1.0) -> Mask:
    """The connected places of a mask that are somewhere wider than ``THIN``.

    :param scale: pixels of the picture for one of the mask.
    """
    stamp = np.pad(mask, 1).view(np.uint8)
    depth = cv2.distanceTransform(stamp, cv2.DIST_L2, 5, dst=bands.empty(stamp.shape))
    labels, stats = numbered(mask)
    is_wide = np.zeros(len(stats), bool)
    is_wide[labels[np.asarray(depth)[1:-1, 1:-1] > THIN / 2 / scale]] = True
    return np.asarray(is_wide[labels], np.bool_)


def _cells(cover: Cover, side: int) -> list[Box]:
    """Boxes of the picture, of a grid of that side, that hold some of the mask."""
    cell = side if cover.whole else max(1, round(side / cover.scale))
    return [cover.box_of(box) for box in places(cover.mask, cell=cell)]


def _grain(canvas: _Canvas, cover: Cover) -> None:
    """Give filled pixels the grain of what is near them; worked on in pieces that hold some of them."""
    for box in _cells(cover, _GRAIN_CELL):
        around = grown(box, GRAIN_REACH, canvas.shape)
        part, hole = canvas.part(around), cover.at(around)
        inner = hole & inside(box, around, hole.shape)
        canvas.put(around, inner, with_grain(part, hole))


def _fill_thin(canvas: _Canvas, cover: Cover, thin: Mask, method: int) -> None:
    """Fill ``thin``, from pixels outside the mask; worked on in pieces that hold some of it."""
    thin_cover = cover.of(thin)
    for box in _cells(thin_cover, 256):
        around = grown(box, 16, canvas.shape)
        part, hole = canvas.part(around), cover.at(around)
        new = _inpainted(part, hole, method)
        canvas.put(around, thin_cover.at(around) & inside(box, around, hole.shape), new)


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


def _fill_places(canvas: _Canvas, cover: Cover, wide: Mask, inpainter: Inpainter | None) -> None:
    """Fill all wide places, one after the other.

    For a net that takes long ones in pieces, what it has painted counts as known, so that it goes on with that. So do
    the pieces of one place in a large picture, where long places are taken in pieces with and without a net.
    """
    piece = inpainter.piece if inpainter is not None else 0
    if canvas.large:
        piece = piece or _LARGE_PIECE
    piece = piece if cover.whole else round(piece / cover.scale)
    left = cover.of(cover.mask.copy()) if piece else cover
    goes_on = inpainter is not None and bool(inpainter.piece)
    for place in places(wide):
        pieces = _pieces(wide, place, piece)
        for box in pieces:
            _fill_wide(canvas, left, cover.of(wide), cover.box_of(box), inpainter, is_piece=len(pieces) > 1)
            if goes_on or len(pieces) > 1:
                left.mask[box] &= ~wide[box]


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


def _fill_wide(
    canvas: _Canvas, cover: Cover, wide: Cover, box: Box, inpainter: Inpainter | None, *, is_piece: bool
) -> None:
    """Fill the part of ``wide`` in a box: by diffusion, and what the net changes about that."""
    long_side = max(box[0].stop - box[0].start, box[1].stop - box[1].start)
    context = CONTEXT if inpainter is None else inpainter.context
    if is_piece and inpainter is None:
        context = _PIECE_CONTEXT
    around = grown(box, context.margin(long_side), canvas.shape)
    if (around[0].stop - around[0].start) * (around[1].stop - around[1].start) > _MOST_DIFFUSED:
        _fill_huge(canvas, cover, wide, box, around, inpainter)
        return
    hole = cover.at(around)
    if canvas.one_plane and inpainter is None:
        new = pushed_and_pulled(canvas.planes(around), hole)
        canvas.put(around, wide.at(around) & inside(box, around, hole.shape), new)
        return
    part = canvas.part(around)
    neutral = is_neutral(part)
    if neutral and inpainter is None:
        new = np.repeat(pushed_and_pulled(part[:, :, :1], hole), 3, axis=2)
        canvas.put(around, wide.at(around) & inside(box, around, hole.shape), new)
        return
    new = pushed_and_pulled(part, hole)
    if inpainter is not None:
        new = np.clip(new + _change(inpainter, new, hole), 0, 1)
    if neutral:
        new = np.repeat(new.mean(axis=2, keepdims=True), 3, axis=2)
    canvas.put(around, wide.at(around) & inside(box, around, hole.shape), new)


def _fill_huge(canvas: _Canvas, cover: Cover, wide: Cover, box: Box, around: Box, inpainter: Inpainter | None) -> None:
    """As :func:`_fill_wide`, at a fraction of the size: what flows far into a hole is smooth, and enlarged by bands."""
    height, width = (part.stop - part.start for part in around)
    scale = (_MOST_DIFFUSED / 9 / (height * width)) ** 0.5
    size = max(1, round(width * scale)), max(1, round(height * scale))
    hole = cover.at(around)
    known = bands.empty((height, width, 3))
    for rows in bands.bands(known):
        known[rows] = np.where(hole[rows, :, None], np.float32(0), canvas.part(_rows_of(around, rows)))
    share = bands.shares(hole, *size)
    # where a pixel of the small picture lies partly in the hole, what is known of it counts
    small = bands.resized(known, *size) / np.maximum(1 - share, np.float32(1e-3))[:, :, None]
    del known
    small_hole = np.asarray(share > _MOSTLY_HOLE, np.bool_)
    filled = pushed_and_pulled(np.asarray(small, np.float32), small_hole)
    if inpainter is not None:
        filled = np.clip(filled + _change(inpainter, filled, small_hole), 0, 1)
    filled = np.repeat(filled[:, :, :1], 3, axis=2) if canvas.one_plane else filled
    for rows in bands.bands(hole):
        strip = _rows_of(around, rows)
        where = wide.at(strip) & inside(box, strip, (rows.stop - rows.start, width))
        canvas.put(strip, where, bands.rows_enlarged(filled, rows, height, width))


def _rows_of(box: Box, rows: slice) -> Box:
    """Some rows, counted from a box's own first, of the box."""
    return slice(box[0].start + rows.start, box[0].start + rows.stop), box[1]


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
