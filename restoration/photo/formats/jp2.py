"""JPEG 2000 files and codestreams: sizes, depths, colours, channels, resolution, and whether the pixels are all there.

Boxes: ISO/IEC 15444-1, annex I, and 15444-2, annex M (JPX). Codestream: 15444-1, annex A. Decoders read the samples;
what they mean is read here, since decoders differ in what they make of palettes, channels and colours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.formats.blocks import Blocks
from restoration.photo.formats.isobox import boxes, number
from restoration.photo.formats.layout import Resolution, unsupported

_SIGNATURE = b"\0\0\0\x0cjP  "
_START, _SIZES, _TILE_PART, _END = 0xFF4F, 0xFF51, 0xFF90, 0xFFD9
_MOST_COMPONENTS = 64
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_EXIF = b"JpgTiffExif->JP2"
"""Identifiers of uuid boxes: Adobe's XMP Specification, part 3; ExifTool's list for the other two."""
_MOST_EXIF = 4 << 20
_SAVE = "save the scan as TIFF or PNG"
SRGB, GRAY, SYCC, CMYK = 16, 17, 18, 12
"""Enumerated colour spaces (15444-1, table I.10; 15444-2, table M.25)."""


@dataclass(frozen=True)
class Palette:
    """Columns of a palette, as many as it makes channels, and their depth."""

    columns: tuple[tuple[int, ...], ...]
    bits: int


@dataclass
class Jp2:
    """What a JPEG 2000 file says. ``colour`` is an enumerated colour space, or 0; ``profile`` stands in its place.

    ``channels``: number, type (0 colour, 1 opacity, 2 premultiplied opacity) and association (0 the whole picture,
    1.. the colour) of each channel that is described. ``mapping``: component, and palette column or -1, of each.
    """

    width: int = 0
    height: int = 0
    depths: tuple[int, ...] = ()
    signed: bool = False
    subsampled: bool = False
    codestream: tuple[int, int] = (0, 0)
    colour: int = 0
    profile: bytes = b""
    other_colour: str = ""
    palette: Palette | None = None
    mapping: tuple[tuple[int, int], ...] = ()
    channels: tuple[tuple[int, int, int], ...] = ()
    resolution: Resolution = field(default_factory=Resolution)
    pictures: int = 0
    blocks: Blocks = field(default_factory=Blocks)


def read_jp2(data: memoryview) -> Jp2:
    """Structure of a file or of a bare codestream.

    :raises PhotoRejected: truncated, corrupt or unsupported_format.
    :raises ValueError: the structure is damaged.
    """
    found = Jp2()
    if bytes(data[:8]) == _SIGNATURE:
        for kind, start, end in boxes(data):
            if kind == b"jp2h":
                _read_header(data, start, end, found)
            elif kind == b"jp2c":
                found.pictures += 1
                found.codestream = found.codestream if found.codestream[1] else (start, end)
            elif kind == b"jplh":
                _read_header(data, start, end, found)
            elif kind in {b"uuid", b"xml "}:
                _read_words(data, kind, start, end, found.blocks)
    else:
        found.codestream = (0, len(data))
    if not found.codestream[1]:
        raise PhotoRejected("the file ends before its picture begins", reason=ReasonCode.TRUNCATED)
    _read_sizes(data, found)
    return found


# -- boxes ------------------------------------------------------------------------------------------------------------
def _read_header(data: memoryview, start: int, end: int, found: Jp2) -> None:
    for kind, begin, stop in boxes(data, start, end):
        if kind == b"colr" and not (found.colour or found.profile):
            _read_colour(data, begin, stop, found)
        elif kind == b"cgrp":
            _read_header(data, begin, stop, found)
        elif kind == b"pclr":
            found.palette = _palette(data, begin)
        elif kind == b"cmap":
            rows = [(number(data, k, 2), data[k + 2], data[k + 3]) for k in range(begin, stop - 3, 4)]
            found.mapping = tuple((component, column if used else -1) for component, used, column in rows)
        elif kind == b"cdef":
            count = min(number(data, begin, 2), (stop - begin - 2) // 6)
            places = range(begin + 2, begin + 2 + 6 * count, 6)
            found.channels = tuple((number(data, k, 2), number(data, k + 2, 2), number(data, k + 4, 2)) for k in places)
        elif kind == b"res ":
            found.resolution = _resolution(data, begin, stop)


def _read_colour(data: memoryview, start: int, end: int, found: Jp2) -> None:
    """Colour of a colr box: method 1 by number, 2 and 3 by an ICC profile; others (4: a vendor's) are passed over."""
    method = number(data, start, 1)
    if method == 1:
        colour = number(data, start + 3, 4)
        if colour in {SRGB, GRAY, SYCC, CMYK}:
            found.colour = colour
        else:
            found.other_colour = f"enumerated colour space {colour}"
    elif method in {2, 3}:
        found.profile = bytes(data[start + 3 : end])
    else:
        found.other_colour = f"colour of method {method}"


def _palette(data: memoryview, start: int) -> Palette:
    entries, columns = number(data, start, 2), number(data, start + 2, 1)
    depths = {number(data, start + 3 + k, 1) for k in range(columns)}
    if not 0 < entries <= 1024 or len(depths) != 1 or max(depths) > 15:
        raise unsupported("a JPEG 2000 palette of signed or different columns is", _SAVE)
    bits = depths.pop() + 1
    size, place = (bits + 7) // 8, start + 3 + columns
    values = [number(data, place + k * size, size) for k in range(entries * columns)]
    return Palette(tuple(tuple(values[column::columns]) for column in range(columns)), bits)


def _resolution(data: memoryview, start: int, end: int) -> Resolution:
    """Of the scanning, else of the showing: pixels a metre as fraction and power of ten, first down, then across."""
    found = {kind: begin for kind, begin, _ in boxes(data, start, end) if kind in {b"resc", b"resd"}}
    place = found.get(b"resc", found.get(b"resd"))
    if place is None:
        return Resolution()
    up_down, down_down, up_across, down_across = (number(data, place + k, 2) for k in (0, 2, 4, 6))
    powers = [int.from_bytes(data[place + k : place + k + 1], "big", signed=True) for k in (8, 9)]
    if not (down_down and down_across):
        return Resolution()
    down, across = up_down / down_down * 10.0 ** powers[0], up_across / down_across * 10.0 ** powers[1]
    return Resolution.of(across * 0.0254, down * 0.0254)


def _read_words(data: memoryview, kind: bytes, start: int, end: int, blocks: Blocks) -> None:
    """XMP, IPTC-IIM and Exif in their boxes."""
    if kind == b"xml ":
        if b"http://ns.adobe.com/xap/" in bytes(data[start : start + 4096]) or b"x:xmpmeta" in bytes(data[start:end]):
            blocks.take_xmp(data[start:end], end - start)
        return
    name, body = bytes(data[start : start + 16]), data[start + 16 : end]
    if name == _XMP:
        blocks.take_xmp(body, len(body))
    elif name == _IPTC:
        blocks.iptc = blocks.iptc or bytes(body[:_MOST_EXIF])
    elif name == _EXIF:
        blocks.exif = blocks.exif or bytes(body[:_MOST_EXIF]).removeprefix(b"Exif\0\0")


# -- codestream -------------------------------------------------------------------------------------------------------
def _read_sizes(data: memoryview, found: Jp2) -> None:
    """Sizes and depths (SIZ marker), and whether every tile is there.

    :raises PhotoRejected: truncated.
    :raises ValueError: it is damaged.
    """
    start, end = found.codestream
    if end - start < 42:
        raise PhotoRejected("the file ends inside its header", reason=ReasonCode.TRUNCATED)
    if number(data, start, 2) != _START or number(data, start + 2, 2) != _SIZES:
        raise ValueError("the JPEG 2000 codestream does not begin as one")
    right, bottom, left, top, tile_width, tile_height, tiles_left, tiles_top = (
        number(data, start + 8 + 4 * k, 4) for k in range(8)
    )
    components = number(data, start + 40, 2)
    if not 0 < components <= _MOST_COMPONENTS:
        raise unsupported(f"JPEG 2000 with {components} components is", _SAVE)
    if right <= left or bottom <= top or not tile_width or not tile_height:
        raise ValueError("a JPEG 2000 picture without pixels")
    rows = [tuple(number(data, start + 42 + 3 * k + j, 1) for j in range(3)) for k in range(components)]
    found.width, found.height = right - left, bottom - top
    found.depths = tuple((row[0] & 0x7F) + 1 for row in rows)
    found.signed = any(row[0] & 0x80 for row in rows)
    found.subsampled = any(row[1:] != (1, 1) for row in rows)
    tiles = -(-(right - tiles_left) // tile_width) * -(-(bottom - tiles_top) // tile_height)
    seen = set(_tile_parts(data, found))
    if len(seen) < tiles:
        raise PhotoRejected(f"the file holds {len(seen)} of {tiles} tiles", reason=ReasonCode.TRUNCATED)


def _tile_parts(data: memoryview, found: Jp2) -> Iterator[int]:
    """Number of the tile of each part, all of which must be there to their end.

    Decoders fill a picture whose data end too early with gray, and some say nothing of it.
    """
    start, end = found.codestream
    place = start + 2
    while place + 4 <= end and (marker := number(data, place, 2)) != _TILE_PART:
        if marker < 0xFF30 or marker == _END:
            raise ValueError("wrong bytes in the JPEG 2000 header")
        place += 2 + max(2, number(data, place + 2, 2))
    while place + 12 <= end and number(data, place, 2) == _TILE_PART:
        yield number(data, place + 4, 2)
        length = number(data, place + 6, 4)
        if 0 < length < 14:
            raise ValueError("wrong bytes in a JPEG 2000 tile")
        place = place + length if length else end - 2
    if place + 2 > end:
        raise PhotoRejected("the file ends before its last tile does", reason=ReasonCode.TRUNCATED)
    if number(data, place, 2) != _END:
        reason = ReasonCode.TRUNCATED if place + 2 == end else ReasonCode.CORRUPT
        raise PhotoRejected("the tiles of the scan do not end where they should", reason=reason)
