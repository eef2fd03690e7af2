"""Markers of a JPEG file: of which kind it is, and what it says of its resolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from restoration.photo.formats.directories import exif_resolution
from restoration.photo.formats.layout import Model, Resolution, unsupported

_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN, _END = 0xDA, 0xD9
_FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_READ_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
_UNREAD_BY_LIBVIPS = {0xC3: "lossless JPEG", 0xF7: "JPEG-LS"}
_PROFILE = b"ICC_PROFILE\0"
_SAVE = "save the scan as TIFF or PNG"


def segments(data: memoryview | bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of each segment's body up to the first scan, as far as they can be followed."""
    place, end = 2, len(data)
    while place + 4 <= end and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF or marker in _ALONE:
            place += 1 if marker == 0xFF else 2
            continue
        if marker == _END:
            return
        size = int.from_bytes(data[place + 2 : place + 4], "big")
        yield marker, place + 4, min(end, place + 2 + size)
        if marker == _START_OF_SCAN or size < 2:
            return
        place += 2 + size


@dataclass(frozen=True)
class Frame:
    """What a JPEG stream's frame header says of it. ``reader``: "" if libvips reads it, else the kind in words."""

    reader: str
    bits: int
    width: int
    height: int
    components: int


def frame_of(data: memoryview | bytes, *, inside: Model | None = None) -> Frame | None:
    """The frame header of a whole JPEG stream; None if there is none before the first scan.

    :param inside: what a TIFF file round the stream says that its samples are; a stream that says otherwise is refused.
    :raises PhotoRejected: unsupported_format: a hierarchical stream, or one that contradicts its file.
    """
    frame = None
    for marker, start, end in segments(data):
        body = bytes(data[start : min(end, start + 16)])
        if marker in _FRAMES and frame is None and len(body) >= 6:
            height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            frame = Frame(_reader_of(marker, body[0]), body[0], width, height, body[5])
        elif inside is not None and _contradicts(marker, body, inside):
            raise unsupported(f"a TIFF file that says {inside} round a JPEG stream that says otherwise is", _SAVE)
    return frame


def _reader_of(marker: int, bits: int) -> str:
    """Empty for what libvips reads. :raises PhotoRejected: unsupported_format, for what nothing reads."""
    if marker in _UNREAD_BY_LIBVIPS and 2 <= bits <= 16:
        return _UNREAD_BY_LIBVIPS[marker]
    if marker not in _READ_FRAMES | _UNREAD_BY_LIBVIPS.keys():
        raise unsupported("hierarchical JPEG, and lossless JPEG with arithmetic coding, are", _SAVE)
    if bits not in {8, 12} or marker in _UNREAD_BY_LIBVIPS:
        raise unsupported(f"JPEG with {bits} bits a sample is", _SAVE)
    return "" if bits == 8 else "12-bit JPEG"


def _contradicts(marker: int, body: bytes, inside: Model) -> bool:
    """Whether the stream's own JFIF or Adobe marker says other colours; Adobe's CMYK is mostly inverted."""
    jfif, adobe = marker == 0xE0 and body[:5] == b"JFIF\0", marker == 0xEE and body[:5] == b"Adobe"
    if inside == "rgb":
        return jfif or (adobe and body[11:12] == b"\x01")
    return inside == "cmyk" and adobe


def jpeg_resolution(data: memoryview) -> Resolution:
    """Resolution that the Exif block gives, else that of JFIF; unknown if neither does."""
    found = Resolution()
    for marker, start, end in segments(data):
        head = bytes(data[start : min(end, start + 14)])
        if marker == 0xE1 and head[:6] == b"Exif\0\0":
            exif = exif_resolution(data[start + 6 : end])
            if exif.across:
                return exif
        elif marker == 0xE0 and head[:5] == b"JFIF\0" and len(head) >= 12:
            per_inch = {1: 1.0, 2: 2.54}.get(head[7], 0.0)
            across, down = (int.from_bytes(head[k : k + 2], "big") for k in (8, 10))
            found = Resolution.of(across * per_inch, down * per_inch)
    return found


def jpeg_profile(data: memoryview) -> bytes:
    """The ICC profile, from as many APP2 segments as it takes (ICC.1:2022, B.4); empty if a part is missing."""
    parts: dict[int, bytes] = {}
    count = 0
    for marker, start, end in segments(data):
        if marker == 0xE2 and bytes(data[start : start + 12]) == _PROFILE and end - start > 14:
            parts[data[start + 12]], count = bytes(data[start + 14 : end]), data[start + 13]
    return b"".join(parts[k] for k in sorted(parts)) if sorted(parts) == list(range(1, count + 1)) else b""
