"""Bringing a folder of scans into the originals bucket, as the curator who owns them."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from restoration.storage.s3 import ObjectStore


@dataclass(frozen=True)
class UploadReport:
    """What an upload did. ``replaced``: of those sent, files in whose place another content was."""

    sent: int
    already_there: int
    bytes_sent: int
    replaced: int = 0


def upload(
    store: ObjectStore,
    bucket: str,
    prefix: str,
    folder: Path,
    files: Sequence[Path],
    told: Callable[[int], None] = lambda _: None,
) -> UploadReport:
    """Send files under a prefix, leaving out those whose bytes are there already; deletes nothing.

    Stopped anywhere, the same call goes on. What arrives is checked, as ``put_file`` says.

    :param prefix: with a trailing slash.
    :param folder: what the keys are relative to.
    :param told: called after each file with its size.
    :raises StorageError: S3 refused or is out of reach.
    """
    there = {found.key: found for page in store.list_pages(bucket, prefix) for found in page}
    sent = size = replaced = 0
    for path in files:
        key = prefix + path.relative_to(folder).as_posix()
        found, length = there.get(key), path.stat().st_size
        if found is None or found.size != length or not _same(store, bucket, key, found.etag, path):
            store.put_file(bucket, key, path, mimetypes.guess_type(path.name)[0] or "application/octet-stream")
            sent += 1
            size += length
            replaced += found is not None
        told(length)
    return UploadReport(sent, len(files) - sent, size, replaced)


def _same(store: ObjectStore, bucket: str, key: str, etag: str, path: Path) -> bool:
    """Whether the object holds the file's bytes. The ETag of a single put is an MD5; one in parts must be read."""
    if "-" not in etag:
        return etag == _hash(path, "md5")
    return store.hash_object(bucket, key)[0] == _hash(path, "sha256")


def _hash(path: Path, algorithm: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
