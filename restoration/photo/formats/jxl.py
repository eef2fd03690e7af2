"""JPEG XL files: the boxes in which people's words lie (ISO/IEC 18181-2). The codestream is read by its library."""

from __future__ import annotations

from collections.abc import Callable

from restoration.photo.formats.blocks import Blocks
from restoration.photo.formats.isobox import boxes

_CONTAINER = b"\0\0\0\x0cJXL "
MOST_EXIF = 4 << 20


Unpack = Callable[[bytes], bytes]
"""Unpacks what is packed with Brotli (RFC 7932), up to :data:`MOST_EXIF` bytes; raises ValueError."""


def read_jxl(data: memoryview, unpack: Unpack) -> Blocks:
    """XMP and Exif of a file in a container, packed ones (brob) too; what cannot be unpacked is noted."""
    found = Blocks()
    if bytes(data[:8]) != _CONTAINER:
        return found
    for kind, start, end in boxes(data):
        body = data[start:end]
        if kind == b"brob" and bytes(body[:4]) in {b"xml ", b"Exif"}:
            kind = bytes(body[:4])
            try:
                body = memoryview(unpack(bytes(body[4:])))
            except ValueError as error:
                found.notes.append(f"words that cannot be unpacked were left out: {error}")
                continue
        if kind == b"xml ":
            found.take_xmp(body, len(body))
        elif kind == b"Exif":
            found.exif = found.exif or exif_item(body[:MOST_EXIF])
    return found


def exif_item(body: memoryview) -> bytes:
    """An Exif block as JPEG XL, HEIF and AVIF keep it: four bytes say how far from here its TIFF header is."""
    skipped = int.from_bytes(body[:4], "big")
    return bytes(body[4 + skipped :]).removeprefix(b"Exif\0\0")
