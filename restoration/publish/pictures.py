"""The pictures of one version: taken from the restored bucket, labelled, signed if there is a certificate, written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration.errors import PhotoRejected, PublicationError
from restoration.fixity import fixity_of_bytes
from restoration.publish import layout
from restoration.publish.fixities import StagedFile
from restoration.publish.label_words import Kind
from restoration.publish.labelling import PictureFacts
from restoration.publish.labels import label, read_labels
from restoration.publish.originals import Originals
from restoration.publish.parallel import Budget, in_parallel
from restoration.publish.photos import ArchivedPhoto, Payload

if TYPE_CHECKING:
    from restoration.publish.credentials import Credentials
    from restoration.publish.originals import Original
    from restoration.storage.s3 import ObjectStore

WORKERS = 8
MAX_BYTES_IN_HAND = 1 << 30
_COPIES = 4
"""A picture is in memory as read, labelled, signed, and once more while it is signed or sent."""


class PictureWriter:
    """Writes the pictures of photographs under a version's prefix.

    :param folder: for temporary files.
    :param facts: of the collection: ``name`` and ``rights``.
    :param credentials: what signs them, None for labels alone.
    """

    def __init__(
        self,
        store: ObjectStore,
        restored_bucket: str,
        bucket: str,
        prefix: str,
        folder: Path,
        facts: dict[str, Any],
        credentials: Credentials | None,
    ) -> None:
        self._store, self._restored, self._bucket, self._prefix = store, restored_bucket, bucket, prefix
        self._facts, self._credentials = facts, credentials
        self._originals = Originals(store, folder)
        self._budget = Budget(MAX_BYTES_IN_HAND)

    def write_all(self, photos: Iterator[ArchivedPhoto]) -> Iterator[tuple[Payload, StagedFile]]:
        """Several at a time; results in the order of the photographs, then of their payloads.

        :raises PublicationError: a restored file is gone or changed, a label cannot be written (label_invalid), or a
            file does not read back as it was written.
        :raises StorageError: S3 refused or is out of reach.
        """
        for written in in_parallel(self.write, photos, WORKERS):
            yield from written

    def write(self, photo: ArchivedPhoto) -> list[tuple[Payload, StagedFile]]:
        """The pictures of one photograph; none where none is shown."""
        payloads = list(photo.payloads())
        if not payloads:
            return []
        with self._budget.take(self._size(photo)), self._original(photo) as original:
            return [(payload, self._write(photo, payload, original)) for payload in payloads]

    def _size(self, photo: ArchivedPhoto) -> int:
        output, source = (photo.record.get(name) or {} for name in ("output", "source"))
        scan = int(source.get("size") or 0) if self._credentials else 0
        return _COPIES * int(output.get("bytes") or 0) + scan

    def _original(self, photo: ArchivedPhoto) -> Any:
        return nullcontext() if self._credentials is None else self._originals.fetched(photo)

    def _write(self, photo: ArchivedPhoto, payload: Payload, original: Original | None) -> StagedFile:
        content_type = layout.content_type(payload.path)
        kind = kind_of(photo, payload.path)
        facts = PictureFacts(
            photo, kind, collection=self._facts["name"], rights=self._facts["rights"] or "", sha256=payload.sha256
        )
        with _naming(photo, payload):
            data = self._labelled(self._read(payload), content_type, facts, original)
            wanted = fixity_of_bytes(data)
            self._store.put(self._bucket, self._prefix + payload.path, data, content_type)
            del data
            found = self._store.object_fixity(self._bucket, self._prefix + payload.path)
            if found != wanted:
                raise PublicationError(f"it reads back as {found.sha256}, not {wanted.sha256}")
        return StagedFile(found, original.found if original else None)

    def _read(self, payload: Payload) -> bytes:
        where = f"s3://{self._restored}/{payload.key}"
        try:
            data, sha256 = self._store.read(self._restored, payload.key)
        except PhotoRejected as error:
            raise PublicationError(f"{where} is gone; restore the photograph again") from error
        if sha256 != payload.sha256:
            raise PublicationError(f"{where} hashes to {sha256}, not {payload.sha256}; restore the photograph again")
        return data

    def _labelled(self, data: bytes, content_type: str, facts: PictureFacts, original: Original | None) -> bytes:
        labels = facts.labels()
        data = label(data, content_type, labels)
        if self._credentials is not None and original is not None:
            data = self._credentials.sign(data, content_type, facts, original)
        # what was put into the bucket is compared with these bytes, so the label in it is known to be readable
        if read_labels(data, content_type) != labels.as_written():
            raise PublicationError("its label does not read back as it was written")
        return data


def kind_of(photo: ArchivedPhoto, path: str) -> Kind:
    """What one of a photograph's files shows."""
    if path == photo.output_path:
        return "restored"
    if path == photo.access_path:
        return "access"
    if path == photo.mask_path:
        return "mask"
    return "before" if path == layout.preview_path(photo.name, "before") or not photo.shown else "after"


@contextmanager
def _naming(photo: ArchivedPhoto, payload: Payload) -> Iterator[None]:
    """Every error says which file of which photograph it speaks of."""
    try:
        yield
    except PublicationError as error:
        name = str(photo.record.get("object_key") or photo.name)
        raise PublicationError(f"{payload.path}: {error.message}", reason=error.reason, photo=name) from error
