"""Bringing a folder of scans into the originals bucket, as the curator who owns them."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from restoration.errors import UsageError
from restoration.storage.s3 import ObjectStore


@dataclass(frozen=True)
class UploadReport:
    """What an upload did."""

    sent: int
    already_there: int
    bytes_sent: int


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder that is not hidden, by name; links that lead out of the folder are left out.

    :raises UsageError: there is no such folder, or nothing is in it.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; give the folder that holds the photographs")
    root = folder.resolve()
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.resolve().is_relative_to(root)
    ]
    if not found:
        raise UsageError(f"{folder} holds no files; give the folder that holds the photographs")
    return found


def upload(store: ObjectStore, bucket: str, prefix: str, folder: Path, files: Sequence[Path]) -> UploadReport:
    """Send files under a prefix, leaving out those whose bytes are there already; deletes nothing.

    :param prefix: with a trailing slash.
    :param folder: what the keys are relative to.
    :raises StorageError: S3 refused or is out of reach.
    """
    there = {found.key: found for page in store.list_pages(bucket, prefix) for found in page}
    sent = size = 0
    for path in files:
        key = prefix + path.relative_to(folder).as_posix()
        found = there.get(key)
        if found is not None and found.size == path.stat().st_size and _same(store, bucket, key, found.etag, path):
            continue
        store.put_file(bucket, key, path, mimetypes.guess_type(path.name)[0] or "application/octet-stream")
        sent += 1
        size += path.stat().st_size
    return UploadReport(sent, len(files) - sent, size)


def _same(store: ObjectStore, bucket: str, key: str, etag: str, path: Path) -> bool:
    """Whether the object holds the file's bytes. The ETag of a single put is an MD5; one in parts must be read."""
    if "-" not in etag:
        return etag == _hash(path, "md5")
    return store.hash_object(bucket, key)[0] == _hash(path, "sha256")


def _hash(path: Path, algorithm: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
