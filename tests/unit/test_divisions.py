"""Where photographs are cut out of a scan: boxes in one way of writing, identities, and pixels."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoration.divisions import layout_of_detail, make_box, make_layout, part_number, read_box, sure_layout
from restoration.engine.engine import Engine
from restoration.engine.outcome import Scan
from restoration.engine.recipe import parse_recipe
from restoration.errors import PhotoState, ReasonCode, UsageError
from restoration.names import page_sha256
from restoration.photo import bands
from restoration.photo.outline.cutting import cut, cut_picture, pixel_box
from restoration.photo.outline.several import Found, Part
from restoration.photo.picture import Picture, ScanInfo
from tests.unit.picture_maker import photograph
from tests.unit.standins import png

SHARES = st.floats(0, 1, allow_nan=False)
SIDES = st.floats(0.002, 1.4, allow_nan=False)
ANGLES = st.floats(-179.9, 180, allow_nan=False)


@given(SHARES, SHARES, SIDES, SIDES, ANGLES)
def test_a_box_is_written_in_one_way_and_read_again(x, y, width, height, angle):
    box = make_box(x, y, width, height, angle)
    assert read_box(box.text) == box
    assert make_box(box.x, box.y, box.width, box.height, box.angle) == box
    assert "-0.00 " not in f"{box.text} "


@pytest.mark.parametrize(
    "numbers",
    [(1.1, 0.5, 0.2, 0.2), (0.5, -0.1, 0.2, 0.2), (0.5, 0.5, 0, 0.2), (0.5, 0.5, 0.2, 2), (0.5, 0.5, 0.2, 0.2, 181)],
)
def test_what_is_no_box_is_refused(numbers):
    with pytest.raises(UsageError, match="no box"):
        make_box(*numbers)


@pytest.mark.parametrize("text", ["", "1 2 3", "0.5 0.5 0.2 0.2 0", "nan 0 1 1 0", "0.50000 0.50000 x 0.20000 0.00"])
def test_a_box_that_is_written_otherwise_is_refused(text):
    with pytest.raises(UsageError):
        read_box(text)


def test_a_layout_has_some_boxes_each_once():
    box = make_box(0.5, 0.5, 0.2, 0.2)
    for boxes in ([], [box, box], [make_box(0.5, 0.5, 0.2, 0.1 + number / 1000) for number in range(100)]):
        with pytest.raises(UsageError):
            make_layout(boxes)
    with pytest.raises(UsageError, match="arrangement"):
        make_layout([box], "heap")


def test_what_triage_tells_is_a_layout():
    found = Found("prints_on_bed", (Part(0.25, 0.5, 0.3, 0.4, 0.0, 0.97), Part(0.75, 0.5, 0.3, 0.4, -1.25, 0.95)))
    layout = layout_of_detail(found.as_detail())
    assert layout == make_layout([make_box(0.25, 0.5, 0.3, 0.4), make_box(0.75, 0.5, 0.3, 0.4, -1.25)], "prints_on_bed")
    assert layout_of_detail({"kind": "gray"}) is None
    with pytest.raises(UsageError):
        layout_of_detail({"photographs": [{"centre": [0.5]}]})


@pytest.mark.parametrize(
    ("arrangement", "count", "least", "sure"),
    [
        ("prints_on_bed", 3, 0.96, True),
        ("prints_on_bed", 3, 0.94, False),
        ("prints_on_bed", 2, 0.99, False),
        ("album_page", 4, 0.99, False),
        ("stereo_card", 2, 0.99, False),
    ],
)
def test_a_run_divides_only_what_is_sure_to_be_several_things(arrangement, count, least, sure):
    """Two pictures may be a memorial card; between those of an album's page are the words to them."""
    others = tuple(Part(0.2 + 0.25 * number, 0.5, 0.2, 0.4, 0.0, 0.99) for number in range(count - 1))
    parts = (*others, Part(0.9, 0.5, 0.2, 0.4, 0.0, least))
    detail = Found(arrangement, parts).as_detail()
    assert (sure_layout(detail) is not None) is sure
    assert sure_layout({"kind": "gray"}) is None


def test_each_place_of_a_page_is_a_content_of_its_own():
    file = hashlib.sha256(b"scan").hexdigest()
    boxes = [make_box(0.25, 0.5, 0.3, 0.4).text, make_box(0.75, 0.5, 0.3, 0.4).text]
    contents = {page_sha256(file, page, box) for page in (1, 2) for box in ("", *boxes)}
    assert len(contents) == 6
    assert page_sha256(file, 1) == file
    assert (part_number(1, 1), part_number(2, 12)) == (1_001_001, 1_002_012)


# -- pixels ------------------------------------------------------------------------------------------------------------


def scan_of(pixels, extra=None) -> Picture:
    return Picture(pixels, ScanInfo("png", pixels.shape[1], pixels.shape[0], 8, 3), extra)


@pytest.mark.parametrize("angle", [0.0, 3.7, -90.0])
def test_a_part_by_bands_is_that_of_one_piece(monkeypatch, angle):
    pixels, part = photograph("coffee"), Part(0.45, 0.55, 0.5, 0.4, angle)
    whole = cut(pixels, part)
    monkeypatch.setattr(bands, "LARGE_PIXELS", 10_000)
    monkeypatch.setattr(bands, "BAND_PIXELS", 7_000)
    assert np.abs(cut(pixels, part) - whole).max() < 1e-5
    plane = bands.gray(np.ascontiguousarray(pixels[:, :, 1]))
    gray = cut(plane, part)
    assert bands.is_one_plane(gray)
    assert np.abs(gray[:, :, 0] - whole[:, :, 1]).max() < 1e-5


def test_a_turned_part_beyond_the_edge_shows_what_the_edge_shows(monkeypatch):
    pixels = np.zeros((200, 300, 3), np.float32)
    pixels[:] = np.linspace(0.2, 0.8, 300, dtype=np.float32)[None, :, None]
    part = Part(0.02, 0.02, 0.5, 0.5, 10.0)
    whole = cut(pixels, part)
    monkeypatch.setattr(bands, "LARGE_PIXELS", 1_000)
    monkeypatch.setattr(bands, "BAND_PIXELS", 900)
    assert np.abs(cut(pixels, part) - whole).max() < 1e-5
    assert whole.min() >= 0.199


def test_a_cut_picture_says_where_it_was_and_takes_its_infrared_along():
    pixels = photograph("astronaut")
    infrared = np.rint(pixels[:, :, 0] * 65535).astype(np.uint16)
    part = Part(0.5, 0.5, 0.25, 0.5)
    picture = cut_picture(scan_of(pixels, infrared), part)
    box = pixel_box(part, *pixels.shape[:2])
    left, top = box.columns_and_rows()
    own = slice(top, top + box.height), slice(left, left + box.width)
    assert np.array_equal(picture.pixels, pixels[own])
    assert np.array_equal(picture.extra, infrared[own])
    assert (picture.info.width, picture.info.height) == (box.width, box.height)
    assert picture.info.cut["box"] == [0.5, 0.5, 0.25, 0.5, 0.0]
    assert picture.info.cut["page_size"] == [pixels.shape[1], pixels.shape[0]]
    assert picture.info.cut["resampled"] is False


class TestEngine:
    RECIPE = parse_recipe({"name": "plain", "steps": [{"step": "measure"}]}, "test")

    def test_parts_of_a_page_are_decoded_once_and_each_is_a_photograph(self, monkeypatch):
        data = png(photograph("coffee"))
        boxes = [make_box(0.3, 0.5, 0.4, 0.4), make_box(0.7, 0.5, 0.3, 0.4, 2.5)]
        decoded = []
        with Engine() as engine:
            own = engine._decoder.decode
            monkeypatch.setattr(engine._decoder, "decode", lambda *a: decoded.append(a[1]) or own(*a))
            scans = [Scan(f"bed.png#1.{number}", data, box=box.text) for number, box in enumerate(boxes, start=1)]
            outcomes = list(engine.restore_many([*scans, Scan("bed.png", data)], engine.prepare(self.RECIPE)))
        assert decoded == ["bed.png#1.1", "bed.png"]
        file = hashlib.sha256(data).hexdigest()
        assert [one.source_sha256 for one in outcomes] == [*(page_sha256(file, 1, box.text) for box in boxes), file]
        assert [one.info.cut.get("resampled") for one in outcomes] == [False, True, None]
        assert {one.state for one in outcomes} <= {PhotoState.RESTORED, PhotoState.NEEDS_REVIEW}
        sizes = [(one.result.width, one.result.height) for one in outcomes]
        assert sizes[0] == (outcomes[0].info.width, outcomes[0].info.height)
        assert sizes[0] != sizes[2]

    def test_a_part_that_is_too_small_is_refused_alone(self):
        data = png(photograph("coffee"))
        scans = [
            Scan("a", data, box=make_box(0.5, 0.5, 0.01, 0.2).text),
            Scan("b", data, box=make_box(0.5, 0.5, 0.2, 0.2).text),
        ]
        with Engine() as engine:
            small, good = engine.restore_many(scans, engine.prepare(self.RECIPE))
        assert (small.state, small.reason) == (PhotoState.REJECTED, ReasonCode.TOO_SMALL)
        assert good.result is not None
