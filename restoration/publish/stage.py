"""Writing one version of an archive under a prefix that nobody reads yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration.errors import PhotoRejected, PublicationError
from restoration.publish import gallery, layout
from restoration.publish.manifest import ManifestWriter, file_sha256
from restoration.publish.metadata_csv import write_metadata
from restoration.publish.photos import Payload, PhotoSpool
from restoration.publish.provenance import write_provenance
from restoration.publish.verify import in_parallel

if TYPE_CHECKING:
    from restoration.storage.s3 import ObjectStore

COPY_WORKERS = 8


class Stage:
    """A version's prefix while it is being written. ``folder`` is for temporary files."""

    def __init__(self, store: ObjectStore, restored_bucket: str, bucket: str, prefix: str, folder: Path) -> None:
        self._store, self._restored, self._bucket, self._prefix = store, restored_bucket, bucket, prefix
        self._folder = folder

    def write(self, spool: PhotoSpool, facts: dict[str, Any]) -> Path:
        """Write everything; gives the manifest, on disk.

        :param facts: what ``archive.json`` and the gallery's heading say.
        :raises PublicationError: a restored photograph is no longer in the restored bucket.
        :raises StorageError: S3 refused or is out of reach.
        """
        path = self._folder / layout.MANIFEST
        with ManifestWriter(path) as manifest:
            for _ in in_parallel(self._copy, _payloads(spool), COPY_WORKERS):
                pass
            for payload in _payloads(spool):
                manifest.add(payload.path, payload.sha256)
            for name, file in self._written(spool, facts):
                self._store.put_file(self._bucket, self._prefix + name, file, layout.content_type(name))
                manifest.add(name, file_sha256(file))
                file.unlink()
            for name, data in self._small(facts):
                self._store.put(self._bucket, self._prefix + name, data, layout.content_type(name))
                manifest.add(name, hashlib.sha256(data).hexdigest())
        self._store.put_file(self._bucket, self._prefix + layout.MANIFEST, path, layout.content_type(layout.MANIFEST))
        return path

    def _copy(self, payload: Payload) -> None:
        target = self._prefix + payload.path
        try:
            self._store.copy(
                self._restored, payload.key, self._bucket, target, content_type=layout.content_type(payload.path)
            )
        except PhotoRejected as error:
            message = f"{payload.path}: s3://{self._restored}/{payload.key} is gone; restore the photograph again"
            raise PublicationError(message) from error

    def _written(self, spool: PhotoSpool, facts: dict[str, Any]) -> Iterator[tuple[str, Path]]:
        """Files that grow with the collection, one at a time on disk."""
        metadata = self._folder / layout.METADATA
        write_metadata(spool, metadata, rights=facts["rights"])
        yield layout.METADATA, metadata
        yield from write_provenance(spool, self._folder)
        yield from gallery.write_data(spool, self._folder)

    def _small(self, facts: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
        yield from gallery.site_files()
        yield "README.txt", layout.README.encode("ascii")
        yield "data/collection.js", gallery.collection_script(facts)
        archive = {"layout": layout.LAYOUT, **facts}
        yield layout.ARCHIVE_FACTS, json.dumps(archive, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _payloads(spool: PhotoSpool) -> Iterator[Payload]:
    for photo in spool:
        yield from photo.payloads()
