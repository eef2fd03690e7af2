"""From an S3 prefix to rows: list page by page, check names, merge into the catalog as one set, then the sidecar.

Reads no image: a rescan of a finished collection costs one listing and a few set-based statements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from restoration.catalog.listing import ListedObject, ListingReport, merge_listing, merge_sidecar
from restoration.errors import PhotoRejected, ReasonCode
from restoration.ingest.names import SIDECAR_NAME, NameCheck, Refusal, ignored_kind, storable
from restoration.ingest.sidecar import MAX_BYTES, SidecarReport, read_sidecar
from restoration.settings import get_settings
from restoration.storage.s3 import ObjectStore, StoredObject, parse_s3_uri

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from restoration.catalog.collections import Collection


@dataclass
class IngestReport:
    """What an ingest found. ``ignored`` counts other objects by kind, ``refused`` scans by reason."""

    listing: ListingReport
    sidecar: SidecarReport
    ignored: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, small whatever the size of the collection."""
        return {
            "listing": vars(self.listing).copy(),
            "ignored": dict(self.ignored),
            "refused": dict(self.refused),
            "sidecar": self.sidecar.to_dict(),
        }


def ingest_collection(
    db_engine: Engine, store: ObjectStore, collection: Collection, *, max_object_bytes: int | None = None
) -> IngestReport:
    """List a collection's scans into the catalog. Doing it again changes only what changed in the bucket.

    :param max_object_bytes: larger scans are refused unread; the setting of that name where None.
    :raises StorageError: the bucket could not be listed.
    :raises CatalogError: Postgres refused.
    """
    bucket, prefix = source_of(collection.source_uri)
    limit = max_object_bytes or get_settings().max_object_bytes
    listing = _Listing(store, bucket, prefix, limit)
    has_sidecar = listing.keep_names = store.stat(bucket, prefix + SIDECAR_NAME) is not None
    with db_engine.begin() as conn:
        merged = merge_listing(conn, collection.collection_id, listing.objects())
        sidecar = SidecarReport()
        if has_sidecar:
            described, sidecar = _sidecar(store, bucket, prefix, listing.names)
            merge_sidecar(conn, collection.collection_id, described)
    return IngestReport(merged, sidecar, listing.ignored, listing.refused)


def source_of(uri: str) -> tuple[str, str]:
    """Bucket and prefix of a collection; the prefix ends in '/', so that ``family`` never takes ``family-2`` along.

    :raises UsageError: not an S3 address.
    """
    bucket, prefix = parse_s3_uri(uri)
    return bucket, prefix if not prefix or prefix.endswith("/") else f"{prefix}/"


def _sidecar(
    store: ObjectStore, bucket: str, prefix: str, keys: list[str]
) -> tuple[dict[str, dict[str, str]], SidecarReport]:
    try:
        data, _ = store.read(bucket, prefix + SIDECAR_NAME, max_bytes=MAX_BYTES)
    except PhotoRejected as error:
        report = SidecarReport(found=True)
        report.note(0, "unreadable", error.message)
        return {}, report
    return read_sidecar(data, keys, prefix)


class _Listing:
    """One pass over the bucket: what is listed as a photograph, what is ignored, what is refused."""

    def __init__(self, store: ObjectStore, bucket: str, prefix: str, max_bytes: int) -> None:
        self._store, self._bucket, self._prefix, self._max_bytes = store, bucket, prefix, max_bytes
        self._check = NameCheck(prefix)
        self.keep_names = False
        self.names: list[str] = []
        self.ignored: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def objects(self) -> Iterator[ListedObject]:
        """Every photograph under the prefix, page by page, refused ones with their reason."""
        for page in self._store.list_pages(self._bucket, self._prefix):
            for stored in page:
                kind = ignored_kind(stored.key, self._prefix, stored.size)
                if kind is not None:
                    self.ignored[kind] += 1
                    continue
                yield self._listed(stored)

    def _listed(self, stored: StoredObject) -> ListedObject:
        refusal = self._check.refusal(stored.key) or self._size_refusal(stored.size)
        if refusal is not None:
            self.refused[refusal.reason.value] += 1
        if self.keep_names:
            self.names.append(storable(stored.key))
        return ListedObject(
            key=storable(stored.key),
            version_id=stored.version_id,
            etag=stored.etag,
            size=stored.size,
            last_modified=stored.last_modified,
            reason=refusal.reason if refusal else None,
            reason_detail=refusal.detail if refusal else "",
        )

    def _size_refusal(self, size: int) -> Refusal | None:
        if size == 0:
            return Refusal(ReasonCode.EMPTY_FILE, "the file has no bytes; upload it again")
        if size > self._max_bytes:
            return Refusal(ReasonCode.TOO_LARGE, f"{size} bytes, more than the {self._max_bytes} that settings allow")
        return None
