"""What viewers on the web need of one version: sets of tiles, IIIF manifests, and where the gallery finds them.

All of it hangs on a public address, so there is none without the setting ``gallery_url``. Tiles are unpacked before a
version is opened; what was learnt of them is kept on disk, one line a photograph, and memory stays flat.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration.errors import PublicationError
from restoration.photo.pyramid import Pyramid
from restoration.publish import iiif
from restoration.publish.parallel import in_parallel
from restoration.publish.photos import ArchivedPhoto
from restoration.publish.tiles import FOLDER, TilePublisher, TileSet, public_base, remove_sets

if TYPE_CHECKING:
    from restoration.settings import Settings
    from restoration.storage.s3 import ObjectStore

SETS = "iiif/tilesets.csv"
COLUMNS = ("photo", "stage", "id", "zip_sha256", "manifest_sha256", "files")
SET_WORKERS = 4
MAX_SETS_BYTES = 2 * 1024**3
MAX_COLLECTION_BYTES = 64 * 1024**2
_PICTURED = frozenset({"restored", "original"})

Sets = dict[str, TileSet]
"""Sets of one photograph by stage: ``before``, ``after``."""


@dataclass(frozen=True)
class Viewing:
    """The views of one collection's photographs, unpacked and ready to be named in a version."""

    base: str
    log: Path

    @classmethod
    def unpack(
        cls, store: ObjectStore, settings: Settings, collection: str, photos: Iterable[ArchivedPhoto], folder: Path
    ) -> Viewing | None:
        """Make sure that every set of tiles that these photographs show is there; None without a public address.

        :param folder: for temporary files.
        :raises PublicationError: a ZIP file with tiles is gone or holds something else.
        :raises StorageError: S3 refused or is out of reach.
        """
        base = public_base(settings.gallery_url, collection)
        if base is None:
            return None
        publisher = TilePublisher(store, settings.restored_bucket, settings.archive_bucket, collection, base, folder)
        log = folder / "tilesets.jsonl"

        def sets_of(photo: ArchivedPhoto) -> Sets:
            return _published(publisher, photo)

        with log.open("w", encoding="ascii") as lines:
            for sets in in_parallel(sets_of, photos, SET_WORKERS):
                lines.write(json.dumps({stage: _plain(found) for stage, found in sets.items()}) + "\n")
        return cls(base, log)

    def annotated(self, photos: Iterable[ArchivedPhoto]) -> Iterator[ArchivedPhoto]:
        """The same photographs; ``record`` tells the gallery where tiles and manifests are, from the version's root.

        ``record["viewing"]``: ``tiles`` with the folder of ``before`` and ``after``, the tiles' ``side``, and ``sizes``
        (width and height of both); ``thumb``, set and size of the thumbnail of what is shown (``id/w,h``); ``iiif``,
        the manifest's path. Left out where there is none.
        """
        for photo, sets in self.beside(photos):
            viewing: dict[str, Any] = {}
            if photo.shown_as in _PICTURED:
                viewing["iiif"] = iiif.manifest_path(photo.name)
            if sets:
                viewing["tiles"] = {stage: f"../{FOLDER}{found.id}" for stage, found in sets.items()}
                viewing["tiles"]["side"] = next(iter(sets.values())).pyramid.side
                sizes = {stage: [found.pyramid.width, found.pyramid.height] for stage, found in sets.items()}
                viewing["tiles"]["sizes"] = sizes
                shown = sets.get("after" if photo.shown else "before") or next(iter(sets.values()))
                viewing["thumb"] = f"{shown.id}/{shown.pyramid.thumbnail[0]},{shown.pyramid.thumbnail[1]}"
            yield replace(photo, record={**photo.record, "viewing": viewing})

    def files(
        self, photos: Iterable[ArchivedPhoto], facts: dict[str, Any], version: str
    ) -> Iterator[tuple[str, bytes]]:
        """Every file of IIIF by its path in the version: manifests, then the collections that list them.

        :param facts: of the collection, as the gallery gets them.
        :param version: name of the version's folder, such as ``v0001``.
        """
        place = iiif.Place(
            f"{self.base}/{version}", str(facts["title"]), facts.get("rights") or "", facts.get("source_organization")
        )
        pictured = (pair for pair in self.beside(photos) if pair[0].shown_as in _PICTURED)
        parts: list[dict[str, Any]] = []
        first: list[dict[str, Any]] = []
        while batch := list(islice(pictured, iiif.MANIFESTS_PER_COLLECTION)):
            listed = []
            for photo, sets in batch:
                manifest = iiif.manifest(photo, self._shown(sets), place)
                listed.append(iiif.reference(manifest))
                yield iiif.manifest_path(photo.name), _json(manifest)
            if not parts:
                first = listed
            path = iiif.shard_path(len(parts))
            part = iiif.collection(path, listed, place, len(parts))
            parts.append(iiif.reference(part))
            if len(parts) == 2:
                yield iiif.shard_path(0), _json(iiif.collection(iiif.shard_path(0), first, place, 0))
            if len(parts) >= 2:
                yield path, _json(part)
        whole = first if len(parts) < 2 else parts
        yield iiif.COLLECTION_PATH, _json(iiif.collection(iiif.COLLECTION_PATH, whole, place))

    def write_sets(self, photos: Iterable[ArchivedPhoto], path: Path) -> None:
        """The list of sets that a version needs, as CSV: one line a photograph and stage."""
        with path.open("w", encoding="ascii", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(COLUMNS)
            for photo, sets in self.beside(photos):
                for stage, found in sets.items():
                    hashes = (found.zip_sha256, found.manifest_sha256)
                    rows.writerow((photo.name, stage, found.id, *hashes, found.files))

    def beside(self, photos: Iterable[ArchivedPhoto]) -> Iterator[tuple[ArchivedPhoto, Sets]]:
        """The photographs with their sets; they must be those that were unpacked, in the same order."""
        with self.log.open(encoding="ascii") as lines:
            for photo in photos:
                yield photo, {stage: _set(value) for stage, value in json.loads(next(lines)).items()}

    def _shown(self, sets: Sets) -> dict[str, iiif.ShownTiles]:
        return {
            stage: iiif.ShownTiles(f"{self.base}/{FOLDER}{found.id}", found.pyramid) for stage, found in sets.items()
        }


def is_at_its_address(store: ObjectStore, settings: Settings, collection: str, prefix: str) -> bool:
    """Whether what a version gives viewers names today's public address; true where there is none to name.

    :param prefix: the version's, ending in '/'.
    :raises PublicationError: the version's collection cannot be read.
    :raises StorageError: S3 refused or is out of reach.
    """
    base = public_base(settings.gallery_url, collection)
    if base is None:
        return True
    if store.stat(settings.archive_bucket, prefix + iiif.COLLECTION_PATH) is None:
        return False
    data, _ = store.read(settings.archive_bucket, prefix + iiif.COLLECTION_PATH, max_bytes=MAX_COLLECTION_BYTES)
    version = prefix.rstrip("/").rsplit("/", 1)[-1]
    try:
        return bool(json.loads(data)["id"] == f"{base}/{version}/{iiif.COLLECTION_PATH}")
    except (ValueError, KeyError, TypeError) as error:
        raise PublicationError(f"{prefix}{iiif.COLLECTION_PATH} is not readable as a IIIF collection") from error


def needed_sets(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    """The rows of a version's ``iiif/tilesets.csv``: photo, stage, id, zip_sha256, manifest_sha256, files."""
    yield from csv.DictReader(lines)


def remove_unneeded_sets(store: ObjectStore, bucket: str, collection: str, versions: Iterable[str]) -> int:
    """Delete the sets of a collection that none of its remaining versions needs; gives how many.

    :param versions: prefixes of all versions whose files are to stay, each ending in '/'. A version without a list of
        sets needs none.
    :raises StorageError: S3 refused or is out of reach; the same call finishes.
    """
    needed: set[str] = set()
    for prefix in versions:
        if store.stat(bucket, prefix + SETS) is not None:
            data, _ = store.read(bucket, prefix + SETS, max_bytes=MAX_SETS_BYTES)
            needed.update(row["id"] for row in needed_sets(data.decode("ascii").splitlines()))
    return remove_sets(store, bucket, collection, needed=needed)


def _published(publisher: TilePublisher, photo: ArchivedPhoto) -> Sets:
    """Unpack what the photograph shows: nothing of one that is only listed, and no result that is not to be seen."""
    if photo.shown_as not in _PICTURED:
        return {}
    keys = photo.record.get("tiles") or {}
    stages = ("before", "after") if photo.shown else ("before",)
    sets: dict[str, TileSet] = {}
    for key in {keys[stage] for stage in stages if keys.get(stage)}:
        sets[key] = publisher.publish(key)
    return {stage: sets[keys[stage]] for stage in stages if keys.get(stage)}


def _plain(found: TileSet) -> dict[str, Any]:
    return {**vars(found), "pyramid": vars(found.pyramid)}


def _set(value: dict[str, Any]) -> TileSet:
    pyramid = value["pyramid"]
    return TileSet(**value | {"pyramid": Pyramid(**pyramid | {"thumbnail": tuple(pyramid["thumbnail"])})})


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
