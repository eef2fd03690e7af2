"""All versions of a collection's archive, finished or not: what a publisher needs to clear up after one that died."""

from __future__ import annotations

import sqlalchemy as sa

from restoration.catalog.publishing import Publication

_LIST = sa.text("""
SELECT publication_id, collection_id, version, uri, state::text, content_sha256, manifest_sha256, photo_count,
       byte_count
FROM publication WHERE collection_id = :collection_id ORDER BY version
""")

_ABANDON = sa.text("""
UPDATE publication SET state = 'abandoned'
WHERE collection_id = :collection_id AND state IN ('staging', 'verified') AND version IS DISTINCT FROM :keep
""")


def list_publications(conn: sa.Connection, collection_id: int) -> list[Publication]:
    """Every version of the collection's archive by number, whatever its state."""
    rows = conn.execute(_LIST, {"collection_id": collection_id})
    return [Publication(**row._mapping) for row in rows]


def abandon_unfinished(conn: sa.Connection, collection_id: int, *, keep: int | None) -> int:
    """Mark versions abandoned that were staged or verified and never became current; gives how many.

    Only the one process that publishes the collection may call this.

    :param keep: version that the bucket already names as current and the catalog has as verified.
    """
    return conn.execute(_ABANDON, {"collection_id": collection_id, "keep": keep}).rowcount
