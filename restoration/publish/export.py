"""Bringing a published version to disk, with every file checked against the manifest on its way."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from restoration.errors import PhotoRejected, PublicationError, UsageError
from restoration.publish.current import read_current
from restoration.publish.layout import MANIFEST
from restoration.publish.manifest import ManifestEntry, file_sha256, read_manifest
from restoration.publish.verify import in_parallel
from restoration.storage.s3 import parse_s3_uri

if TYPE_CHECKING:
    from restoration.settings import Settings
    from restoration.storage.s3 import ObjectStore

WORKERS = 8


def export_collection(store: ObjectStore, settings: Settings, collection: str, folder: Path) -> int:
    """Bring the collection's current publication to disk; gives how many files were written.

    :raises PublicationError: nothing is published, or a file does not match the manifest.
    :raises UsageError: the folder holds something else.
    """
    current, _ = read_current(store, settings.archive_bucket, collection)
    if current is None:
        raise PublicationError(
            f"nothing is published of collection {collection!r}; run: restoration publish {collection}"
        )
    uri = f"s3://{settings.archive_bucket}/{current.prefix}"
    return export_publication(store, uri, folder, manifest_sha256=current.manifest_sha256)


def export_publication(store: ObjectStore, uri: str, folder: Path, *, manifest_sha256: str | None = None) -> int:
    """Bring one version to disk. Doing it again after an interruption writes only what is missing or differs.

    :param uri: address of the version, ``s3://bucket/<collection>/v0001/``.
    :param manifest_sha256: what the manifest must hash to, where that is known.
    :returns: how many files were written, the manifest among them.
    :raises PublicationError: a file is missing or does not match.
    :raises UsageError: the folder holds another archive, or something else.
    """
    bucket, prefix = parse_s3_uri(uri)
    prefix = prefix if prefix.endswith("/") else f"{prefix}/"
    data = _manifest(store, bucket, prefix)
    found = hashlib.sha256(data).hexdigest()
    if manifest_sha256 is not None and found != manifest_sha256:
        raise PublicationError(f"{uri}{MANIFEST} hashes to {found}, not {manifest_sha256}; the archive was changed")
    _prepare_folder(folder, data)

    def fetch(entry: ManifestEntry) -> bool:
        return _fetch(store, bucket, prefix + entry.path, folder / entry.path, entry.sha256)

    return 1 + sum(in_parallel(fetch, read_manifest(folder / MANIFEST), WORKERS))


def _manifest(store: ObjectStore, bucket: str, prefix: str) -> bytes:
    try:
        return store.read(bucket, prefix + MANIFEST)[0]
    except PhotoRejected as error:
        raise PublicationError(f"there is no archive at s3://{bucket}/{prefix}") from error


def _prepare_folder(folder: Path, manifest: bytes) -> None:
    """Make sure that the folder is new, empty, or holds the beginning of the same archive."""
    existing = folder / MANIFEST
    if folder.exists() and any(folder.iterdir()) and not (existing.is_file() and existing.read_bytes() == manifest):
        raise UsageError(f"{folder} holds something else; give an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    existing.write_bytes(manifest)


def _fetch(store: ObjectStore, bucket: str, key: str, path: Path, sha256: str) -> bool:
    """Write one file under its name only once it is complete and right; tells whether it had to."""
    if path.is_file() and file_sha256(path) == sha256:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part")
    hasher = hashlib.sha256()
    try:
        with partial.open("wb") as file:
            for chunk in store.stream(bucket, key):
                hasher.update(chunk)
                file.write(chunk)
    except PhotoRejected as error:
        partial.unlink()
        raise PublicationError(f"s3://{bucket}/{key} is in the manifest and not in the bucket") from error
    if hasher.hexdigest() != sha256:
        partial.unlink()
        raise PublicationError(f"s3://{bucket}/{key} hashes to {hasher.hexdigest()}, not {sha256}")
    partial.replace(path)
    return True
