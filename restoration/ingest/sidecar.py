"""The optional ``metadata.csv`` beside the scans: Dublin Core terms, and the scan's sha256, one row a photograph.

People write these files with spreadsheets, so everything that spreadsheets do is met here: byte order marks, UTF-16,
semicolons and the line ``sep=;`` that announces them, missing and doubled rows, formulas. A column that is there
several times has several values, and all are kept. Nothing stops the ingest; whatever could not be used is in the
report, with its row number (the header is row 1, as spreadsheets count, which show no ``sep=`` line).
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

from restoration.dublin_core import DUBLIN_CORE, joined
from restoration.spreadsheet import is_formula

HASH_COLUMNS = ("sha256", "sha-256", "sha_256")
"""Columns that may say which bytes the giver sent; the first one present does."""

NAME_COLUMNS = ("filename", "file", "file_name", "key", "path", "identifier")
"""Columns that may say which scan a row describes; the first one present does."""

MAX_BYTES = 64 * 1024**2
MAX_ROWS = 1_000_000
MAX_CELL = 10_000
MAX_KEPT_PROBLEMS = 200

_SEPARATOR_LINE = re.compile(r'"?sep=(?P<separator>[,;|\t])"?[,;|\t]*\r?\n', re.IGNORECASE)
"""Excel's own first line; programs that write the file anew may put quotes round it or empty cells behind it."""


@dataclass(frozen=True)
class SidecarProblem:
    """One thing in the file that could not be used, or was used with care. ``row`` 0 means the file as a whole."""

    row: int
    kind: str
    detail: str


@dataclass(frozen=True)
class Described:
    """What a row says of its scan: Dublin Core terms, and its sha256 (lower-case hexadecimal) where it gives one."""

    terms: dict[str, str]
    sha256: str | None = None


@dataclass
class SidecarReport:
    """What came of the file. ``counts`` has every problem by kind; ``problems`` the first of them.

    Kinds: unreadable, no_name_column, unknown_column, empty_name, duplicate_name, no_such_photo, ambiguous_name,
    formula, extra_cells, long_cell, too_many_rows, broken_row, no_row, bad_sha256, sha256_conflict; of a bag's manifest
    manifest_broken_line, manifest_no_such_photo, manifest_ambiguous_name.
    """

    found: bool = False
    rows: int = 0
    matched: int = 0
    photos_without_row: int = 0
    columns: tuple[str, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[SidecarProblem] = field(default_factory=list)

    def note(self, row: int, kind: str, detail: str) -> None:
        """Count a problem, and keep its words unless there are too many already."""
        self.counts[kind] += 1
        if len(self.problems) < MAX_KEPT_PROBLEMS:
            self.problems.append(SidecarProblem(row, kind, detail[:300]))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the catalog and for JSON output."""
        return {
            "found": self.found,
            "rows": self.rows,
            "matched": self.matched,
            "photos_without_row": self.photos_without_row,
            "columns": list(self.columns),
            "counts": dict(self.counts),
            "problems": [[p.row, p.kind, p.detail] for p in self.problems],
        }


def read_sidecar(data: bytes, keys: Iterable[str], prefix: str) -> tuple[dict[str, Described], SidecarReport]:
    """Read the file and find the photograph of each row.

    :param keys: object keys of the collection's photographs.
    :param prefix: what the keys have in common; names in the file are relative to it.
    :returns: object key to what is said of it, and the report.
    """
    report = SidecarReport(found=True)
    text = _decode(data, report)
    names = _PhotoNames(keys, prefix)
    described: dict[str, Described] = {}
    if text is not None:
        for row, name, said in _rows(text, report):
            key = names.find(name, row, report)
            if key is None:
                continue
            if key in described:
                report.note(row, "duplicate_name", f"{name!r} has a row already; the first one counts")
                continue
            described[key] = said
    report.matched = len(described)
    report.photos_without_row = names.count - len(described)
    if described and report.photos_without_row:
        report.note(0, "no_row", f"{report.photos_without_row} photographs have no row")
    return described, report


def _decode(data: bytes, report: SidecarReport) -> str | None:
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


def _rows(text: str, report: SidecarReport) -> Iterator[tuple[int, str, Described]]:
    announced = _SEPARATOR_LINE.match(text)
    if announced is not None:
        text = text[announced.end() :]
    delimiter = announced["separator"] if announced is not None else _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = _next_row(reader, report)
    if not header:
        report.note(0, "unreadable", "the file is empty")
        return
    columns = [_term(cell) for cell in header]
    name_column = next((columns.index(name) for name in NAME_COLUMNS if name in columns), None)
    if name_column is None:
        report.note(1, "no_name_column", f"no column says which scan a row is of; add one of {', '.join(NAME_COLUMNS)}")
        return
    report.columns = tuple(column for column in columns if column in DUBLIN_CORE)
    for cell, column in zip(header, columns, strict=True):
        if column not in (*DUBLIN_CORE, *NAME_COLUMNS, *HASH_COLUMNS):
            report.note(1, "unknown_column", f"{cell!r} is no Dublin Core element and is not kept")
    yield from _data_rows(reader, columns, name_column, report)


def _data_rows(
    reader: Any, columns: list[str], name_column: int, report: SidecarReport
) -> Iterator[tuple[int, str, Described]]:
    hash_column = next((columns.index(name) for name in HASH_COLUMNS if name in columns), None)
    number = 1
    while (cells := _next_row(reader, report)) is not None:
        number += 1
        if not any(cell.strip() for cell in cells):
            continue
        report.rows += 1
        if report.rows > MAX_ROWS:
            report.note(number, "too_many_rows", f"rows after the first {MAX_ROWS} are not read")
            return
        name = cells[name_column].strip() if name_column < len(cells) else ""
        if not name:
            report.note(number, "empty_name", "the row does not say which scan it is of")
            continue
        sha256 = None if hash_column is None else _sha256(number, cells[hash_column : hash_column + 1], report)
        yield number, name, Described(_terms(number, cells, columns, report), sha256)


def _next_row(reader: Any, report: SidecarReport) -> list[str] | None:
    """The next row; a row that the CSV reader can't read is reported and skipped."""
    while True:
        try:
            return next(reader)  # type: ignore[no-any-return]
        except StopIteration:
            return None
        except csv.Error as error:
            report.note(reader.line_num, "broken_row", str(error))


def _terms(number: int, cells: list[str], columns: list[str], report: SidecarReport) -> dict[str, str]:
    if len(cells) > len(columns):
        report.note(number, "extra_cells", f"{len(cells) - len(columns)} cells more than the header has columns")
    values: dict[str, list[str]] = {}
    for column, cell in zip(columns, cells, strict=False):
        if column in DUBLIN_CORE and cell.strip():
            # not stripped: a leading tab is evidence too, and the export deals with it
            values.setdefault(column, []).append(cell)
            if is_formula(cell):
                how = "kept as text, made harmless when exported"
                report.note(number, "formula", f"{column} looks like a formula; {how}")
    terms = {column: joined(column, cells_of_it) for column, cells_of_it in values.items()}
    for column, text in terms.items():
        if len(text) > MAX_CELL:
            report.note(number, "long_cell", f"{column} is cut after {MAX_CELL} characters")
            terms[column] = text[:MAX_CELL]
    return terms


def _sha256(number: int, cell: list[str], report: SidecarReport) -> str | None:
    digest = "".join(cell).strip().lower()
    if not digest:
        return None
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        report.note(
            number, "bad_sha256", f"{digest[:80]!r} is no sha256 (64 hexadecimal digits); the scan is not checked"
        )
        return None
    return digest


def _delimiter(text: str) -> str:
    """The separator that the header line has most of; a comma where it has none."""
    header = text.split("\n", 1)[0]
    return max(",;\t", key=header.count)


def _term(cell: str) -> str:
    """A header cell as an element's name: ``dc:Title``, ``DCTERMS.title`` and ``Title`` are all ``title``."""
    name = cell.strip().lower()
    for lead in ("dcterms:", "dcterms.", "dc:", "dc.", "dc_"):
        name = name.removeprefix(lead)
    return name.replace(" ", "_")


class _PhotoNames:
    """Finds the photograph that a row names: exactly, else in any Unicode form or case, else without its ending.

    Names are relative to the collection's prefix, or whole keys.
    """

    def __init__(self, keys: Iterable[str], prefix: str) -> None:
        self._exact: dict[str, str] = {}
        self._loose: dict[str, list[str]] = {}
        for key in keys:
            relative = key.removeprefix(prefix)
            self._exact[relative] = key
            folded = _fold(relative)
            file_name = folded.rsplit("/", 1)[-1]
            for form in {folded, file_name, _stem(folded), _stem(file_name), _fold(key)}:
                self._loose.setdefault(form, []).append(key)
        self.count = len(self._exact)

    def find(self, name: str, row: int, report: SidecarReport) -> str | None:
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
