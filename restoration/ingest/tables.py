"""Tables that people lay beside the scans: read as spreadsheets write them, and whatever is wrong told by row.

Everything that spreadsheets do is met here: byte order marks, UTF-16, semicolons and the line ``sep=;`` that announces
them, broken rows, names in another case or Unicode form. Rows are counted as spreadsheets count, which show no ``sep=``
line: the header is row 1.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

NAME_COLUMNS = ("filename", "file", "file_name", "key", "path", "identifier")
"""Columns that may say which scan a row is of; the first one present does."""

MAX_BYTES = 64 * 1024**2
MAX_ROWS = 1_000_000
MAX_KEPT_PROBLEMS = 200

_SEPARATOR_LINE = re.compile(r'"?sep=(?P<separator>[,;|\t])"?[,;|\t]*\r?\n', re.IGNORECASE)
"""Excel's own first line; programs that write the file anew may put quotes round it or empty cells behind it."""


@dataclass(frozen=True)
class TableProblem:
    """One thing in the file that could not be used, or was used with care. ``row`` 0 means the file as a whole."""

    row: int
    kind: str
    detail: str


@dataclass
class TableReport:
    """What came of a file. ``counts`` has every problem by kind; ``problems`` the first of them."""

    found: bool = False
    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[TableProblem] = field(default_factory=list)

    def note(self, row: int, kind: str, detail: str) -> None:
        """Count a problem, and keep its words unless there are too many already."""
        self.counts[kind] += 1
        if len(self.problems) < MAX_KEPT_PROBLEMS:
            self.problems.append(TableProblem(row, kind, detail[:300]))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the catalog and for JSON output."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        return plain | {"counts": dict(self.counts), "problems": [[p.row, p.kind, p.detail] for p in self.problems]}


def decoded(data: bytes, report: TableReport) -> str | None:
    """The file's text; None, with the reason noted, if it is too large or in a code page that nobody can know."""
    if len(data) > MAX_BYTES:
        report.note(0, "unreadable", f"larger than {MAX_BYTES} bytes")
        return None
    encoding = "utf-8-sig"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        return data.decode(encoding).replace("\x00", "")
    except UnicodeDecodeError as error:
        # guessing a code page would put wrong names under photographs of the dead: better none
        report.note(0, "unreadable", f"neither UTF-8 nor UTF-16 (byte {error.start}); save it as 'CSV UTF-8'")
        return None


def read_rows(text: str, report: TableReport) -> Iterator[tuple[int, list[str]]]:
    """The header, which may be empty, then every row that says anything, each with its number."""
    announced = _SEPARATOR_LINE.match(text)
    if announced is not None:
        text = text[announced.end() :]
    delimiter = announced["separator"] if announced is not None else _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    yield 1, _next_row(reader, report) or []
    number = 1
    while (cells := _next_row(reader, report)) is not None:
        number += 1
        if not any(cell.strip() for cell in cells):
            continue
        report.rows += 1
        if report.rows > MAX_ROWS:
            report.note(number, "too_many_rows", f"rows after the first {MAX_ROWS} are not read")
            return
        yield number, cells


def _next_row(reader: Any, report: TableReport) -> list[str] | None:
    """The next row; a row that the CSV reader can't read is reported and skipped."""
    while True:
        try:
            return next(reader)  # type: ignore[no-any-return]
        except StopIteration:
            return None
        except csv.Error as error:
            report.note(reader.line_num, "broken_row", str(error))


def _delimiter(text: str) -> str:
    """The separator that the header line has most of; a comma where it has none."""
    header = text.split("\n", 1)[0]
    return max(",;\t", key=header.count)


class PhotoNames:
    """Finds the photograph that a row names: exactly, else in any Unicode form or case, else without its ending.

    Names are relative to the collection's prefix, or whole keys. Further pages of a file (``album.tif#2``) are never
    found without their number. A name that is a page's and an object's own is nobody's.
    """

    def __init__(self, keys: Iterable[str], prefix: str, pages: Iterable[str] = ()) -> None:
        self._exact: dict[str, str] = {}
        self._loose: dict[str, list[str]] = {}
        pages = frozenset(pages)
        doubtful: set[str] = set()
        for key in keys:
            if key in pages:
                doubtful.add(key)
            else:
                self._add(key, prefix, stems=True)
        for key in sorted(pages - doubtful):
            self._add(key, prefix, stems=False)
        self.count = len(self._exact)

    def _add(self, key: str, prefix: str, *, stems: bool) -> None:
        relative = key.removeprefix(prefix)
        self._exact[relative] = key
        folded = _fold(relative)
        file_name = folded.rsplit("/", 1)[-1]
        for form in {folded, file_name, _fold(key)} | ({_stem(folded), _stem(file_name)} if stems else set()):
            self._loose.setdefault(form, []).append(key)

    def find(self, name: str, row: int, report: TableReport) -> str | None:
        """The object key, or None with the reason noted."""
        if name in self._exact:
            return self._exact[name]
        candidates = self._loose.get(_fold(name).removeprefix("./").removeprefix("/"), [])
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            report.note(row, "ambiguous_name", f"{name!r} could be {len(candidates)} scans; write the whole path")
        else:
            report.note(row, "no_such_photo", f"there is no scan {name!r}")
        return None


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().replace("\\", "/")


def _stem(name: str) -> str:
    folder, slash, file_name = name.rpartition("/")
    return f"{folder}{slash}{file_name.rsplit('.', 1)[0]}"
