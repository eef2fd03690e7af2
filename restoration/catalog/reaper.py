"""The reaper: photographs whose worker died are freed or quarantined, and their batches sent again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from restoration.catalog.ending import hold, quarantine, tell
from restoration.catalog.release import release_photos
from restoration.errors import ReasonCode
from restoration.settings import get_settings

_DEAD = sa.text("""
SELECT p.photo_id, p.lease_owner, p.attempts, b.batch_id, b.state IN ('planned', 'queued', 'running') AS live
FROM photo AS p
JOIN batch_photo AS bp ON bp.photo_id = p.photo_id AND bp.finished_at IS NULL
JOIN batch AS b ON b.batch_id = bp.batch_id
WHERE p.lease_until < clock_timestamp() - make_interval(secs => :grace)
ORDER BY p.photo_id
FOR UPDATE OF p SKIP LOCKED
""")

_FREE = sa.text("""
UPDATE photo SET state = 'queued', lease_owner = NULL, lease_until = NULL WHERE photo_id = :photo_id
""")

# A batch is orphaned when nobody holds any of its photographs and its worker has been silent for long, or has just
# lost a lease.
_ORPHANS = """
b.state = 'running'
AND (b.batch_id = ANY(CAST(:touched AS uuid[]))
     OR b.heartbeat_at < clock_timestamp() - make_interval(secs => :stale))
AND NOT EXISTS (SELECT FROM batch_photo AS bp JOIN photo AS p USING (photo_id)
                WHERE bp.batch_id = b.batch_id AND bp.finished_at IS NULL AND p.lease_until > clock_timestamp())
"""
_UNFINISHED = "EXISTS (SELECT FROM batch_photo AS u WHERE u.batch_id = b.batch_id AND u.finished_at IS NULL)"

_CLOSE = sa.text(
    "UPDATE batch AS b SET state = 'done', finished_at = clock_timestamp() "  # noqa: S608 - constant parts
    f"WHERE {_ORPHANS} AND NOT {_UNFINISHED}"
)
_REQUEUE = sa.text(
    "UPDATE batch AS b SET state = 'queued', queued_at = clock_timestamp() "  # noqa: S608 - constant parts
    f"WHERE {_ORPHANS} AND {_UNFINISHED} RETURNING b.batch_id"
)


@dataclass(frozen=True)
class ReapReport:
    """What the reaper did: photographs freed, quarantined, and batches to send again."""

    freed: int
    quarantined: int
    batches_requeued: list[UUID]


def reap(
    conn: sa.Connection,
    *,
    lease_grace_s: float = 0,
    max_attempts: int | None = None,
    batch_stale_s: float | None = None,
) -> ReapReport:
    """Free photographs whose lease ran out more than ``lease_grace_s`` seconds ago; two reapers keep apart.

    :param max_attempts: attempts after which a photograph is quarantined; the setting where None.
    :param batch_stale_s: seconds without a heartbeat after which a batch in which nothing is leased is sent again; the
        length of a lease where None.
    """
    settings = get_settings()
    limit = settings.max_attempts if max_attempts is None else max_attempts
    stale = settings.lease_seconds if batch_stale_s is None else batch_stale_s
    freed, quarantined, touched, over = 0, 0, set(), set()
    for row in conn.execute(_DEAD, {"grace": lease_grace_s}).all():
        if not row.live:
            over.add(row.batch_id)
            freed += 1
            continue
        touched.add(row.batch_id)
        if _free(conn, row, limit):
            freed += 1
        else:
            quarantined += 1
    release_photos(conn, sorted(over), "the batch was over when its worker died")
    names = {"touched": [str(batch) for batch in touched], "stale": stale}
    conn.execute(_CLOSE, names)
    requeued = conn.execute(_REQUEUE, names).scalars().all()
    return ReapReport(freed, quarantined, list(requeued))


def _free(conn: sa.Connection, row: sa.Row[Any], limit: int) -> bool:
    """Free one photograph for another attempt; False where it had its last one and is quarantined."""
    holding = hold(conn, row.batch_id, row.photo_id, row.lease_owner)
    detail = f"worker {row.lease_owner} died during attempt {row.attempts}"
    if row.attempts >= limit:
        quarantine(conn, holding, ReasonCode.WORKER_LOST, detail)
        return False
    conn.execute(_FREE, {"photo_id": row.photo_id})
    facts = {"reason": str(ReasonCode.WORKER_LOST), "detail": detail, "attempt": row.attempts}
    tell(conn, holding, "failure", "warning", facts)
    return True
