"""Sets of tiles: unpacked whole or not at all, never more than a picture's own files, removed with the last need."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from restoration.errors import PublicationError
from restoration.names import output_key
from restoration.photo.pyramid import Pyramid, info_bytes
from restoration.photo.tiles import tiles_zip
from restoration.publish import tiles
from restoration.publish.tiles import TilePublisher, list_sets, public_base, read_checksums, remove_sets, set_id
from restoration.storage.s3 import StoredObject
from tests.stack.memory_store import Killed, MemoryStore

BASE = "https://archive.example.org/album"


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


class Bench:
    """A store with ZIP files, and a publisher of them."""

    def __init__(self, folder) -> None:
        self.store, self.folder = MemoryStore(), folder

    def add(self, data: bytes) -> str:
        return self.store.write_content("restored", data, "zip", "application/zip")

    def publisher(self, base: str = BASE) -> TilePublisher:
        return TilePublisher(self.store, "restored", "archive", "album", base, self.folder)

    def published(self) -> dict[str, bytes]:
        return {key: data for (bucket, key), data in self.store.objects.items() if bucket == "archive"}


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (511, 300), (512, 512), (513, 513), (1300, 17), (1100, 900)])
def test_every_file_that_info_json_implies_is_in_the_bucket(bench, width, height):
    key = bench.add(tiles_zip(picture(width, height), 512))
    found = bench.publisher().publish(key)
    prefix = f"album/tiles/{found.id}/"
    files = {path.removeprefix(prefix): data for path, data in bench.published().items()}
    info = json.loads(files["info.json"])
    assert info["id"] == f"{BASE}/tiles/{found.id}"
    assert files.keys() == {"info.json", "manifest-sha256.txt", *Pyramid.from_info(files["info.json"]).paths()}
    assert found.files == len(files)
    sums = read_checksums(files["manifest-sha256.txt"], prefix)
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != tiles.CHECKSUMS}
    assert found.manifest_sha256 == hashlib.sha256(files["manifest-sha256.txt"]).hexdigest()


def test_the_same_picture_has_one_set_and_another_address_another(bench):
    key = bench.add(tiles_zip(picture(600, 500), 256))
    first = bench.publisher().publish(key)
    before = dict(bench.published())
    bench.store.put = None  # nothing may be written any more
    assert bench.publisher().publish(key) == first
    assert bench.published() == before
    assert set_id(first.zip_sha256, BASE) == first.id != set_id(first.zip_sha256, "https://elsewhere.example/album")


def test_killed_at_any_call_a_set_is_never_complete_too_soon_and_goes_on(bench):
    key = bench.add(tiles_zip(picture(600, 500), 512))
    whole = bench.publisher().publish(key)
    wanted = dict(bench.published())
    info = f"album/tiles/{whole.id}/info.json"
    for answered in (False, True):
        for call in range(1, 60):
            for path in wanted:
                bench.store.objects.pop(("archive", path), None)
            bench.store.die_at(call, answered=answered)
            try:
                bench.publisher().publish(key)
            except Killed:
                pass
            else:
                break
            bench.store.left = 10**9
            if info in bench.published():
                assert bench.published() == wanted
            assert bench.publisher().publish(key) == whole
            assert bench.published() == wanted
        else:
            pytest.fail("more calls than were tried")


def test_what_a_killed_publication_left_is_kept_where_right_and_written_again_where_not(bench):
    key = bench.add(tiles_zip(picture(600, 500), 512))
    whole = bench.publisher().publish(key)
    wanted = dict(bench.published())
    prefix = f"album/tiles/{whole.id}/"
    del bench.store.objects["archive", prefix + "info.json"]
    damaged = prefix + "full/max/0/default.jpg"
    bench.store.objects["archive", damaged] = bytes(len(wanted[damaged]))
    written: list[str] = []
    put = bench.store.put

    def noted(bucket: str, key: str, data: bytes, kind: str = "") -> None:
        written.append(key.removeprefix(prefix))
        put(bucket, key, data)

    bench.store.put = noted
    assert bench.publisher().publish(key) == whole
    assert bench.published() == wanted
    assert written == ["full/max/0/default.jpg", "manifest-sha256.txt", "info.json"]


@pytest.mark.parametrize("damage", ["info.json", "manifest-sha256.txt"])
def test_a_set_whose_lists_disagree_is_made_right(bench, damage):
    key = bench.add(tiles_zip(picture(300, 200), 512))
    whole = bench.publisher().publish(key)
    wanted = dict(bench.published())
    bench.store.objects["archive", f"album/tiles/{whole.id}/{damage}"] = b"{}\n"
    assert bench.publisher().publish(key) == whole
    assert bench.published() == wanted


def test_a_stranger_among_tiles_stops_the_publication(bench):
    key = bench.add(tiles_zip(picture(300, 200), 512))
    stranger = f"album/tiles/{set_id(key.split('/')[-1].split('.')[0], BASE)}/index.html"
    bench.store.objects["archive", stranger] = b"<script>"
    with pytest.raises(PublicationError, match=r"index\.html does not belong"):
        bench.publisher().publish(key)


def packed(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return raw.getvalue()


def small() -> dict[str, bytes]:
    """The files of a picture that fits into one tile."""
    with zipfile.ZipFile(io.BytesIO(tiles_zip(picture(30, 20), 512))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


ENDLESS = info_bytes(replace(Pyramid.of(600, 600, 512), width=900_000, height=900_000, side=1).info(""))
TRICKS = {
    "climbs out": lambda: packed(small() | {"../../../current.json": b"{}"}),
    "absolute": lambda: packed(small() | {"/etc/passwd": b""}),
    "a page": lambda: packed(small() | {"full/max/0/default.html": b"<script>"}),
    "another region": lambda: packed(small() | {"0,0,9,9/9,9/0/default.jpg": b""}),
    "one is missing": lambda: packed({k: v for k, v in small().items() if "max" not in k}),
    "no info": lambda: packed({k: v for k, v in small().items() if k != "info.json"}),
    "strange info": lambda: packed(small() | {"info.json": b'{"width": 30}'}),
    "huge info": lambda: packed(small() | {"info.json": b" " * 100_000}),
    "more pixels than files": lambda: packed(small() | {"info.json": info_bytes(Pyramid.of(9000, 9000, 512).info(""))}),
    "endless tiles": lambda: packed(small() | {"info.json": ENDLESS}),
    "compressed": lambda: packed(small(), zipfile.ZIP_DEFLATED),
    "no zip": lambda: b"not a ZIP file at all",
    "cut short": lambda: packed(small())[:-30],
    "changed inside": lambda: packed(small()).replace(b"\xff\xd8\xff", b"\xff\xd8\xfe", 1),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_zip_file_that_is_not_just_tiles_is_refused_and_never_complete(bench, trick):
    key = bench.add(TRICKS[trick]())
    with pytest.raises(PublicationError):
        bench.publisher().publish(key)
    assert not [path for path in bench.published() if path.endswith("info.json") or "/tiles/" not in path]


def test_a_zip_file_that_is_gone_or_changed_is_refused_with_the_cure(bench):
    data = tiles_zip(picture(30, 20), 512)
    gone = output_key(hashlib.sha256(data).hexdigest(), "zip")
    with pytest.raises(PublicationError, match="restore the photograph again"):
        bench.publisher().publish(gone)
    bench.store.objects["restored", gone] = tiles_zip(picture(30, 20, seed=1), 512)
    with pytest.raises(PublicationError, match="changed"):
        bench.publisher().publish(gone)
    assert bench.published() == {}


class Encrypting(MemoryStore):
    """A store whose ETags are no MD5, as with keys of one's own on Amazon S3."""

    def list_pages(self, bucket: str, prefix: str = "") -> Iterator[list[StoredObject]]:
        for page in super().list_pages(bucket, prefix):
            yield [replace(item, etag=f"{item.etag[::-1]}-1") for item in page]


@pytest.mark.parametrize("kind", [MemoryStore, Encrypting])
def test_a_store_that_loses_or_changes_a_tile_is_noticed(bench, kind):
    bench.store = kind()
    put = bench.store.put
    bench.store.put = lambda bucket, key, data, kind="": put(bucket, key, data[:-1] if "max" in key else data)
    with pytest.raises(PublicationError, match="reads back"):
        bench.publisher().publish(bench.add(tiles_zip(picture(30, 20), 512)))


def test_where_etags_say_nothing_every_tile_is_read_back(bench):
    key = bench.add(tiles_zip(picture(600, 500), 512))
    whole = bench.publisher().publish(key)
    wanted = dict(bench.published())
    encrypting = Encrypting()
    encrypting.objects[("restored", key)] = bench.store.objects[("restored", key)]
    bench.store = encrypting
    read: list[str] = []
    look = encrypting.hash_object
    encrypting.hash_object = lambda bucket, key: (read.append(key), look(bucket, key))[1]
    assert bench.publisher().publish(key) == whole
    assert bench.published() == wanted
    assert sorted(read) == sorted(wanted)


def test_sets_that_nobody_needs_are_removed_and_neighbours_stay(bench):
    ids = [bench.publisher().publish(bench.add(tiles_zip(picture(40, 30, seed), 512))).id for seed in range(3)]
    bench.store.put("archive", "album/v0001/index.html", b"")
    bench.store.put("archive", "album2/tiles/ffffffffffffffffffffffffffffffff/info.json", b"")
    assert sorted(list_sets(bench.store, "archive", "album")) == sorted(ids)
    assert remove_sets(bench.store, "archive", "album", needed={ids[1]}) == 2
    assert list(list_sets(bench.store, "archive", "album")) == [ids[1]]
    assert "album/v0001/index.html" in bench.published()
    assert "album2/tiles/ffffffffffffffffffffffffffffffff/info.json" in bench.published()
    assert remove_sets(bench.store, "archive", "album", needed={ids[1]}) == 0


@pytest.mark.parametrize(
    ("setting", "base"),
    [
        ("https://archive.example.org", "https://archive.example.org/album"),
        ("https://archive.example.org/photos/", "https://archive.example.org/photos/album"),
        ("http://127.0.0.1:8333/archive", "http://127.0.0.1:8333/archive/album"),
        (None, None),
        ("", None),
        ("s3://archive", None),
        ("/photos", None),
        ("archive.example.org", None),
        ("https://archive.example.org/?q=", None),
    ],
)
def test_only_an_absolute_web_address_is_a_public_one(setting, base):
    assert public_base(setting, "album") == base


@pytest.mark.parametrize("line", ["nonsense", "ab  c", f"{'0' * 64}  ../up", f"{'0' * 64}  /root", f"{'0' * 64} one"])
def test_a_strange_list_of_hashes_is_refused(line):
    with pytest.raises(PublicationError, match="line 1"):
        read_checksums(line.encode(), "album/tiles/x/")
