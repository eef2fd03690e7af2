"""Directories of a TIFF file, and of an Exif block, which is one too: tags, their values, and what they point to."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from restoration.photo.formats.layout import Resolution

VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_RATIONALS = {5: "I", 10: "i"}
_MOST_ENTRIES = 4096

SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
STRIPS, ORIENTATION, SAMPLES, STRIP_BYTES, MAX_VALUE = 273, 274, 277, 279, 281
X_RESOLUTION, Y_RESOLUTION, UNIT, TILES, TILE_BYTES, CHILDREN, INK_SET = 282, 283, 296, 324, 325, 330, 332
EXTRA, FORMAT, TABLES, COEFFICIENTS, SUBSAMPLING, REFERENCE = 338, 339, 347, 529, 530, 532
PROFILE, DNG_VERSION = 34675, 50706


@dataclass(frozen=True)
class Entry:
    """A tag's type, its number of values, and where in the file they lie; ``counter`` is where their number lies."""

    kind: int
    count: int
    place: int
    counter: int


@dataclass(frozen=True)
class Directory:
    """One picture of the file; ``pointer`` is where the offset of the next directory lies."""

    offset: int
    entries: dict[int, Entry]
    pointer: int
    following: int


class TiffReader:
    """Reads directories and values out of a TIFF file's bytes; every offset is checked.

    :raises ValueError: (all methods) the bytes do not hold what they should.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self.size = len(data)
        self.order = "<" if bytes(data[:2]) == b"II" else ">"
        self.big = self._unpack("H", 2) == 43
        self.word = "Q" if self.big else "I"
        self.header = 8 if self.big else 4

    def first(self) -> Directory:
        """The directory that the header points to."""
        return self.directory(int(self._unpack(self.word, self.header)))

    def directory(self, offset: int) -> Directory:
        """The directory at an offset."""
        counter, step = ("Q", 20) if self.big else ("H", 12)
        count = int(self._unpack(counter, offset))
        if not 0 < count <= _MOST_ENTRIES:
            raise ValueError(f"a directory of {count} entries")
        start = offset + struct.calcsize("=" + counter)
        pointer = start + count * step
        entries: dict[int, Entry] = {}
        for place in range(start, pointer, step):
            tag, entry = self._entry(place)
            entries.setdefault(tag, entry)
        return Directory(offset, entries, pointer, self._following(pointer))

    def _following(self, pointer: int) -> int:
        """Offset of the next directory; beyond the file if not even the pointer is there."""
        try:
            return int(self._unpack(self.word, pointer))
        except ValueError:
            return len(self._data)

    def _entry(self, place: int) -> tuple[int, Entry]:
        tag, kind = (int(self._unpack("H", place + k)) for k in (0, 2))
        count = int(self._unpack(self.word, place + 4))
        inline = place + (12 if self.big else 8)
        if VALUE_BYTES.get(kind, 1) * count > (8 if self.big else 4):
            inline = int(self._unpack(self.word, inline))
        return tag, Entry(kind, count, inline, place + 4)

    def values(self, directory: Directory, tag: int, limit: int = 64) -> tuple[float, ...]:
        """The first values of a tag as numbers, a rational 0/0 or n/0 as 0; none if the tag is not there."""
        entry = directory.entries.get(tag)
        if entry is None:
            return ()
        count = min(entry.count, limit)
        if entry.kind in _RATIONALS:
            pairs = self._many(_RATIONALS[entry.kind], 2 * count, entry.place)
            return tuple(up / down if down else 0.0 for up, down in zip(pairs[::2], pairs[1::2], strict=True))
        if entry.kind not in _CODES:
            raise ValueError(f"tag {tag} has the unknown type {entry.kind}")
        return self._many(_CODES[entry.kind], count, entry.place)

    def number(self, directory: Directory, tag: int, default: int) -> int:
        """The first value of a tag as a whole number."""
        found = self.values(directory, tag, 1)
        return int(found[0]) if found else default

    def raw(self, directory: Directory, tag: int) -> bytes:
        """The bytes of a tag of type BYTE, ASCII or UNDEFINED; empty if it is not there or not whole."""
        entry = directory.entries.get(tag)
        if entry is None or entry.kind not in {1, 2, 7}:
            return b""
        found = bytes(self._data[entry.place : entry.place + entry.count])
        return found if len(found) == entry.count else b""

    def slice(self, offset: int, count: int) -> bytes:
        """Bytes of the file, as far as they are there."""
        return bytes(self._data[offset : offset + count])

    def _unpack(self, code: str, place: int) -> float:
        return self._many(code, 1, place)[0]

    def _many(self, code: str, count: int, place: int) -> tuple[float, ...]:
        try:
            return struct.unpack_from(f"{self.order}{count}{code}", self._data, place)
        except struct.error as error:
            raise ValueError(f"a directory points to byte {place}, outside the file") from error


def exif_resolution(data: memoryview) -> Resolution:
    """Resolution in an Exif block, which is a TIFF file of its own; unknown if there is none."""
    try:
        reader = TiffReader(data)
        return resolution_of(reader, reader.first())
    except ValueError:
        return Resolution()


def exif_orientation(data: memoryview) -> int:
    """Orientation in an Exif block; 1 if it does not say, or cannot be read."""
    try:
        reader = TiffReader(data)
        return reader.number(reader.first(), ORIENTATION, 1)
    except ValueError:
        return 1


def resolution_of(reader: TiffReader, directory: Directory) -> Resolution:
    """Resolution of a picture: inches if it names no unit (TIFF 6.0); unknown if its unit is none."""
    across, down = ((reader.values(directory, tag, 1) or (0.0,))[0] for tag in (X_RESOLUTION, Y_RESOLUTION))
    per_inch = {2: 1.0, 3: 2.54}.get(reader.number(directory, UNIT, 2), 0.0)
    return Resolution.of(across * per_inch, down * per_inch)
