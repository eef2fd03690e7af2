"""Exif 3.0 and the tags of TIFF itself: the few in which people describe a photograph.

Nothing that names a camera's owner or a machine's number is read here, and its position only if that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from restoration.photo.formats.directories import Directory, TiffReader
from restoration.photo.formats.texts import Said, decoded

_DESCRIPTION, _CHANGED, _ARTIST, _COPYRIGHT, _EXIF, _GPS = 270, 306, 315, 33432, 34665, 34853
_XP_TITLE, _XP_COMMENT, _XP_AUTHOR, _XP_KEYWORDS, _XP_SUBJECT = 40091, 40092, 40093, 40094, 40095
"""Windows' own: UTF-16, little-endian, whatever the order of the file; several values have semicolons between them."""
_ORIGINAL, _DIGITIZED, _COMMENT = 36867, 36868, 37510
_SOUTH_OR_NORTH, _LATITUDE, _EAST_OR_WEST, _LONGITUDE = 1, 2, 3, 4
_TEXTS = frozenset({1, 2, 7, 129})
"""BYTE, ASCII, UNDEFINED, and the UTF-8 of Exif 3.0."""
_MOST_BYTES = 1 << 16


def read_exif(reader: TiffReader, directories: Sequence[Directory]) -> Said:
    """What directories and their Exif directories say; of a tag that several have, the first.

    :param directories: those of the scan, the most trusted first.
    """
    said = Said("EXIF")
    tags = _Tags(reader, [*directories, *_linked(reader, directories, _EXIF)], said)
    title = tags.windows(_XP_TITLE)
    said.add("title", title)
    words = (tags.text(_DESCRIPTION), tags.windows(_XP_COMMENT), tags.comment(), tags.windows(_XP_SUBJECT))
    # Windows writes a title into both
    said.add("description", *(text for text in words if text.strip() != title.strip()))
    said.add("creator", *(tags.text(_ARTIST) or tags.windows(_XP_AUTHOR)).split(";"))
    said.add("rights", *tags.texts(_COPYRIGHT))
    said.add("subject", *tags.windows(_XP_KEYWORDS).split(";"))
    said.add_date(tags.text(_ORIGINAL))
    said.add_machine_day(tags.text(_DIGITIZED), tags.text(_CHANGED))
    return said


def read_position(reader: TiffReader, directories: Sequence[Directory]) -> str:
    """Degrees north and east as ``35.10280, 129.04030``; empty if the file does not say, or says what is no place."""
    for directory in _linked(reader, directories, _GPS):
        north = _degrees(reader, directory, _LATITUDE, _SOUTH_OR_NORTH, b"S")
        east = _degrees(reader, directory, _LONGITUDE, _EAST_OR_WEST, b"W")
        if north is not None and east is not None and abs(north) <= 90 and abs(east) <= 180:
            return f"{north:.5f}, {east:.5f}"
    return ""


def _linked(reader: TiffReader, directories: Sequence[Directory], tag: int) -> Iterator[Directory]:
    """Directories that a tag of others points to; a broken one is none."""
    for directory in directories:
        try:
            if offset := reader.number(directory, tag, 0):
                yield reader.directory(offset)
        except (ValueError, OverflowError):
            continue


def _degrees(reader: TiffReader, directory: Directory, tag: int, side_tag: int, negative: bytes) -> float | None:
    try:
        parts = reader.values(directory, tag, 3)
    except ValueError:
        return None
    if not parts or directory.entries[tag].kind != 5:
        return None
    degrees = sum(part / 60.0**power for power, part in enumerate(parts))
    return -degrees if reader.raw(directory, side_tag)[:1].upper() == negative else degrees


class _Tags:
    """Texts of tags in the first directory that has them."""

    def __init__(self, reader: TiffReader, directories: Sequence[Directory], said: Said) -> None:
        self._reader, self._directories, self._said = reader, directories, said

    def text(self, tag: int) -> str:
        """A text up to its end; empty if there is none."""
        return next(iter(self.texts(tag)), "")

    def texts(self, tag: int) -> list[str]:
        """The parts of a text, with NUL between them."""
        return [text for part in self._bytes(tag).split(b"\0") if (text := self._decoded(part).strip())]

    def windows(self, tag: int) -> str:
        """A text of Windows' own tags."""
        return self._bytes(tag).decode("utf-16-le", "replace").split("\0")[0]

    def comment(self) -> str:
        """UserComment, whose first eight bytes name its character code (Exif 3.0, 4.6.6)."""
        data = self._bytes(_COMMENT)
        code, body = data[:8].rstrip(b"\0").upper(), data[8:]
        if code == b"UNICODE":
            return self._utf16(body).rstrip("\0")
        if code == b"JIS":
            return self._decoded(body.rstrip(b"\0"), "iso2022_jp")
        return self._decoded(body.rstrip(b"\0") if code in {b"ASCII", b""} else data.rstrip(b"\0"))

    def _utf16(self, body: bytes) -> str:
        """By its byte order mark, else by where the zero bytes of its ASCII lie, else in the order of the file."""
        body = body[: len(body) // 2 * 2]
        if body[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            return self._decoded(body, "utf-16")
        high_first, low_first = body[::2].count(0), body[1::2].count(0)
        little = self._reader.order == "<" if high_first == low_first else low_first > high_first
        return self._decoded(body, "utf-16-le" if little else "utf-16-be")

    def _decoded(self, data: bytes, encoding: str = "") -> str:
        try:
            return data.decode(encoding) if encoding else decoded(data)
        except ValueError:
            note = "a text of its EXIF data is in an unknown or wrong encoding and was left out"
            if note not in self._said.notes:
                self._said.notes.append(note)
            return ""

    def _bytes(self, tag: int) -> bytes:
        for directory in self._directories:
            entry = directory.entries.get(tag)
            if entry is not None and entry.kind in _TEXTS:
                return self._reader.slice(entry.place, min(entry.count, _MOST_BYTES))
        return b""
