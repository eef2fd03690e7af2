"""Removing whole versions of an archive: those that show a withdrawn photograph, or all of them.

A version is never edited: it is there whole, or its files are gone and its record (number, seal, what it showed) stays
in the catalog. The catalog is told first, so that a removal that was killed is finished by the next publication.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restoration.catalog import publishing
from restoration.catalog.versions import mark_removed
from restoration.catalog.withdrawals import versions_showing_withdrawn
from restoration.errors import UsageError
from restoration.names import current_key, version_prefix
from restoration.publish.alone import only_publisher
from restoration.publish.viewing import remove_unneeded_sets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Engine

    from restoration.catalog.collections import Collection
    from restoration.catalog.publishing import Publication
    from restoration.storage.s3 import ObjectStore


def remove_showing_withdrawn(
    db_engine: Engine, store: ObjectStore, bucket: str, collection: Collection, person: str
) -> list[int]:
    """Remove every superseded version that shows a withdrawn photograph; gives their numbers.

    :param person: who wants it, for the events.
    :raises UsageError: the current version shows one too: publish first.
    :raises StorageError: S3 refused or is out of reach; the same call, or the next publication, finishes.
    """
    with only_publisher(db_engine, collection.name):
        removed = _mark(db_engine, collection, person)
        finish_removals(db_engine, store, bucket, collection)
    return removed


def _mark(db_engine: Engine, collection: Collection, person: str) -> list[int]:
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
    return [version.version for version in showing]


def retract(
    db_engine: Engine, store: ObjectStore, bucket: str, collection: Collection, person: str, words: str
) -> list[int]:
    """Take the whole archive of a collection down: every version, the current one too; gives their numbers.

    The scans, the restored photographs and the catalog's record stay. What is published later gets the next number.

    :param person: who wants it, for the events.
    :param words: why, in that person's words; kept with the events.
    :raises UsageError: no person or no words.
    :raises StorageError: S3 refused or is out of reach; the same call, or the next publication, finishes.
    """
    if not person.strip() or not words.strip():
        raise UsageError("say who takes the archive down, and why")
    with only_publisher(db_engine, collection.name):
        with db_engine.begin() as conn:
            versions = publishing.list_publications(conn, collection.collection_id)
            gone = [version for version in versions if version.state in ("current", "superseded")]
            for version in gone:
                mark_removed(conn, version.publication_id, person, "retracted", words)
        # first, so that nobody is sent to a version whose files are going
        store.delete(bucket, current_key(collection.name))
        finish_removals(db_engine, store, bucket, collection)
    return [version.version for version in gone]


def finish_removals(db_engine: Engine, store: ObjectStore, bucket: str, collection: Collection) -> None:
    """Delete what is left of the files of removed versions, and the tiles that no other version needs.

    Only the one publisher may call this.
    """
    with db_engine.connect() as conn:
        versions = publishing.list_publications(conn, collection.collection_id)
    prefixes = _by_state(collection.name, versions)
    left = [prefix for prefix in prefixes.get("removed", []) if any(store.list_pages(bucket, prefix))]
    if not left:
        return
    # tiles first: while files of the version are there, a killed removal is known to be unfinished
    _remove_unneeded(store, bucket, collection, prefixes)
    for prefix in left:
        store.delete_prefix(bucket, prefix)


def remove_unneeded_tiles(db_engine: Engine, store: ObjectStore, bucket: str, collection: Collection) -> None:
    """Delete tiles that no version needs: what a killed publication left, and has been withdrawn since.

    Only the one publisher may call this, and not between unpacking tiles and making the version current.
    """
    with db_engine.connect() as conn:
        versions = publishing.list_publications(conn, collection.collection_id)
    _remove_unneeded(store, bucket, collection, _by_state(collection.name, versions))


def _remove_unneeded(store: ObjectStore, bucket: str, collection: Collection, prefixes: dict[str, list[str]]) -> None:
    kept = [*prefixes.get("superseded", []), *prefixes.get("current", [])]
    remove_unneeded_sets(store, bucket, collection.name, kept)


def _by_state(name: str, versions: Iterable[Publication]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for version in versions:
        found.setdefault(version.state, []).append(version_prefix(name, version.version))
    return found
