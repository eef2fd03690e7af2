"""``current.json``: the one small object that says which version of an archive is current.

It is replaced in one conditional PUT, so readers see the old version or the new one, whole, and nothing between.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from restoration.errors import PublicationError, WriteConflict
from restoration.names import current_key, version_prefix

if TYPE_CHECKING:
    from restoration.storage.s3 import ObjectStore

MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class CurrentVersion:
    """What ``current.json`` says. ``gallery`` is a path in the bucket.

    ``manifest_sha256`` is the hash of ``tagmanifest-sha256.txt``, which stands for every file of the version.
    """

    collection: str
    version: int
    publication_id: int
    content_sha256: str
    manifest_sha256: str
    photos: int
    bytes: int
    published_at: str
    gallery: str

    @property
    def prefix(self) -> str:
        """Prefix of the version, with a trailing slash."""
        return version_prefix(self.collection, self.version)


def read_current(store: ObjectStore, bucket: str, collection: str) -> tuple[CurrentVersion | None, str | None]:
    """The current version and the ETag of the object that says so; (None, None) where nothing is published.

    :raises PublicationError: there is a ``current.json`` that is not one of ours.
    :raises StorageError: S3 refused or is out of reach.
    """
    key = current_key(collection)
    stat = store.stat(bucket, key)
    if stat is None:
        return None, None
    data, _ = store.read(bucket, key, expected_etag=stat.etag, max_bytes=MAX_BYTES)
    try:
        current = CurrentVersion(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise PublicationError(f"s3://{bucket}/{key} is not readable as the current version: {error}") from error
    if current.collection != collection:
        raise PublicationError(f"s3://{bucket}/{key} speaks of collection {current.collection!r}")
    return current, stat.etag


def write_current(store: ObjectStore, bucket: str, current: CurrentVersion, *, replaces: str | None) -> None:
    """Make a version current in one step.

    :param replaces: ETag of the ``current.json`` that is replaced, None where there is none yet.
    :raises PublicationError: another publication was faster; the version stays unpublished.
    """
    data = json.dumps(asdict(current), indent=1, sort_keys=True).encode() + b"\n"
    try:
        store.put_atomic(bucket, current_key(current.collection), data, replaces=replaces)
    except WriteConflict as error:
        # a PUT whose answer was lost is repeated by the client and then meets its own result
        if read_current(store, bucket, current.collection)[0] != current:
            raise PublicationError(f"another publication of {current.collection!r} became current first") from error
