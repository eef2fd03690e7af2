"""Masters in TIFF and copies for everyday use, from the worker's record to an archive on disk."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import bagit
import numpy as np
import pytest
import sqlalchemy as sa
from lxml import etree

from restoration.photo.access import access_copy
from restoration.photo.picture import Picture, ScanInfo
from restoration.photo.tiff import encode_tiff
from restoration.publish.check import check_archive
from restoration.publish.embedding import TIFF, WEBP
from restoration.publish.export import export_collection
from restoration.publish.labels import read_labels
from restoration.publish.publisher import publish_collection
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore
from tests.stack.archive import Archive
from tests.unit.premis_rules import problems

pytestmark = pytest.mark.stack
SETTINGS = Settings(
    restored_bucket="restored", archive_bucket="archive", gallery_url="https://archive.example", _env_file=None
)
SAID = {"software": "s 1", "ai_altered": True}


@pytest.fixture(scope="module")
def store(s3) -> Iterator[ObjectStore]:
    client = s3.client("admin")
    yield ObjectStore(client)
    client.close()


def picture(seed: int) -> Picture:
    pixels = np.random.default_rng(seed).uniform(0, 1, (30, 40, 3)).astype(np.float32)
    return Picture(pixels, ScanInfo("tiff", 40, 30, 16, 3, dpi=300, dpi_down=300))


def add(archive: Archive, name: str, seed: int, *, access: str = "webp", **more: object) -> None:
    made = None
    if access:
        copy = access_copy(picture(seed), access, quality=90, long_side=0, **SAID)
        made = (copy.data, copy.extension)
    archive.add(name, picture=encode_tiff(picture(seed), **SAID), master="tif", access=made, **more)


@pytest.fixture
def folder(catalog, store, tmp_path) -> Path:
    archive = Archive(catalog, store)
    add(archive, "a.tif", 1, filled=True)
    add(archive, "b.tif", 2, access="")
    archive.add("c.tif")
    add(archive, "d.tif", 4, state="needs_review", reason="identity_low")
    assert publish_collection(catalog, store, SETTINGS, archive.name, archive.run_id).state == "published"
    assert publish_collection(catalog, store, SETTINGS, archive.name, archive.run_id).state == "unchanged"
    export_collection(store, SETTINGS, archive.name, tmp_path / "out")
    return tmp_path / "out"


def data(folder: Path, kind: str) -> list[dict]:
    (path,) = (folder / "gallery").glob(f"{kind}-*.js")
    body = json.loads(path.read_text()[path.read_text().index("]=") + 2 :].rstrip().rstrip(";"))
    return body if isinstance(body, list) else list(body.values())


def test_the_archive_holds_both_and_checks_itself(folder):
    photos, copies = (sorted(p.suffix for p in (folder / "data" / name).iterdir()) for name in ("photos", "access"))
    assert (photos, copies) == ([".png", ".tif", ".tif"], [".webp"])
    assert bagit.Bag(str(folder)).validate()
    found = check_archive(folder)
    assert found.problems == []
    assert found.labelled == len([p for name in ("photos", "access", "previews", "masks")
                                  for p in (folder / "data" / name).iterdir()])  # fmt: skip


def test_labels_say_of_both_what_they_are(folder):
    (copy,) = (folder / "data" / "access").iterdir()
    of_copy = read_labels(copy.read_bytes(), WEBP)
    of_master = read_labels((folder / "data" / "photos" / f"{copy.stem}.tif").read_bytes(), TIFF)
    assert of_copy.source_type == of_master.source_type
    assert of_copy.regions == of_master.regions != ()
    assert "A copy, for everyday use, of a restored picture" in of_copy.statement
    assert of_copy.history[-1].action == "converted"


def test_records_name_both(folder):
    with (folder / "data" / "metadata.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["restored_file"]).suffix for row in rows] == [".tif", ".tif", ".png", ""]
    (lines,) = (folder / "data" / "provenance").glob("part-*.jsonl")
    first, second, *_ = map(json.loads, lines.read_text().splitlines())
    assert (folder / first["access"]["file"]).is_file()
    assert "access" not in second
    (document,) = (folder / "data" / "premis").glob("photos-*.xml")
    tree = etree.parse(str(document))
    assert problems(tree.getroot()) == []
    names = [e.text for e in tree.iter("{*}formatName")]
    assert {"image/tiff", "image/webp", "image/png", "image/jpeg"} <= set(names)


def test_pages_point_no_picture_at_a_tiff(folder):
    rows = data(folder, "photos")
    assert [row.get("access", "")[-5:] for row in rows] == [".webp", "", "", ""]
    first, second, third = (json.loads((folder / "iiif" / f"{row['id']}.json").read_text()) for row in rows[:3])
    painted = [json.dumps(m["items"][0]["items"]) for m in (first, second, third)]
    assert ".tif" not in "".join(painted)
    assert "data/access/" in painted[0]
    assert "-after.jpg" in painted[1]
    assert "data/photos/" in painted[2]
    assert first["rendering"][0]["format"] == "image/tiff"
    assert "rendering" not in third


def test_the_catalog_tells_auditors_of_copies(folder, catalog):
    with catalog.connect() as conn:
        row = conn.execute(
            sa.text(
                "SELECT access_format, access_bytes, access_key FROM audit.access_copy ORDER BY photo_id DESC LIMIT 1"
            )
        ).one()
    assert row.access_format == "webp"
    assert row.access_key.endswith(".webp")
