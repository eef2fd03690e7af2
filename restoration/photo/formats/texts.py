"""Texts that people wrote into files: from bytes of any encoding to clean words of bounded length."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MOST_CHARACTERS = 4000
"""Characters of one text, and of all values of one element together."""
MOST_VALUES = 32

_JOINERS = frozenset("\u061c\u200c\u200d\u200e\u200f")
"""Format characters that Arabic, Persian, Hebrew and Indic words need; none of them reaches beyond its word."""
_LINE_ENDS = frozenset("\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")
_DATE = re.compile(r"(\d{4})(?:[:/.-]?(\d\d)(?:[:/.-]?(\d\d))?)?(?:[ T]\d\d:\d\d.*)?")


@dataclass
class Said:
    """What one source in a file says: values by Dublin Core element, and what of it could not be read.

    ``machine_days`` are the days (YYYY-MM-DD) on which the file was made or changed; no photograph is of such a day.
    """

    source: str
    terms: dict[str, list[str]] = field(default_factory=dict)
    machine_days: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def add(self, term: str, *values: str) -> None:
        """Keep values of an element, without blank ones."""
        kept = [clean for value in values[:MOST_VALUES] if (clean := tidy(value, lines=term == "description"))]
        if kept:
            self.terms.setdefault(term, []).extend(kept)

    def add_date(self, *values: str) -> None:
        """Keep dates, in the form of ISO 8601 if they are figures."""
        self.add("date", *map(iso_date, values))

    def add_machine_day(self, *values: str) -> None:
        """Note days on which the file was made or changed."""
        self.machine_days.update(day for value in values if len(day := iso_date(value)) == 10)


@dataclass
class Written:
    """Texts by Dublin Core element, each one's source (XMP, IPTC, EXIF, PNG), and notes of what could not be read."""

    terms: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def tidy(text: str, *, lines: bool = False) -> str:
    """The text without control characters and those that turn the reading direction, spaces made one, cut if too long.

    :param lines: keep line ends; otherwise they become spaces.
    """
    text = text[: 4 * MOST_CHARACTERS].replace("\r\n", "\n")
    plain = "".join(_plain(character) for character in text)
    rows = [" ".join(row.split()) for row in plain.split("\n")]
    clean = ("\n" if lines else " ").join(row for row in rows if row)
    return clean if len(clean) <= MOST_CHARACTERS else f"{clean[: MOST_CHARACTERS - 1]}…"


def _plain(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    return "\n" if character in _LINE_ENDS else " " if character.isspace() else ""


def decoded(data: bytes) -> str:
    """Bytes whose encoding nobody names: UTF-8, else Windows-1252, which holds Latin-1.

    :raises ValueError: more than a third of the bytes lie outside ASCII, which no Western text has: a guess would put
        wrong names under the photograph.
    """
    data = data[: 4 * MOST_CHARACTERS].rstrip(b"\0")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # a character that the cut above went through
        if error.start >= 4 * MOST_CHARACTERS - 3:
            return data[: error.start].decode("utf-8")
    if 3 * sum(byte > 0x7F for byte in data) > len(data):
        raise ValueError("a text in an encoding that the file does not name")
    return data.decode("cp1252")


def iso_date(text: str) -> str:
    """A date of figures as YYYY, YYYY-MM or YYYY-MM-DD, without its time of day; any other text as it is.

    Parts that are zero are not known (IPTC-IIM 4.2, 2:55); empty if the year is not.
    """
    match = _DATE.fullmatch(text.strip().rstrip("\0"))
    if match is None:
        return "" if not any(character.isalnum() for character in text) else text
    year, month, day = match[1], match[2] or "00", match[3] or "00"
    if year == "0000":
        return ""
    if month > "12" or day > "31":
        return text
    parts = [year] if month == "00" else [year, month] if day == "00" else [year, month, day]
    return "-".join(parts)
