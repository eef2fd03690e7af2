"""Where TIFF files keep an XMP packet: tag 700 of the first directory (XMP Specification Part 3, TIFF 6.0).

Pixels are never decoded, and no strip moves: directory and values, which libvips writes behind the strips, are written
anew. Files of more than one directory, and such as keep values before their strips, are refused: they are not ours.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Refuse = Callable[[str], Exception]
"""Makes the error that is to be raised, from what is wrong."""

XMP_TAG = 700
CREDENTIALS_TAG = 0xCD41
"""Tag of a C2PA manifest store (C2PA 2, A.3.6)."""
_STRIP_OFFSETS, _STRIP_SIZES = 273, 279
_OTHER_DIRECTORIES = frozenset({330, 34665, 34853, 40965})
"""SubIFDs, Exif, GPS, interoperability: pointers that would have to be moved."""
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_BYTES = 1
_MOST = 2**32 - 1


@dataclass(frozen=True)
class _Field:
    tag: int
    kind: int
    count: int
    value: bytes


@dataclass(frozen=True)
class _Directory:
    order: str
    fields: tuple[_Field, ...]
    following: int

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Values of a field of whole numbers; none if it is not there."""
        for field in self.fields:
            if field.tag == tag and field.kind in (3, 4):
                return struct.unpack(f"{self.order}{field.count}{'H' if field.kind == 3 else 'I'}", field.value)
        return ()

    def of(self, tag: int) -> list[bytes]:
        """The values of the fields of a tag, as they lie in the file."""
        return [field.value for field in self.fields if field.tag == tag]


def put(data: bytes, packet: bytes, refuse: Refuse) -> bytes:
    """The same file with this packet in tag 700, in the place of the one it had; every strip stays where it is."""
    directory = _read(data, refuse)
    if directory.of(CREDENTIALS_TAG):
        raise refuse("it carries content credentials, which a new label would break; label first, then sign")
    strange = sorted(_OTHER_DIRECTORIES & {field.tag for field in directory.fields})
    if directory.following or strange:
        raise refuse(f"the TIFF has more than one directory ({strange or 'several pages'})")
    end = _end_of_strips(data, directory, refuse)
    fields = [field for field in directory.fields if field.tag != XMP_TAG]
    fields.append(_Field(XMP_TAG, _BYTES, len(packet), packet))
    return _written(data[:end], directory.order, sorted(fields, key=lambda field: field.tag), refuse)


def packets(data: bytes, refuse: Refuse) -> list[bytes]:
    """All packets of the first directory."""
    return _read(data, refuse).of(XMP_TAG)


def has_credentials(data: bytes, refuse: Refuse) -> bool:
    """Whether the file carries C2PA content credentials."""
    return bool(_read(data, refuse).of(CREDENTIALS_TAG))


def _read(data: bytes, refuse: Refuse) -> _Directory:
    """The first directory, with all strips inside the file."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        raise refuse("it is no TIFF, or one of more than 4 GB")
    start = _number(data, order, 4, "I", refuse)
    fields = tuple(
        _field(data, order, start + 2 + 12 * entry, refuse) for entry in range(_number(data, order, start, "H", refuse))
    )
    directory = _Directory(order, fields, _number(data, order, start + 2 + 12 * len(fields), "I", refuse))
    _end_of_strips(data, directory, refuse)
    return directory


def _number(data: bytes, order: str, place: int, kind: str, refuse: Refuse) -> int:
    if (place < 8 and place != 4) or place + struct.calcsize(kind) > len(data):
        raise refuse("the TIFF is cut short")
    return int(struct.unpack_from(order + kind, data, place)[0])


def _field(data: bytes, order: str, place: int, refuse: Refuse) -> _Field:
    if place + 12 > len(data):
        raise refuse("the TIFF is cut short")
    tag, kind, count = struct.unpack_from(f"{order}HHI", data, place)
    size = _SIZES.get(kind, 0) * count
    start = place + 8 if size <= 4 else _number(data, order, place + 8, "I", refuse)
    if not size or start + size > len(data):
        raise refuse(f"tag {tag} of the TIFF lies beyond its end, or is of no known type")
    return _Field(tag, kind, count, data[start : start + size])


def _end_of_strips(data: bytes, directory: _Directory, refuse: Refuse) -> int:
    """Where the last strip ends."""
    offsets, sizes = directory.numbers(_STRIP_OFFSETS), directory.numbers(_STRIP_SIZES)
    if not offsets or len(offsets) != len(sizes):
        raise refuse("the TIFF has no strips of pixels")
    end = max(offset + size for offset, size in zip(offsets, sizes, strict=True))
    if min(offsets) < 8 or end > len(data):
        raise refuse("the TIFF is cut short")
    return end


def _written(strips: bytes, order: str, fields: Sequence[_Field], refuse: Refuse) -> bytes:
    """Strips, then values that do not fit into the directory, then the directory; all begin at even places."""
    values, entries = bytearray(), b""
    start = len(strips) + len(strips) % 2
    for field in fields:
        size = len(field.value)
        place = field.value.ljust(4, b"\0") if size <= 4 else struct.pack(f"{order}I", start + len(values))
        entries += struct.pack(f"{order}HHI", field.tag, field.kind, field.count) + place
        values += field.value + b"\0" * (size % 2) if size > 4 else b""
    directory = start + len(values)
    if directory + 6 + len(entries) > _MOST:
        raise refuse("a TIFF of more than 4 GB cannot be labelled")
    head = strips[:4] + struct.pack(f"{order}I", directory)
    tail = struct.pack(f"{order}H", len(fields)) + entries + struct.pack(f"{order}I", 0)
    return b"".join((head, strips[8:], b"\0" * (len(strips) % 2), values, tail))
