"""Removing whole versions of an archive that show a withdrawn photograph.

A version is never edited: it is there whole, or its files are gone and its record (number, seal, what it showed) stays
in the catalog. The catalog is told first, so that a removal that was killed is finished by the next publication.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restoration.catalog import publishing
from restoration.catalog.versions import mark_removed
from restoration.catalog.withdrawals import versions_showing_withdrawn
from restoration.errors import UsageError
from restoration.names import version_prefix

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from restoration.catalog.collections import Collection
    from restoration.storage.s3 import ObjectStore


def remove_showing_withdrawn(
    db_engine: Engine, store: ObjectStore, bucket: str, collection: Collection, person: str
) -> list[int]:
    """Remove every superseded version that shows a withdrawn photograph; gives their numbers.

    :param person: who wants it, for the events.
    :raises UsageError: the current version shows one too: publish first.
    :raises StorageError: S3 refused or is out of reach; the same call, or the next publication, finishes.
    """
    with db_engine.begin() as conn:
        showing = versions_showing_withdrawn(conn, collection.collection_id)
        current = [version.version for version in showing if version.state == "current"]
        if current:
            raise UsageError(
                f"version {current[0]} of {collection.name} is current and still shows a withdrawn photograph: publish "
                "the next version first"
            )
        for version in showing:
            mark_removed(conn, version.publication_id, person)
    finish_removals(db_engine, store, bucket, collection)
    return [version.version for version in showing]


def finish_removals(db_engine: Engine, store: ObjectStore, bucket: str, collection: Collection) -> None:
    """Delete what is left of the files of removed versions."""
    with db_engine.connect() as conn:
        versions = publishing.list_publications(conn, collection.collection_id)
    for version in versions:
        if version.state == "removed":
            store.delete_prefix(bucket, version_prefix(collection.name, version.version))
