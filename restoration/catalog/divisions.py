"""Divisions: a scan that shows several photographs becomes each of them, because a person or a recipe says so.

A decision is a row that is never changed, and an event of each scan; one that no longer holds gets a row of its own. It
holds for a content: for every scan of the collection with these bytes, on this page. The scan itself is then
``skipped`` (``divided``), stays the one original that its file is, and shows again what it showed when the decision is
taken back. Its photographs are rows (:mod:`restoration.catalog.cut_parts`), and like further pages each has a life of
its own. A worker that reads a scan whose content is divided divides it, without restoring it as a whole.

The ingest's role is enough for what a person does here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from restoration.catalog.cut_parts import CutPart, Whole, add_parts, take_out
from restoration.catalog.events import append_event
from restoration.catalog.locks import lock_work
from restoration.catalog.values import clean_words
from restoration.catalog.withdrawals import WITHDRAWN, tell_withdrawn, withdraw_with
from restoration.divisions import GivenThrough, Layout, make_layout, read_box
from restoration.errors import UsageError

DIVIDED, TAKEN_BACK = "division", "division_removal"
"""Types of the two events."""

IS_DIVIDED = "(p.state = 'skipped' AND p.reason = 'divided')"
"""Whether a photograph ``p`` is a scan whose photographs stand in its place."""

TO_DIVIDE = """
(p.box IS NULL AND EXISTS (SELECT FROM division AS d WHERE d.collection_id = p.collection_id
                              AND d.source_sha256 = p.content_sha256
                              AND NOT EXISTS (SELECT FROM division_removal AS e WHERE e.division_id = d.division_id)))
"""
"""Whether a photograph ``p`` has a content that is divided: if it is restored as a whole, it is due."""

_WHOLE = f"""
SELECT p.photo_id, p.collection_id, p.object_key, coalesce(p.file_key, p.object_key) AS file_key, p.page, p.version_id,
       p.etag, p.current, p.content_sha256, coalesce(p.file_sha256, p.content_sha256) AS file_sha256, p.box,
       CAST(p.state AS text) AS state, {WITHDRAWN} AS withdrawn, cardinality(hints_in_force(p)) AS hints
FROM photo AS p
"""  # noqa: S608 - constant condition

_NAMED = sa.text(f"{_WHOLE} WHERE p.collection_id = :collection_id AND p.object_key = :object_key AND p.current")

_SCANS = sa.text(f"""
{_WHOLE} WHERE p.collection_id = :collection_id AND p.content_sha256 = :source_sha256 AND p.current AND p.box IS NULL
ORDER BY p.photo_id FOR UPDATE OF p
""")

_ONE = sa.text(f"{_WHOLE} WHERE p.photo_id = :photo_id")

_IN_FORCE = sa.text("""
SELECT d.division_id, d.source_sha256, d.arrangement, d.boxes, d.given_through, d.decided_by, d.run_id
FROM unnest(CAST(:contents AS text[])) AS c(content)
JOIN division AS d ON d.division_id = division_in_force(:collection_id, c.content)
""")

_EVER = sa.text("""
SELECT EXISTS (SELECT FROM division WHERE collection_id = :collection_id AND source_sha256 = :source_sha256)
""")

_DECIDE = sa.text("""
INSERT INTO division (collection_id, source_sha256, arrangement, boxes, given_through, run_id, decided_by)
VALUES (:collection_id, :source_sha256, :arrangement, :boxes, :given_through, :run_id, :decided_by)
RETURNING division_id
""")

_END = sa.text("""
INSERT INTO division_removal (division_id, reason, removed_by) VALUES (:division_id, :reason, :person)
""")

# A scan that a worker has in hand stays as it is: the worker finds the decision when it comes to the scan's end.
_SET_DIVIDED = sa.text("""
UPDATE photo SET state = 'skipped', reason = 'divided', reason_detail = :detail, restoration_id = NULL,
       division_id = :division_id, finished_at = clock_timestamp()
WHERE photo_id = :photo_id AND state NOT IN ('queued', 'restoring')
""")

# What it showed last is that of the last batch in which it had a result.
_BRING_BACK = sa.text("""
UPDATE photo AS p
SET state = coalesce(r.state, 'pending'), reason = r.reason, reason_detail = coalesce(r.reason_detail, ''),
    restoration_id = r.restoration_id, recipe_sha256 = coalesce(last.recipe_sha256, p.recipe_sha256),
    division_id = NULL, finished_at = last.finished_at, attempts = 0
FROM photo AS same
LEFT JOIN LATERAL (
    SELECT bp.restoration_id, bp.finished_at, run.recipe_sha256
    FROM batch_photo AS bp JOIN batch AS b USING (batch_id) JOIN run USING (run_id)
    WHERE bp.photo_id = same.photo_id AND bp.restoration_id IS NOT NULL
    ORDER BY bp.finished_at DESC LIMIT 1) AS last ON true
LEFT JOIN restoration AS r ON r.restoration_id = last.restoration_id
WHERE p.photo_id = :photo_id AND same.photo_id = p.photo_id AND p.state = 'skipped' AND p.reason = 'divided'
""")

_CANNOT = frozenset({"rejected", "quarantined"})


@dataclass(frozen=True)
class Division:
    """A decision that holds: for which content, how it is divided, and who says so."""

    division_id: int
    source_sha256: str
    layout: Layout
    given_through: GivenThrough
    decided_by: str
    run_id: UUID | None = None


@dataclass(frozen=True)
class Divided:
    """What a decision did. ``made``: False if the scan was divided so already. ``scans``: keys of all scans with that
    content; ``parts``: their photographs; ``withdrawn``: those that are withdrawn because their scan is. ``hints``:
    colours that were given for the scan, which hold for none of them.
    """

    division_id: int
    made: bool
    scans: tuple[str, ...]
    parts: tuple[CutPart, ...]
    withdrawn: tuple[str, ...] = ()
    hints: int = 0


@dataclass(frozen=True)
class TakenBack:
    """Which scans are photographs again, and how many photographs are no longer there."""

    scans: tuple[str, ...]
    parts: int


def divide(
    conn: sa.Connection,
    collection_id: int,
    object_key: str,
    layout: Layout,
    *,
    given_through: GivenThrough,
    person: str,
) -> Divided:
    """Divide a scan, and every scan of the collection with the same content, because a person says so.

    An earlier division with other boxes is taken back by that. Call it last in a transaction.

    :raises UsageError: no such scan, it is itself cut out of one, it was never read or cannot be, or nobody is named.
    """
    who = clean_words(person)
    if not who:
        raise UsageError("say who divides the scan")
    content = content_of(conn, collection_id, object_key)
    scans = _locked(conn, collection_id, content)
    before = divisions_of(conn, collection_id, [content]).get(content)
    if before is not None and before.layout.boxes == layout.boxes:
        return Divided(before.division_id, False, tuple(key for key in _keys(scans)), ())
    if before is not None:
        _end(conn, before, who, "divided anew")
        take_out(conn, before.division_id, kept=[box.text for box in layout.boxes])
    number = _decide(conn, collection_id, content, layout, given_through, who)
    parts: list[CutPart] = []
    withdrawn: list[str] = []
    for row in scans:
        whole = _whole(row)
        cut = add_parts(conn, whole, number, layout)
        set_divided(conn, whole.photo_id, number, len(cut))
        if row.withdrawn:
            fresh = [part.object_key for part in cut if part.fresh]
            withdrawn += withdraw_with(conn, collection_id, whole.object_key, fresh, person=who)
        parts += cut
    for row in scans:
        if before is not None:
            tell_taken_back(conn, _whole(row), before.division_id, who, "divided anew")
        tell_divided(conn, _whole(row), Division(number, content, layout, given_through, who), agent=who)
    tell_withdrawn(conn, collection_id, withdrawn, person=who, because_of="its scan")
    hints = max((int(row.hints) for row in scans), default=0)
    return Divided(number, True, tuple(_keys(scans)), tuple(parts), tuple(withdrawn), hints)


def undo(conn: sa.Connection, collection_id: int, object_key: str, *, person: str, reason: str = "") -> TakenBack:
    """Take the division of a scan back: it shows again what it showed, and its photographs are no longer there.

    Holds for every scan of the collection with that content. Call it last in a transaction.

    :raises UsageError: no such scan, it is not divided, or nobody is named.
    """
    who = clean_words(person)
    if not who:
        raise UsageError("say who takes the division back")
    content = content_of(conn, collection_id, object_key)
    scans = _locked(conn, collection_id, content)
    division = divisions_of(conn, collection_id, [content]).get(content)
    if division is None:
        raise UsageError("it is not divided; `restoration audit several` lists what is", photo=object_key)
    _end(conn, division, who, clean_words(reason))
    parts = take_out(conn, division.division_id)
    for row in scans:
        conn.execute(_BRING_BACK, {"photo_id": row.photo_id})
    for row in scans:
        tell_taken_back(conn, _whole(row), division.division_id, who, clean_words(reason))
    return TakenBack(tuple(_keys(scans)), parts)


def divisions_of(conn: sa.Connection, collection_id: int, contents: Sequence[str]) -> dict[str, Division]:
    """The divisions that hold for these contents in a collection, by content."""
    rows = conn.execute(_IN_FORCE, {"collection_id": collection_id, "contents": sorted(set(contents))})
    return {row.source_sha256: _division(row) for row in rows}


def was_decided(conn: sa.Connection, collection_id: int, source_sha256: str) -> bool:
    """Whether anybody ever divided a scan with that content, also if that was taken back."""
    names = {"collection_id": collection_id, "source_sha256": source_sha256}
    return bool(conn.execute(_EVER, names).scalar_one())


def decide_by_recipe(
    conn: sa.Connection, collection_id: int, source_sha256: str, layout: Layout, *, recipe: str, run_id: UUID
) -> Division:
    """Put on record that a run divides a content, as its recipe says. The collection's divisions must be locked, and
    nobody may have decided about it before (:func:`was_decided`).
    """
    who = f"recipe {recipe}"
    number = _decide(conn, collection_id, source_sha256, layout, "recipe", who, run_id)
    return Division(number, source_sha256, layout, "recipe", who, run_id)


def read_whole(conn: sa.Connection, photo_id: int) -> Whole:
    """The scan of that number, whose row the caller has locked and whose content is known."""
    return _whole(conn.execute(_ONE, {"photo_id": photo_id}).one())


def lock_divisions(conn: sa.Connection, collection_id: int) -> None:
    """Wait for whoever is dividing scans of the collection; after the scan itself was locked."""
    lock_work(conn, "division", collection_id)


def set_divided(conn: sa.Connection, photo_id: int, division_id: int, parts: int) -> None:
    """The scan's photographs stand in its place from now on; one that a worker has in hand is left as it is."""
    detail = f"divided into {parts} {'photograph' if parts == 1 else 'photographs'}"
    conn.execute(_SET_DIVIDED, {"photo_id": photo_id, "division_id": division_id, "detail": detail})


def tell_divided(
    conn: sa.Connection, whole: Whole, division: Division, *, agent: str, run_id: UUID | None = None
) -> None:
    """Append the event of a scan that was divided. It names no photograph: one may be withdrawn tomorrow."""
    detail = {
        "division_id": division.division_id,
        "source_sha256": division.source_sha256,
        "arrangement": division.layout.arrangement,
        "boxes": [box.text for box in division.layout.boxes],
        "given_through": division.given_through,
    }
    append_event(
        conn,
        collection_id=whole.collection_id,
        event_type=DIVIDED,
        outcome="success",
        agent=agent,
        run_id=run_id,
        photo_id=whole.photo_id,
        detail=detail,
    )


def tell_taken_back(conn: sa.Connection, whole: Whole, division_id: int, person: str, reason: str) -> None:
    """Append the event of a scan whose division was taken back."""
    append_event(
        conn,
        collection_id=whole.collection_id,
        event_type=TAKEN_BACK,
        outcome="success",
        agent=person,
        photo_id=whole.photo_id,
        detail={"division_id": division_id, "words": reason},
    )


def content_of(conn: sa.Connection, collection_id: int, object_key: str) -> str:
    """Identity of the content of a scan that may be divided.

    :raises UsageError: no such scan, it is itself cut out of one, it was never read or cannot be.
    """
    row = conn.execute(_NAMED, {"collection_id": collection_id, "object_key": object_key}).one_or_none()
    if row is None:
        raise UsageError("the collection has no current scan of that key", photo=object_key)
    if row.box is not None:
        raise UsageError(f"it was cut out of a scan itself; divide {row.file_key}", photo=object_key)
    if row.content_sha256 is None or row.state in _CANNOT:
        raise UsageError(
            f"it is {row.state}: only a scan that was read can be divided; restore it first", photo=object_key
        )
    return str(row.content_sha256)


def _locked(conn: sa.Connection, collection_id: int, content: str) -> Sequence[sa.Row[Any]]:
    """The scans with that content, locked in one order for everybody, and the collection's divisions."""
    scans = conn.execute(_SCANS, {"collection_id": collection_id, "source_sha256": content}).all()
    lock_work(conn, "division", collection_id)
    return [row for row in scans if row.state not in _CANNOT]


def _decide(
    conn: sa.Connection,
    collection_id: int,
    content: str,
    layout: Layout,
    given_through: GivenThrough,
    who: str,
    run_id: UUID | None = None,
) -> int:
    values = {
        "collection_id": collection_id,
        "source_sha256": content,
        "arrangement": layout.arrangement,
        "boxes": [box.text for box in layout.boxes],
        "given_through": given_through,
        "run_id": run_id,
        "decided_by": who,
    }
    return int(conn.execute(_DECIDE, values).scalar_one())


def _end(conn: sa.Connection, division: Division, person: str, reason: str) -> None:
    conn.execute(_END, {"division_id": division.division_id, "person": person, "reason": reason})


def _keys(scans: Sequence[sa.Row[Any]]) -> list[str]:
    return [str(row.object_key) for row in scans]


def _whole(row: sa.Row[Any]) -> Whole:
    names = Whole.__dataclass_fields__
    return Whole(**{name: getattr(row, name) for name in names})


def _division(row: sa.Row[Any]) -> Division:
    layout = make_layout((read_box(text) for text in row.boxes), row.arrangement)
    return Division(int(row.division_id), row.source_sha256, layout, row.given_through, row.decided_by, row.run_id)
