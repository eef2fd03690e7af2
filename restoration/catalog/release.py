"""Giving photographs back that a batch will not finish any more."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from restoration.catalog.values import clean_text

# A photograph that was being done over falls back to the restoration it shows. An attempt that somebody stopped does
# not count.
_PHOTOS = sa.text("""
WITH back AS (
    SELECT p.photo_id, r.state, r.reason, r.reason_detail, r.created_at
    FROM batch_photo AS bp
    JOIN photo AS p USING (photo_id)
    LEFT JOIN restoration AS r ON r.restoration_id = p.restoration_id
    WHERE bp.batch_id = ANY(CAST(:batches AS uuid[])) AND bp.finished_at IS NULL
      AND p.state IN ('pending', 'queued', 'restoring')
    ORDER BY p.photo_id
    FOR UPDATE OF p
)
UPDATE photo AS p
SET state = COALESCE(back.state, 'pending'), reason = back.reason,
    reason_detail = COALESCE(back.reason_detail, ''), finished_at = back.created_at,
    attempts = CASE WHEN p.state = 'restoring' THEN greatest(p.attempts - 1, 0) ELSE p.attempts END,
    lease_owner = NULL, lease_until = NULL
FROM back WHERE back.photo_id = p.photo_id
""")

_BATCH_PHOTOS = sa.text("""
UPDATE batch_photo
SET state = 'skipped', reason = 'cancelled', reason_detail = :detail, finished_at = clock_timestamp()
WHERE batch_id = ANY(CAST(:batches AS uuid[])) AND finished_at IS NULL
""")


def release_photos(conn: sa.Connection, batches: Sequence[UUID], detail: str) -> int:
    """Give back the unfinished photographs of batches that are over; returns how many."""
    names = {"batches": [str(batch) for batch in batches], "detail": clean_text(detail)}
    if not batches:
        return 0
    conn.execute(_PHOTOS, names)
    return int(conn.execute(_BATCH_PHOTOS, names).rowcount)
