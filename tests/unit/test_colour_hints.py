"""Colours that people give: read, checked, told to the net, kept at their places, and part of a recipe's identity."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from restoration.colour_hints import ColourHint, make_hint, parse_colour, parse_place, turned_hint
from restoration.engine.recipe import load_recipe, recipe_from_canonical, with_hints, without_faces
from restoration.errors import ModelError, UsageError
from restoration.models.loading import LoadedModels
from restoration.photo.colour import lightness, rgb_to_lab
from restoration.steps import colorize, hinting
from restoration.steps.parameters import Colorize
from tests.unit.standins import frame_of, gray, hopper

BLUE = "#2c4f9e"
RED = "#8a3038"
DAB = ColourHint(outline=((0.5, 0.5),), colour=BLUE)
AREA = ColourHint(outline=((0.1, 0.6), (0.9, 0.6), (0.9, 0.95), (0.1, 0.95)), colour=BLUE)


def test_places_and_colours_are_read_as_people_write_them():
    assert parse_place("0.42,0.61") == ((0.42, 0.61),)
    assert parse_place(" 42%, 61 % ") == ((0.42, 0.61),)
    assert parse_place("0,0; 1,0; 50%,1") == ((0, 0), (1, 0), (0.5, 1))
    assert parse_colour(" #3B5BA9 ") == parse_colour("3b5ba9") == "#3b5ba9"


@pytest.mark.parametrize(
    "text", ["", "0.4", "0.4 0.5", "0.4,0.5,0.6", "left,top", "1.2,0.5", "120%,3%", "-0.1,0.2", "1e9,0"]
)
def test_a_place_that_is_none_is_refused_with_what_to_write(text):
    with pytest.raises(UsageError, match=r"0\.42,0\.61|outside the photograph"):
        parse_place(text)


@pytest.mark.parametrize("text", ["", "navy", "#12345", "#12345g", "rgb(1,2,3)"])
def test_a_colour_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="#3b5ba9"):
        parse_colour(text)


@pytest.mark.parametrize(
    "outline", [(), ((0.1, 0.1), (0.2, 0.2)), ((0.1, 0.1),) * 65, ((float("nan"), 0.1),), ((2, 0),)]
)
def test_a_place_has_one_point_or_the_corners_of_an_area(outline):
    with pytest.raises(UsageError, match="outline"):
        make_hint(outline, BLUE)
    with pytest.raises(ValidationError):
        ColourHint(outline=outline, colour=BLUE)


def test_hints_are_part_of_a_recipes_identity_and_none_leave_it_as_it_was():
    plain = load_recipe("memorial-portrait")
    assert "hints" not in json.dumps(plain.canonical())
    assert with_hints(plain, ()) is plain
    hinted = with_hints(plain, [DAB])
    assert hinted.sha256 != plain.sha256
    assert with_hints(plain, [DAB]).sha256 == hinted.sha256
    assert with_hints(plain, [AREA]).sha256 != hinted.sha256
    assert without_faces(hinted).sha256 not in {hinted.sha256, plain.sha256}
    assert "hinted-colorizer" in hinted.model_names
    again = recipe_from_canonical(json.loads(json.dumps(hinted.canonical())), "the catalog")
    assert again.sha256 == hinted.sha256
    unpainted = load_recipe("grade-only")
    assert with_hints(unpainted, [DAB]) is unpainted


def test_what_is_told_is_the_colours_chroma_at_its_place():
    guide = np.full((120, 200), 50, np.float32)
    planes = hinting.told([DAB], guide)
    rows, columns = np.nonzero(planes[2])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (58, 62, 98, 102)
    wanted = rgb_to_lab(np.array([[[0x2C, 0x4F, 0x9E]]], np.float32) / 255)[0, 0, 1:]
    assert np.allclose(planes[:2, 60, 100], wanted, atol=1e-3)
    assert not planes[:2, planes[2] == 0].any()


def test_an_area_is_painted_and_the_net_is_not_told():
    guide = np.full((200, 160), 50, np.float32)
    guide[115:] = 20  # an edge of the scan near the area's upper outline, at 0.6 x 200
    assert not hinting.told([AREA], guide).any()
    out, known = hinting.settled(np.zeros((200, 160, 2), np.float32), [AREA], guide)
    assert np.abs(out[140:180, 40:120] - hinting.chroma_of(BLUE)).max() < 1
    assert np.hypot(*out[117, 80]) > 2 * np.hypot(*out[113, 80]), "the outline follows the scan's edge"
    assert not out[:108].any()
    assert known[150, 80] == pytest.approx(1)


@given(
    st.integers(1, 40),
    st.integers(1, 300),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_any_place_in_any_shape_is_told_and_settled(height, width, corners):
    guide = np.full((height, width), 50, np.float32)
    area = np.array(corners)
    assume(np.ptp(area, axis=0).min() > 0.05)
    try:
        drawn = ColourHint(outline=tuple(corners), colour=BLUE)
    except ValidationError:
        assume(False)  # corners in a row, or a figure that crosses itself
    for hint in (drawn, ColourHint(outline=(corners[0],), colour=BLUE)):
        assert bool(hinting.told([hint], guide)[2].any()) != hint.is_area
        out, known = hinting.settled(np.zeros((height, width, 2), np.float32), [hint], guide)
        assert np.isfinite(out).all()
        assert 0 <= known.min() <= known.max() <= 1 + 1e-6
        assert known.max() > 0.1


def test_a_dab_is_settled_at_its_place_and_nothing_far_from_it_changes():
    chroma = np.zeros((100, 100, 2), np.float32)
    out, known = hinting.settled(chroma, [DAB], np.full((100, 100), 50, np.float32))
    assert np.hypot(*(out[50, 50] - hinting.chroma_of(BLUE))) < 8
    assert not out[:40].any()
    assert not out[:, 60:].any()
    assert known[50, 50] > 0.9


def test_a_dabs_colour_does_not_cross_an_edge():
    guide = np.full((100, 100), 70, np.float32)
    guide[:, 52:] = 20
    out, known = hinting.settled(np.zeros((100, 100, 2), np.float32), [DAB], guide)
    assert np.hypot(*out[50, 50]) > 20
    assert np.hypot(*out[50, 53]) < 1
    assert known[50, 53] < 0.02


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_hints_turn_with_the_picture(turn):
    """The net sees prints upright; what was said about a place has to go with it."""
    guide = np.full((120, 200), 50, np.float32)
    hint = ColourHint(outline=((0.2, 0.7),), colour=BLUE)
    there = turned_hint(hint, turn)
    planes = hinting.told([hint], guide)
    expected = np.rot90(planes, turn // 90, axes=(1, 2))
    found = hinting.told([there], np.ascontiguousarray(np.rot90(guide, turn // 90)))
    centres = [np.argwhere(plane[2] > 0).mean(axis=0) for plane in (expected, found)]
    assert np.abs(centres[0] - centres[1]).max() <= 1


@given(st.sampled_from([0, 90, 180, 270]), st.sampled_from([DAB, AREA]))
def test_a_hint_that_is_turned_all_the_way_round_lies_where_it_lay(turn, hint):
    assert turned_hint(turned_hint(hint, turn), 360 - turn) == hint
    assert turned_hint(hint, -turn) == turned_hint(hint, 360 - turn)


@pytest.fixture(scope="module")
def shipped() -> LoadedModels:
    return LoadedModels(device="cpu", threads=1)


def painted(models, *hints, **more):
    frame = frame_of(gray(hopper()))
    answer = colorize.Step().apply(frame, Colorize(model="hinted-colorizer", hints=hints, **more), models)
    return frame, answer


def test_a_jacket_becomes_what_somebody_remembers_and_lightness_stays(shipped):
    frame, plain = painted(shipped)
    _, hinted = painted(shipped, AREA.model_copy(update={"colour": RED}))
    inside = np.zeros(plain.picture.pixels.shape[:2], bool)
    height, width = inside.shape
    inside[round(0.65 * height) : round(0.9 * height), round(0.15 * width) : round(0.85 * width)] = True
    before, after = (rgb_to_lab(a.picture.pixels)[inside][:, 1:].mean(axis=0) for a in (plain, hinted))
    hues = [np.degrees(np.arctan2(b, a)) for a, b in (before, after, hinting.chroma_of(RED))]
    assert abs(hues[0] - hues[2]) > 30
    assert abs(hues[1] - hues[2]) < 8
    assert np.hypot(*after) > 20, "dark cloth holds less chroma than was said"
    assert np.abs(lightness(hinted.picture.pixels) - lightness(frame.source.pixels)).max() <= 0.5
    assert hinted.detail["hints"] == 1
    assert "hints" not in plain.detail


def test_the_model_for_hints_takes_the_place_of_one_that_takes_none(shipped):
    hinted = Colorize(hints=(DAB,))
    assert (Colorize().model_names(), hinted.model_names()) == (("house-colorizer",), ("hinted-colorizer",))
    answer = colorize.Step().apply(frame_of(gray(hopper())), hinted, shipped)
    assert answer.model is shipped.entry("hinted-colorizer")
    with pytest.raises(ModelError, match="takes no colour hints"):
        colorize.Step().apply(frame_of(gray(hopper())), Colorize(hints=(DAB,), hint_model=""), shipped)


def test_hints_of_one_photograph_do_not_touch_its_neighbours(shipped):
    frames = [frame_of(gray(hopper())), frame_of(gray(hopper()))]
    parameters = Colorize(model="hinted-colorizer", hints=(DAB,))
    together = colorize.Step().apply_many(frames, parameters, shipped)
    alone = colorize.Step().apply(frame_of(gray(hopper())), parameters, shipped)
    assert all(answer.picture.pixels.tobytes() == alone.picture.pixels.tobytes() for answer in together)


@pytest.mark.parametrize("corners", [((0.1, 0.1), (0.2, 0.2), (0.3, 0.3)), ((0.5, 0.5),) * 3])
def test_corners_that_enclose_nothing_are_no_area(corners):
    with pytest.raises(UsageError, match="enclose no area"):
        make_hint(corners, BLUE)
