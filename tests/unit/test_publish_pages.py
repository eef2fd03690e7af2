"""An archive says of a photograph that is one page of several which page of which file it is."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from restoration.publish import prov
from restoration.publish.gallery import photo_details
from restoration.publish.iiif import _metadata
from restoration.publish.labelling import PictureFacts
from restoration.publish.metadata_csv import write_metadata
from restoration.publish.photos import ArchivedPhoto, PhotoSpool
from restoration.publish.provenance import provenance_of
from tests.unit.premis_rules import problems
from tests.unit.test_publish_files import SHA, publishable, spool
from tests.unit.test_publish_premis import find, photos_xml, value

URI = "s3://originals/scans/album #1.tif"


def pages() -> list[Any]:
    names = ("scans/album #1.tif", "scans/album #1.tif#2")
    sources = ({"uri": URI, "sha256": SHA, "page": number, "pages": 2} for number in (1, 2))
    described = [
        publishable(number, object_key=name, source=source, dublin_core={})
        for number, (name, source) in enumerate(zip(names, sources, strict=True), start=1)
    ]
    return [*described, publishable(3)]


@pytest.fixture
def album(tmp_path) -> PhotoSpool:
    return spool(tmp_path, *pages())


def test_every_page_has_files_of_its_own(album):
    paths = [photo.output_path for photo in album]
    assert paths == ["data/photos/00000001.png", "data/photos/00000002.png", "data/photos/00000003.png"]


def test_premis_names_the_file_as_it_was_given_and_the_page(tmp_path):
    root = photos_xml(tmp_path, *pages())
    assert problems(root) == []
    scans = [one for one in find(root, "object") if find(one, "originalName")]
    assert [value(one, "originalName") for one in scans] == ["scans/album #1.tif", "scans/album #1.tif", "scans/3.tif"]
    told = [
        [value(one, "significantPropertiesValue") for one in find(scan, "significantProperties")
         if value(one, "significantPropertiesType") == "page of the file"]
        for scan in scans
    ]  # fmt: skip
    assert told == [["1"], ["2"], []]


def test_prov_derives_each_page_from_its_file(tmp_path, album):
    ((_, path),) = prov.write_prov(album, tmp_path)
    graph = json.loads(Path(path).read_text())["@graph"]
    nodes = {node["@id"]: node for node in graph}
    assert len(nodes) == len(graph)
    file = "s3://originals/scans/album%20%231.tif"
    assert nodes[file]["sha256"] == SHA
    for number in (1, 2):
        page = nodes[f"{file}#page={number}"]
        assert (page["wasDerivedFrom"], page["identifier"]) == (file, f"0000000{number}")
        assert "sha256" not in page
        assert f"{file}#page={number}" in nodes[f"../photos/0000000{number}.png"]["wasDerivedFrom"]
    assert nodes["s3://originals/scans/3.tif"]["sha256"] == SHA


def test_labels_say_it_in_both_languages(album):
    def said(photo: ArchivedPhoto) -> tuple[str, str]:
        labels = PictureFacts(photo, "restored", collection="c", rights="", sha256="cd" * 32).labels()
        return labels.statement, labels.description_ko

    first, second, single = map(said, album)
    assert f"as page 1 of a file whose sha256 is {SHA}" in first[0]
    assert f"as page 2 of a file whose sha256 is {SHA}" in second[0]
    assert "파일의 2쪽" in second[1]
    assert f"its sha256 is {SHA}" in single[0]
    assert "page" not in single[0]


def test_gallery_manifests_table_and_provenance_say_it(tmp_path, album):
    _, second, single = album
    assert photo_details(second)["source"] == {"uri": URI, "sha256": SHA, "page": 2, "pages": 2}
    assert "page" not in photo_details(single)["source"]
    place = type("Place", (), {"rights": ""})()
    assert [one["value"] for one in _metadata(second, place)] == [{"none": ["2 / 2"]}]
    assert provenance_of(second)["original"] == {
        "object_key": "scans/album #1.tif#2", "uri": URI, "sha256": SHA, "page": 2, "pages": 2,
    }  # fmt: skip
    write_metadata(album, tmp_path / "metadata.csv", rights="")
    with (tmp_path / "metadata.csv").open(encoding="utf-8-sig") as file:
        rows = [(row["original_uri"], row["original_page"]) for row in csv.DictReader(file)]
    assert rows == [(URI, "1"), (URI, "2"), ("s3://originals/scans/3.tif", "")]
