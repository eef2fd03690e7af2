"""Before a publication: are the originals still where the catalog says? One listing; no scan is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from restoration.catalog import fixity
from restoration.storage.s3 import parse_s3_uri

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from restoration.catalog.collections import Collection
    from restoration.catalog.fixity import Presence
    from restoration.storage.s3 import ObjectStore


def check_presence(db: Engine, store: ObjectStore, collection: Collection) -> Presence:
    """Compare the bucket's listing with the catalog; what differs goes on record as a warning.

    Nothing else comes of it: the next run lists the collection and deals with each scan.

    :raises StorageError: the bucket cannot be listed.
    """
    bucket, prefix = parse_s3_uri(collection.source_uri)

    def objects() -> Iterator[tuple[str, str, str]]:
        for page in store.list_pages(bucket, prefix):
            for item in page:
                yield item.key.replace("\x00", "\ufffd"), item.version_id, item.etag

    with db.begin() as conn:
        return fixity.note_presence(conn, collection.collection_id, objects())
