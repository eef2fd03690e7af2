"""Where WebP files keep an XMP packet: the chunk "XMP " of an extended file (RFC 9649, section 2.7).

Pixels are never decoded; every other chunk stays byte for byte.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

Refuse = Callable[[str], Exception]
"""Makes the error that is to be raised, from what is wrong."""

_XMP, _CREDENTIALS, _EXTENDED = b"XMP ", b"C2PA", b"VP8X"
_XMP_FLAG = 0x04


class _Chunk(NamedTuple):
    kind: bytes
    body: bytes


def put(data: bytes, packet: bytes, refuse: Refuse) -> bytes:
    """The same file with this packet as its last chunk, in the place of the one it had."""
    chunks = _chunks(data, refuse)
    if any(chunk.kind == _CREDENTIALS for chunk in chunks):
        raise refuse("it carries content credentials, which a new label would break; label first, then sign")
    head, *rest = chunks
    if head.kind != _EXTENDED:
        raise refuse("the WebP is of the simple kind, which holds no label")
    flagged = _Chunk(_EXTENDED, bytes([head.body[0] | _XMP_FLAG]) + head.body[1:])
    kept = [flagged, *(chunk for chunk in rest if chunk.kind != _XMP), _Chunk(_XMP, packet)]
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2) for kind, part in kept
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def packets(data: bytes, refuse: Refuse) -> list[bytes]:
    """All packets of the file."""
    return [chunk.body for chunk in _chunks(data, refuse) if chunk.kind == _XMP]


def has_credentials(data: bytes, refuse: Refuse) -> bool:
    """Whether the file carries C2PA content credentials."""
    return any(chunk.kind == _CREDENTIALS for chunk in _chunks(data, refuse))


def _chunks(data: bytes, refuse: Refuse) -> list[_Chunk]:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise refuse("it is no WebP")
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 != len(data):
        raise refuse("the WebP is cut short, or something follows its end")
    at, chunks = 12, list[_Chunk]()
    while at < len(data):
        if at + 8 > len(data):
            raise refuse("the WebP ends inside a chunk")
        kind, length = data[at : at + 4], int(struct.unpack_from("<I", data, at + 4)[0])
        end = at + 8 + length
        if end > len(data):
            raise refuse("the WebP ends inside a chunk")
        chunks.append(_Chunk(kind, data[at + 8 : end]))
        at = end + length % 2
    if not {b"VP8 ", b"VP8L"} & {chunk.kind for chunk in chunks}:
        raise refuse("the WebP holds no picture")
    return chunks
