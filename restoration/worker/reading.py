"""Reading scans from the object store: ahead of the engine, and a file with several photographs once for neighbours."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING

from restoration.errors import PhotoRejected, ReasonCode

if TYPE_CHECKING:
    from restoration.catalog.work import PhotoWork
    from restoration.worker.runtime import WorkerRuntime

Read = tuple[bytes, str]
"""A file's bytes, and their sha256."""


class ScanReader:
    """Reads files in the background. The last one is kept until another is asked for, and no longer."""

    def __init__(self, runtime: WorkerRuntime) -> None:
        self._runtime = runtime
        self._last: tuple[tuple[str, ...], Future[Read]] | None = None

    def read(self, photo: PhotoWork) -> Future[Read]:
        """The bytes of a photograph's file, to come.

        The future raises PhotoRejected (source_changed, source_missing, too_large) or StorageError.
        """
        file = (photo.bucket, photo.file_key or photo.object_key, photo.version_id, photo.etag)
        if self._last is None or self._last[0] != file or _failed(self._last[1]):
            self._last = (file, self._runtime.readers.submit(self._read, photo))
        return self._last[1]

    def _read(self, photo: PhotoWork) -> Read:
        return self._runtime.store.read(
            photo.bucket,
            photo.file_key or photo.object_key,
            version_id=photo.version_id,
            expected_etag=photo.etag,
            max_bytes=self._runtime.settings.max_object_bytes,
        )


def _failed(future: Future[Read]) -> bool:
    return future.done() and future.exception() is not None


def declared(photo: PhotoWork, read: Read) -> Read:
    """The same file, if it is the one that the giver declared.

    :raises PhotoRejected: fixity_changed.
    """
    if photo.declared_sha256 not in (None, read[1]):
        message = f"its sha256 is {read[1]}, the collection says {photo.declared_sha256}: upload the scan again"
        raise PhotoRejected(message, reason=ReasonCode.FIXITY_CHANGED, photo=photo.object_key)
    return read
