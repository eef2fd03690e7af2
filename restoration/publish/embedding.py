"""Where pictures keep an XMP packet: put it in or take it out without touching anything else.

Pixels are never decoded. In a PNG the packet is an ``iTXt`` chunk with the keyword ``XML:com.adobe.xmp``, in a JPEG an
``APP1`` segment (XMP Specification Part 3); of TIFF and WebP :mod:`restoration.publish.tiff_packets` and
:mod:`restoration.publish.webp_packets` know. A packet that is there is replaced in its place; every other chunk or
segment, and all entropy-coded data, stay byte for byte. Files that are not what they claim to be are refused.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from restoration.errors import PublicationError, ReasonCode
from restoration.publish import tiff_packets, webp_packets

PNG = "image/png"
JPEG = "image/jpeg"
TIFF = "image/tiff"
WEBP = "image/webp"

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEYWORD = b"XML:com.adobe.xmp\0"
_PLAIN_ITXT = _KEYWORD + b"\0\0\0\0"
"""Keyword, no compression, no language, no translated keyword."""
_PNG_CREDENTIALS = b"caBX"

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_JPEG_XMP = (_XMP, _MORE_XMP)
_APP0, _APP1, _APP11, _SOS = 0xE0, 0xE1, 0xEB, 0xDA
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xDA), 0xFF})
MAX_JPEG_PACKET = 65535 - 2 - len(_XMP)
"""The most bytes of XMP that one segment holds; no label needs more than one."""


def put_xmp(data: bytes, content_type: str, packet: bytes) -> bytes:
    """The same file with this packet, in the place of the one it had.

    :raises PublicationError: label_invalid: a file that is not whole, of another kind, with signed credentials (which a
        new label would break), or a packet too large for the format.
    """
    if content_type == PNG:
        return _put_png(data, packet)
    if content_type == JPEG:
        return _put_jpeg(data, packet)
    if content_type == TIFF:
        return tiff_packets.put(data, packet, _invalid)
    if content_type == WEBP:
        return webp_packets.put(data, packet, _invalid)
    raise _invalid(f"labels can be written into PNG, TIFF, JPEG and WebP, not {content_type}")


def get_xmp(data: bytes, content_type: str) -> bytes:
    """The packet that a file carries.

    :raises PublicationError: label_invalid: none, more than one, or a file that is not whole.
    """
    if content_type == PNG:
        found = [bytes(chunk.body) for chunk in _chunks(data) if _is_xmp(chunk)]
        packets = [body.removeprefix(_PLAIN_ITXT) for body in found if body.startswith(_PLAIN_ITXT)]
    elif content_type == JPEG:
        found = [bytes(segment.body) for segment in _segments(data)[0] if _is_jpeg_xmp(segment)]
        packets = [body.removeprefix(_XMP) for body in found if body.startswith(_XMP)]
    elif content_type == TIFF:
        found = packets = tiff_packets.packets(data, _invalid)
    elif content_type == WEBP:
        found = packets = webp_packets.packets(data, _invalid)
    else:
        raise _invalid(f"labels can be read from PNG, TIFF, JPEG and WebP, not {content_type}")
    if len(found) != 1 or len(packets) != 1:
        raise _invalid(f"it carries {len(found)} XMP packets instead of one plain one")
    return packets[0]


def has_credentials(data: bytes, content_type: str) -> bool:
    """Whether a file carries C2PA content credentials. :raises PublicationError: label_invalid: it is not whole."""
    if content_type == PNG:
        return any(chunk.kind == _PNG_CREDENTIALS for chunk in _chunks(data))
    if content_type == TIFF:
        return tiff_packets.has_credentials(data, _invalid)
    if content_type == WEBP:
        return webp_packets.has_credentials(data, _invalid)
    return any(_is_jumbf(segment) for segment in _segments(data)[0])


def _invalid(message: str) -> PublicationError:
    return PublicationError(message, reason=ReasonCode.LABEL_INVALID)


# -- PNG -------------------------------------------------------------------------------------------------------------


class _Chunk(NamedTuple):
    kind: bytes
    body: memoryview
    whole: memoryview


def _put_png(data: bytes, packet: bytes) -> bytes:
    new = _chunk(b"iTXt", _PLAIN_ITXT + packet)
    chunks = list(_chunks(data))
    if any(chunk.kind == _PNG_CREDENTIALS for chunk in chunks):
        raise _invalid("it carries content credentials, which a new label would break; label first, then sign")
    first = next((n for n, chunk in enumerate(chunks) if _is_xmp(chunk)), None)
    if first is None:
        first = next(n for n, chunk in enumerate(chunks) if chunk.kind == b"IDAT")
    before = (chunk.whole for chunk in chunks[:first])
    after = (chunk.whole for chunk in chunks[first:] if not _is_xmp(chunk))
    return b"".join((_SIGNATURE, *before, new, *after))


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """All chunks, each with its checksum compared. :raises PublicationError: label_invalid."""
    if not data.startswith(_SIGNATURE):
        raise _invalid("it is no PNG")
    view, at, kinds = memoryview(data), len(_SIGNATURE), set[bytes]()
    while at < len(data):
        chunk = _chunk_at(view, at)
        if not kinds and (chunk.kind != b"IHDR" or len(chunk.body) != 13):
            raise _invalid("its first chunk is not an image header")
        kinds.add(chunk.kind)
        at += len(chunk.whole)
        yield chunk
        if chunk.kind == b"IEND":
            break
    if at != len(data) or not {b"IDAT", b"IEND"} <= kinds:
        raise _invalid("the PNG is cut short, or something follows its end")


def _chunk_at(view: memoryview, at: int) -> _Chunk:
    if len(view) - at < 12:
        raise _invalid("the PNG ends inside a chunk")
    length, kind = struct.unpack_from(">I4s", view, at)
    end = at + 12 + length
    if end > len(view) or not kind.isalpha():
        raise _invalid("the PNG ends inside a chunk, or has one without a name")
    (checksum,) = struct.unpack_from(">I", view, end - 4)
    if zlib.crc32(view[at + 4 : end - 4]) != checksum:
        raise _invalid(f"a {kind.decode()} chunk does not match its checksum")
    return _Chunk(kind, view[at + 8 : end - 4], view[at:end])


def _is_xmp(chunk: _Chunk) -> bool:
    return chunk.kind in (b"iTXt", b"tEXt", b"zTXt") and bytes(chunk.body[: len(_KEYWORD)]) == _KEYWORD


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


# -- JPEG ------------------------------------------------------------------------------------------------------------


class _Segment(NamedTuple):
    marker: int
    body: memoryview
    whole: memoryview


def _put_jpeg(data: bytes, packet: bytes) -> bytes:
    if len(packet) > MAX_JPEG_PACKET:
        raise _invalid(f"its label takes {len(packet)} bytes, and a JPEG holds {MAX_JPEG_PACKET}; shorten its texts")
    segments, rest = _segments(data)
    if any(map(_is_jumbf, segments)):
        raise _invalid("it carries content credentials, which a new label would break; label first, then sign")
    body = _XMP + packet
    new = bytes((0xFF, _APP1)) + struct.pack(">H", len(body) + 2) + body
    first = next((n for n, segment in enumerate(segments) if _is_jpeg_xmp(segment)), None)
    if first is None:
        # behind JFIF and Exif, which readers expect to be first
        first = next(n for n, s in enumerate([*segments, None]) if s is None or not _leads(s))
    before = (segment.whole for segment in segments[:first])
    after = (segment.whole for segment in segments[first:] if not _is_jpeg_xmp(segment))
    return b"".join((b"\xff\xd8", *before, new, *after, rest))


def _segments(data: bytes) -> tuple[list[_Segment], memoryview]:
    """Everything before the first scan, and the rest with all entropy-coded data.

    :raises PublicationError: label_invalid.
    """
    if not data.startswith(b"\xff\xd8") or not data.endswith(b"\xff\xd9"):
        raise _invalid("it is no JPEG, or cut short")
    view, at, segments = memoryview(data), 2, list[_Segment]()
    while True:
        segment = _segment_at(view, at)
        if segment.marker == _SOS:
            break
        segments.append(segment)
        at += len(segment.whole)
    if not any(segment.marker in _FRAMES for segment in segments):
        raise _invalid("the JPEG has no frame before its first scan")
    return segments, view[at:]


def _segment_at(view: memoryview, at: int) -> _Segment:
    if len(view) - at < 4 or view[at] != 0xFF or view[at + 1] in _WITHOUT_LENGTH:
        raise _invalid("the JPEG has something else where a segment should begin")
    (length,) = struct.unpack_from(">H", view, at + 2)
    end = at + 2 + length
    if length < 2 or end > len(view):
        raise _invalid("the JPEG ends inside a segment")
    return _Segment(view[at + 1], view[at + 4 : end], view[at:end])


def _is_jpeg_xmp(segment: _Segment) -> bool:
    return segment.marker == _APP1 and bytes(segment.body[: len(_MORE_XMP)]).startswith(_JPEG_XMP)


def _is_jumbf(segment: _Segment) -> bool:
    return segment.marker == _APP11 and bytes(segment.body[:2]) == b"JP"


def _leads(segment: _Segment) -> bool:
    return segment.marker == _APP0 or (segment.marker == _APP1 and bytes(segment.body[:6]) == b"Exif\0\0")
