"""From an S3 prefix to rows: list page by page, check names, merge into the catalog as one set, then the sidecars.

Reads no image: a rescan of a finished collection costs one listing and a few set-based statements.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from restoration.catalog.listing import ListedObject, ListingReport, has_photographs, merge_listing, merge_sidecar
from restoration.catalog.parts import part_names
from restoration.errors import PhotoRejected, ReasonCode, UsageError
from restoration.ingest.bag import MANIFEST_NAME, declared_hashes
from restoration.ingest.bag import MAX_BYTES as BAG_MAX_BYTES
from restoration.ingest.hints_csv import GivenLine, HintsReport, read_hints, record_hints
from restoration.ingest.names import HINTS_NAME, SIDECAR_NAME, NameCheck, Refusal, ignored_kind, storable
from restoration.ingest.sidecar import Described, SidecarReport, read_sidecar
from restoration.ingest.tables import MAX_BYTES
from restoration.settings import get_settings
from restoration.storage.s3 import ObjectStore, StoredObject, parse_s3_uri

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from restoration.catalog.collections import Collection


@dataclass
class IngestReport:
    """What an ingest found. ``ignored`` counts other objects by kind, ``refused`` scans by reason.

    ``declared``: scans whose sha256 the giver gave, in ``metadata.csv`` or in a bag's manifest.
    """

    listing: ListingReport
    sidecar: SidecarReport
    ignored: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    declared: int = 0
    hints: HintsReport = field(default_factory=HintsReport)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, small whatever the size of the collection."""
        return {
            "listing": vars(self.listing).copy(),
            "ignored": dict(self.ignored),
            "refused": dict(self.refused),
            "declared": self.declared,
            "sidecar": self.sidecar.to_dict(),
            "hints": self.hints.to_dict(),
        }


def ingest_collection(
    db_engine: Engine, store: ObjectStore, collection: Collection, *, max_object_bytes: int | None = None
) -> IngestReport:
    """List a collection's scans into the catalog. Doing it again changes only what changed in the bucket.

    :param max_object_bytes: larger scans are refused unread; the setting of that name where None.
    :raises UsageError: nothing lies there, and never did: the address may be misspelt.
    :raises StorageError: the bucket could not be listed.
    :raises CatalogError: Postgres refused.
    """
    bucket, prefix = source_of(collection.source_uri)
    limit = max_object_bytes or get_settings().max_object_bytes
    listing = _Listing(store, bucket, prefix, limit)
    has_sidecar = store.stat(bucket, prefix + SIDECAR_NAME) is not None
    has_manifest = store.stat(bucket, prefix + MANIFEST_NAME) is not None
    has_hints = store.stat(bucket, prefix + HINTS_NAME) is not None
    listing.keep_names = has_sidecar or has_manifest or has_hints
    with db_engine.begin() as conn:
        merged = merge_listing(conn, collection.collection_id, listing.objects())
        if not merged.listed and not has_photographs(conn, collection.collection_id):
            raise UsageError(_nothing_there(store, bucket, prefix, listing.ignored.total()))
        pages = part_names(conn, collection.collection_id) if listing.keep_names else []
        sidecar = SidecarReport()
        described: dict[str, Described] = {}
        bag: dict[str, str] = {}
        if has_sidecar:
            described, sidecar = _sidecar(store, bucket, prefix, listing.names, pages)
        if has_manifest:
            bag = _manifest(store, bucket, prefix, listing.names, sidecar)
        said = _together(described, bag, sidecar)
        if said:
            merge_sidecar(conn, collection.collection_id, said)
        hints = HintsReport()
        if has_hints:
            lines, hints = _hints(store, bucket, prefix, listing.names, pages)
            record_hints(conn, collection, lines, hints)
    declared = sum(1 for _, sha256 in said.values() if sha256)
    return IngestReport(merged, sidecar, listing.ignored, listing.refused, declared, hints)


def _manifest(store: ObjectStore, bucket: str, prefix: str, keys: list[str], report: SidecarReport) -> dict[str, str]:
    try:
        data, _ = store.read(bucket, prefix + MANIFEST_NAME, max_bytes=BAG_MAX_BYTES)
    except PhotoRejected as error:
        report.note(0, "unreadable", f"{MANIFEST_NAME}: {error.message}")
        return {}
    return declared_hashes(data, keys, prefix, lambda kind, detail: report.note(0, kind, detail))


def _together(
    described: dict[str, Described], bag: dict[str, str], report: SidecarReport
) -> dict[str, tuple[dict[str, str] | None, str | None]]:
    """Terms and hash by object key; where ``metadata.csv`` and a bag's manifest give different hashes, the former."""
    said: dict[str, tuple[dict[str, str] | None, str | None]] = {key: (None, sha256) for key, sha256 in bag.items()}
    for key, row in described.items():
        other = bag.get(key)
        if row.sha256 and other and row.sha256 != other:
            report.note(0, "sha256_conflict", f"{key!r}: metadata.csv and {MANIFEST_NAME} give different hashes")
        said[key] = (row.terms, row.sha256 or other)
    return said


def source_of(uri: str) -> tuple[str, str]:
    """Bucket and prefix of a collection; the prefix ends in '/', so that ``family`` never takes ``family-2`` along.

    :raises UsageError: not an S3 address.
    """
    bucket, prefix = parse_s3_uri(uri)
    return bucket, prefix if not prefix or prefix.endswith("/") else f"{prefix}/"


def _sidecar(
    store: ObjectStore, bucket: str, prefix: str, keys: list[str], pages: list[str]
) -> tuple[dict[str, Described], SidecarReport]:
    try:
        data, _ = store.read(bucket, prefix + SIDECAR_NAME, max_bytes=MAX_BYTES)
    except PhotoRejected as error:
        report = SidecarReport(found=True)
        report.note(0, "unreadable", error.message)
        return {}, report
    return read_sidecar(data, keys, prefix, pages)


def _hints(
    store: ObjectStore, bucket: str, prefix: str, keys: list[str], pages: list[str]
) -> tuple[list[GivenLine], HintsReport]:
    try:
        data, _ = store.read(bucket, prefix + HINTS_NAME, max_bytes=MAX_BYTES)
    except PhotoRejected as error:
        report = HintsReport(found=True)
        report.note(0, "unreadable", error.message)
        return [], report
    return read_hints(data, keys, prefix, pages)


def _nothing_there(store: ObjectStore, bucket: str, prefix: str, others: int) -> str:
    """That there are no photographs, and which folders beside that one have nearly its name."""
    where = f"0 photographs under s3://{bucket}/{prefix}"
    if others:
        return f"{where}: none of {others} objects there is named like one"
    above, _, name = prefix.rstrip("/").rpartition("/")
    above = f"{above}/" if above else ""
    meant = difflib.get_close_matches(name, list(store.list_folders(bucket, above)), n=3)
    asked = f"; did you mean {' or '.join(f's3://{bucket}/{above}{other}/' for other in meant)}?" if meant else ""
    return f"{where}: there is nothing{asked}"


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
            text = f"{size} bytes, more than the {self._max_bytes} that settings allow (RESTORATION_MAX_OBJECT_BYTES)"
            return Refusal(ReasonCode.TOO_LARGE, text)
        return None
