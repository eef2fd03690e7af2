"""Clearing up after a publisher that died: versions of an archive that were begun and never became current."""

from __future__ import annotations

import sqlalchemy as sa

_ABANDON = sa.text("""
UPDATE publication SET state = 'abandoned'
WHERE collection_id = :collection_id AND state IN ('staging', 'verified') AND version IS DISTINCT FROM :keep
""")


def abandon_unfinished(conn: sa.Connection, collection_id: int, *, keep: int | None) -> int:
    """Mark versions abandoned that were staged or verified and never became current; gives how many.

    Only the one process that publishes the collection may call this.

    :param keep: version that the bucket already names as current and the catalog has as verified.
    """
    return conn.execute(_ABANDON, {"collection_id": collection_id, "keep": keep}).rowcount
