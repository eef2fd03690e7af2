"""Markers of a JPEG file: of which kind it is, and what it says of its resolution."""

from __future__ import annotations

from collections.abc import Iterator

from restoration.photo.formats.directories import exif_resolution
from restoration.photo.formats.layout import Model, Resolution, unsupported

_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN, _END = 0xDA, 0xD9
_FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_READ_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
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


def refuse_unread_stream(data: memoryview | bytes, *, inside: Model | None = None) -> None:
    """Refuse a whole JPEG stream of a kind that is not read: lossless, JPEG-LS, hierarchical, more than 8 bits.

    :param inside: what a TIFF file round the stream says that its samples are; a stream that says otherwise is refused.
    :raises PhotoRejected: unsupported_format.
    """
    for marker, start, end in segments(data):
        body = bytes(data[start : min(end, start + 16)])
        if marker in _FRAMES:
            _refuse_frame(marker, body)
        elif inside is not None and _contradicts(marker, body, inside):
            raise unsupported(f"a TIFF file that says {inside} round a JPEG stream that says otherwise is", _SAVE)


def _contradicts(marker: int, body: bytes, inside: Model) -> bool:
    """Whether the stream's own JFIF or Adobe marker says other colours; Adobe's CMYK is mostly inverted."""
    jfif, adobe = marker == 0xE0 and body[:5] == b"JFIF\0", marker == 0xEE and body[:5] == b"Adobe"
    if inside == "rgb":
        return jfif or (adobe and body[11:12] == b"\x01")
    return inside == "cmyk" and adobe


def _refuse_frame(marker: int, body: bytes) -> None:
    if marker == 0xF7:
        raise unsupported("JPEG-LS is", _SAVE)
    if marker in _LOSSLESS:
        raise unsupported("lossless JPEG is", _SAVE)
    if marker not in _READ_FRAMES:
        raise unsupported("hierarchical JPEG is", _SAVE)
    if body and body[0] != 8:
        raise unsupported(f"JPEG with {body[0]} bits a sample is", _SAVE)


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
