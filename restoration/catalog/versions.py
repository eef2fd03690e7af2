"""Versions of an archive that end: those a dead publisher left half-written, and those removed after a withdrawal."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from restoration.catalog.events import append_event
from restoration.catalog.values import clean_text
from restoration.errors import UsageError

_ABANDON = sa.text("""
UPDATE publication SET state = 'abandoned'
WHERE collection_id = :collection_id AND state IN ('staging', 'verified') AND version IS DISTINCT FROM :keep
""")

_REMOVE = sa.text("""
UPDATE publication SET state = 'removed', removed_at = clock_timestamp()
WHERE publication_id = :publication_id AND (state = 'superseded' OR (:also_current AND state = 'current'))
RETURNING collection_id, version, manifest_sha256
""")


def abandon_unfinished(conn: sa.Connection, collection_id: int, *, keep: int | None) -> int:
    """Mark versions abandoned that were staged or verified and never became current; gives how many.

    Only the one process that publishes the collection may call this.

    :param keep: version that the bucket already names as current and the catalog has as verified.
    """
    return conn.execute(_ABANDON, {"collection_id": collection_id, "keep": keep}).rowcount


RemovalReason = Literal["withdrawn", "retracted"]
"""A version shows a photograph that was withdrawn; or the whole archive of the collection is taken down."""


def mark_removed(
    conn: sa.Connection, publication_id: int, person: str, reason: RemovalReason = "withdrawn", words: str = ""
) -> None:
    """The files of a version are about to be removed.

    :param person: who wants it; agent of the event, which keeps the version's seal.
    :param words: why, in that person's words; they stay in the catalog.
    :raises UsageError: it is not superseded; only where the archive is taken down the current version goes too.
    """
    values = {"publication_id": publication_id, "also_current": reason == "retracted"}
    row = conn.execute(_REMOVE, values).one_or_none()
    if row is None:
        raise UsageError(f"publication {publication_id} is not superseded: it cannot be removed")
    append_event(
        conn,
        collection_id=row.collection_id,
        event_type="removal",
        outcome="success",
        agent=clean_text(person.strip()),
        publication_id=publication_id,
        detail={"version": row.version, "manifest_sha256": row.manifest_sha256, "reason": reason}
        | ({"words": words.strip()} if words.strip() else {}),
    )
