"""Reading again what is kept: scans and published versions, in sets, against the hashes on record.

A set that is read to its end is put on record in one transaction, so a check that is killed repeats one set at most. A
store that cannot be reached is an error and never damage; what was read until then is kept.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from restoration.catalog import fixity
from restoration.catalog.fixity import Damage, FileFound, KeptPublication, Original, OriginalFound
from restoration.errors import PhotoRejected, PublicationError
from restoration.fixity import Fixity, fixity_of_bytes
from restoration.publish.layout import PAYLOAD, SEAL, TAG, manifest_name
from restoration.publish.manifest import ManifestEntry, read_manifests
from restoration.publish.parallel import in_parallel
from restoration.publish.tile_check import check_set, distinct_sets
from restoration.publish.tiles import FOLDER
from restoration.publish.viewing import MAX_SETS_BYTES, SETS
from restoration.storage.s3 import parse_s3_uri

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from restoration.settings import Settings
    from restoration.storage.s3 import ObjectStore

WORKERS = 8
CHUNK_FILES = 64
MAX_MANIFEST_BYTES = 512 * 1024**2

T = TypeVar("T")


@dataclass
class Reading:
    """What was read: sets, files, bytes; what of it is damaged; publications that were read to their end."""

    sets: int = 0
    files: int = 0
    bytes: int = 0
    completed: int = 0
    damage: list[Damage] = field(default_factory=list)

    @property
    def new_damage(self) -> list[Damage]:
        """What no check found before."""
        return [damage for damage in self.damage if damage.new]

    def add(self, other: Reading) -> None:
        """Count another reading in."""
        self.sets += other.sets
        self.files += other.files
        self.bytes += other.bytes
        self.completed += other.completed
        self.damage += other.damage

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON output."""
        return asdict(self)


class Rereader:
    """Reads again and puts on record what it finds.

    :param settings: ``fixity_batch_files`` and ``fixity_batch_bytes`` say how large a set is.
    """

    def __init__(self, db: Engine, store: ObjectStore, settings: Settings) -> None:
        self._db, self._store, self._settings = db, store, settings

    def read_originals(self, originals: Sequence[Original]) -> Reading:
        """Read a set of scans.

        :raises StorageError: the store is out of reach; what was read until then is on record.
        """
        reading, found = Reading(), []
        try:
            for item in in_parallel(self._original, originals, WORKERS):
                found.append(item)
        finally:
            if found:
                with self._db.begin() as conn:
                    reading.damage = fixity.note_originals(conn, found)
                reading.sets, reading.files = 1, len(found)
                reading.bytes = sum(item.size for item in found)
        return reading

    def _original(self, original: Original) -> OriginalFound:
        try:
            read = self._read(original.bucket, original.object_key, original.version_id)
        except PhotoRejected:
            return OriginalFound(original, "missing", "", 0, "the scan is not in the bucket")
        if read.sha256 == original.sha256:
            return OriginalFound(original, "intact", read.sha256, read.size)
        stat = self._store.stat(original.bucket, original.object_key)
        note = "its bytes are others than when it was restored"
        if stat is not None and stat.etag != original.etag and not original.version_id:
            note = "another file was written in its place since the last listing"
        return OriginalFound(original, "changed", read.sha256, read.size, note)

    def read_publication(self, publication_id: int, max_bytes: int | None) -> Reading:
        """Read a version on from where the last check stopped, set by set, until so many bytes are read or it ends.

        :param max_bytes: None for all that is left.
        :raises StorageError: the store is out of reach; the sets read until then are on record.
        """
        total = Reading()
        while max_bytes is None or total.bytes < max_bytes or total.sets == 0:
            with self._db.connect() as conn:
                publication = fixity.kept_publication(conn, publication_id)
            if publication is None:
                break
            part, go_on = self._publication_set(publication)
            total.add(part)
            if not go_on:
                break
        return total

    def _publication_set(self, publication: KeptPublication) -> tuple[Reading, bool]:
        """The next set of a version, and whether there is more to read."""
        with tempfile.TemporaryDirectory() as folder:
            version = _Version(self._store, publication, Path(folder))
            broken = version.fetch_manifests()
            if broken:
                return self._note(publication, broken, cursor=publication.cursor, complete=False), False
            found, done = self._next_files(version, publication.cursor)
            if done:
                found += [*version.seals(), *version.strangers()]
        cursor = "" if done else found[-1].path
        return self._note(publication, found, cursor=cursor, complete=done), not done

    def _next_files(self, version: _Version, cursor: str) -> tuple[list[FileFound], bool]:
        """So many files after the cursor as make a set, and whether they are the last ones."""
        paths = version.paths_after(cursor)
        found: list[FileFound] = []
        size = 0
        for chunk in _chunks(paths, min(CHUNK_FILES, self._settings.fixity_batch_files)):
            for item in in_parallel(version.read, chunk, WORKERS):
                found.append(item)
                size += item.size
            full = len(found) >= self._settings.fixity_batch_files or size >= self._settings.fixity_batch_bytes
            if full and len(found) < len(paths):
                return found, False
        return found, True

    def reread_damaged(self, publication_id: int, *, before: str | None = None) -> Reading:
        """Read again the files of a version that were damaged when last looked at.

        :param before: only what was found before this time of the catalog's clock.
        :raises StorageError: the store is out of reach.
        """
        with self._db.connect() as conn:
            publication = fixity.kept_publication(conn, publication_id)
            known = {} if publication is None else fixity.open_findings(conn, publication_id, before=before)
        if publication is None or not known:
            return Reading()
        with tempfile.TemporaryDirectory() as folder:
            version = _Version(self._store, publication, Path(folder))
            found = version.fetch_manifests() or [version.look_at(path) for path in known]
        return self._note(publication, found, cursor=publication.cursor, complete=False)

    def _note(
        self, publication: KeptPublication, found: Sequence[FileFound], *, cursor: str, complete: bool
    ) -> Reading:
        with self._db.begin() as conn:
            damage = fixity.note_files(conn, publication, found, cursor=cursor, complete=complete)
        return Reading(1, len(found), sum(item.size for item in found), int(complete), damage)

    def _read(self, bucket: str, key: str, version_id: str) -> Fixity:
        return self._store.object_fixity(bucket, key, version_id=version_id)


class _Version:
    """The files of one version as its manifests name them: the catalog has the hash of the seal, the seal the rest."""

    def __init__(self, store: ObjectStore, publication: KeptPublication, folder: Path) -> None:
        self._store, self._publication, self._folder = store, publication, folder
        self._bucket, self._prefix = parse_s3_uri(publication.uri)
        self._entries: dict[str, ManifestEntry] = {}
        self._seals: dict[str, Fixity] = {}
        self._tiles: dict[str, str] = {}

    def fetch_manifests(self) -> list[FileFound]:
        """Bring the manifests to disk and read them; gives what is wrong with them, nothing where all is well."""
        wrong = [self._fetch(SEAL, self._publication.manifest_sha256), self._fetch(manifest_name(TAG, "sha512"), "")]
        if not any(wrong):
            wrong += [self._fetch_payload_manifest(algorithm) for algorithm in ("sha256", "sha512")]
        problems = [item for item in wrong if item is not None]
        return problems or self._load()

    def _fetch_payload_manifest(self, algorithm: str) -> FileFound | None:
        name = manifest_name(PAYLOAD, algorithm)
        for line in (self._folder / SEAL).read_text("ascii", errors="replace").splitlines():
            digest, _, path = line.partition("  ")
            if path == name:
                return self._fetch(name, digest)
        return FileFound(name, "missing", "", "", 0, f"{SEAL} does not name it")

    def _fetch(self, name: str, expected: str) -> FileFound | None:
        try:
            data, actual = self._store.read(self._bucket, self._prefix + name, max_bytes=MAX_MANIFEST_BYTES)
        except PhotoRejected:
            return FileFound(name, "missing", expected, "", 0, "the manifest is not in the bucket")
        if expected and actual != expected:
            return FileFound(name, "changed", expected, actual, len(data), "the manifest is another than was sealed")
        (self._folder / name).write_bytes(data)
        self._seals[name] = fixity_of_bytes(data)
        return None

    def _load(self) -> list[FileFound]:
        for kind in (TAG, PAYLOAD):
            try:
                self._entries.update((entry.path, entry) for entry in read_manifests(self._folder, kind))
            except PublicationError as error:
                # those of sha256 are sealed, so it is the other one
                return [FileFound(manifest_name(kind, "sha512"), "changed", "", "", 0, error.message)]
        return self._load_tiles()

    def _load_tiles(self) -> list[FileFound]:
        """The sets of tiles that this version needs and no newer one does: versions share sets, each is read once."""
        if SETS not in self._entries:
            return []
        listed = self.read(SETS)
        if listed.found != "intact":
            return [listed]
        elsewhere = self._sets_of_newer()
        sets = self._sets_of(self._publication.uri)
        self._tiles = {f"{FOLDER}{name}": sha256 for name, sha256 in sets.items() if name not in elsewhere}
        return []

    def _sets_of_newer(self) -> dict[str, str]:
        """Sets that are read with the next version; none where its list is damaged, of which its own check tells."""
        if self._publication.newer_uri is None:
            return {}
        try:
            return self._sets_of(self._publication.newer_uri)
        except PublicationError:
            return {}

    def _sets_of(self, uri: str) -> dict[str, str]:
        bucket, prefix = parse_s3_uri(uri)
        if self._store.stat(bucket, prefix + SETS) is None:
            return {}
        data, _ = self._store.read(bucket, prefix + SETS, max_bytes=MAX_SETS_BYTES)
        return distinct_sets(data.decode("ascii", errors="replace").splitlines(), f"{uri}{SETS}")

    def paths_after(self, cursor: str) -> list[str]:
        """What is still to be read, by path: files, and sets of tiles (``tiles/<id>``)."""
        return sorted(path for path in (*self._entries, *self._tiles) if path > cursor)

    def read(self, path: str) -> FileFound:
        """Read one file and compare both its hashes, or one whole set of tiles."""
        if path in self._tiles:
            return self._read_tiles(path, self._tiles[path])
        entry = self._entries[path]
        try:
            read = self._store.object_fixity(self._bucket, self._prefix + entry.path)
        except PhotoRejected:
            return FileFound(entry.path, "missing", entry.sha256, "", 0, "the file is not in the bucket")
        if read.sha256 != entry.sha256:
            note = "its bytes are others than when it was published"
            return FileFound(entry.path, "changed", entry.sha256, read.sha256, read.size, note)
        if read.sha512 != entry.sha512:
            note = "its sha256 is right and its sha512 is not: the manifest of sha512 was changed"
            return FileFound(entry.path, "changed", entry.sha256, read.sha256, read.size, note)
        return FileFound(entry.path, "intact", entry.sha256, read.sha256, read.size)

    def _read_tiles(self, path: str, sha256: str) -> FileFound:
        name = path.removeprefix(FOLDER)
        read = check_set(self._store, self._bucket, self._publication.collection, name, sha256)
        note = f"{read.path} of this set of tiles: {read.note}" if read.note else ""
        return FileFound(path, read.fixity, sha256, "" if note else sha256, read.bytes, note)

    def look_at(self, path: str) -> FileFound:
        """Look again at a file that was damaged, or did not belong there."""
        if path in self._entries or path in self._tiles:
            return self.read(path)
        if path in self._seals:
            seal = self._seals[path]
            return FileFound(path, "intact", seal.sha256, seal.sha256, seal.size)
        there = self._store.stat(self._bucket, self._prefix + path)
        return FileFound(path, "intact", "", "", 0) if there is None else _stranger(path, there.size)

    def seals(self) -> list[FileFound]:
        """The tag manifests, which were read before everything else."""
        return [
            FileFound(name, "intact", f.sha256, f.sha256, f.size)
            for name, f in self._seals.items()
            if name not in self._entries
        ]

    def strangers(self) -> list[FileFound]:
        """Files under the version's prefix that no manifest names."""
        named = self._entries.keys() | self._seals.keys()
        start = len(self._prefix)
        return [
            _stranger(item.key[start:], item.size)
            for page in self._store.list_pages(self._bucket, self._prefix)
            for item in page
            if item.key[start:] not in named
        ]


def _stranger(path: str, size: int) -> FileFound:
    return FileFound(path, "changed", "", "", 0, f"a file of {size} bytes that no manifest names")


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
