"""The optional ``hints.csv`` beside the scans: colours that people know, one line a hint.

It is read at every ingest. A line that is new is put on record; one that was given before is not given again, also if
it was taken back since; one that is no longer there changes nothing. Nothing stops the ingest: a line that cannot be
used is in the report, with its number and what to write instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from restoration.catalog.hints import GivenThrough, NewHint, add_hints, as_recorded, given_before, lock_photos
from restoration.colour_hints import ColourHint, HintGround, make_hint, parse_colour, parse_ground, parse_place
from restoration.errors import UsageError
from restoration.ingest.tables import NAME_COLUMNS, PhotoNames, TableReport, decoded, read_rows

if TYPE_CHECKING:
    import sqlalchemy as sa

    from restoration.catalog.collections import Collection

GIVEN_THROUGH: GivenThrough = "hints.csv"
AGENT = "ingest"
COLUMNS = ("file", "place", "colour", "ground", "said_by", "what", "source", "said_on", "radius")
MAX_WORDS = 500
"""Characters of a name or of words; what is longer is cut."""

_REPLACED = "given to the scan that took the place of the one it was first given for; see whether its place still holds"
_NEEDED = ("place", "colour", "ground", "said_by")
_SPELLINGS = {"color": "colour", "subject": "what", **dict.fromkeys(NAME_COLUMNS, "file")}


@dataclass
class HintsReport(TableReport):
    """What came of the file: ``lines`` that can be used, and of these ``added`` to the record this time.

    Kinds of problems: unreadable, missing_column, unknown_column, broken_row, too_many_rows, extra_cells, empty_name,
    no_such_photo, ambiguous_name, bad_place, bad_colour, bad_ground, bad_radius, bad_hint, no_name, long_cell,
    duplicate_line, replaced_scan, not_recorded.
    """

    lines: int = 0
    added: int = 0


@dataclass(frozen=True)
class GivenLine:
    """One line that can be used: its number, the key of its scan, and what it says."""

    row: int
    key: str
    hint: NewHint


class _Unusable(UsageError):
    """Why a line cannot be used: a kind of problem, and words that say what to write."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def read_hints(
    data: bytes, keys: Iterable[str], prefix: str, pages: Iterable[str] = ()
) -> tuple[list[GivenLine], HintsReport]:
    """Read the file and find the photograph of each line.

    :param keys: object keys of the collection's photographs.
    :param prefix: what the keys have in common; names in the file are relative to it.
    :param pages: names of further pages that files are known to have.
    """
    report = HintsReport(found=True)
    text = decoded(data, report)
    lines: dict[tuple[str, NewHint], GivenLine] = {}
    if text is not None:
        for line in _lines(text, PhotoNames(keys, prefix, pages), report):
            if (line.key, line.hint) in lines:
                first = lines[line.key, line.hint].row
                report.note(line.row, "duplicate_line", f"the same is said in line {first}; it counts once")
            lines.setdefault((line.key, line.hint), line)
    report.lines = len(lines)
    return list(lines.values()), report


def _lines(text: str, names: PhotoNames, report: HintsReport) -> Iterator[GivenLine]:
    rows = read_rows(text, report)
    _, header = next(rows)
    if not header:
        report.note(0, "unreadable", "the file is empty")
        return
    columns = [_column(cell) for cell in header]
    missing = [name for name in ("file", *_NEEDED) if name not in columns]
    if missing:
        report.note(1, "missing_column", f"no column {', '.join(missing)}; the columns are {', '.join(COLUMNS)}")
        return
    for cell, column in zip(header, columns, strict=True):
        if column not in COLUMNS:
            report.note(1, "unknown_column", f"{cell!r} is not read; the columns are {', '.join(COLUMNS)}")
    for number, cells in rows:
        try:
            line = _line(number, cells, columns, names, report)
        except _Unusable as problem:
            report.note(number, problem.kind, problem.message)
            continue
        if line is not None:
            yield line


def _column(cell: str) -> str:
    name = cell.strip().lower().replace(" ", "_").replace("-", "_")
    return _SPELLINGS.get(name, name)


def _line(
    number: int, cells: list[str], columns: list[str], names: PhotoNames, report: HintsReport
) -> GivenLine | None:
    """One line; None, with the reason noted, if it names no scan."""
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise _Unusable(
            "extra_cells",
            "more cells than the header has columns; a place stands in quotation marks, because there is a comma in "
            'it: "0.42,0.61"',
        )
    said = dict.fromkeys(COLUMNS, "")
    for column, cell in zip(columns, cells, strict=False):
        if column in said and not said[column]:
            said[column] = cell.strip()
    key = _key(number, said["file"], names, report)
    return None if key is None else GivenLine(number, key, _hint(number, said, report))


def _key(number: int, name: str, names: PhotoNames, report: HintsReport) -> str | None:
    if not name:
        raise _Unusable("empty_name", "the line does not say which scan it is of")
    if name == "*":
        raise _Unusable("no_such_photo", "'*' is no scan; write a line for each scan, since places differ")
    return names.find(name, number, report)


def _hint(number: int, said: dict[str, str], report: HintsReport) -> NewHint:
    colour = _colour_hint(said)
    if not said["said_by"]:
        raise _Unusable("no_name", "the line does not say who knows the colour; write a name under said_by")
    words = {}
    for name in ("said_by", "what", "source", "said_on"):
        if len(said[name]) > MAX_WORDS:
            report.note(number, "long_cell", f"{name} is cut after {MAX_WORDS} characters")
        words[name] = said[name][:MAX_WORDS]
    return as_recorded(
        NewHint(
            hint=colour,
            ground=_ground(said["ground"]),
            said_by=words["said_by"],
            subject=words["what"],
            source=words["source"],
            said_on=words["said_on"],
        )
    )


def _colour_hint(said: dict[str, str]) -> ColourHint:
    try:
        place = parse_place(said["place"])
    except UsageError as error:
        raise _Unusable("bad_place", error.message) from error
    try:
        colour = parse_colour(said["colour"])
    except UsageError as error:
        raise _Unusable("bad_colour", error.message) from error
    radius = _radius(said["radius"])
    try:
        return make_hint(place, colour, radius)
    except UsageError as error:
        raise _Unusable("bad_hint", error.message) from error


def _radius(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError as error:
        raise _Unusable(
            "bad_radius", f"{text!r} is no radius; write a share of the longer side such as 0.008, or nothing"
        ) from error


def _ground(text: str) -> HintGround:
    try:
        return parse_ground(text)
    except UsageError as error:
        raise _Unusable("bad_ground", error.message) from error


def record_hints(conn: sa.Connection, collection: Collection, lines: Iterable[GivenLine], report: HintsReport) -> None:
    """Put those lines on record that are new. Call it last in a transaction, as :func:`add_hints`.

    What the catalog refuses for one photograph is noted, and the others go on.
    """
    number = collection.collection_id
    given = given_before(conn, number, GIVEN_THROUGH)
    new: dict[str, list[GivenLine]] = {}
    for line in lines:
        known = given.get((line.key, line.hint))
        if not known:
            new.setdefault(line.key, []).append(line)
        if known is False:
            report.note(line.row, "replaced_scan", _REPLACED)
    lock_photos(conn, number, new)
    for key, of_photo in new.items():
        hints = [line.hint for line in of_photo]
        try:
            made = add_hints(conn, number, key, hints, given_through=GIVEN_THROUGH, person=AGENT, once=True)
        except UsageError as error:
            # asked before anything was written, so the transaction goes on
            report.note(of_photo[0].row, "not_recorded", error.message)
            continue
        report.added += len(made)
