"""Tiles of published photographs: unpacked once beside the versions, and shared by all of them.

::

    s3://archive/<collection>/tiles/<id>/              one set: all tiles of one picture
        0,0,512,512/512,512/0/default.jpg  ...         the tiles, named as IIIF Image API 3.0 names them
        manifest-sha256.txt                            hash and path of every file of the set
        info.json                                      what a viewer reads first; written last: where it is, all is

A set never changes. Its id is made from the hash of its ZIP file and the public address, because ``info.json`` names
that address: the same picture has the same set in every version, and another address makes another set. The ZIP files
come from workers; names and sizes inside them are believed only as far as ``info.json`` implies them.
"""

from __future__ import annotations

import hashlib
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from restoration.errors import PhotoRejected, PublicationError
from restoration.photo.pyramid import INFO, Pyramid, info_bytes
from restoration.publish import layout
from restoration.publish.parallel import in_parallel

if TYPE_CHECKING:
    from restoration.storage.s3 import ObjectStore

FOLDER = "tiles/"
CHECKSUMS = "manifest-sha256.txt"
"""A set's list of hashes, as ``sha256sum -c`` reads it. Its own hash is in the versions' ``iiif/tilesets.csv``."""
TILE_WORKERS = 6
"""Tiles of one set that are written at a time; several sets are unpacked at once."""
MAX_INFO_BYTES = 64 * 1024
MAX_CHECKSUM_BYTES = 64 * 1024**2
_ID = re.compile(r"[0-9a-f]{32}")
_LINE = re.compile(r"([0-9a-f]{64})  ([a-z0-9,./-]+)")
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, NotImplementedError)
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class TileSet:
    """A complete set. ``files`` counts every file in it; ``manifest_sha256`` is the hash of its list of hashes."""

    id: str
    zip_sha256: str
    manifest_sha256: str
    files: int
    pyramid: Pyramid


def public_base(gallery_url: str | None, collection: str) -> str | None:
    """Public address of a collection's folder in the archive bucket, without a slash at its end.

    None where the setting is empty or no absolute http or https address: tiles and IIIF need one.
    """
    if not gallery_url:
        return None
    parts = urlsplit(gallery_url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        return None
    return f"{gallery_url.rstrip('/')}/{collection}"


def set_id(zip_sha256: str, base: str) -> str:
    """Name of a set: 32 hexadecimal digits."""
    return hashlib.sha256(f"{zip_sha256}\n{base}\n".encode()).hexdigest()[:32]


def set_prefix(collection: str, identifier: str) -> str:
    """Where a set lies in the archive bucket, with a slash at its end."""
    return f"{collection}/{FOLDER}{identifier}/"


class TilePublisher:
    """Unpacks sets of one collection. Threads may share it.

    :param base: the collection's public address (:func:`public_base`).
    :param folder: for temporary files; each holds one ZIP file.
    """

    def __init__(
        self, store: ObjectStore, restored_bucket: str, bucket: str, collection: str, base: str, folder: Path
    ) -> None:
        self._store, self._restored, self._bucket = store, restored_bucket, bucket
        self._collection, self._base, self._folder = collection, base, folder

    def publish(self, key: str) -> TileSet:
        """Make sure that the set of a ZIP file is there and complete; doing it again writes nothing.

        What a killed publication left is read back and kept where it is right.

        :param key: the ZIP file's content-addressed key in the restored bucket.
        :raises PublicationError: the ZIP file is gone, is not what its key says or holds something else than tiles; or
            a tile does not read back.
        :raises StorageError: S3 refused or is out of reach.
        """
        zip_sha256 = layout.sha256_of_key(key)
        identifier = set_id(zip_sha256, self._base)
        prefix = set_prefix(self._collection, identifier)
        return self._complete(prefix, identifier, zip_sha256) or self._unpack(key, prefix, identifier, zip_sha256)

    def address(self, identifier: str) -> str:
        """Public address of a set: the ``id`` of its image service."""
        return f"{self._base}/{FOLDER}{identifier}"

    def _complete(self, prefix: str, identifier: str, zip_sha256: str) -> TileSet | None:
        """The set where it is there, None where it is not or its lists do not agree."""
        info = self._read_small(prefix + INFO, MAX_INFO_BYTES)
        sums = self._read_small(prefix + CHECKSUMS, MAX_CHECKSUM_BYTES) if info is not None else None
        if info is None or sums is None:
            return None
        try:
            pyramid = Pyramid.from_info(info)
            listed = read_checksums(sums, prefix)
        except (ValueError, PublicationError):
            return None
        right = pyramid.info(self.address(identifier))
        wanted = {INFO, *pyramid.paths()}
        if info != info_bytes(right) or listed.keys() != wanted or listed[INFO] != hashlib.sha256(info).hexdigest():
            return None
        return TileSet(identifier, zip_sha256, hashlib.sha256(sums).hexdigest(), len(listed) + 1, pyramid)

    def _read_small(self, key: str, limit: int) -> bytes | None:
        try:
            return self._store.read(self._bucket, key, max_bytes=limit)[0]
        except PhotoRejected:  # the store's word for: not there
            return None

    def _unpack(self, key: str, prefix: str, identifier: str, zip_sha256: str) -> TileSet:
        there = self._etags(prefix)
        with tempfile.TemporaryFile(dir=self._folder) as file, self._open(key, zip_sha256, file) as archive:
            pyramid = _pyramid_of(archive, key)
            paths = pyramid.paths()
            _refuse_strangers(there, prefix, {INFO, CHECKSUMS, *paths})

            def write(path: str) -> _Written:
                data = archive.read(path)
                written = _Written(prefix + path, hashlib.sha256(data).hexdigest(), _md5(data))
                if there.get(written.key) != written.md5:
                    self._store.put(self._bucket, written.key, data, "image/jpeg")
                return written

            written = list(in_parallel(write, paths, TILE_WORKERS))
        self._check_written(written, prefix)
        digests = {item.key.removeprefix(prefix): item.sha256 for item in written}
        info = info_bytes(pyramid.info(self.address(identifier)))
        digests[INFO] = hashlib.sha256(info).hexdigest()
        sums = "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items())).encode()
        manifest_sha256 = self._write(prefix + CHECKSUMS, sums, layout.content_type(CHECKSUMS))
        self._write(prefix + INFO, info, layout.content_type(INFO))
        return TileSet(identifier, zip_sha256, manifest_sha256, len(digests) + 1, pyramid)

    @contextmanager
    def _open(self, key: str, zip_sha256: str, file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
        """The ZIP file, on disk and with the bytes that its key says."""
        hasher = hashlib.sha256()
        try:
            for chunk in self._store.stream(self._restored, key):
                hasher.update(chunk)
                file.write(chunk)
        except PhotoRejected as error:
            message = f"s3://{self._restored}/{key} with tiles is gone; restore the photograph again"
            raise PublicationError(message) from error
        if hasher.hexdigest() != zip_sha256:
            raise PublicationError(f"s3://{self._restored}/{key} hashes to {hasher.hexdigest()}; it was changed")
        size = file.tell()
        try:
            with zipfile.ZipFile(file) as archive:
                _check_entries(archive, size)
                yield archive
        except _BAD_ZIP as error:
            raise PublicationError(f"s3://{self._restored}/{key} is not a ZIP file with tiles: {error}") from error

    def _etags(self, prefix: str) -> dict[str, str]:
        return {item.key: item.etag for page in self._store.list_pages(self._bucket, prefix) for item in page}

    def _check_written(self, written: list[_Written], prefix: str) -> None:
        """What the store holds is what was written.

        A listing with the store's own MD5 of every file says so for a whole set; where ETags are no MD5 (encryption
        with one's own keys), every file is read back.
        """
        etags = self._etags(prefix)
        doubtful = [item for item in written if etags.get(item.key) != item.md5]

        def check(item: _Written) -> None:
            if (found := self._hash_of(item.key)) != item.sha256:
                raise PublicationError(f"s3://{self._bucket}/{item.key} reads back as {found}, not {item.sha256}")

        for _ in in_parallel(check, doubtful, TILE_WORKERS):
            pass

    def _write(self, key: str, data: bytes, content_type: str) -> str:
        """Write a file, read it back, and give its hash."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._store.put(self._bucket, key, data, content_type)
        if (found := self._hash_of(key)) != sha256:
            raise PublicationError(f"s3://{self._bucket}/{key} reads back as {found}, not {sha256}")
        return sha256

    def _hash_of(self, key: str) -> str:
        try:
            return self._store.hash_object(self._bucket, key)[0]
        except PhotoRejected:
            return "nothing"


class _Written(NamedTuple):
    """A tile in the archive bucket: its key and the hashes of its bytes."""

    key: str
    sha256: str
    md5: str


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _check_entries(archive: zipfile.ZipFile, size: int) -> None:
    """Stored entries only, each once, and no more bytes than the file has: nothing grows while it is read."""
    entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size for entry in entries):
        raise ValueError("it holds compressed entries; tiles are stored")
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise ValueError("it holds encrypted entries")
    if sum(entry.file_size for entry in entries) > size:
        raise ValueError("its entries overlap")
    if len({entry.filename for entry in entries}) != len(entries):
        raise ValueError("it holds a name twice")


def _pyramid_of(archive: zipfile.ZipFile, key: str) -> Pyramid:
    """What the ZIP file holds; exactly the files that its ``info.json`` implies.

    :raises PublicationError: more, fewer or other ones.
    """
    names = set(archive.namelist())
    if INFO not in names or archive.getinfo(INFO).file_size > MAX_INFO_BYTES:
        raise PublicationError(f"{key} holds no {INFO} of tiles")
    pyramid = Pyramid.from_info(archive.read(INFO))
    wanted = {INFO, *pyramid.paths()}
    for name in sorted(names ^ wanted)[:1]:
        raise PublicationError(f"{key}: {name!r} is {'missing' if name in wanted else 'no tile of this picture'}")
    return pyramid


def _refuse_strangers(there: Iterable[str], prefix: str, wanted: set[str]) -> None:
    for key in there:
        if key.removeprefix(prefix) not in wanted:
            raise PublicationError(f"{key} does not belong to the tiles that it lies among; remove it")


def read_checksums(data: bytes, where: str) -> dict[str, str]:
    """Path to sha256 of every file of a set, by its list of hashes. The list does not name itself.

    :param where: for messages.
    :raises PublicationError: a line that is none.
    """
    digests: dict[str, str] = {}
    for number, line in enumerate(data.decode("ascii", errors="replace").splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None or ".." in match[2] or match[2].startswith("/"):
            raise PublicationError(f"line {number} of {where}{CHECKSUMS} is not 'hash  path'")
        digests[match[2]] = match[1]
    return digests


def list_sets(store: ObjectStore, bucket: str, collection: str) -> Iterator[str]:
    """Ids of all sets of a collection that have any file, one after the other.

    :raises StorageError: S3 refused or is out of reach.
    """
    yield from (name for name in store.list_folders(bucket, f"{collection}/{FOLDER}") if _ID.fullmatch(name))


def remove_sets(store: ObjectStore, bucket: str, collection: str, *, needed: set[str]) -> int:
    """Delete every set of a collection whose id is not needed; gives how many. Their ``info.json`` goes with the rest.

    Killed in between, the next call removes what is left.

    :raises StorageError: S3 refused or is out of reach.
    """
    unneeded = [identifier for identifier in list_sets(store, bucket, collection) if identifier not in needed]
    for identifier in unneeded:
        store.delete_prefix(bucket, set_prefix(collection, identifier))
    return len(unneeded)
