"""What people wrote into scans, from the catalog into a published archive: below metadata.csv, element by element."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from restoration.catalog.approvals import mark
from restoration.catalog.review_pictures import review_scan
from restoration.catalog.reviews import list_review_items
from restoration.publish.export import export_collection
from restoration.publish.labels import read_labels
from restoration.publish.publisher import publish_collection
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore
from tests.stack.archive import Archive

pytestmark = pytest.mark.stack

EMBEDDED = {
    "terms": {
        "title": "by the camera", "creator": "Kim", "date": "1932-05", "description": "=At the gate", "rights": "CC0",
    },
    "sources": {"title": "EXIF", "creator": "IPTC", "date": "XMP", "description": "XMP", "rights": "XMP"},
}  # fmt: skip
SAID = {"title": "At the gate", "date": "1933"}


@pytest.fixture(scope="module")
def store(s3) -> Iterator[ObjectStore]:
    client = s3.client("admin")
    yield ObjectStore(client)
    client.close()


@pytest.fixture
def archive(catalog, store) -> Archive:
    """Two photographs: one is in metadata.csv too, the other has nothing but its own words."""
    made = Archive(catalog, store, rights="the collection's")
    made.add("a.tif", **SAID)
    made.add("b.tif", "needs_review", reason="identity_low")
    made.add("c.tif", title="plain")
    write(made, "%/b.tif", "dublin_core = '{}'")
    for name in "ab":
        write(made, f"%/{name}.tif", "scan = jsonb_build_object('embedded', CAST(:embedded AS jsonb))")
    return made


def write(archive: Archive, key: str, change: str) -> None:
    with archive.db.begin() as conn:
        conn.execute(
            sa.text(f"UPDATE photo SET {change} WHERE collection_id = :c AND object_key LIKE :key"),
            {"c": archive.collection.collection_id, "key": key, "embedded": json.dumps(EMBEDDED)},
        )


def test_embedded_words_are_published_below_the_sidecars(archive, store, tmp_path):
    settings = Settings(_env_file=None, restored_bucket="restored", archive_bucket="archive", gallery_url=None)
    report = publish_collection(archive.db, store, settings, archive.name, archive.run_id)
    assert report.state == "published"
    folder = tmp_path / "out"
    export_collection(store, settings, archive.name, folder)

    with (folder / "data" / "metadata.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["filename"][-5:]: row for row in csv.DictReader(file)}
    assert [rows["a.tif"][f"dc:{term}"] for term in ("title", "date", "creator", "description", "rights")] == [
        "At the gate", "1933", "Kim", "'=At the gate", "CC0",
    ]  # fmt: skip
    assert (rows["b.tif"]["dc:title"], rows["b.tif"]["dc:date"]) == ("by the camera", "1932-05")
    assert (rows["c.tif"]["dc:creator"], rows["c.tif"]["dc:rights"]) == ("", "the collection's")

    labels = read_labels((folder / rows["a.tif"]["restored_file"]).read_bytes(), "image/png")
    assert (labels.title, labels.creator, labels.rights) == ("At the gate", "Kim", "CC0")
    assert labels.description.startswith("=At the gate\n\n")

    lines = (folder / "data" / "provenance" / "part-00000.jsonl").read_text(encoding="utf-8").splitlines()
    told = {line["original"]["object_key"][-5:]: line for line in map(json.loads, lines)}
    assert told["a.tif"]["metadata_from"] == {
        "title": "metadata.csv", "date": "metadata.csv", "creator": "IPTC", "description": "XMP", "rights": "XMP",
    }  # fmt: skip
    assert told["b.tif"]["metadata_from"] == EMBEDDED["sources"]
    assert told["c.tif"]["metadata_from"] == {"title": "metadata.csv"}

    gallery = "".join(path.read_text(encoding="ascii") for path in (folder / "gallery").glob("*.js"))
    assert gallery.count('"by the camera"') >= 1


def test_the_review_page_shows_them_too_and_new_ones_end_a_mark(archive):
    with archive.db.connect() as conn:
        [item] = list_review_items(conn, archive.collection.collection_id, which="waiting")
        assert item.title == "by the camera"
        assert review_scan(conn, item.photo_id).dublin_core == EMBEDDED["terms"]
        before = mark(conn, archive.collection.collection_id)
    write(archive, "%/c.tif", "scan = jsonb_build_object('embedded', CAST(:embedded AS jsonb))")
    with archive.db.connect() as conn:
        assert mark(conn, archive.collection.collection_id).photos != before.photos
