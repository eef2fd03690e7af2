"""Blocks in which people describe photographs, and files that carry them, written by code: right and wrong ones."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from tests.unit.picture_maker import png_chunk
from tests.unit.tiff_maker import Page, page, tiff

SAMPLES = np.full((24, 32, 3), 90, np.uint8)
SPACES = " ".join(
    f'xmlns:{prefix}="{address}"'
    for prefix, address in {
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "dc": "http://purl.org/dc/elements/1.1/",
        "xmp": "http://ns.adobe.com/xap/1.0/",
        "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
        "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
        "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "aux": "http://ns.adobe.com/exif/1.0/aux/",
        "exif": "http://ns.adobe.com/exif/1.0/",
        "core": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
        "ext": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    }.items()
)


def xmp(body: str = "", attributes: str = "", *, before: str = "") -> bytes:
    """A packet with one description."""
    return (
        f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{before}<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF {SPACES}><rdf:Description rdf:about="" {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
        f'{" " * 200}<?xpacket end="w"?>'
    ).encode()


def array(name: str, kind: str, *items: str) -> str:
    """A property that is an array of simple values."""
    members = "".join(f"<rdf:li>{item}</rdf:li>" for item in items)
    return f"<{name}><rdf:{kind}>{members}</rdf:{kind}></{name}>"


def alternatives(name: str, **texts: str) -> str:
    """A property in several languages; ``default`` is the default language."""
    items = "".join(
        f'<rdf:li xml:lang="{"x-default" if language == "default" else language}">{text}</rdf:li>'
        for language, text in texts.items()
    )
    return f"<{name}><rdf:Alt>{items}</rdf:Alt></{name}>"


def iim(*datasets: tuple[int, int, bytes], extended: bool = False) -> bytes:
    """IPTC-IIM datasets; with ``extended`` their sizes are written in four bytes."""
    size = (lambda value: struct.pack(">HI", 0x8004, len(value))) if extended else (lambda v: struct.pack(">H", len(v)))
    return b"".join(bytes((0x1C, record, number)) + size(value) + value for record, number, value in datasets)


def resources(iptc: bytes) -> bytes:
    """Photoshop's image resources, with another one before the IPTC block."""

    def block(number: int, name: bytes, body: bytes) -> bytes:
        label = bytes((len(name),)) + name
        return b"8BIM" + struct.pack(">H", number) + label + b"\0" * (len(label) % 2) + struct.pack(">I", len(body)) + (
            body + b"\0" * (len(body) % 2)
        )  # fmt: skip

    return block(0x03ED, b"odd", b"\0" * 15) + block(0x0404, b"", iptc)


def exif(
    tags: Mapping[int, tuple[int, Any]],
    inner: Mapping[int, tuple[int, Any]] | None = None,
    gps: Mapping[int, tuple[int, Any]] | None = None,
    order: str = "<",
) -> bytes:
    """An Exif block: a TIFF file of its own, whose first directory points to an Exif and a GPS directory."""
    linked = {34665: inner, 34853: gps}
    pages = [Page(dict(tags) | {number: (4, [0]) for number, of in linked.items() if of}, [], False)]
    pages += [Page(dict(of), []) for of in linked.values() if of]
    data = bytearray(tiff(pages, order=order))
    # the chain of pages says where each directory lies; the first is made to point to the others instead
    offsets = _offsets(data, order)
    for number, offset in zip([number for number, of in linked.items() if of], offsets[1:], strict=True):
        place = data.index(struct.pack(order + "HHI", number, 4, 1), offsets[0])
        struct.pack_into(order + "I", data, place + 8, offset)
    count = struct.unpack_from(order + "H", data, offsets[0])[0]
    struct.pack_into(order + "I", data, offsets[0] + 2 + 12 * count, 0)
    return bytes(data)


def _offsets(data: bytearray, order: str) -> list[int]:
    found, offset = [], struct.unpack_from(order + "I", data, 4)[0]
    while offset:
        found.append(offset)
        count = struct.unpack_from(order + "H", data, offset)[0]
        offset = struct.unpack_from(order + "I", data, offset + 2 + 12 * count)[0]
    return found


def windows(text: str) -> tuple[int, bytes]:
    """A value of Windows' own tags."""
    return 1, text.encode("utf-16-le") + b"\0\0"


def ascii_tag(text: bytes) -> tuple[int, bytes]:
    """A value of type ASCII."""
    return 2, text + b"\0"


def jpeg(*, xmp: bytes = b"", iptc: bytes = b"", exif: bytes = b"", pieces: int = 1) -> bytes:
    """A JPEG file; its image resources are spread over so many segments."""
    plain = _saved("JPEG")
    head = b""
    if exif:
        head += _segment(0xE1, b"Exif\0\0" + exif)
    if xmp:
        head += _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)
    if iptc:
        whole = resources(iptc)
        step = -(-len(whole) // pieces)
        for start in range(0, len(whole), step):
            head += _segment(0xED, b"Photoshop 3.0\0" + whole[start : start + step])
    return plain[:2] + head + plain[2:]


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def png(
    *, xmp: bytes = b"", exif: bytes = b"", texts: Sequence[bytes] = (), packed: bool = False, late: bool = False
) -> bytes:
    """A PNG file; ``late`` chunks stand behind the pixels."""
    plain = _saved("PNG")
    chunks = b"".join(texts)
    if exif:
        chunks += png_chunk(b"eXIf", exif)
    if xmp:
        body = b"\1\0\0\0" + zlib.compress(xmp) if packed else b"\0\0\0\0" + xmp
        chunks += png_chunk(b"iTXt", b"XML:com.adobe.xmp\0" + body)
    place = plain.index(b"IEND" if late else b"IDAT") - 4
    return plain[:place] + chunks + plain[place:]


def webp(*, xmp: bytes = b"", exif: bytes = b"") -> bytes:
    """A WebP file with the chunks of the extended format."""
    plain = _saved("WEBP", lossless=True)
    flags = (0x04 if xmp else 0) | (0x08 if exif else 0)
    height, width = SAMPLES.shape[:2]
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunks = _riff(b"VP8X", bytes((flags, 0, 0, 0)) + sizes) + plain[12:]
    chunks += (_riff(b"EXIF", exif) if exif else b"") + (_riff(b"XMP ", xmp) if xmp else b"")
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _riff(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def scan_tiff(
    *, xmp: bytes = b"", iptc: bytes = b"", plain_iptc: bytes = b"", more: Mapping[int, tuple[int, Any]] | None = None
) -> bytes:
    """A TIFF file; ``iptc`` in image resources, ``plain_iptc`` in its own tag, declared as LONG."""
    tags: dict[int, tuple[int, Any]] = dict(more or {})
    if xmp:
        tags[700] = (1, xmp)
    if iptc:
        tags[34377] = (7, resources(iptc))
    if plain_iptc:
        padded = plain_iptc + b"\0" * (-len(plain_iptc) % 4)
        tags[33723] = (4, list(struct.unpack(f"<{len(padded) // 4}I", padded)))
    return tiff([page(SAMPLES, 2, more=tags)])


def _saved(kind: str, **how: Any) -> bytes:
    out = BytesIO()
    Image.fromarray(SAMPLES).save(out, kind, **how)
    return out.getvalue()
