"""Windows bitmaps without compression, read with libvips' raw operations (libvips itself has no loader for them)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pyvips

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.formats.layout import Resolution, unsupported

_PLAIN, _BITFIELDS, _ALPHA_BITFIELDS = 0, 3, 6
_DEPTHS = frozenset({8, 16, 24, 32})
_SAVE = "convert to PNG"
_SHORT_MASKS = (0x7C00, 0x03E0, 0x001F, 0)
_LONG_MASKS = (0xFF0000, 0xFF00, 0xFF, 0)
_WITH_ALPHA = 56
"""Header sizes from here on hold a mask of alpha."""


@dataclass(frozen=True)
class BmpHeader:
    """Sizes and layout of a bitmap; ``data`` and ``palette`` are offsets into the file.

    ``masks``: which bits of a pixel are red, green, blue and alpha (0: none); empty at 8 and 24 bits a pixel.
    """

    width: int
    height: int
    top_down: bool
    depth: int
    data: int
    palette: int
    colours: int
    resolution: Resolution
    masks: tuple[int, ...] = ()

    @property
    def stride(self) -> int:
        """Bytes of a row, padded to four."""
        return (self.width * self.depth // 8 + 3) // 4 * 4


def read_header(head: bytes) -> BmpHeader:
    """Header of a bitmap from its first 128 bytes.

    :raises PhotoRejected: truncated, corrupt, or unsupported_format (compressed, fewer than 8 bits a pixel, odd masks).
    """
    if len(head) < 54:
        raise PhotoRejected("the bitmap ends inside its header", reason=ReasonCode.TRUNCATED)
    data, size = struct.unpack_from("<II", head, 10)
    if size < 40:
        raise unsupported("OS/2 bitmaps are", _SAVE)
    width, height, _, depth, compression, _, across, down, used = struct.unpack_from("<iiHHIIiiI", head, 18)
    if depth not in _DEPTHS or compression not in {_PLAIN, _BITFIELDS, _ALPHA_BITFIELDS}:
        raise unsupported("compressed bitmaps and those below 8 bits are", _SAVE)
    if width <= 0 or height == 0:
        raise PhotoRejected(f"a bitmap of {width} x {height} pixels makes no sense", reason=ReasonCode.CORRUPT)
    masks = _masks(head, size, depth, compression)
    palette = 14 + size + (12 if size == 40 and compression == _BITFIELDS else 0)
    resolution = Resolution.of(across * 0.0254, down * 0.0254)
    return BmpHeader(width, abs(height), height < 0, depth, data, palette, used or 256, resolution, masks)


def _masks(head: bytes, size: int, depth: int, compression: int) -> tuple[int, ...]:
    """Masks of red, green, blue and alpha. :raises PhotoRejected: unsupported_format, truncated."""
    if depth not in {16, 32}:
        return ()
    if compression == _PLAIN:
        return _SHORT_MASKS if depth == 16 else _LONG_MASKS
    has_alpha = size >= _WITH_ALPHA or compression == _ALPHA_BITFIELDS
    if len(head) < 70:
        raise PhotoRejected("the bitmap ends inside its header", reason=ReasonCode.TRUNCATED)
    masks = struct.unpack_from("<4I", head, 54)
    masks = masks if has_alpha else (*masks[:3], 0)
    if not all(masks[:3]) or any(not _readable(mask) for mask in masks if mask):
        raise unsupported("bitmaps with colours of scattered bits or of more than 8 bits are", _SAVE)
    return masks


def _readable(mask: int) -> bool:
    """Whether a mask is one row of at most 8 bits."""
    run = mask >> _shift(mask)
    return run <= 0xFF and run & (run + 1) == 0


def _shift(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def read_bmp(data: memoryview, header: BmpHeader) -> pyvips.Image:
    """Bitmap as a three-band sRGB image, with a fourth band if a mask says alpha.

    :raises PhotoRejected: truncated, corrupt, or unsupported_format (no palette).
    """
    length = header.stride * header.height
    if header.data + length > len(data):
        raise PhotoRejected("the bitmap holds fewer rows than its header says", reason=ReasonCode.TRUNCATED)
    rows = data[header.data : header.data + length]
    if header.masks:
        image = _masked(rows, header)
    elif header.depth == 8:
        image = _looked_up(_samples(rows, header, 1), data, header)
    else:
        image = _samples(rows, header, 3)
        image = image[2].bandjoin([image[1], image[0]])
    return (image if header.top_down else image.flipver()).copy(interpretation="srgb")


def _samples(rows: memoryview, header: BmpHeader, count: int) -> pyvips.Image:
    image = pyvips.Image.new_from_memory(rows, header.stride, header.height, 1, "uchar")
    image = image.crop(0, 0, header.width * count, header.height)
    return image.bandfold(factor=count) if count > 1 else image


def _masked(rows: memoryview, header: BmpHeader) -> pyvips.Image:
    """Bands cut out of 16 or 32 bits by their masks, each brought to 0..255."""
    size = header.depth // 8
    kind = "ushort" if size == 2 else "uint"
    whole = pyvips.Image.new_from_memory(rows, header.stride // size, header.height, 1, kind)
    whole = whole.crop(0, 0, header.width, header.height)
    bands = []
    for mask in header.masks:
        if mask:
            most = mask >> _shift(mask)
            band = (whole >> _shift(mask)) & most
            bands.append((band * (255 / most)).rint().cast("uchar"))
    return bands[0].bandjoin(bands[1:])


def _looked_up(indices: pyvips.Image, data: memoryview, header: BmpHeader) -> pyvips.Image:
    """Colours of a palette. :raises PhotoRejected: there is none, or it lacks colours that the pixels use."""
    held = min(256, header.colours, max(0, header.data - header.palette) // 4)
    if held == 0:
        raise unsupported("bitmaps of 8 bits without a palette are", _SAVE)
    if int(indices.max()) >= held:
        raise PhotoRejected(f"the bitmap uses more colours than the {held} it holds", reason=ReasonCode.CORRUPT)
    entries = bytes(data[header.palette : header.palette + 4 * held]).ljust(1024, b"\0")
    table = pyvips.Image.new_from_memory(entries, 256, 1, 4, "uchar")
    return indices.maplut(table[2].bandjoin([table[1], table[0]]).copy_memory())
