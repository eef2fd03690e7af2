"""Where in each format the blocks lie in which people describe a photograph: XMP, IPTC-IIM, Exif, PNG's texts."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from restoration.photo.formats import iim, xmp
from restoration.photo.formats.directories import VALUE_BYTES, Directory, Entry, TiffReader
from restoration.photo.formats.jpeg import segments

_XMP_TAG, _IPTC_TAG, _RESOURCES_TAG = 700, 33723, 34377
TAGS = frozenset({_XMP_TAG, _IPTC_TAG, _RESOURCES_TAG})
"""Tags of a TIFF file that hold blocks."""
_BYTES = frozenset({1, 2, 7})
_IPTC_KINDS = frozenset({1, 2, 4, 7})
"""IPTC data are often declared as LONG, and are bytes in their own order nevertheless."""

_JPEG_XMP, _JPEG_EXIF, _JPEG_RESOURCES = b"http://ns.adobe.com/xap/1.0/\0", b"Exif\0\0", b"Photoshop 3.0\0"
_MOST_RESOURCES = 4 << 20

_PNG_START, _PNG_XMP = 8, b"XML:com.adobe.xmp"
_PNG_TEXTS = frozenset({b"Title", b"Author", b"Description", b"Copyright"})
_PNG_IPTC = b"Raw profile type iptc"
"""ImageMagick's and ExifTool's way to put IPTC data, mostly within image resources, into a PNG file: in hexadecimal."""
_MOST_PNG_TEXT, _MOST_CHUNKS = 1 << 16, 1 << 20

_WEBP_START = 12


@dataclass
class Blocks:
    """What was found, of each kind the first; ``exif`` is empty or a TIFF file of its own.

    ``xmp`` is None until a packet was met, and empty if that was too large.

    ``texts`` are PNG's own, by keyword, with whether they are UTF-8 (otherwise Latin-1). A TIFF file's Exif data are
    its own directories: ``directories``, read with ``reader``.
    """

    xmp: bytes | None = None
    iptc: bytes = b""
    exif: bytes = b""
    reader: TiffReader | None = None
    directories: tuple[Directory, ...] = ()
    texts: dict[str, tuple[bytes, bool]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def take_xmp(self, packet: memoryview | bytes, size: int) -> None:
        """Keep the first packet, unless its size is larger than any that is read."""
        if self.xmp is not None:
            return
        if size > xmp.MOST_BYTES:
            limit = f"the {xmp.MOST_BYTES} bytes that are read"
            self.notes.append(f"its XMP packet is larger than {limit} and was left out")
        self.xmp = b"" if size > xmp.MOST_BYTES else bytes(packet)


def tiff_blocks(reader: TiffReader, directories: Sequence[Directory]) -> Blocks:
    """Of a TIFF file, whose tags hold the blocks.

    :param directories: the scan's own, then the file's first.
    """
    found = Blocks(reader=reader, directories=tuple(directories))
    for directory in directories:
        packet, resources = (_tag(directory, tag, _BYTES) for tag in (_XMP_TAG, _RESOURCES_TAG))
        if packet is not None:
            found.take_xmp(reader.slice(packet.place, min(packet.count, xmp.MOST_BYTES)), packet.count)
        if resources is not None and not found.iptc:
            found.iptc = iim.iptc_of_resources(reader.slice(resources.place, min(resources.count, _MOST_RESOURCES)))
        plain = _tag(directory, _IPTC_TAG, _IPTC_KINDS)
        if plain is not None and not found.iptc:
            size = plain.count * VALUE_BYTES[plain.kind]
            found.iptc = reader.slice(plain.place, min(size, iim.MOST_BYTES))
    return found


def _tag(directory: Directory, tag: int, kinds: frozenset[int]) -> Entry | None:
    entry = directory.entries.get(tag)
    return entry if entry is not None and entry.kind in kinds else None


def jpeg_blocks(data: memoryview) -> Blocks:
    """Of a JPEG file. Image resources may be spread over several segments; what extends an XMP packet is not read."""
    found, resources = Blocks(), bytearray()
    for marker, start, end in segments(data):
        head = bytes(data[start : min(end, start + len(_JPEG_XMP))])
        if marker == 0xE1 and head == _JPEG_XMP:
            found.take_xmp(data[start + len(_JPEG_XMP) : end], end - start)
        elif marker == 0xE1 and head.startswith(_JPEG_EXIF):
            found.exif = found.exif or bytes(data[start + len(_JPEG_EXIF) : end])
        elif marker == 0xED and head.startswith(_JPEG_RESOURCES) and len(resources) < _MOST_RESOURCES:
            resources += data[start + len(_JPEG_RESOURCES) : end]
    found.iptc = iim.iptc_of_resources(bytes(resources))
    return found


def png_blocks(data: memoryview) -> Blocks:
    """Of a PNG file, before and after its pixels."""
    found = Blocks()
    for kind, start, size in _png_chunks(data):
        if kind == b"eXIf":
            found.exif = found.exif or bytes(data[start : start + min(size, _MOST_RESOURCES)])
        elif kind in {b"tEXt", b"zTXt", b"iTXt"}:
            _png_text(kind, data[start : start + size], found)
    return found


def _png_chunks(data: memoryview) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and size of each chunk's body, as far as they can be followed."""
    place = _PNG_START
    for _ in range(_MOST_CHUNKS):
        if place + 8 > len(data):
            return
        size, kind = int.from_bytes(data[place : place + 4], "big"), bytes(data[place + 4 : place + 8])
        if kind == b"IEND" or place + 8 + size > len(data):
            return
        yield kind, place + 8, size
        place += size + 12


def _png_text(kind: bytes, body: memoryview, found: Blocks) -> None:
    """A text of a keyword that is known, unpacked (PNG Specification, third edition, 11.3.3)."""
    head = bytes(body[:80])
    keyword, end, _ = head.partition(b"\0")
    if not end or not _is_wanted(keyword, found):
        return
    start, packed = len(keyword) + 1, kind == b"zTXt"
    if kind == b"zTXt":
        start += 1
    elif kind == b"iTXt":
        packed = head[start : start + 1] == b"\1"
        tags = bytes(body[start + 2 : start + 1026]).split(b"\0", 2)
        if len(tags) < 3:
            return
        start += 4 + len(tags[0]) + len(tags[1])
    if keyword == _PNG_XMP:
        text = _unpacked(body[start:], xmp.MOST_BYTES + 1) if packed else body[start:]
        found.take_xmp(text, len(text))
    elif keyword == _PNG_IPTC:
        limit = 3 * iim.MOST_BYTES
        found.iptc = _raw_profile(_unpacked(body[start:], limit) if packed else bytes(body[start : start + limit]))
    else:
        text = _unpacked(body[start:], _MOST_PNG_TEXT) if packed else bytes(body[start : start + _MOST_PNG_TEXT])
        found.texts[keyword.decode()] = (text, kind == b"iTXt")


def _is_wanted(keyword: bytes, found: Blocks) -> bool:
    """Whether a keyword is known, and its text not found yet."""
    if keyword in _PNG_TEXTS:
        return keyword.decode() not in found.texts
    return (keyword == _PNG_XMP and found.xmp is None) or (keyword == _PNG_IPTC and not found.iptc)


def _raw_profile(text: bytes) -> bytes:
    """IPTC data in lines of a name, a size, and hexadecimal digits; empty if it is damaged."""
    try:
        block = bytes.fromhex(b"".join(text.split()[2:]).decode("ascii"))
    except ValueError:
        return b""
    return iim.iptc_of_resources(block) if block[:4] == b"8BIM" else block


def _unpacked(packed: memoryview, limit: int) -> bytes:
    """The first bytes of what was packed with zlib; empty if it is damaged."""
    try:
        return zlib.decompressobj().decompress(packed, limit)
    except zlib.error:
        return b""


def webp_blocks(data: memoryview) -> Blocks:
    """Of a WebP file (RFC 9649, 2.7.1.5)."""
    found, place = Blocks(), _WEBP_START
    for _ in range(_MOST_CHUNKS):
        if place + 8 > len(data):
            break
        kind, size = bytes(data[place : place + 4]), int.from_bytes(data[place + 4 : place + 8], "little")
        body = data[place + 8 : place + 8 + size]
        if kind == b"XMP ":
            found.take_xmp(body, size)
        elif kind == b"EXIF":
            found.exif = found.exif or bytes(body[:_MOST_RESOURCES]).removeprefix(_JPEG_EXIF)
        place += 8 + size + size % 2
    return found
