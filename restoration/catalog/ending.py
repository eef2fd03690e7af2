"""How a photograph comes to its end: state, batch and event in one transaction. Shared by worker side and reaper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from restoration.catalog.events import EventOutcome, append_event
from restoration.catalog.rows import ScanRow
from restoration.catalog.values import clean_text, to_json
from restoration.errors import PhotoState, ReasonCode

Id = UUID | str

_LOCK_PHOTO = sa.text("""
SELECT p.state::text AS state, p.attempts, p.lease_owner, p.lease_until > clock_timestamp() AS alive, p.collection_id,
       bp.finished_at IS NOT NULL OR b.state NOT IN ('planned', 'queued', 'running') AS over, b.run_id,
       r.recipe_sha256
FROM photo AS p
JOIN batch_photo AS bp ON bp.photo_id = p.photo_id AND bp.batch_id = :batch_id
JOIN batch AS b ON b.batch_id = bp.batch_id
JOIN run AS r ON r.run_id = b.run_id
WHERE p.photo_id = :photo_id
FOR UPDATE OF p
""")

# The scan's facts are only overwritten by facts; a linked photograph takes those of its twin.
_END_PHOTO = sa.text("""
UPDATE photo AS p
SET state = CAST(:state AS photo_state), reason = CAST(:reason AS reason_code), reason_detail = :detail,
    restoration_id = :restoration_id, recipe_sha256 = :recipe_sha256, lease_owner = NULL, lease_until = NULL,
    finished_at = clock_timestamp(), hint_ids = COALESCE(CAST(:hint_ids AS bigint[]), p.hint_ids),
    content_sha256 = COALESCE(:source_sha256, p.content_sha256),
    file_sha256 = CASE WHEN p.part > 1 THEN COALESCE(:file_sha256, p.file_sha256) END,
    duplicate_of = (SELECT min(d.photo_id) FROM photo AS d
                    WHERE d.content_sha256 = :source_sha256 AND d.collection_id = p.collection_id AND d.current
                      AND d.duplicate_of IS NULL AND d.photo_id <> p.photo_id AND p.current),
    format = COALESCE(:format, p.format), width = COALESCE(:width, p.width), height = COALESCE(:height, p.height),
    bits = COALESCE(:bits, p.bits), scan = COALESCE(CAST(:scan AS jsonb), p.scan)
WHERE p.photo_id = :photo_id
RETURNING p.duplicate_of
""")

# A photograph that was being done over falls back to the restoration it shows: lifting the withdrawal shows it again.
_LEAVE_WITHDRAWN = sa.text("""
UPDATE photo AS p
SET state = COALESCE(r.state, 'skipped'),
    reason = CASE WHEN r.restoration_id IS NULL THEN 'withdrawn' ELSE r.reason END,
    reason_detail = COALESCE(r.reason_detail, ''), finished_at = COALESCE(r.created_at, clock_timestamp()),
    lease_owner = NULL, lease_until = NULL
FROM photo AS same LEFT JOIN restoration AS r ON r.restoration_id = same.restoration_id
WHERE p.photo_id = :photo_id AND same.photo_id = p.photo_id
""")

_END_BATCH_PHOTO = sa.text("""
UPDATE batch_photo
SET state = CAST(:state AS photo_state), reason = CAST(:reason AS reason_code), reason_detail = :detail,
    restoration_id = :restoration_id, finished_at = clock_timestamp()
WHERE batch_id = :batch_id AND photo_id = :photo_id
""")


@dataclass(frozen=True)
class Holding:
    """A photograph in a batch, locked, as a record function found it."""

    batch_id: Id
    photo_id: int
    worker: str
    run_id: UUID
    collection_id: int
    recipe_sha256: str
    attempts: int
    state: PhotoState
    mine: bool


@dataclass(frozen=True)
class End:
    """How a photograph ends: its own state, and where it differs the state in the batch. ``hint_ids`` are the hints
    that held for it; None leaves those on record.
    """

    state: PhotoState
    reason: str | None
    detail: str
    restoration_id: int | None = None
    batch_state: PhotoState | None = None
    batch_reason: str | None = None
    hint_ids: tuple[int, ...] | None = None


def lock_photo(conn: sa.Connection, batch_id: Id, photo_id: int) -> sa.Row[Any] | None:
    """The photograph as it stands, locked to the end of the transaction; None where it is not in that batch."""
    return conn.execute(_LOCK_PHOTO, {"batch_id": batch_id, "photo_id": photo_id}).one_or_none()


def hold(conn: sa.Connection, batch_id: Id, photo_id: int, worker: str) -> Holding:
    """The photograph, locked, and whether it is this worker's to write."""
    row = conn.execute(_LOCK_PHOTO, {"batch_id": batch_id, "photo_id": photo_id}).one()
    return make_holding(row, batch_id, photo_id, worker)


def make_holding(row: sa.Row[Any], batch_id: Id, photo_id: int, worker: str) -> Holding:
    """What a locked row means for this worker."""
    # a lease that ran out is still its owner's while nobody else took the photograph
    mine = row.lease_owner == worker and not row.over
    return Holding(
        batch_id,
        photo_id,
        worker,
        row.run_id,
        row.collection_id,
        row.recipe_sha256,
        row.attempts,
        PhotoState(row.state),
        mine,
    )


def end_photo(
    conn: sa.Connection,
    holding: Holding,
    end: End,
    *,
    source_sha256: str | None,
    info: ScanRow | None,
    file_sha256: str | None = None,
) -> int | None:
    """Write a final state to photograph and batch; returns the photograph it is a duplicate of."""
    values = {
        "batch_id": holding.batch_id,
        "photo_id": holding.photo_id,
        "recipe_sha256": holding.recipe_sha256,
        "source_sha256": source_sha256,
        "file_sha256": file_sha256,
        "restoration_id": end.restoration_id,
        "hint_ids": None if end.hint_ids is None else list(end.hint_ids),
        "detail": clean_text(end.detail),
        "format": info.format if info else None,
        "width": info.width if info else None,
        "height": info.height if info else None,
        "bits": info.bits if info else None,
        "scan": to_json(info.detail) if info else None,
    }
    own = {"state": str(end.state), "reason": str(end.reason) if end.reason else None}
    in_run = {
        "state": str(end.batch_state or end.state),
        "reason": str(end.batch_reason) if end.batch_reason else own["reason"],
    }
    duplicate = conn.execute(_END_PHOTO, values | own).scalar_one()
    conn.execute(_END_BATCH_PHOTO, values | in_run)
    return None if duplicate is None else int(duplicate)


def quarantine(conn: sa.Connection, holding: Holding, reason: ReasonCode, detail: str) -> None:
    """Give a photograph up after its last attempt."""
    end_photo(conn, holding, End(PhotoState.QUARANTINED, str(reason), detail), source_sha256=None, info=None)
    facts = {"reason": str(reason), "detail": detail, "attempts": holding.attempts}
    tell(conn, holding, "quarantine", "failure", facts)


def leave_withdrawn(conn: sa.Connection, holding: Holding) -> None:
    """End a photograph that was withdrawn after it was planned: nothing of it is read or restored in this run."""
    values = {"batch_id": holding.batch_id, "photo_id": holding.photo_id, "restoration_id": None, "detail": ""}
    conn.execute(_LEAVE_WITHDRAWN, values)
    in_run = {"state": str(PhotoState.SKIPPED), "reason": str(ReasonCode.WITHDRAWN)}
    conn.execute(_END_BATCH_PHOTO, values | in_run)
    tell(conn, holding, "cancellation", "warning", in_run)


def leave_refused(
    conn: sa.Connection, holding: Holding, collection: str, *, source_sha256: str, file_sha256: str | None
) -> None:
    """End a photograph whose content another collection's people refused: it is not restored, and not shown.

    :param collection: that collection by name.
    """
    detail = f"the same picture is withdrawn or refused in collection {collection}"
    end = End(PhotoState.SKIPPED, str(ReasonCode.WITHDRAWN), detail)
    end_photo(conn, holding, end, source_sha256=source_sha256, info=None, file_sha256=file_sha256)
    facts = {"state": str(PhotoState.SKIPPED), "reason": str(ReasonCode.WITHDRAWN), "source_sha256": source_sha256}
    tell(conn, holding, "cancellation", "warning", facts | {"because_of": f"collection {collection}"})


def duplicate_fact(photo_id: int | None) -> dict[str, Any]:
    """For an event's detail: which photograph this one repeats."""
    return {} if photo_id is None else {"duplicate_of": photo_id}


def tell(
    conn: sa.Connection,
    holding: Holding,
    event_type: str,
    outcome: EventOutcome,
    detail: Mapping[str, Any],
    restoration_id: int | None = None,
) -> None:
    """Append the event of what happened to a photograph; the last statement of its transaction."""
    tell_of(conn, holding, holding.photo_id, event_type, outcome, detail, restoration_id)


def tell_of(
    conn: sa.Connection,
    holding: Holding,
    photo_id: int,
    event_type: str,
    outcome: EventOutcome,
    detail: Mapping[str, Any],
    restoration_id: int | None = None,
) -> None:
    """Append the event of what the same worker found out about another photograph."""
    append_event(
        conn,
        collection_id=holding.collection_id,
        event_type=event_type,
        outcome=outcome,
        agent=holding.worker,
        run_id=holding.run_id,
        photo_id=photo_id,
        restoration_id=restoration_id,
        detail=detail,
    )
