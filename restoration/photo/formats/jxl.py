"""JPEG XL files: the boxes in which people's words lie (ISO/IEC 18181-2). The codestream is read by its library."""

from __future__ import annotations

from restoration.photo.formats.blocks import Blocks
from restoration.photo.formats.isobox import boxes

_CONTAINER = b"\0\0\0\x0cJXL "
_MOST_EXIF = 4 << 20


def read_jxl(data: memoryview) -> Blocks:
    """XMP and Exif of a file in a container; packed ones (brob) are left out with a note."""
    found = Blocks()
    if bytes(data[:8]) != _CONTAINER:
        return found
    for kind, start, end in boxes(data):
        if kind == b"xml ":
            found.take_xmp(data[start:end], end - start)
        elif kind == b"Exif":
            found.exif = found.exif or exif_item(data[start : min(end, start + _MOST_EXIF)])
        elif kind == b"brob" and bytes(data[start : start + 4]) in {b"xml ", b"Exif"}:
            found.notes.append("words that are packed with Brotli were left out")
    return found


def exif_item(body: memoryview) -> bytes:
    """An Exif block as JPEG XL, HEIF and AVIF keep it: four bytes say how far from here its TIFF header is."""
    skipped = int.from_bytes(body[:4], "big")
    return bytes(body[4 + skipped :]).removeprefix(b"Exif\0\0")
