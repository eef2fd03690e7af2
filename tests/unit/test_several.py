"""Several photographs on one scan are found, where they are; one photograph is never taken for several."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from restoration.photo.outline.cutting import cut
from restoration.photo.outline.several import Found, Part, photographs_on
from restoration.steps import repair, triage
from restoration.steps.parameters import Repair, Triage
from restoration.steps.protocol import Frame
from restoration.synthetic.beds import Bed, Place, laid_out, stereo_card
from tests.unit.picture_maker import gray, photograph, picture, smaller

NAMES = ("astronaut", "coffee", "china", "flower", "chelsea")


def prints(count):
    return [photograph(NAMES[n % len(NAMES)]) for n in range(count)]


def overlap(one, other, shape) -> float:
    """Intersection over union of two quadrangles (4 x 2, pixels)."""
    first, second = (
        cv2.fillPoly(np.zeros(shape, np.uint8), [np.rint(corners).astype(np.int32)], 1) for corners in (one, other)
    )
    return float((first & second).sum() / (first | second).sum())


def corners(place: Place):
    return cv2.boxPoints(((place.x, place.y), (place.width, place.height), place.angle))


def assert_found(pixels, places, arrangement, least=0.93) -> Found:
    found = photographs_on(pixels)
    assert found is not None
    height, width = pixels.shape[:2]
    assert len(found.parts) == len(places)
    for place in places:
        best = max(overlap(corners(place), part.corners(height, width), (height, width)) for part in found.parts)
        assert best > least
    assert found.arrangement == arrangement
    return found


@pytest.mark.parametrize(
    ("bed", "count"),
    [
        (Bed("white", edge="polaroid"), 2),
        (Bed("gray", tilt=15, gap=60), 3),
        (Bed("gray", tilt=4, edge="white"), 6),
        (Bed("gray", edge="deckled", tilt=3), 4),
        (Bed("black", tilt=2, edge="white", gap=60), 12),
        (Bed("gray", gap=18, shadow=0), 5),
        (Bed("gray", flush=True, gap=60), 3),
    ],
)
def test_prints_on_a_bed(bed, count):
    assert_found(*laid_out(prints(count), bed, 5, width=1400, height=1100), "prints_on_bed")


@pytest.mark.parametrize("ground", ["paper", "card"])
def test_prints_of_an_album_page(ground):
    bed = Bed(ground, tilt=3, edge="white", gap=60, corners=True, captions=True)
    assert_found(*laid_out(prints(4), bed, 6, width=1400, height=1100), "album_page")


@pytest.mark.parametrize(("gap", "arched"), [(0, False), (0, True), (14, False)])
def test_the_halves_of_a_stereo_card(gap, arched):
    pixels, places = stereo_card(photograph("china"), 7, gap=gap, arched=arched)
    assert_found(pixels, places, "stereo_card")


def test_a_stereo_card_on_a_bed():
    card, places = stereo_card(photograph("coffee"), 8)
    scan = np.full((1100, 1800, 3), 0.97, np.float32)
    scan[150:850, 200:1600] = card
    moved = [Place(p.x + 200, p.y + 150, p.width, p.height, 0.0) for p in places]
    assert_found(scan, moved, "stereo_card")


def test_parts_come_row_by_row_and_cut_what_lies_there():
    pixels, places = laid_out(prints(4), Bed("gray", tilt=8, gap=60), 9, width=1400, height=1100)
    found = photographs_on(pixels)
    assert found is not None
    for part, place in zip(found.parts, places, strict=True):
        assert np.hypot(part.x * 1400 - place.x, part.y * 1100 - place.y) < 6
        assert part.angle == pytest.approx(place.angle, abs=0.4)
        straight = cut(pixels, part)
        assert straight.shape[:2] == pytest.approx((place.height, place.width), abs=8)


def windows():
    """A house of brick with rows of windows, from edge to edge."""
    rng = np.random.default_rng(1)
    wall = np.repeat(rng.normal(0.55, 0.06, (900, 1200, 1)), 3, axis=2)
    wall[::18] -= 0.15
    wall[:, ::40] -= 0.1
    for top in range(80, 800, 220):
        for left in range(90, 1100, 200):
            wall[top : top + 140, left : left + 90] = rng.normal(0.1, 0.02, (140, 90, 1))
    return np.clip(wall, 0, 1).astype(np.float32)


def page():
    """A newspaper's page: columns of lines, headlines, and a picture."""
    rng = np.random.default_rng(2)
    paper = np.full((1200, 900, 3), 0.88, np.float32)
    for column in range(4):
        for line in range(200, 1150, 14):
            for word in range(5):
                left = 40 + column * 210 + word * 36
                paper[line : line + 7, left : left + int(rng.integers(15, 32))] = 0.2
    cv2.putText(paper, "EXTRA EDITION", (60, 130), cv2.FONT_HERSHEY_TRIPLEX, 2.8, (0.1, 0.1, 0.1), 8)
    paper[400:700, 250:650] = cv2.resize(gray(photograph("coffee")), (400, 300))
    return paper


def backdrop():
    """People in front of a white backdrop."""
    room = np.full((800, 1100, 3), 0.95, np.float32)
    for left in (200, 480, 780):
        cv2.ellipse(room, (left, 300), (60, 80), 0, 0, 360, (0.6, 0.5, 0.45), -1)
        cv2.rectangle(room, (left - 90, 390), (left + 90, 799), (0.2, 0.2, 0.3), -1)
    return room


def crossed():
    """A film frame in its rebate, with a dark rail from side to side."""
    frame = np.full((900, 1200, 3), 0.02, np.float32)
    frame[50:850, 60:1140] = cv2.resize(gray(photograph("china")) * 0.7 + 0.25, (1080, 800))
    frame[540:565] = 0.02
    return frame


def mat():
    """One print behind a window in a card, on a lid."""
    scan = np.full((900, 1100, 3), 0.97, np.float32)
    scan[100:800, 150:950] = 0.6
    scan[220:680, 300:800] = cv2.resize(photograph("coffee"), (500, 460))
    return scan


@pytest.mark.parametrize("made", [windows, page, backdrop, crossed, mat])
def test_one_photograph_is_not_taken_for_several(made):
    assert photographs_on(made()) is None


@pytest.mark.parametrize("name", NAMES)
def test_whole_photographs_are_one(name):
    assert photographs_on(photograph(name)) is None
    assert photographs_on(cv2.copyMakeBorder(photograph(name), 40, 40, 40, 40, cv2.BORDER_CONSTANT)) is None


@pytest.mark.parametrize("shape", [(40, 60, 3), (16000, 20, 3), (300, 300, 3)])
def test_blank_and_odd_scans_are_none(shape):
    assert photographs_on(np.full(shape, 0.5, np.float32)) is None


def test_triage_says_where_they_are_and_leaves_the_scan_whole():
    pixels, _ = laid_out([gray(one) for one in prints(3)], Bed("white"), 3, width=1100, height=800)
    one = picture(gray(pixels))
    outcome = triage.Step().apply(Frame("x", one, one), Triage(), None)
    found = Found.from_detail(outcome.detail)
    assert found is not None
    assert found.arrangement == "prints_on_bed"
    assert len(found.parts) == 3
    assert outcome.picture.pixels.shape == pixels.shape
    off = triage.Step().apply(Frame("x", one, one), Triage(several="off"), None)
    assert "photographs" not in off.detail


def test_a_recipe_that_does_not_name_the_parameter_keeps_its_hash():
    assert "several" not in Triage().model_dump(mode="json")
    assert Triage(several="off").model_dump(mode="json")["several"] == "off"


def test_what_is_told_can_be_read_again():
    found = Found("album_page", (Part(0.25, 0.5, 0.3, 0.4, -3.25, 0.91), Part(0.75, 0.5, 0.3, 0.4)))
    assert Found.from_detail(found.as_detail()) == found
    assert Found.from_detail({"kind": "gray"}) is None
    with pytest.raises(ValueError, match="arrangement"):
        Found.from_detail({"photographs": [], "arrangement": "heap"})


def test_a_large_scan_costs_little_more_than_a_small_one():
    pixels, places = laid_out(prints(4), Bed("gray"), 5, width=1400, height=1100)
    large = cv2.resize(pixels, None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR)
    found = photographs_on(large)
    assert found is not None
    assert len(found.parts) == len(places)
    assert smaller(large, 1400).shape == pixels.shape


def test_of_several_prints_nothing_is_taken_for_a_scratch_by_its_shape():
    """The rim of a cup on a small print is as narrow as a scratch is on a whole one."""
    scan, _ = laid_out([photograph("coffee"), photograph("china"), photograph("chelsea")], Bed(), 4)
    whole = picture(scan)
    frame = Frame("x", whole, whole)
    triage.Step().apply(frame, Triage(), None)
    assert "photographs" in frame.notes["triage"]
    outcome = repair.Step().apply(frame, Repair(denoise=0.0), None)
    assert outcome.mask is None
    assert outcome.picture is frame.picture
    assert outcome.damage == ()
