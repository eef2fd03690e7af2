"""Scans on which triage saw several photographs: where, and which of them are not divided yet."""

from __future__ import annotations

import sqlalchemy as sa

from restoration.catalog.withdrawals import WITHDRAWN
from restoration.divisions import Layout, layout_of_detail

_FOUND = sa.text("""
SELECT s.detail FROM photo AS p
JOIN step_record AS s ON s.restoration_id = p.restoration_id AND s.step = 'triage' AND s.detail ? 'photographs'
WHERE p.collection_id = :collection_id AND p.object_key = :object_key AND p.current
ORDER BY s.ordinal LIMIT 1
""")

_SCANS_FOUND = sa.text(f"""
SELECT p.object_key FROM photo AS p
WHERE p.collection_id = :collection_id AND p.current AND p.missing_since IS NULL AND p.box IS NULL AND NOT {WITHDRAWN}
  AND EXISTS (SELECT FROM step_record AS s
              WHERE s.restoration_id = p.restoration_id AND s.step = 'triage' AND s.detail ? 'photographs')
ORDER BY p.object_key
""")  # noqa: S608 - constant condition


def found_by_triage(conn: sa.Connection, collection_id: int, object_key: str) -> Layout | None:
    """Where triage saw several photographs on the scan of that key; None if it saw one, or nobody has looked.

    :raises UsageError: what is on record cannot be used.
    """
    detail = conn.execute(_FOUND, {"collection_id": collection_id, "object_key": object_key}).scalar()
    return None if detail is None else layout_of_detail(detail)


def scans_found(conn: sa.Connection, collection_id: int) -> list[str]:
    """Keys of the scans on which triage saw several photographs and that are not divided, withdrawn ones left out."""
    return list(conn.execute(_SCANS_FOUND, {"collection_id": collection_id}).scalars())
