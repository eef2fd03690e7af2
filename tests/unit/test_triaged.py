"""What triage did, as labels, credentials, manifests and pages say it: a cast removed, a negative inverted, a turn."""

from __future__ import annotations

from typing import Any

import pytest

from restoration.publish.credentials import manifest
from restoration.publish.gallery import photo_details
from restoration.publish.given import given_of
from restoration.publish.triaged import deeds_of, turned_of
from tests.given import DRESS, LAWN, given_record
from tests.unit.test_credentials import SCAN, facts, photo


def triaged(status: str = "applied", **detail: Any) -> dict[str, Any]:
    return {"step": "triage", "status": status, "parameters": {}, "detail": {"kind": "gray"} | detail}


def said_of(kind: str = "restored", **detail: Any) -> str:
    return facts(kind, steps=[triaged(**detail)], ai_altered=False, faces=[]).statement


@pytest.mark.parametrize(
    ("detail", "deeds"),
    [
        ({}, ("cast",)),
        ({"negative": "inverted"}, ("inverted",)),
        ({"negative": "inverted", "cast_removed": True}, ("inverted", "cast")),
        ({"turned": 180, "cast_removed": False}, ("upside down",)),
        ({"turned": 90, "cast_removed": True}, ("cast", "sideways")),
        ({"negative": "inverted", "turned": 270, "cast_removed": False}, ("inverted", "sideways")),
    ],
)
def test_the_record_says_what_was_done(detail, deeds):
    assert deeds_of({"steps": [triaged(**detail)]}) == deeds
    assert turned_of({"steps": [triaged(**detail)]}) == detail.get("turned", 0)


def test_what_changed_nothing_did_nothing():
    assert deeds_of({}) == deeds_of({"steps": None}) == deeds_of({"steps": [triaged("not_needed")]}) == ()
    assert turned_of({}) == turned_of({"steps": [triaged("left_alone", negative="left")]}) == 0


def test_labels_say_what_was_done_and_no_more():
    assert "from a scan: a colour cast was removed." in said_of()
    assert "from a scan: the negative was made a positive." in said_of(negative="inverted")
    assert "from a scan: the print lay upside down and was turned upright." in said_of(turned=180, cast_removed=False)
    assert "removed, the print lay on its side and was turned upright." in said_of(turned=90, cast_removed=True)
    labels = facts(steps=[triaged(turned=180, cast_removed=False)]).labels()
    assert "거꾸로 놓여 있던 사진을 바로 돌림" in labels.description_ko


def test_a_copy_of_the_scan_says_that_it_is_shown_upright():
    said = said_of("before", turned=180, cast_removed=False)
    assert "nothing was restored. The print lay upside down; it is shown upright. The untouched scan" in said
    assert "shown upright" not in said_of("before", negative="inverted")
    assert "음화" not in facts("before", steps=[triaged(negative="inverted")]).labels().description_ko


def actions(kind: str, **detail: Any) -> list[str]:
    from restoration.publish.originals import Original

    original = Original("scan.tif", "image/tiff", SCAN, "absent", None)
    said = manifest(facts(kind, steps=[triaged(**detail)], ai_altered=False, faces=[]), original)
    return [action["action"] for action in said["assertions"][0]["data"]["actions"]]


def test_credentials_name_the_action():
    assert actions("restored")[1] == "c2pa.adjustedColor"
    assert actions("restored", turned=180, cast_removed=False)[1] == "c2pa.orientation"
    assert actions("restored", turned=180, cast_removed=True)[1] == "c2pa.adjustedColor"
    assert actions("before", turned=180, cast_removed=False) == [
        *("c2pa.opened", "c2pa.orientation", "c2pa.resized", "c2pa.converted")
    ]
    assert "c2pa.orientation" not in actions("before")


@pytest.mark.parametrize(
    ("turn", "dress", "lawn"),
    [
        (0, (0.41, 0.59, 0.02, 0.04), (0.1, 0.8, 0.5, 0.2)),
        (180, (0.57, 0.37, 0.02, 0.04), (0.4, 0.0, 0.5, 0.2)),
        (90, (0.6, 0.56, 0.02, 0.04), (0.8, 0.4, 0.2, 0.5)),
        (270, (0.38, 0.40, 0.02, 0.04), (0.0, 0.1, 0.2, 0.5)),
    ],
)
def test_given_colours_are_pointed_at_in_the_picture_and_recorded_on_the_scan(turn, dress, lawn):
    record = given_record(DRESS, LAWN)
    record["steps"] = [triaged(turned=turn, cast_removed=False), *record["steps"]] if turn else record["steps"]
    found = given_of(record)
    assert found[0].box(400, 200) == pytest.approx(dress)
    assert found[1].box(400, 200) == pytest.approx(lawn)
    assert found[0].facts()["place"] == [[0.42, 0.61]]
    assert found[0].where == "0.42,0.61"
    assert found[0].facts().get("turned", 0) == turn
    assert ("turned" in found[0].facts()) is (turn != 0)


def test_the_gallery_is_told():
    details = photo_details(photo(steps=[triaged(turned=180, told_by="picture", turn_sure=0.99)]))
    assert details["steps"][0]["detail"]["turned"] == 180
