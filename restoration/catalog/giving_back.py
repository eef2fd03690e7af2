"""Giving work back that failed by no photograph's fault: no attempt counts, and another worker or hour takes it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from restoration.catalog.collections import Collection
from restoration.catalog.ending import Id
from restoration.catalog.events import append_event
from restoration.catalog.release import release_photos
from restoration.catalog.values import clean_text
from restoration.errors import INFRASTRUCTURE_REASONS, ReasonCode, UsageError

_PHOTO = sa.text("""
UPDATE photo
SET state = 'queued', attempts = greatest(attempts - 1, 0), lease_owner = NULL, lease_until = NULL
WHERE photo_id = :photo_id AND lease_owner = :worker
""")

_PHOTOS = sa.text("""
UPDATE photo
SET state = 'queued', attempts = greatest(attempts - 1, 0), lease_owner = NULL, lease_until = NULL
WHERE lease_owner = :worker AND photo_id IN (
    SELECT p.photo_id FROM photo AS p JOIN batch_photo AS bp USING (photo_id)
    WHERE bp.batch_id = :batch_id AND bp.finished_at IS NULL AND p.lease_owner = :worker
    ORDER BY p.photo_id FOR UPDATE OF p)
""")

# A batch that is given back was begun by nobody, unless its worker's process may have been spoiled by one photograph:
# then the next delivery goes one by one (docs/catalog.md).
_BATCH = sa.text("""
UPDATE batch
SET state = 'queued', queued_at = clock_timestamp(), worker = NULL, detail = :detail,
    given_back = given_back + CASE WHEN :counted THEN 1 ELSE 0 END,
    deliveries = CASE WHEN :suspect THEN deliveries ELSE greatest(deliveries - 1, 0) END
WHERE batch_id = :batch_id AND state = 'running'
  AND NOT EXISTS (SELECT FROM batch_photo AS bp JOIN photo AS p USING (photo_id)
                  WHERE bp.batch_id = :batch_id AND bp.finished_at IS NULL AND p.lease_owner <> :worker
                    AND p.lease_until > clock_timestamp())
RETURNING given_back
""")

_FAIL = sa.text("""
UPDATE batch SET state = 'failed', detail = :detail, finished_at = clock_timestamp()
WHERE batch_id = :batch_id AND state IN ('planned', 'queued', 'running')
""")

_LOST = sa.text("""
SELECT p.photo_id FROM photo AS p
WHERE p.collection_id = :collection_id AND p.current AND p.missing_since IS NULL AND p.state = 'quarantined'
  AND p.reason = CAST(:reason AS reason_code)
ORDER BY p.photo_id
FOR UPDATE OF p
""")

_RELEASE = sa.text("""
UPDATE photo SET state = 'pending', attempts = 0, reason = NULL, reason_detail = '', finished_at = NULL
WHERE photo_id = ANY(:photos)
""")


def give_back_photo(conn: sa.Connection, photo_id: int, worker: str) -> bool:
    """Give a leased photograph back, its attempt uncounted; False if the lease is no longer this worker's."""
    return conn.execute(_PHOTO, {"photo_id": photo_id, "worker": worker}).rowcount == 1


def give_back_batch(
    conn: sa.Connection, batch_id: Id, worker: str, detail: str, *, limit: int | None = None, suspect: bool = False
) -> bool:
    """Give a batch back with what this worker has leased of it; False if it has failed instead, was over, or if another
    worker is at it, whose it stays.

    :param detail: why, in words.
    :param limit: how often it may be given back before it fails and its photographs wait for another run; None if this
        time does not count (a worker that is told to stop).
    :param suspect: whether one of its photographs may be the cause; they go one by one next time.
    """
    values: dict[str, Any] = {"batch_id": batch_id, "worker": worker, "detail": clean_text(f"{worker}: {detail}")}
    conn.execute(_PHOTOS, values)
    count = conn.execute(_BATCH, values | {"counted": limit is not None, "suspect": suspect}).scalar()
    if count is None:
        return False
    if limit is None or int(count) < limit:
        return True
    conn.execute(_FAIL, values)
    release_photos(conn, [UUID(str(batch_id))], detail)
    return False


def release_quarantined(
    conn: sa.Connection, collection: Collection, reason: ReasonCode, *, person: str, dry_run: bool = False
) -> int:
    """Make photographs due again that were given up for a reason that was not theirs; returns how many.

    :raises UsageError: the reason is a photograph's own: such a scan is done over by a run with `force`.
    """
    if reason not in INFRASTRUCTURE_REASONS | {ReasonCode.WORKER_LOST}:
        known = ", ".join(sorted(INFRASTRUCTURE_REASONS | {ReasonCode.WORKER_LOST}))
        raise UsageError(f"{reason} is a photograph's own; what can be released is {known}; for others, run with force")
    found = conn.execute(_LOST, {"collection_id": collection.collection_id, "reason": str(reason)}).scalars().all()
    photos = [int(number) for number in found]
    if dry_run or not photos:
        return len(photos)
    conn.execute(_RELEASE, {"photos": photos})
    for number in photos:
        append_event(
            conn,
            collection_id=collection.collection_id,
            event_type="release",
            outcome="success",
            agent=person,
            photo_id=number,
            detail={"reason": str(reason)},
        )
    return len(photos)
