"""Publishing a collection as an immutable version; a kill at any moment leaves the old one or the new one whole.

1. *Read* the photographs once from the catalog. Nothing new since the current version: done, ``unchanged``. Where the
   collection's conditions ask for a person's approval and nobody approved exactly these photographs: ``withheld``.
2. *Stage* a bag under the next version's prefix, which nobody reads yet: labelled pictures and the written files, each
   read back at once.
3. *Verify* that the prefix holds these files and no others, then note it as verified in the catalog.
4. *Switch* by one conditional PUT of ``current.json``, then note it as current in the catalog.

Killed before 4, the next publication abandons what was staged and removes it. Killed between the two halves of 4, the
next one finds that ``current.json`` names a verified version and finishes the note.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration.catalog import publishing
from restoration.catalog.approvals import Approval, is_approved, record_approval, shown_counts
from restoration.catalog.collections import Collection, get_collection
from restoration.catalog.events import chain_head
from restoration.catalog.versions import abandon_unfinished
from restoration.catalog.withdrawals import withdraw_twins
from restoration.errors import PublicationError, ReasonCode, UsageError
from restoration.names import current_key, version_prefix
from restoration.publish.alone import only_publisher
from restoration.publish.credentials import content_credentials
from restoration.publish.current import CurrentVersion, read_current, write_current
from restoration.publish.metadata_csv import write_metadata
from restoration.publish.people import public_collection_event
from restoration.publish.photos import PhotoSpool, spool_photos
from restoration.publish.policy import Shown, approval_needed, how_to_approve, never_published
from restoration.publish.removal import finish_removals, remove_unneeded_tiles
from restoration.publish.report import PublicationReport
from restoration.publish.stage import Stage
from restoration.publish.verify import VerifiedVersion, verify_listing
from restoration.publish.viewing import Viewing, is_at_its_address

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Engine

    from restoration.catalog.publishing import Publication
    from restoration.fixity import Fixity
    from restoration.publish.fixities import StagedPhoto
    from restoration.publish.photos import ArchivedPhoto
    from restoration.settings import Settings
    from restoration.storage.s3 import ObjectStore


def publish_collection(
    db_engine: Engine,
    store: ObjectStore,
    settings: Settings,
    collection_name: str,
    run_id: UUID | None = None,
    *,
    approval: Approval | None = None,
    expects: str | None = None,
    again: bool = False,
    dry_run: bool = False,
) -> PublicationReport:
    """Publish the collection's current photographs as the next version of its archive.

    :param run_id: the run on whose behalf this is done, for the catalog.
    :param approval: a person's word for what would be published now; it is put on record first. Nobody can approve what
        is refused.
    :param expects: hash of the content that the approving person saw (``content_sha256`` of an earlier report).
    :param again: publish also where nothing changed, for instance after the archive's public address did.
    :param dry_run: only say what would be done; later copies of withdrawn photographs are withdrawn all the same.
    :raises UsageError: unknown collection, or the content is no longer what is expected.
    :raises PublicationError: something staged did not read back; the old version stays current.
    :raises StorageError: S3 refused or is out of reach; the old version stays current.
    """
    with only_publisher(db_engine, collection_name), tempfile.TemporaryDirectory() as folder:
        with db_engine.begin() as conn:
            collection = get_collection(conn, collection_name)
            # a copy may have come since; what is looked at has to be what is published, so a dry run does it too
            withdraw_twins(conn, collection.collection_id)
        job = _Job(db_engine, store, settings, collection)
        if not dry_run:
            reconcile(db_engine, store, settings, collection)
        spool = job.read(Path(folder) / "photos.jsonl")
        if expects is not None and spool.content_sha256 != expects:
            raise UsageError(
                f"{collection_name} has changed since it was looked at (content {spool.content_sha256[:12]}, not "
                f"{expects[:12]}): look again, then approve what is there now"
            )
        settled = job.withheld(spool, approval, dry_run=dry_run) or (None if again else job.unchanged(spool))
        if settled is not None:
            return settled
        if dry_run:
            counts = _counts(spool)
            return PublicationReport("published", collection_name, detail="not written", dry_run=True, **counts)
        return job.publish(spool, Path(folder), run_id)


def metadata_as_of_now(db_engine: Engine, store: ObjectStore, settings: Settings, collection: str, path: Path) -> None:
    """Write the ``metadata.csv`` that a publication would have now; nothing else is read or written.

    :param path: where; a file beside it is used on the way.
    :raises UsageError: unknown collection.
    """
    with db_engine.connect() as conn:
        found = get_collection(conn, collection)
    spool = _Job(db_engine, store, settings, found).read(path.with_suffix(".jsonl"))
    write_metadata(spool, path, rights=found.rights)


def reconcile(db_engine: Engine, store: ObjectStore, settings: Settings, collection: Collection) -> None:
    """Bring catalog and bucket together after a publication that was killed. Only the one publisher may call this.

    A version that ``current.json`` names and the catalog has only as verified is marked current; all others that were
    never finished are marked abandoned, and their files removed.

    :raises PublicationError: ``current.json`` names a version that the catalog does not know.
    """
    bucket = settings.archive_bucket
    current, _ = read_current(store, bucket, collection.name)
    with db_engine.begin() as conn:
        known = {p.version: p for p in publishing.list_publications(conn, collection.collection_id)}
        if current is not None and current.version in known and known[current.version].state == "removed":
            # the archive was taken down, and whoever did it was killed before its end
            store.delete(bucket, current_key(collection.name))
            current = None
        if current is not None:
            named = known.get(current.version)
            if named is None or named.manifest_sha256 != current.manifest_sha256:
                raise PublicationError(
                    f"s3://{bucket}/{collection.name}/current.json names version {current.version}, which this catalog "
                    "did not verify; use the catalog that belongs to the bucket, or another bucket"
                )
        abandon_unfinished(conn, collection.collection_id, keep=current.version if current else None)
        versions = publishing.list_publications(conn, collection.collection_id)
        if current is not None:
            # last, because it appends an event
            publishing.mark_current(conn, known[current.version].publication_id)
    # every publication clears up before it opens a version, so only the newest version can have left files
    if versions and versions[-1].state == "abandoned":
        store.delete_prefix(bucket, version_prefix(collection.name, versions[-1].version))
    finish_removals(db_engine, store, bucket, collection)


def current_gallery(store: ObjectStore, settings: Settings, collection: str) -> str | None:
    """Address of the current version's gallery: under ``gallery_url`` where that is set, else the S3 address.

    None where nothing is published.
    """
    current, _ = read_current(store, settings.archive_bucket, collection)
    return None if current is None else _gallery_uri(settings, current.prefix)


def _gallery_uri(settings: Settings, prefix: str) -> str:
    base = settings.gallery_url or f"s3://{settings.archive_bucket}"
    return f"{base.rstrip('/')}/{prefix}index.html"


def _published(photo: ArchivedPhoto, files: dict[str, Fixity]) -> publishing.PublicationPhoto:
    """What the catalog keeps of one photograph in this version."""
    path = photo.output_path
    if path is None:
        return publishing.PublicationPhoto(photo.photo_id, None, photo.name, photo.shown_as)
    sha256 = files[path].sha256
    return publishing.PublicationPhoto(photo.photo_id, photo.restoration_id, path, photo.shown_as, sha256)


def _counts(spool: PhotoSpool) -> dict[str, Any]:
    """What a report says of the photographs."""
    return {
        "photos": spool.count,
        "shown": spool.shown,
        "original": spool.showing["original"],
        "withdrawn": spool.showing["withdrawn"],
        "waiting": spool.waiting,
        "content_sha256": spool.content_sha256,
    }


class _Job:
    """One publication on its way."""

    def __init__(self, db_engine: Engine, store: ObjectStore, settings: Settings, collection: Collection) -> None:
        self._db, self._store, self._settings, self._collection = db_engine, store, settings, collection
        self._bucket = settings.archive_bucket

    def read(self, path: Path) -> PhotoSpool:
        """The collection's photographs, on disk."""
        with self._db.connect() as conn:
            photos = publishing.iter_publishable(conn, self._collection.collection_id)
            settings = self._settings
            allowed = {"names": settings.publish_names, "givers": settings.name_hint_givers}
            return spool_photos(photos, path, self._header(), settings.rejected_photos, **allowed)

    def _header(self) -> dict[str, Any]:
        c = self._collection
        return {
            "name": c.name,
            "title": c.title or c.name,
            "rights": c.rights,
            "contact": c.contact,
            "consent": c.consent,
            "sensitivity": c.sensitivity,
            # a certificate that was set since makes a new version, which is then signed
            "credentials": self._settings.c2pa_certificate is not None,
        }

    def withheld(self, spool: PhotoSpool, approval: Approval | None, *, dry_run: bool) -> PublicationReport | None:
        """The report where nothing may be published; an approval that counts is put on record here."""
        c = self._collection
        never = never_published(c, spool.count)
        if never is not None:
            return self._withheld(*never, spool)
        if approval is not None:
            if not dry_run:
                self._approve(spool, approval)
            return None
        needed = approval_needed(c, self._shown())
        if needed is None or self._is_approved(spool):
            return None
        reason, words = needed
        return self._withheld(reason, f"{words}; {how_to_approve(c, spool.content_sha256)}", spool)

    def _shown(self) -> Shown:
        with self._db.connect() as conn:
            return Shown(*shown_counts(conn, self._collection.collection_id))

    def _approve(self, spool: PhotoSpool, approval: Approval) -> None:
        number, content = self._collection.collection_id, spool.content_sha256
        with self._db.begin() as conn:
            record_approval(conn, number, approval, content_sha256=content, photos=spool.count)

    def _is_approved(self, spool: PhotoSpool) -> bool:
        with self._db.connect() as conn:
            return is_approved(conn, self._collection.collection_id, spool.content_sha256)

    def unchanged(self, spool: PhotoSpool) -> PublicationReport | None:
        """The report where the current version shows all this already, at today's public address."""
        c = self._collection
        current = self._current()
        if current is None or current.content_sha256 != spool.content_sha256:
            return None
        if not is_at_its_address(self._store, self._settings, c.name, version_prefix(c.name, current.version)):
            return None
        return PublicationReport(
            "unchanged",
            c.name,
            current.version,
            current.uri,
            _gallery_uri(self._settings, version_prefix(c.name, current.version)),
            bytes=current.byte_count or 0,
            **_counts(spool),
        )

    def _current(self) -> Publication | None:
        with self._db.connect() as conn:
            return publishing.find_current(conn, self._collection.collection_id)

    def _withheld(self, reason: ReasonCode, detail: str, spool: PhotoSpool) -> PublicationReport:
        current = self._current()
        if current is not None:
            detail += f"; version {current.version}, published earlier, is still current"
            if reason is ReasonCode.CONSENT_REFUSED:
                detail += f" and public: `restoration retract {self._collection.name}` takes the archive down"
        return PublicationReport(
            "withheld",
            self._collection.name,
            current.version if current else None,
            current.uri if current else None,
            reason=reason,
            detail=detail,
            **_counts(spool),
        )

    def publish(self, spool: PhotoSpool, folder: Path, run_id: UUID | None) -> PublicationReport:
        """Stage, verify, switch."""
        c = self._collection
        viewing = Viewing.unpack(self._store, self._settings, c.name, spool, folder)
        credentials = content_credentials(self._settings)
        with self._db.begin() as conn:
            opened = publishing.open_publication(conn, c.collection_id, run_id, f"s3://{self._bucket}/{c.name}")
            head = chain_head(conn, c.collection_id)
            known = publishing.list_collection_events(conn, c.collection_id)
        events = [public_collection_event(event, names=self._settings.publish_names) for event in known]
        prefix = version_prefix(c.name, opened.version)
        if any(self._store.list_pages(self._bucket, prefix)):
            raise PublicationError(f"s3://{self._bucket}/{prefix} is not empty; a version is never written over")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        facts = {
            **self._header(),
            "source_organization": self._settings.source_organization,
            "version": opened.version,
            "published_at": now,
            "photos": spool.count,
            "shown": spool.shown,
            "showing": dict(spool.showing),
            "states": dict(spool.states),
            "content_sha256": spool.content_sha256,
            "event_chain_head": head,
        }
        stage = Stage(
            self._store, self._settings.restored_bucket, self._bucket, prefix, folder, events, credentials, viewing
        )
        verified = stage.write(spool, facts)
        verify_listing(self._store, self._bucket, prefix, verified)
        self._note_verified(opened, stage.staged(spool), spool, verified, head)
        self._switch(opened, spool, verified, now)
        if viewing is not None:
            remove_unneeded_tiles(self._db, self._store, self._bucket, c)
        return PublicationReport(
            "published",
            c.name,
            opened.version,
            opened.uri,
            _gallery_uri(self._settings, prefix),
            files=verified.files,
            bytes=verified.bytes,
            **_counts(spool),
        )

    def _note_verified(
        self,
        opened: Publication,
        staged: Iterable[StagedPhoto],
        spool: PhotoSpool,
        verified: VerifiedVersion,
        head: str,
    ) -> None:
        rows = (_published(photo, files) for photo, files in staged)
        with self._db.begin() as conn:
            publishing.add_publication_photos(conn, opened.publication_id, rows)
            publishing.mark_verified(
                conn,
                opened.publication_id,
                content_sha256=spool.content_sha256,
                manifest_sha256=verified.manifest_sha256,
                chain_head=head,
                photo_count=spool.count,
                byte_count=verified.bytes,
            )

    def _switch(self, opened: Publication, spool: PhotoSpool, verified: VerifiedVersion, now: str) -> None:
        _, etag = read_current(self._store, self._bucket, self._collection.name)
        prefix = version_prefix(self._collection.name, opened.version)
        current = CurrentVersion(
            collection=self._collection.name,
            version=opened.version,
            publication_id=opened.publication_id,
            content_sha256=spool.content_sha256,
            manifest_sha256=verified.manifest_sha256,
            photos=spool.count,
            bytes=verified.bytes,
            published_at=now,
            gallery=f"{prefix}index.html",
        )
        write_current(self._store, self._bucket, current, replaces=etag)
        with self._db.begin() as conn:
            publishing.mark_current(conn, opened.publication_id)
