"""HEIF and AVIF files: which picture is the one to read, its size, colours, turning, and people's words.

ISO/IEC 23008-12 (HEIF), with the boxes of ISO/IEC 14496-12, and the AV1 Image File Format 1.1. The decoders read the
pixels; libheif turns and mirrors them as the file says, libavif does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.formats.blocks import Blocks
from restoration.photo.formats.cicp import is_known, profile_of_code
from restoration.photo.formats.isobox import boxes, number
from restoration.photo.formats.jxl import exif_item
from restoration.photo.formats.layout import unsupported

_SAVE = "save the scan as TIFF or PNG"
_MOST_ITEMS = 10_000
_MOST_WORDS = 4 << 20
_PICTURES = frozenset({b"hvc1", b"av01", b"grid", b"iden", b"iovl", b"tmap"})
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_UNSPECIFIED = 2
_HOLE = bytes(64)
_TURNED = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip
"""Exif orientation of quarter turns to the left, then mirroring: 0 swaps top and bottom, 1 left and right."""


@dataclass
class Item:
    """One item of the file: its type, whether it is hidden, where its bytes lie (offset and length), its properties."""

    kind: bytes = b""
    content: bytes = b""
    hidden: bool = False
    extents: list[tuple[int, int]] = field(default_factory=list)
    properties: list[tuple[bytes, int, int]] = field(default_factory=list)


@dataclass
class Heif:
    """What is said of the primary picture. ``width`` and ``height`` are before turning, ``bits`` 0 if not said.

    ``pictures``: how many the file shows. ``sequence``: it calls itself one. ``orientation``: as Exif numbers it.
    """

    width: int = 0
    height: int = 0
    bits: int = 0
    orientation: int = 1
    cropped: bool = False
    profile: bytes = b""
    alpha: bool = False
    premultiplied: bool = False
    pictures: int = 1
    sequence: bool = False
    blocks: Blocks = field(default_factory=Blocks)


def read_heif(data: memoryview) -> Heif:
    """Structure of a HEIF or AVIF file.

    :raises PhotoRejected: truncated; unsupported_format, for films and their colours.
    :raises ValueError: the structure is damaged.
    """
    meta = next(((start, end) for kind, start, end in boxes(data) if kind == b"meta"), None)
    if meta is None:
        if any(kind == b"moov" for kind, _, _ in boxes(data)):
            raise unsupported("a film or a sequence without a still picture is", _SAVE)
        raise PhotoRejected("the file ends before it says what it holds", reason=ReasonCode.TRUNCATED)
    file = _File(data, meta[0] + 4, meta[1])
    primary = file.items.get(file.primary)
    if primary is None:
        raise ValueError("the file names no picture as its own")
    found = Heif(sequence=bytes(data[8:12]) == b"avis")
    _read_properties(data, primary, found)
    _read_relations(data, file, found)
    if any(offset + length > len(data) for item in file.items.values() for offset, length in item.extents):
        raise PhotoRejected("the file ends inside a picture that it holds", reason=ReasonCode.TRUNCATED)
    if any(_has_holes(data, item) for item in file.items.values()):
        raise PhotoRejected("parts of the coded picture are missing from the file", reason=ReasonCode.CORRUPT)
    return found


def _has_holes(data: memoryview, item: Item) -> bool:
    """Whether coded data hold what no encoder writes: mostly a copy that was interrupted and filled with zeros.

    Decoders go on with gray or black where data are wrong. HEVC never has three zero bytes in a row within a unit
    (ITU-T H.265, 7.4.2), each of which says how long it is; AV1 has no such rule, but no long run of zeros either.
    """
    coded = b"".join(bytes(data[offset : offset + length]) for offset, length in item.extents)
    if item.kind == b"av01":
        return _HOLE in coded
    if item.kind != b"hvc1":
        return False
    sizes = [(data[start + 21] & 3) + 1 for kind, start, end in item.properties if kind == b"hvcC" and end - start > 21]
    size, place = (sizes or [4])[0], 0
    while place + size <= len(coded):
        end = place + size + int.from_bytes(coded[place : place + size], "big")
        if end > len(coded) or coded.find(b"\0\0\0", place + size, end) >= 0:
            return True
        place = end
    return place != len(coded)


class _File:
    """Items of a meta box, and what points to what."""

    def __init__(self, data: memoryview, start: int, end: int) -> None:
        self._data = data
        self.primary = -1
        self.items: dict[int, Item] = {}
        self.references: list[tuple[bytes, int, tuple[int, ...]]] = []
        found = {kind: (begin, stop) for kind, begin, stop in boxes(data, start, end)}
        if b"pitm" in found:
            begin = found[b"pitm"][0]
            self.primary = number(data, begin + 4, 4 if data[begin] else 2)
        for kind, read in (
            (b"iinf", self._read_kinds),
            (b"iloc", self._read_places),
            (b"iref", self._read_references),
            (b"iprp", self._read_properties),
        ):
            if kind in found:
                read(*found[kind])

    def _item(self, identifier: int) -> Item:
        if len(self.items) > _MOST_ITEMS:
            raise ValueError("more items than a file of pictures has")
        return self.items.setdefault(identifier, Item())

    def _read_kinds(self, start: int, end: int) -> None:
        for kind, begin, stop in boxes(self._data, start + (8 if self._data[start] else 6), end):
            version = number(self._data, begin, 1)
            if kind != b"infe" or version < 2:
                continue
            size = 4 if version > 2 else 2
            item = self._item(number(self._data, begin + 4, size))
            item.hidden = bool(self._data[begin + 3] & 1)
            place = begin + 4 + size + 2
            item.kind = bytes(self._data[place : place + 4])
            words = bytes(self._data[place + 4 : min(stop, place + 260)]).split(b"\0")
            item.content = words[1] if item.kind == b"mime" and len(words) > 1 else b""

    def _read_places(self, start: int, end: int) -> None:
        """Places of items (14496-12, 8.11.3); those inside other items or other files are left out."""
        data, version = self._data, number(self._data, start, 1)
        sizes = number(data, start + 4, 2)
        offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
        index_size = sizes & 15 if version else 0
        wide = 4 if version == 2 else 2
        count, place = number(data, start + 6, wide), start + 6 + wide
        for _ in range(min(count, _MOST_ITEMS)):
            item, place = self._item(number(data, place, wide)), place + wide
            method = number(data, place, 2) & 15 if version else 0
            place += 4 if version else 2
            base, place = number(data, place, base_size), place + base_size
            extents, place = number(data, place, 2), place + 2
            if place + extents * (index_size + offset_size + length_size) > end:
                raise ValueError("places of items that end too early")
            for _ in range(extents):
                place += index_size
                offset, length = number(data, place, offset_size), number(data, place + offset_size, length_size)
                place += offset_size + length_size
                if method == 0:
                    item.extents.append((base + offset, length))

    def _read_references(self, start: int, end: int) -> None:
        size = 4 if self._data[start] else 2
        for kind, begin, stop in boxes(self._data, start + 4, end):
            source, count = number(self._data, begin, size), number(self._data, begin + size, 2)
            places = range(begin + size + 2, min(stop, begin + size + 2 + count * size), size)
            self.references.append((kind, source, tuple(number(self._data, place, size) for place in places)))

    def _read_properties(self, start: int, end: int) -> None:
        found = list(boxes(self._data, start, end))
        owned = [one for kind, begin, stop in found if kind == b"ipco" for one in boxes(self._data, begin, stop)]
        for kind, begin, _ in found:
            if kind == b"ipma":
                for identifier, index in self._associations(begin):
                    if 0 < index <= len(owned):
                        self._item(identifier).properties.append(owned[index - 1])

    def _associations(self, start: int) -> Iterator[tuple[int, int]]:
        """Items and the numbers of their properties, in the order in which they apply."""
        data = self._data
        size, wide = (4 if data[start] else 2), bool(data[start + 3] & 1)
        place = start + 8
        for _ in range(min(number(data, start + 4, 4), _MOST_ITEMS)):
            identifier, count = number(data, place, size), number(data, place + size, 1)
            place += size + 1
            for _ in range(count):
                value = number(data, place, 2 if wide else 1)
                yield identifier, value & (0x7FFF if wide else 0x7F)
                place += 2 if wide else 1


def _read_properties(data: memoryview, item: Item, found: Heif) -> None:
    """Size, depth, colours and turning of the primary picture."""
    turns, mirror = 0, None
    for kind, start, end in item.properties:
        if kind == b"ispe":
            found.width, found.height = number(data, start + 4, 4), number(data, start + 8, 4)
        elif kind == b"irot":
            turns = number(data, start, 1) & 3
        elif kind == b"imir":
            mirror = number(data, start, 1) & 1
        elif kind == b"clap":
            found.cropped = True
        elif kind in {b"pixi", b"av1C"}:
            found.bits = found.bits or _depth(data, kind, start)
        elif kind == b"colr" and bytes(data[start : start + 4]) in {b"prof", b"rICC"}:
            found.profile = bytes(data[start + 4 : end])
    found.orientation = _TURNED[turns, mirror]
    if not (found.width and found.height):
        raise ValueError("the file does not say how large its picture is")
    codes = [
        start for kind, start, _ in item.properties if kind == b"colr" and bytes(data[start : start + 4]) == b"nclx"
    ]
    if codes and not found.profile:
        found.profile = _of_code(number(data, codes[0] + 4, 2), number(data, codes[0] + 6, 2))


def _depth(data: memoryview, kind: bytes, start: int) -> int:
    """Bits of a sample in a box of pixel information, or of AV1's configuration."""
    if kind == b"pixi":
        return max(bytes(data[start + 5 : start + 5 + number(data, start + 4, 1)]), default=0)
    flags = number(data, start + 2, 1)
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10


def _of_code(primaries: int, curve: int) -> bytes:
    """Profile of an nclx box; what it leaves unspecified is sRGB's (MIAF, ISO/IEC 23000-22)."""
    primaries = 1 if primaries == _UNSPECIFIED else primaries
    curve = 13 if curve == _UNSPECIFIED else curve
    if not is_known(primaries, curve):
        raise unsupported(f"a picture with colours by nclx {primaries}/{curve} (those of films) is", _SAVE)
    return profile_of_code(primaries, curve)


def _read_relations(data: memoryview, file: _File, found: Heif) -> None:
    """Alpha, words, and how many pictures there are."""
    parts: set[int] = set()
    for kind, source, targets in file.references:
        item = file.items.get(source)
        if kind == b"dimg":
            parts.update(targets)
        elif kind in {b"auxl", b"thmb"}:
            parts.add(source)
        if item is None or file.primary not in ({source} if kind == b"prem" else targets):
            continue
        if kind == b"auxl" and _is_alpha(data, item):
            found.alpha = True
        elif kind == b"prem":
            found.premultiplied = True
        elif kind == b"cdsc":
            _read_words(data, item, found.blocks)
    shown = [one for one, item in file.items.items() if item.kind in _PICTURES and not item.hidden and one not in parts]
    found.pictures = max(1, len(shown))


def _is_alpha(data: memoryview, item: Item) -> bool:
    kinds = (bytes(data[start + 4 : min(end, start + 100)]) for kind, start, end in item.properties if kind == b"auxC")
    return any(kind.split(b"\0")[0] in _ALPHA for kind in kinds)


def _read_words(data: memoryview, item: Item, blocks: Blocks) -> None:
    """Exif and XMP of the primary picture, each in one piece."""
    if len(item.extents) != 1:
        return
    offset, length = item.extents[0]
    body = data[offset : offset + min(length, _MOST_WORDS)]
    if item.kind == b"Exif":
        blocks.exif = blocks.exif or exif_item(body)
    elif item.kind == b"mime" and item.content == b"application/rdf+xml":
        blocks.take_xmp(body, length)
