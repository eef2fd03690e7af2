"""Checking published tiles against a version's list of sets: in the bucket, or on a disk that the bucket was copied to.

A version's ``iiif/tilesets.csv`` is sealed with the version and holds the hash of every set's own list of hashes, which
names every file of the set. So a set is right when its list has that hash and every file has the hash listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from restoration.errors import PhotoRejected, PublicationError
from restoration.fixity import fixity_of_file
from restoration.publish.parallel import in_parallel
from restoration.publish.tiles import CHECKSUMS, FOLDER, MAX_CHECKSUM_BYTES, read_checksums, set_prefix
from restoration.publish.viewing import SETS, needed_sets

if TYPE_CHECKING:
    from restoration.storage.s3 import ObjectStore

WORKERS = 4


class SetFound(NamedTuple):
    """What a check found of one set, and files and bytes read. ``path``: the file that is not right, in the set."""

    id: str
    fixity: Literal["intact", "changed", "missing"]
    files: int
    bytes: int
    path: str = ""
    note: str = ""


class _Read(NamedTuple):
    sha256: str | None
    size: int = 0
    data: bytes = b""


Reader = Callable[[str, bool], _Read]
"""Reads a file of a set by its path, whole where asked to; a hash of None where there is none."""


def check_set(store: ObjectStore, bucket: str, collection: str, identifier: str, manifest_sha256: str) -> SetFound:
    """Read one set in the archive bucket through.

    :param manifest_sha256: hash of the set's list of hashes, from ``iiif/tilesets.csv``.
    :raises StorageError: S3 refused or is out of reach.
    """
    prefix = set_prefix(collection, identifier)

    def read(path: str, whole: bool) -> _Read:
        try:
            if whole:
                data, sha256 = store.read(bucket, prefix + path, max_bytes=MAX_CHECKSUM_BYTES)
                return _Read(sha256, len(data), data)
            return _Read(*store.hash_object(bucket, prefix + path))
        except PhotoRejected:
            return _Read(None)

    return _check(identifier, manifest_sha256, read)


def check_sets_on_disk(version: Path) -> Iterator[SetFound]:
    """Read every set that a version on disk names, in the folder ``tiles`` beside it.

    Gives nothing where that folder is not there: an exported version stands alone.

    :raises PublicationError: the version's list of sets cannot be read.
    """
    tiles, listed = version.resolve().parent / FOLDER.rstrip("/"), version / SETS
    if not tiles.is_dir() or not listed.is_file():
        return
    with listed.open(encoding="ascii", errors="replace", newline="") as lines:
        for identifier, manifest_sha256 in distinct_sets(lines, str(listed)).items():
            yield _check(identifier, manifest_sha256, _disk_reader(tiles / identifier))


def distinct_sets(lines: Iterable[str], where: str) -> dict[str, str]:
    """Id to the hash of its list of hashes, of every set that a version names.

    :param where: for messages.
    :raises PublicationError: this is no list of sets.
    """
    sets: dict[str, str] = {}
    for row in needed_sets(lines):
        identifier, digest = row.get("id") or "", row.get("manifest_sha256") or ""
        if not (_is_hex(identifier, 32) and _is_hex(digest, 64)):
            raise PublicationError(f"{where} is not a list of sets of tiles")
        sets[identifier] = digest
    return sets


def _disk_reader(folder: Path) -> Reader:
    def read(path: str, whole: bool) -> _Read:
        file = folder / path
        if file.is_symlink() or not file.is_file():
            return _Read(None)
        found = fixity_of_file(file)
        return _Read(found.sha256, found.size, file.read_bytes() if whole else b"")

    return read


def _check(identifier: str, manifest_sha256: str, read: Reader) -> SetFound:
    sums = read(CHECKSUMS, True)
    files, size = 1, sums.size
    if sums.sha256 != manifest_sha256:
        return _wrong(identifier, files, size, CHECKSUMS, sums.sha256)
    listed = read_checksums(sums.data, identifier)
    for path, found in in_parallel(lambda path: (path, read(path, False)), sorted(listed), WORKERS):
        files, size = files + 1, size + found.size
        if found.sha256 != listed[path]:
            return _wrong(identifier, files, size, path, found.sha256)
    return SetFound(identifier, "intact", files, size)


def _wrong(identifier: str, files: int, size: int, path: str, sha256: str | None) -> SetFound:
    cure = "with the set's info.json deleted, the next version that is published writes the set again"
    if sha256 is None:
        return SetFound(identifier, "missing", files, size, path, f"it is not there; {cure}")
    note = f"its bytes are others than when it was published; {cure}"
    return SetFound(identifier, "changed", files, size, path, note)


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and set(text) <= set("0123456789abcdef")
