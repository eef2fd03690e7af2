"""Pages of TIFF files that libvips does not read, through tifffile and imagecodecs: strips and tiles, one by one.

The file is handed over as it was changed for libvips: with the scan as its only page.
"""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import Any

import pyvips

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.codecs.jpegs import whole
from restoration.photo.codecs.libjxl import read_header
from restoration.photo.codecs.wheels import SAVE, as_image, reading, spread, wheel
from restoration.photo.formats.jp2 import read_jp2
from restoration.photo.formats.jpeg import frame_of
from restoration.photo.formats.layout import Layout, unsupported
from restoration.photo.formats.tiff_unread import Page

_JPEG = 7
_MOST_TILE = 4096
"""Side of a tile that may be larger than its page."""
_JPEG_XL = frozenset({50002, 52546})
_JPEG_2000 = frozenset({34712, 33004, 33005})
_DARKEST_WHITE = 16
"""If even the brightest sample of 32 bits is darker than a 16th of white, the file counts on another scale."""


def read_page(data: memoryview, page: Page, layout: Layout) -> tuple[pyvips.Image, Layout]:
    """Samples of the page as an image, and what they mean now that they fill 8 or 16 bits, or are floats.

    :raises PhotoRejected: truncated, corrupt, unsupported_format.
    :raises ValueError: they cannot be read.
    """
    wheel("imagecodecs", page.why)
    tifffile = wheel("tifffile", page.why)
    with reading(page.why, page.width * page.height * page.samples), tifffile.TiffFile(io.BytesIO(data)) as file:
        samples = _samples(file.pages[0], page, len(data))
    if page.kind == "float" or not page.white:
        return as_image(samples.view(f"u{samples.itemsize}") if samples.dtype.kind == "i" else samples), layout
    if page.bits == 16 and page.kind == "uint":
        return as_image(samples), layout
    return as_image(_on_full_scale(samples, page)), replace(layout, white=0)


def _samples(found: Any, page: Page, size: int) -> Any:
    """H x W x N, from a page as tifffile has it.

    :param size: bytes of the file.
    :raises ValueError: a strip or tile is not what its page says.
    """
    numpy = wheel("numpy", page.why)
    planes, depth, height, width, count = found.shaped
    if (depth, height, width, planes * count) != (1, page.height, page.width, page.samples) or found.dtype is None:
        raise ValueError(f"a page of the shape {found.shaped}")
    samples = numpy.empty((height, width, planes * count), found.dtype.newbyteorder("="))
    for number in range(math.prod(found.chunked)):
        pixels, (plane, _, top, left, _) = _part(found, number, size)
        pixels = pixels[0, : height - top, : width - left]
        samples[top : top + pixels.shape[0], left : left + pixels.shape[1], plane * count : (plane + 1) * count] = (
            pixels
        )
    return samples


def _part(found: Any, number: int, size: int) -> tuple[Any, tuple[int, ...]]:
    """A strip or tile, whole, and its place.

    :raises PhotoRejected: truncated, corrupt.
    """
    if number >= min(len(found.dataoffsets), len(found.databytecounts)):
        raise PhotoRejected("the page has fewer strips than its size asks for", reason=ReasonCode.CORRUPT)
    start, length = found.dataoffsets[number], found.databytecounts[number]
    if start + length > size:
        raise PhotoRejected("the file ends before its last strip does", reason=ReasonCode.TRUNCATED)
    if not start or not length:
        raise PhotoRejected("a strip of the page is empty", reason=ReasonCode.CORRUPT)
    found.parent.filehandle.seek(start)
    data = found.parent.filehandle.read(length)
    place = found.decode(None, number)[1]
    _refuse_larger(found, data)
    if found.compression == _JPEG:
        return whole(data, lambda stream: found.decode(stream, number, jpegtables=found.jpegtables)[0]), place
    return found.decode(data, number)[0], place


def _refuse_larger(found: Any, data: bytes) -> None:
    """:raises PhotoRejected: corrupt: a strip or tile says that it is larger than its page, or a tile, can be."""
    width, height = _coded_size(data, found.compression) or (0, 0)
    most_rows, most_columns = found.chunks[:2]
    if width > min(most_columns, max(found.imagewidth, _MOST_TILE)) or height > min(
        most_rows, max(found.imagelength, _MOST_TILE)
    ):
        raise PhotoRejected(f"a strip of {width} x {height} pixels, more than its page has", reason=ReasonCode.CORRUPT)


def _coded_size(data: bytes, compression: int) -> tuple[int, int] | None:
    """Width and height that a strip or tile says of itself, before memory is spent on it; None if it does not.

    :raises PhotoRejected: truncated, corrupt: a JPEG 2000 codestream that is not whole.
    """
    if compression in _JPEG_2000:
        jp2 = read_jp2(memoryview(data))
        return jp2.width, jp2.height
    if compression in _JPEG_XL:
        header = read_header(memoryview(data))
        return header.width, header.height
    frame = frame_of(data) if compression == _JPEG else None
    return (frame.width, frame.height) if frame else None


def _on_full_scale(samples: Any, page: Page) -> Any:
    """Whole numbers from 0 to the page's white over the whole of 8 or 16 bits.

    :raises PhotoRejected: unsupported_format: they lie on another scale.
    """
    numpy = wheel("numpy", page.why)
    least, most = (int(samples.min()), int(samples.max())) if samples.size else (0, 0)
    if least < 0 or most > page.white:
        raise unsupported(f"samples from {least} to {most}, where the file says 0 to {page.white}, are", SAVE)
    bits = page.white.bit_length()
    if bits <= 16:
        return spread(samples.astype(numpy.uint8 if bits <= 8 else numpy.uint16, copy=False), bits)
    if most * _DARKEST_WHITE < page.white:
        raise unsupported(f"{page.bits}-bit samples up to {most}, where {page.white} should be white, are", SAVE)
    result = numpy.empty(samples.shape, numpy.uint16)
    for row in range(len(samples)):
        result[row] = numpy.rint(samples[row] * (65535 / page.white))
    return result
