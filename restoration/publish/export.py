"""Bringing a published version to disk, with both hashes of every file checked on its way.

A new folder appears under its name only when the archive in it is complete; until then it lies beside it as
``NAME.part``, where the next try goes on. A folder that holds the same archive already is put right in place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from restoration.errors import PhotoRejected, PublicationError, UsageError
from restoration.fixity import FixityHasher, fixity_of_bytes, fixity_of_file
from restoration.names import version_prefix
from restoration.publish.current import read_current
from restoration.publish.layout import PAYLOAD, SEAL, TAG, manifest_name
from restoration.publish.manifest import ManifestEntry, read_manifests
from restoration.publish.parallel import in_parallel
from restoration.storage.s3 import parse_s3_uri

if TYPE_CHECKING:
    from restoration.settings import Settings
    from restoration.storage.s3 import ObjectStore

WORKERS = 8
MAX_TAG_MANIFEST_BYTES = 256 * 1024**2


def export_collection(
    store: ObjectStore, settings: Settings, collection: str, folder: Path, *, version: int | None = None
) -> int:
    """Bring a version of the collection's archive to disk, the current one if none is named.

    :returns: how many files were written.
    :raises PublicationError: nothing is published, there is no such version, or a file does not match its manifests.
    :raises UsageError: the folder holds something else.
    """
    current, _ = read_current(store, settings.archive_bucket, collection)
    if current is None:
        raise PublicationError(
            f"nothing is published of collection {collection!r}; run: restoration publish {collection}"
        )
    number = version or current.version
    uri = f"s3://{settings.archive_bucket}/{version_prefix(collection, number)}"
    seal = current.manifest_sha256 if number == current.version else None
    return export_publication(store, uri, folder, manifest_sha256=seal)


def export_publication(store: ObjectStore, uri: str, folder: Path, *, manifest_sha256: str | None = None) -> int:
    """Bring one version to disk. Doing it again writes only what is missing or differs.

    :param uri: address of the version, ``s3://bucket/<collection>/v0001/``.
    :param manifest_sha256: what ``tagmanifest-sha256.txt`` must hash to, where that is known.
    :returns: how many files were written.
    :raises PublicationError: a file is missing, does not match, or lies in the folder without belonging there.
    :raises UsageError: the folder holds another archive, or something else.
    """
    bucket, prefix = parse_s3_uri(uri)
    prefix = prefix if prefix.endswith("/") else f"{prefix}/"
    seals = {name: _seal(store, bucket, prefix, name) for name in (SEAL, manifest_name(TAG, "sha512"))}
    found = fixity_of_bytes(seals[SEAL]).sha256
    if manifest_sha256 is not None and found != manifest_sha256:
        raise PublicationError(f"{uri}{SEAL} hashes to {found}, not {manifest_sha256}; the archive was changed")
    target = folder.resolve()
    work = _work_folder(target, seals[SEAL])
    written = sum(_write_if_other(work / name, data) for name, data in seals.items())

    def fetch(entry: ManifestEntry) -> bool:
        return _fetch(store, bucket, prefix + entry.path, work / entry.path, entry)

    for kind in (TAG, PAYLOAD):
        written += sum(in_parallel(fetch, read_manifests(work, kind), WORKERS))
    _refuse_strangers(work)
    if work != target:
        work.replace(target)
    return written


def _seal(store: ObjectStore, bucket: str, prefix: str, name: str) -> bytes:
    try:
        return store.read(bucket, prefix + name, max_bytes=MAX_TAG_MANIFEST_BYTES)[0]
    except PhotoRejected as error:
        if store.stat(bucket, prefix + manifest_name(PAYLOAD, "sha256")) is not None:
            message = f"s3://{bucket}/{prefix} has no {name}: it is damaged, or older than the bags; publish again"
            raise PublicationError(message) from error
        raise PublicationError(f"there is no archive at s3://{bucket}/{prefix}") from error


def _work_folder(target: Path, seal: bytes) -> Path:
    """Where to write: the folder itself where it holds this archive, else one beside it, which may hold a beginning."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        if not _holds(target, seal):
            raise UsageError(f"{target} holds something else; give a new or empty folder")
        return target
    work = target.with_name(f"{target.name}.part")
    if work.exists() and not _holds(work, seal):
        raise UsageError(f"{work} holds the beginning of something else; remove it")
    work.mkdir(parents=True, exist_ok=True)
    return work


def _holds(folder: Path, seal: bytes) -> bool:
    """Whether a folder is empty or begins with this archive's seal, which is always written first."""
    existing = folder / SEAL
    if not folder.is_dir():
        return False
    if existing.is_file():
        return existing.read_bytes() == seal
    return all(item == _partial(existing) for item in folder.iterdir())


def _write_if_other(path: Path, data: bytes) -> bool:
    if path.is_file() and path.read_bytes() == data:
        return False
    partial = _partial(path)
    partial.write_bytes(data)
    partial.replace(path)
    return True


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _fetch(store: ObjectStore, bucket: str, key: str, path: Path, entry: ManifestEntry) -> bool:
    """Write one file under its name only once it is complete and right; tells whether it had to."""
    wanted = (entry.sha256, entry.sha512)
    if path.is_file() and fixity_of_file(path)[:2] == wanted:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    hasher = FixityHasher()
    try:
        with partial.open("wb") as file:
            for chunk in store.stream(bucket, key):
                hasher.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except PhotoRejected as error:
        partial.unlink()
        raise PublicationError(f"s3://{bucket}/{key} is in the manifest and not in the bucket") from error
    found = hasher.fixity()
    if found[:2] != wanted:
        partial.unlink()
        raise PublicationError(f"s3://{bucket}/{key} hashes to {found.sha256}, not {entry.sha256}")
    partial.replace(path)
    return True


def files_of(folder: Path) -> Iterator[str]:
    """Paths of everything in a folder that is not a folder itself, relative to it, with '/'; links are not followed."""
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in sorted([*files, *links]):
            yield Path(parent, name).relative_to(folder).as_posix()


def _refuse_strangers(folder: Path) -> None:
    """Nothing may lie in an archive that its manifests do not name."""
    known = {SEAL, manifest_name(TAG, "sha512")}
    known.update(entry.path for kind in (TAG, PAYLOAD) for entry in read_manifests(folder, kind))
    strangers = [path for path in files_of(folder) if path not in known]
    if strangers:
        more = f" and {len(strangers) - 1} more files" if strangers[1:] else ""
        raise PublicationError(f"{folder / strangers[0]}{more}: does not belong to the archive; remove it")
