"""Publishing with a public address, on real Postgres and S3: tiles, manifests, a valid bag, whatever is killed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import bagit
import numpy as np
import pytest
import sqlalchemy as sa

from restoration.catalog.publishing import list_publications
from restoration.catalog.withdrawals import withdraw
from restoration.photo.tiles import tiles_zip
from restoration.publish.check import check_archive
from restoration.publish.current import read_current
from restoration.publish.export import export_collection
from restoration.publish.publisher import publish_collection
from restoration.publish.rereading import Rereader
from restoration.publish.tiles import CHECKSUMS, read_checksums
from restoration.publish.viewing import SETS, needed_sets, remove_unneeded_sets
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore
from tests.stack.archive import Archive
from tests.stack.memory_store import Killed, MemoryStore

pytestmark = pytest.mark.stack
ADDRESS = "https://photos.example.org/public"
SETTINGS = Settings(restored_bucket="restored", archive_bucket="archive", gallery_url=ADDRESS, _env_file=None)


@pytest.fixture(scope="module")
def store(s3) -> Iterator[ObjectStore]:
    client = s3.client("admin")
    yield ObjectStore(client)
    client.close()


def add_tiles(archive: Archive, store, size: tuple[int, int] = (300, 200)) -> None:
    """Give every restoration of the archive tiles of scan and result."""
    with archive.db.begin() as conn:
        numbers = conn.execute(
            sa.text("SELECT restoration_id FROM photo WHERE collection_id = :c AND restoration_id IS NOT NULL"),
            {"c": archive.collection.collection_id},
        ).scalars()
        for number in numbers:
            keys = {}
            for stage in (0, 1):
                pixels = np.random.default_rng(2 * number + stage).integers(0, 255, (size[1], size[0], 3), np.uint8)
                keys[f"k{stage}"] = store.write_content("restored", tiles_zip(pixels, 256), "zip", "application/zip")
            conn.execute(
                sa.text(
                    "UPDATE restoration SET tiles_before_key = :k0, tiles_after_key = :k1 WHERE restoration_id = :n"
                ),
                {"n": number, **keys},
            )


def make(catalog, store) -> Archive:
    made = Archive(catalog, store)
    made.add("a.tif", title="할머니 / Grandmother")
    made.add("b.tif", "needs_review", reason="identity_low")
    made.add("c.tif", "rejected", reason="truncated")
    add_tiles(made, store)
    return made


def keys(store, prefix: str) -> list[str]:
    return [item.key for page in store.list_pages("archive", prefix) for item in page]


def read(store, address: str) -> bytes:
    assert address.startswith(f"{ADDRESS}/")
    return store.read("archive", address.removeprefix(f"{ADDRESS}/"))[0]


def addresses(value: object) -> Iterator[str]:
    """Every address of a file inside a manifest."""
    if isinstance(value, dict):
        if value.get("type") == "Image":
            yield value["id"]
        if value.get("type") == "ImageService3":
            yield f"{value['id']}/info.json"
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from addresses(item)


def assert_sets_whole(archive: Archive, store, prefix: str) -> set[str]:
    """Every set that a version names is there, complete and with its hashes. Gives their ids."""
    rows = list(needed_sets(store.read("archive", f"{prefix}{SETS}")[0].decode().splitlines()))
    for row in rows:
        place = f"{archive.name}/tiles/{row['id']}/"
        sums, digest = store.read("archive", place + CHECKSUMS)
        assert digest == row["manifest_sha256"]
        listed = read_checksums(sums, place)
        assert {place + path for path in listed} | {place + CHECKSUMS} == set(keys(store, place))
        assert len(listed) + 1 == int(row["files"])
        assert {path: store.hash_object("archive", place + path)[0] for path in listed} == listed
    return {row["id"] for row in rows}


def test_a_published_collection_has_tiles_and_manifests_at_its_public_address(catalog, store, tmp_path):
    archive = make(catalog, store)
    report = publish_collection(catalog, store, SETTINGS, archive.name, archive.run_id)
    prefix = f"{archive.name}/v0001/"
    assert report.gallery_uri == f"{ADDRESS}/{prefix}index.html"
    collection = json.loads(store.read("archive", f"{prefix}iiif/collection.json")[0])
    assert collection["id"] == f"{ADDRESS}/{prefix}iiif/collection.json"
    manifests = [json.loads(read(store, item["id"])) for item in collection["items"]]
    assert manifests[0]["label"] == {"ko": ["할머니"], "en": ["Grandmother"]}
    bodies = [manifest["items"][0]["items"][0]["items"][0]["body"] for manifest in manifests]
    # the second one awaits review: its scan alone is shown
    assert [body["type"] for body in bodies] == ["Choice", "Image"]
    for manifest in manifests:
        found = list(addresses(manifest))
        assert found
        for address in found:
            assert read(store, address)
    assert len(assert_sets_whole(archive, store, prefix)) == 3
    out = tmp_path / "out"
    assert export_collection(store, SETTINGS, archive.name, out) == report.files
    assert bagit.Bag(str(out)).validate()
    assert check_archive(out).ok
    details = (out / "gallery" / "details-00000.js").read_text()
    assert '"tiles":{"before":"../tiles/' in details


def test_media_types_are_those_that_browsers_need(catalog, store):
    archive = make(catalog, store)
    publish_collection(catalog, store, SETTINGS, archive.name, archive.run_id)
    kinds = {"info.json": "application/json", "default.jpg": "image/jpeg", ".json": "application/json"}
    for key in keys(store, f"{archive.name}/tiles/") + keys(store, f"{archive.name}/v0001/iiif/"):
        for ending, kind in kinds.items():
            if key.endswith(ending):
                assert store.client.head_object(Bucket="archive", Key=key)["ContentType"] == kind


def test_the_next_version_uses_the_same_sets_and_withdrawn_ones_go(catalog, store):
    archive = make(catalog, store)
    publish_collection(catalog, store, SETTINGS, archive.name, archive.run_id)
    first = assert_sets_whole(archive, store, f"{archive.name}/v0001/")
    archive.add("d.tif", title="Late arrival")
    assert publish_collection(catalog, store, SETTINGS, archive.name, archive.run_id).version == 2
    assert assert_sets_whole(archive, store, f"{archive.name}/v0002/") == first
    store.delete_prefix("archive", f"{archive.name}/v0001/")
    assert remove_unneeded_sets(store, "archive", archive.name, [f"{archive.name}/v0002/"]) == 0
    assert remove_unneeded_sets(store, "archive", archive.name, []) == 3
    assert keys(store, f"{archive.name}/tiles/") == []


def test_another_public_address_makes_another_version_and_the_same_one_does_not(catalog, store):
    archive = make(catalog, store)

    def publish(address: str | None):
        settings = SETTINGS.model_copy(update={"gallery_url": address})
        return publish_collection(catalog, store, settings, archive.name, archive.run_id)

    private = publish(None)
    assert publish(None).state == "unchanged"
    first = publish(ADDRESS)
    assert (first.state, first.version, first.content_sha256) == ("published", 2, private.content_sha256)
    assert publish(f"{ADDRESS}/").state == "unchanged"
    moved = publish("https://elsewhere.example")
    assert (moved.state, moved.version) == ("published", 3)
    assert len(keys(store, f"{archive.name}/tiles/")) > 0
    # both addresses' sets stay as long as their versions do
    for version in ("v0002", "v0003"):
        assert len(assert_sets_whole(archive, store, f"{archive.name}/{version}/")) == 3
    assert publish(None).state == "unchanged"


def test_what_a_killed_publication_unpacked_goes_if_it_was_withdrawn_since(catalog):
    store = MemoryStore()
    archive = make(catalog, store)
    put = store.put

    def die_with_the_version(bucket: str, key: str, data: bytes, content_type: str = "") -> None:
        if "/v0001/" in key:
            raise Killed
        put(bucket, key, data)

    store.put = die_with_the_version
    with pytest.raises(Killed):
        publish_collection(catalog, store, SETTINGS, archive.name, archive.run_id)
    store.put = put
    unpacked = set(store.list_folders("archive", f"{archive.name}/tiles/"))
    assert len(unpacked) == 3
    with catalog.begin() as conn:
        number = archive.collection.collection_id
        withdraw(conn, number, f"{archive.name}/a.tif", reason="At the family's wish", person="Kim")
    publish_collection(catalog, store, SETTINGS, archive.name, archive.run_id)
    current, _ = read_current(store, "archive", archive.name)
    left = set(store.list_folders("archive", f"{archive.name}/tiles/"))
    assert left == assert_sets_whole(archive, store, current.prefix)
    assert len(left) == 1
    assert left < unpacked


def test_fixity_checks_read_the_tiles_of_the_current_version(catalog, store):
    archive = make(catalog, store)
    publish_collection(catalog, store, SETTINGS, archive.name, archive.run_id)
    with catalog.connect() as conn:
        (publication,) = list_publications(conn, archive.collection.collection_id)
    rereader = Rereader(catalog, store, SETTINGS)
    whole = rereader.read_publication(publication.publication_id, 10**9)
    assert (whole.damage, whole.completed) == ([], 1)
    tiles = [key for key in keys(store, f"{archive.name}/tiles/") if key.endswith("0/default.jpg")]
    assert whole.bytes > sum(store.hash_object("archive", key)[1] for key in tiles)
    kept, _ = store.read("archive", tiles[0])
    store.put("archive", tiles[0], kept[:-1] + b"!", "image/jpeg")
    (damage,) = rereader.read_publication(publication.publication_id, 10**9).damage
    set_id = tiles[0].split("/")[2]
    assert damage.path == f"tiles/{set_id}"
    assert tiles[0].split(f"{set_id}/")[1] in str(damage)
    store.put("archive", tiles[0], kept, "image/jpeg")
    assert rereader.reread_damaged(publication.publication_id).damage == []


def test_verify_reads_the_tiles_of_a_bucket_that_was_copied_to_disk(catalog, store, tmp_path):
    archive = make(catalog, store)
    publish_collection(catalog, store, SETTINGS, archive.name, archive.run_id)
    version = tmp_path / "v0001"
    export_collection(store, SETTINGS, archive.name, version)
    assert check_archive(version).ok
    for key in keys(store, f"{archive.name}/tiles/"):
        file = tmp_path / key.removeprefix(f"{archive.name}/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(store.read("archive", key)[0])
    assert check_archive(version).ok
    first, second, third = sorted((tmp_path / "tiles").iterdir())
    (first / "full" / "max" / "0" / "default.jpg").write_bytes(b"damaged")
    (second / "info.json").unlink()
    (third / "manifest-sha256.txt").write_text("")
    problems = {problem.path: problem.code for problem in check_archive(version).problems}
    assert problems == {
        f"../tiles/{first.name}/full/max/0/default.jpg": "changed",
        f"../tiles/{second.name}/info.json": "missing",
        f"../tiles/{third.name}/manifest-sha256.txt": "changed",
    }


@pytest.mark.parametrize("answered", [False, True])
def test_killed_at_any_call_the_next_publication_is_whole(catalog, answered):
    store = MemoryStore()
    archive = make(catalog, store)
    number = outcomes = 0
    for call in (1, 3, 6, 10, 15, 22, 30, 41, 55, 70, 90, 110, 135, 160):
        archive.add(f"more-{call}.tif", title=f"Photograph {call}")
        store.die_at(call, answered=answered)
        try:
            publish_collection(catalog, store, SETTINGS, archive.name, archive.run_id)
        except Killed:
            outcomes += 1
        store.die_at(10**9, answered=False)
        publish_collection(catalog, store, SETTINGS, archive.name, archive.run_id)
        current, _ = read_current(store, "archive", archive.name)
        assert current.version > number
        number = current.version
        assert len(assert_sets_whole(archive, store, current.prefix)) == 3
    assert outcomes >= 10


def test_without_a_public_address_nothing_of_it_is_written(catalog, store):
    archive = make(catalog, store)
    private = SETTINGS.model_copy(update={"gallery_url": None})
    publish_collection(catalog, store, private, archive.name, archive.run_id)
    assert keys(store, f"{archive.name}/tiles/") == []
    assert keys(store, f"{archive.name}/v0001/iiif/") == []


def test_the_local_store_shows_the_archive_to_browsers_and_nothing_else(s3, store):
    store.put("archive", "open/tiles/x/info.json", b"{}", "application/json")
    store.put("originals", "closed/scan.tif", b"scan")
    request = urllib.request.Request(
        f"{s3.gallery_url}/open/tiles/x/info.json", headers={"Origin": "https://viewer.example"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.read() == b"{}"
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Access-Control-Allow-Origin"] in ("*", "https://viewer.example")
    for address in (
        f"{s3.endpoint}/originals/closed/scan.tif",
        f"{s3.endpoint}/archive?list-type=2",
        f"{s3.endpoint}/",
    ):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(address)
        assert refusal.value.code == 403
        refusal.value.close()
    write = urllib.request.Request(f"{s3.gallery_url}/open/mine", data=b"x", method="PUT")
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(write)
    assert refusal.value.code == 403
    refusal.value.close()
