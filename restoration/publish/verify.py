"""Reading a version back: every file of the manifest is there with its hash, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from restoration.errors import PhotoRejected, PublicationError
from restoration.publish.layout import MANIFEST
from restoration.publish.manifest import ManifestEntry, file_sha256, read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from restoration.storage.s3 import ObjectStore

T = TypeVar("T")
R = TypeVar("R")
WINDOW_PER_WORKER = 4


@dataclass(frozen=True)
class VerifiedVersion:
    """What was read back: files and bytes (the manifest among them), and the manifest's own hash."""

    files: int
    bytes: int
    manifest_sha256: str


def verify_version(
    store: ObjectStore, bucket: str, prefix: str, manifest: Path, *, workers: int = 8
) -> VerifiedVersion:
    """Read every object of a version and compare its sha256 with the manifest on disk.

    :param prefix: the version's prefix, ending in '/'.
    :raises PublicationError: a file is missing, differs, or is not in the manifest.
    :raises StorageError: S3 refused or is out of reach.
    """
    manifest_sha256 = file_sha256(manifest)

    def check(entry: ManifestEntry) -> int:
        try:
            sha256, size = store.hash_object(bucket, prefix + entry.path)
        except PhotoRejected as error:
            raise PublicationError(f"{prefix}{entry.path} is in the manifest and not in the bucket") from error
        if sha256 != entry.sha256:
            raise PublicationError(f"{prefix}{entry.path} reads back as {sha256}, not {entry.sha256}")
        return size

    entries = _with_manifest(read_manifest(manifest), manifest_sha256)
    files = total = 0
    for size in in_parallel(check, entries, workers):
        files += 1
        total += size
    # every file of the manifest was found, so an equal count means that there are no others
    listed = sum(len(page) for page in store.list_pages(bucket, prefix))
    if listed != files:
        raise PublicationError(
            f"{prefix} holds {listed} files, the manifest {files}; remove what does not belong there"
        )
    return VerifiedVersion(files, total, manifest_sha256)


def _with_manifest(entries: Iterator[ManifestEntry], sha256: str) -> Iterator[ManifestEntry]:
    yield from entries
    yield ManifestEntry(sha256, MANIFEST)


def in_parallel(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """Results of ``work`` in any order, with only a few items in flight; the first error stops the rest."""
    rest = iter(items)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        pending: set[Any] = {pool.submit(work, item) for item in islice(rest, workers * WINDOW_PER_WORKER)}
        try:
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                pending |= {pool.submit(work, item) for item in islice(rest, len(done))}
        finally:
            for future in pending:
                future.cancel()
