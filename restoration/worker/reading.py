"""Reading scans from the object store: ahead of the engine, and a file with several photographs once for neighbours."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from restoration.errors import PhotoRejected, ReasonCode

if TYPE_CHECKING:
    from restoration.catalog.work import PhotoWork
    from restoration.worker.runtime import WorkerRuntime

GROUP_BYTES = 128 * 1024**2
"""A group of scans holds so many bytes; one larger scan makes a group alone."""


@dataclass
class Read:
    """A file's bytes, and their sha256. ``shared``: kept for other pages of the file."""

    data: bytes
    sha256: str
    shared: bool = True

    def taken(self) -> bytes:
        """The bytes, which whoever asked alone holds from now on unless they are shared: they may be two gigabytes."""
        data = self.data
        if not self.shared:
            self.data = b""
        return data


class ScanReader:
    """Reads files in the background. The last one is kept until another is asked for, and no longer.

    A large file is not kept for its first page: nearly all of them hold no other.
    """

    def __init__(self, runtime: WorkerRuntime) -> None:
        self._runtime = runtime
        self._last: tuple[tuple[str, ...], Future[Read]] | None = None

    def read(self, photo: PhotoWork) -> Future[Read]:
        """The bytes of a photograph's file, to come.

        The future raises PhotoRejected (source_changed, source_missing, too_large) or StorageError.
        """
        file = (photo.bucket, photo.file_key or photo.object_key, photo.version_id, photo.etag)
        if photo.size_bytes > GROUP_BYTES and photo.page == 1 and not photo.box:
            self._last = None
            return self._runtime.readers.submit(self._read, photo, shared=False)
        if self._last is None or self._last[0] != file or _failed(self._last[1]):
            self._last = (file, self._runtime.readers.submit(self._read, photo))
        return self._last[1]

    def _read(self, photo: PhotoWork, *, shared: bool = True) -> Read:
        data, sha256 = self._runtime.store.read(
            photo.bucket,
            photo.file_key or photo.object_key,
            version_id=photo.version_id,
            expected_etag=photo.etag,
            max_bytes=self._runtime.settings.max_object_bytes,
        )
        return Read(data, sha256, shared)


def _failed(future: Future[Read]) -> bool:
    return future.done() and future.exception() is not None


def declared(photo: PhotoWork, read: Read) -> Read:
    """The same file, if it is the one that the giver declared.

    :raises PhotoRejected: fixity_changed; source_changed if the photograph was to be cut out of another file.
    """
    if photo.box and photo.file_sha256 != read.sha256:
        message = (
            f"the file's sha256 is {read.sha256}, and it was divided as {photo.file_sha256}; list the collection again"
        )
        raise PhotoRejected(message, reason=ReasonCode.SOURCE_CHANGED, photo=photo.object_key)
    if photo.declared_sha256 not in (None, read.sha256):
        message = f"its sha256 is {read.sha256}, the collection says {photo.declared_sha256}: upload the scan again"
        raise PhotoRejected(message, reason=ReasonCode.FIXITY_CHANGED, photo=photo.object_key)
    return read
