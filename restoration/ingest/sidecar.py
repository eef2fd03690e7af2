"""The optional ``metadata.csv`` beside the scans: Dublin Core terms, and the scan's sha256, one row a photograph.

Missing and doubled rows, formulas, cells that are too long: nothing stops the ingest, and whatever could not be used is
in the report, with its row number (the header is row 1, as spreadsheets count). A column that is there several times
has several values, and all are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from restoration.dublin_core import DUBLIN_CORE, joined
from restoration.ingest.tables import NAME_COLUMNS, PhotoNames, TableReport, decoded, read_rows
from restoration.spreadsheet import is_formula

HASH_COLUMNS = ("sha256", "sha-256", "sha_256")
"""Columns that may say which bytes the giver sent; the first one present does."""

MAX_CELL = 10_000


@dataclass(frozen=True)
class Described:
    """What a row says of its scan: Dublin Core terms, and its sha256 (lower-case hexadecimal) where it gives one."""

    terms: dict[str, str]
    sha256: str | None = None


@dataclass
class SidecarReport(TableReport):
    """What came of the file.

    Kinds of problems: unreadable, no_name_column, unknown_column, empty_name, duplicate_name, no_such_photo,
    ambiguous_name, formula, extra_cells, long_cell, too_many_rows, broken_row, no_row, bad_sha256, sha256_conflict;
    of a bag's manifest manifest_broken_line, manifest_no_such_photo, manifest_ambiguous_name.
    """

    matched: int = 0
    photos_without_row: int = 0
    columns: tuple[str, ...] = ()


def read_sidecar(
    data: bytes, keys: Iterable[str], prefix: str, pages: Iterable[str] = ()
) -> tuple[dict[str, Described], SidecarReport]:
    """Read the file and find the photograph of each row.

    :param keys: object keys of the collection's photographs.
    :param prefix: what the keys have in common; names in the file are relative to it.
    :param pages: names of further pages that files are known to have; a hash belongs into the row of the file itself.
    :returns: object key to what is said of it, and the report.
    """
    report = SidecarReport(found=True)
    text = decoded(data, report)
    pages = frozenset(pages)
    names = PhotoNames(keys, prefix, pages)
    described: dict[str, Described] = {}
    if text is not None:
        for row, name, said in _rows(text, report):
            key = names.find(name, row, report)
            if key is None:
                continue
            if key in described:
                report.note(row, "duplicate_name", f"{name!r} has a row already; the first one counts")
                continue
            if said.sha256 and key in pages:
                report.note(row, "bad_sha256", f"{name!r} is a page; write the sha256 of its file into the file's row")
            described[key] = replace(said, sha256=None) if key in pages else said
    report.matched = len(described)
    report.photos_without_row = names.count - len(described)
    if described and report.photos_without_row:
        report.note(0, "no_row", f"{report.photos_without_row} photographs have no row")
    return described, report


def _rows(text: str, report: SidecarReport) -> Iterator[tuple[int, str, Described]]:
    rows = read_rows(text, report)
    _, header = next(rows, (0, []))
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
    yield from _data_rows(rows, columns, name_column, report)


def _data_rows(
    rows: Iterator[tuple[int, list[str]]], columns: list[str], name_column: int, report: SidecarReport
) -> Iterator[tuple[int, str, Described]]:
    hash_column = next((columns.index(name) for name in HASH_COLUMNS if name in columns), None)
    for number, cells in rows:
        name = cells[name_column].strip() if name_column < len(cells) else ""
        if not name:
            report.note(number, "empty_name", "the row does not say which scan it is of")
            continue
        sha256 = None if hash_column is None else _sha256(number, cells[hash_column : hash_column + 1], report)
        yield number, name, Described(_terms(number, cells, columns, report), sha256)


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


def _term(cell: str) -> str:
    """A header cell as an element's name: ``dc:Title``, ``DCTERMS.title`` and ``Title`` are all ``title``."""
    name = cell.strip().lower()
    for lead in ("dcterms:", "dcterms.", "dc:", "dc.", "dc_"):
        name = name.removeprefix(lead)
    return name.replace(" ", "_")
