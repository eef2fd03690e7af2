"""Writing one version of an archive, a bag, under a prefix that nobody reads yet.

Every file is read back right after it was written. Pictures come from the restored bucket, from bytes whose sha256 is
the one in the catalog, and get their labels on the way (:mod:`restoration.publish.pictures`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration.errors import PhotoRejected, PublicationError
from restoration.fixity import Fixity, fixity_of_bytes, fixity_of_file
from restoration.publish import gallery, layout, premis
from restoration.publish.bag import DECLARATION, PayloadSize, bag_info
from restoration.publish.fixities import FixityLog, StagedFile, StagedPhoto
from restoration.publish.labelling import LABELS, readme
from restoration.publish.manifest import ManifestWriter
from restoration.publish.metadata_csv import write_metadata
from restoration.publish.models import model_files, models_used
from restoration.publish.parallel import in_parallel
from restoration.publish.photos import ArchivedPhoto, Payload, PhotoSpool
from restoration.publish.pictures import PictureWriter
from restoration.publish.prov import write_prov
from restoration.publish.provenance import write_provenance
from restoration.publish.verify import VerifiedVersion
from restoration.publish.viewing import SETS

if TYPE_CHECKING:
    from restoration.publish.credentials import Credentials
    from restoration.publish.viewing import Viewing
    from restoration.storage.s3 import ObjectStore

IIIF_WORKERS = 8


class Stage:
    """A version's prefix while it is being written.

    :param folder: for temporary files.
    :param events: those of the collection as a whole, for PREMIS.
    :param credentials: what signs the pictures; None for labels alone.
    :param viewing: tiles of the photographs, for IIIF and the gallery; None for neither.
    """

    def __init__(
        self,
        store: ObjectStore,
        restored_bucket: str,
        bucket: str,
        prefix: str,
        folder: Path,
        events: Sequence[dict[str, Any]] = (),
        credentials: Credentials | None = None,
        viewing: Viewing | None = None,
    ) -> None:
        self._store, self._restored, self._bucket, self._prefix = store, restored_bucket, bucket, prefix
        self._folder, self._events, self._credentials = folder, events, credentials
        self._viewing = viewing
        self._log = FixityLog(folder / "fixities.txt")

    def write(self, spool: PhotoSpool, facts: dict[str, Any]) -> VerifiedVersion:
        """Write everything and read it back; gives what was written.

        :param facts: what ``archive.json``, ``bag-info.txt`` and the gallery's heading say.
        :raises PublicationError: a restored photograph is no longer in the restored bucket, a label cannot be written,
            or a file does not read back as what it is.
        :raises StorageError: S3 refused or is out of reach.
        """
        credentials = self._credentials.facts() if self._credentials else None
        facts = {**facts, "labels": LABELS, "credentials": credentials}
        with ManifestWriter(self._folder, layout.TAG) as tags:
            payload = self._payload(spool, facts)
            for path in payload.paths.values():
                tags.add(path.name, self._put_file(path.name, path))
            size = PayloadSize(payload.files, payload.bytes)
            for name, data in self._bag(facts, size):
                tags.add(name, self._put(name, data))
            for name, file in gallery.write_data(self._viewed(spool), self._folder):
                tags.add(name, self._put_file(name, file))
                file.unlink()
            for name, fixity in self._iiif(spool, facts):
                tags.add(name, fixity)
        sealed = [self._put_file(path.name, path) for path in tags.paths.values()]
        return VerifiedVersion(
            files=payload.files + tags.files + len(sealed),
            bytes=payload.bytes + tags.bytes + sum(fixity.size for fixity in sealed),
            manifest_sha256=sealed[0].sha256,
        )

    def staged(self, spool: PhotoSpool) -> Iterator[StagedPhoto]:
        """The photographs of ``spool`` with the fixity of their published files by path, once :meth:`write` is done."""
        return self._log.beside(spool)

    def _viewed(self, spool: PhotoSpool) -> Iterator[ArchivedPhoto]:
        photos = self._log.published(spool)
        return photos if self._viewing is None else self._viewing.annotated(photos)

    def _iiif(self, spool: PhotoSpool, facts: dict[str, Any]) -> Iterator[tuple[str, Fixity]]:
        """IIIF's files, many small ones, and the list of tiles that they need."""
        if self._viewing is None:
            return
        version = self._prefix.rstrip("/").rsplit("/", 1)[-1]
        files = self._viewing.files(self._log.published(spool), facts, version)
        yield from in_parallel(lambda file: (file[0], self._put(*file)), files, IIIF_WORKERS)
        path = self._folder / "tilesets.csv"
        self._viewing.write_sets(spool, path)
        yield SETS, self._put_file(SETS, path)

    def _payload(self, spool: PhotoSpool, facts: dict[str, Any]) -> ManifestWriter:
        """Everything under ``data/``, with the payload manifests on disk."""
        with ManifestWriter(self._folder, layout.PAYLOAD) as manifest:
            for payload, fixity in self._log.keep(self._pictures(iter(spool), facts)):
                manifest.add(payload.path, fixity)
            for name, file in self._written(spool, facts):
                manifest.add(name, self._put_file(name, file))
                file.unlink()
            for name, data in self._facts(spool, facts):
                manifest.add(name, self._put(name, data))
        return manifest

    def _pictures(self, photos: Iterator[ArchivedPhoto], facts: dict[str, Any]) -> Iterator[tuple[Payload, StagedFile]]:
        place = (self._store, self._restored, self._bucket, self._prefix, self._folder)
        return PictureWriter(*place, facts, self._credentials).write_all(photos)

    def _put(self, name: str, data: bytes) -> Fixity:
        self._store.put(self._bucket, self._prefix + name, data, layout.content_type(name))
        return self._read_back(name, fixity_of_bytes(data).sha256)

    def _put_file(self, name: str, file: Path) -> Fixity:
        self._store.put_file(self._bucket, self._prefix + name, file, layout.content_type(name))
        return self._read_back(name, fixity_of_file(file).sha256)

    def _read_back(self, name: str, sha256: str) -> Fixity:
        try:
            found = self._store.object_fixity(self._bucket, self._prefix + name)
        except PhotoRejected as error:
            raise PublicationError(f"{self._prefix}{name} was written and is not in the bucket") from error
        if found.sha256 != sha256:
            raise PublicationError(f"{self._prefix}{name} reads back as {found.sha256}, not {sha256}")
        return found

    def _written(self, spool: PhotoSpool, facts: dict[str, Any]) -> Iterator[tuple[str, Path]]:
        """Payload files that grow with the collection, one at a time on disk."""
        metadata = self._folder / "metadata.csv"
        write_metadata(self._log.published(spool), metadata, rights=facts["rights"])
        yield layout.METADATA, metadata
        yield from write_provenance(self._log.published(spool), self._folder)
        yield from write_prov(self._log.published(spool), self._folder)
        collection = self._folder / "collection.xml"
        premis.write_collection(facts, self._events, collection)
        yield layout.PREMIS_COLLECTION, collection
        yield from premis.write_photos(facts["name"], self._log.beside(spool), self._folder)

    def _facts(self, spool: PhotoSpool, facts: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
        """Small payload files."""
        yield from model_files(models_used(spool))
        archive = {"layout": layout.LAYOUT, **facts}
        yield layout.ARCHIVE_FACTS, json.dumps(archive, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"

    def _bag(self, facts: dict[str, Any], payload: PayloadSize) -> Iterator[tuple[str, bytes]]:
        """Small tag files."""
        yield layout.DECLARATION, DECLARATION
        yield layout.BAG_INFO, bag_info(facts, payload)
        yield "README.txt", readme(credentials=facts["credentials"]).encode("ascii")
        yield from gallery.site_files()
        yield "gallery/collection.js", gallery.collection_script(facts)
