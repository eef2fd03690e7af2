"""Windows bitmaps without compression, read with libvips' raw operations (libvips itself has no loader for them)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pyvips

from restoration.errors import PhotoRejected, ReasonCode

_PLAIN, _BITFIELDS = 0, 3


@dataclass(frozen=True)
class BmpHeader:
    """Sizes and layout of a bitmap; ``data`` and ``palette`` are offsets into the file."""

    width: int
    height: int
    top_down: bool
    depth: int
    data: int
    palette: int
    dpi: float

    @property
    def stride(self) -> int:
        """Bytes of a row, padded to four."""
        return (self.width * self.depth // 8 + 3) // 4 * 4


def read_header(head: bytes) -> BmpHeader:
    """Header of a bitmap from its first 128 bytes.

    :raises PhotoRejected: truncated, corrupt, or unsupported_format (compressed, or fewer than 8 bits a pixel).
    """
    if len(head) < 54:
        raise PhotoRejected("the bitmap ends inside its header", reason=ReasonCode.TRUNCATED)
    data, size = struct.unpack_from("<II", head, 10)
    if size < 40:
        raise PhotoRejected("OS/2 bitmaps are not read; convert to PNG", reason=ReasonCode.UNSUPPORTED_FORMAT)
    width, height, _, depth, compression, _, per_metre = struct.unpack_from("<iiHHIIi", head, 18)
    if depth not in (8, 24, 32) or compression not in (_PLAIN, _BITFIELDS):
        raise PhotoRejected(
            "compressed bitmaps and those below 8 bits are not read; convert to PNG",
            reason=ReasonCode.UNSUPPORTED_FORMAT,
        )
    if width <= 0 or height == 0:
        raise PhotoRejected(f"a bitmap of {width} x {height} pixels makes no sense", reason=ReasonCode.CORRUPT)
    dpi = round(per_metre * 0.0254, 2) if per_metre > 0 else 0.0
    return BmpHeader(width, abs(height), height < 0, depth, data, 14 + size, dpi)


def read_bmp(data: memoryview, header: BmpHeader) -> pyvips.Image:
    """Bitmap as a three-band sRGB image. :raises PhotoRejected: truncated."""
    length = header.stride * header.height
    if header.data + length > len(data):
        raise PhotoRejected("the bitmap holds fewer rows than its header says", reason=ReasonCode.TRUNCATED)
    rows = pyvips.Image.new_from_memory(
        data[header.data : header.data + length], header.stride, header.height, 1, "uchar"
    )
    samples = header.depth // 8
    image = rows.crop(0, 0, header.width * samples, header.height)
    if samples > 1:
        image = image.bandfold(factor=samples)
        image = image[2].bandjoin([image[1], image[0]])
    else:
        image = image.maplut(_palette(data, header))
    return (image if header.top_down else image.flipver()).copy(interpretation="srgb")


def _palette(data: memoryview, header: BmpHeader) -> pyvips.Image:
    """Look-up table of 256 colours; entries that the file does not hold are black."""
    entries = bytes(data[header.palette : min(header.data, header.palette + 1024)]).ljust(1024, b"\0")
    table = pyvips.Image.new_from_memory(entries, 256, 1, 4, "uchar")
    return table[2].bandjoin([table[1], table[0]]).copy_memory()
