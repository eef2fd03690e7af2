"""An archive says of a photograph that was cut out of a scan where it was, and who divided the scan."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from restoration.publish import prov
from restoration.publish.cut_out import cut_out_of
from restoration.publish.gallery import photo_details
from restoration.publish.gallery_index import group_of
from restoration.publish.iiif import _metadata
from restoration.publish.labelling import PictureFacts
from restoration.publish.metadata_csv import write_metadata
from restoration.publish.people import SOMEBODY, public_event
from restoration.publish.photos import spool_photos
from restoration.publish.provenance import provenance_of
from tests.unit.premis_rules import problems
from tests.unit.test_publish_files import SHA, publishable, spool
from tests.unit.test_publish_premis import find, photos_xml, value

URI = "s3://originals/scans/bed #1.tif"
FILE = "s3://originals/scans/bed%20%231.tif"
WHERE = "centre 0.75, 0.5 of width and height; 0.3 x 0.4 of the long side; turned straight by 2.5 degrees (bicubic)"


def part(number: int, *, through: str = "triage", by: str = "Eve Kim") -> dict[str, Any]:
    angle = 0.0 if number == 1 else -2.5
    return {
        "number": number + 2, "place": number, "of": 2, "box": [0.25 if number == 1 else 0.75, 0.5, 0.3, 0.4, angle],
        "pixels": {"x": 20.0, "y": 30.0, "width": 24, "height": 32}, "page_size": [80, 60], "resampled": number == 2,
        "arrangement": "prints_on_bed", "division_id": 7, "given_through": through, "divided_by": by,
        "divided_at": "2026-03-01T12:00:00+00:00",
    }  # fmt: skip


def photographs(**more: Any) -> list[Any]:
    whole = publishable(
        1, "skipped", reason="divided", reason_detail="divided into 2 photographs", output=None, previews=None,
        object_key="scans/bed #1.tif", source={"uri": URI, "sha256": SHA}, dublin_core={},
    )  # fmt: skip
    source = {"uri": URI, "sha256": SHA, "page": 1, "pages": 1}
    cut = [
        publishable(
            number + 1, object_key=f"scans/bed #1.tif#1.{number + 2}", dublin_core={},
            source=source | {"part": part(number, **more)},
        )
        for number in (1, 2)
    ]  # fmt: skip
    return [whole, *cut]


@pytest.fixture
def bed(tmp_path):
    return spool(tmp_path, *photographs())


def test_the_scan_has_no_picture_and_its_photographs_have(bed):
    whole, first, second = bed
    assert (whole.shown_as, whole.reason, group_of(whole)) == ("listed", "divided", "left_out")
    assert list(whole.payloads()) == []
    assert [first.output_path, second.output_path] == ["data/photos/00000002.png", "data/photos/00000003.png"]


def test_premis_says_where_it_was_and_who_divided(tmp_path):
    root = photos_xml(tmp_path, *photographs())
    assert problems(root) == []
    scan = [one for one in find(root, "object") if find(one, "originalName")][2]
    assert value(scan, "originalName") == "scans/bed #1.tif"
    told = {
        value(one, "significantPropertiesType"): value(one, "significantPropertiesValue")
        for one in find(scan, "significantProperties")
    }
    assert told["photograph on the page"] == "2 of 2"
    assert told["cut out of the page"] == WHERE
    assert told["page divided"] == "by a person, as the program had found it, 2026-03-01T12:00:00+00:00"


def test_prov_derives_each_from_its_file_and_says_where(tmp_path, bed):
    ((_, path),) = prov.write_prov(bed, tmp_path)
    graph = json.loads(Path(path).read_text())["@graph"]
    nodes = {node["@id"]: node for node in graph}
    assert len(nodes) == len(graph)
    cut = nodes[f"{FILE}#page=1&part=4"]
    assert (cut["wasDerivedFrom"], "sha256" in cut) == (FILE, False)
    assert WHERE in cut["description"]
    assert nodes[FILE]["sha256"] == SHA
    assert f"{FILE}#page=1&part=4" in nodes["../photos/00000003.png"]["wasDerivedFrom"]


def test_labels_gallery_manifests_table_and_provenance_say_it(tmp_path, bed):
    _, first, second = bed
    labels = PictureFacts(second, "restored", collection="c", rights="", sha256="cd" * 32).labels()
    assert "It was cut out of a scan of several photographs." in labels.statement
    assert f"as page 1 of a file whose sha256 is {SHA}" in labels.statement
    assert "잘라낸 사진" in labels.description_ko
    assert photo_details(second)["source"]["part"]["place"] == 2
    place = type("Place", (), {"rights": ""})()
    assert [one["value"] for one in _metadata(second, place)] == [{"none": ["1 / 1"]}, {"none": ["2 / 2"]}]
    assert provenance_of(second)["original"]["part"]["box"] == [0.75, 0.5, 0.3, 0.4, -2.5]
    write_metadata(bed, tmp_path / "metadata.csv", rights="")
    with (tmp_path / "metadata.csv").open(encoding="utf-8-sig") as file:
        rows = [(row["original_page"], row["original_box"]) for row in csv.DictReader(file)]
    assert rows == [("", ""), ("1", "centre 0.25, 0.5 of width and height; 0.3 x 0.4 of the long side"), ("1", WHERE)]
    assert cut_out_of(first.record).resampled is False


@pytest.mark.parametrize(
    ("names", "through", "named"), [(False, "boxes", False), (True, "boxes", True), (False, "recipe", True)]
)
def test_who_divided_is_named_only_where_people_may_be(tmp_path, names, through, named):
    kept = spool_photos(photographs(through=through), tmp_path / "photos.jsonl", {}, names=names)
    *_, last = kept
    assert ("divided_by" in last.record["source"]["part"]) is named
    detail = {"division_id": 7, "boxes": ["b"], "arrangement": "", "given_through": through, "words": "mine"}
    event = public_event({"type": "division", "agent": "Eve Kim", "detail": detail}, names=names)
    assert (event["agent"] == SOMEBODY) is not named
    assert ("words" in event["detail"]) is named


def test_other_boxes_make_another_version(tmp_path):
    before = spool(tmp_path, *photographs()).content_sha256
    changed = photographs()
    changed[2].record["source"]["part"]["box"][0] = 0.7
    assert spool(tmp_path, *changed).content_sha256 != before
