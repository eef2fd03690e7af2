"""Prints that lie on their side or upside down: told by faces or a net, and shown upright if a recipe says so."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from restoration.colour_hints import ColourHint, turned_hint
from restoration.engine.engine import Engine
from restoration.engine.outcome import Scan
from restoration.engine.recipe import Recipe, load_recipe, parse_recipe, with_hints
from restoration.errors import RecipeError
from restoration.models.loading import LoadedModels
from restoration.models.nets import house_upright
from restoration.photo import bands
from restoration.photo.colour import lightness
from restoration.photo.masks import decode_mask
from restoration.settings import Settings
from restoration.steps import colorize, triage
from restoration.steps.parameters import Colorize, Triage
from restoration.steps.turning import LIES_RIGHT, SURE, TURNS, WayUp, probabilities, turned, turned_back, way_up
from restoration.synthetic.beds import Bed, laid_out
from tests.unit.picture_maker import photograph
from tests.unit.standins import astronaut, frame_of, gray, hopper, models_with, png
from tests.unit.test_repair import scratched
from tests.unit.test_turning import Answers

UPRIGHT = Triage(upright="output", detector="centerface")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return models_with(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def engine(models):
    with Engine(Settings(device="cpu", threads=2, preview_side=64, tile_side=128), models=models, tiles=True) as engine:
        yield engine


def recipe(*steps: dict, **more) -> Recipe:
    return parse_recipe({"name": "test", "steps": list(steps), **more}, "test")


class TopIsBright(torch.nn.Module):
    """Stands in for the net: the brighter the upper half against the lower one, the more upright."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        half = luma.shape[2] // 2
        return self.weight * (luma[:, 0, :half].mean((1, 2)) - luma[:, 0, half:].mean((1, 2)))


def told(weight: float, *scores: tuple[float, ...]):
    """Models of which the detector finds faces of these scores in the four positions, and the net sees the sky."""
    loaded = {"faces": Answers(*(scores or ((),) * 4)), "net": TopIsBright(weight)}
    return SimpleNamespace(device="cpu", load=loaded.__getitem__)


def landscape() -> np.ndarray:
    """L* of a bright sky over dark ground, H x W."""
    return np.concatenate([np.full((60, 200), 90, np.float32), np.full((80, 200), 20, np.float32)])


# -- who says so -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("turn", TURNS)
def test_a_sure_net_says_which_way_up_a_print_without_faces_lies(turn):
    found = way_up(turned_back(landscape(), turn), "faces", "net", told(8))
    assert found.turn == turn
    assert found.witness == ("picture" if turn else "")
    assert found.sure >= SURE
    assert way_up(turned_back(landscape(), turn), "", "net", told(8)).turn == turn


@pytest.mark.parametrize("turn", TURNS)
def test_a_net_that_is_not_sure_turns_nothing(turn):
    assert way_up(turned_back(landscape(), turn), "faces", "net", told(0.5)) == LIES_RIGHT


def test_faces_rule_over_the_net():
    upside_down = turned(landscape(), 180)
    assert way_up(upside_down, "faces", "net", told(8, (0.9,), (), (), ())) == LIES_RIGHT
    assert way_up(landscape(), "faces", "net", told(8, (), (0.9,), (), ())) == WayUp(90, "faces")
    assert way_up(upside_down, "faces", "net", told(8, (0.55,), (), (), ())).turn == 180  # no sure face is no face


def test_a_net_is_not_asked_about_long_strips():
    strip = np.concatenate([np.full((200, 150), 20, np.float32), np.full((200, 150), 90, np.float32)])
    assert way_up(strip[50:350], "", "net", told(8)).turn == 180
    assert way_up(strip[:, :100], "", "net", told(8)) == LIES_RIGHT


def test_nobody_is_asked_if_the_recipe_names_nobody():
    assert way_up(turned(landscape(), 180), "", "", told(8)) == LIES_RIGHT


def test_a_print_and_the_same_print_turned_get_the_same_answers():
    torch.manual_seed(3)
    net = house_upright.build(8, 8).eval()
    picture = np.random.default_rng(1).uniform(0, 1, (150, 220)).astype(np.float32)
    plain = probabilities(picture, net, "cpu")
    assert plain.sum() == pytest.approx(1)
    for number, turn in enumerate(TURNS):
        assert probabilities(turned_back(picture, turn), net, "cpu") == pytest.approx(np.roll(plain, number), abs=1e-5)
    assert probabilities(picture[:, ::-1], net, "cpu")[[0, 3, 2, 1]] == pytest.approx(plain, abs=1e-5)


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("one_plane", [False, True])
def test_large_pictures_are_turned_as_small_ones_are(monkeypatch, turn, one_plane):
    pixels = np.random.default_rng(2).uniform(0, 1, (70, 50, 3)).astype(np.float32)
    pixels[:, :, 1:] = pixels[:, :, :1]
    wanted = turned(pixels, turn)
    monkeypatch.setattr(bands, "LARGE_PIXELS", 1000)
    monkeypatch.setattr(bands, "BAND_PIXELS", 500)
    given = bands.gray(np.ascontiguousarray(pixels[:, :, 0])) if one_plane else pixels
    found = turned(given, turn)
    assert np.array_equal(found, wanted)
    assert bands.is_one_plane(found) is one_plane


@pytest.fixture(scope="module")
def shipped() -> LoadedModels:
    return LoadedModels(device="cpu", threads=1)


@pytest.mark.parametrize("turn", TURNS)
def test_the_judge_that_ships_finds_a_cup_and_a_flower_upright_and_is_not_sure_of_a_cat(shipped, turn):
    for name, wanted in (("coffee", turn), ("flower", turn), ("chelsea", 0)):
        plane = turned_back(lightness(photograph(name)), turn)
        assert way_up(plane, "centerface", "house-upright", shipped).turn == wanted, name


def test_a_print_without_faces_gets_the_colours_of_the_upright_one(shipped):
    upright = gray(photograph("coffee"))
    asked = Colorize(detector="centerface", upright_model="house-upright")
    truth = colorize.Step().apply(frame_of(upright), asked, shipped)
    answer = colorize.Step().apply(frame_of(turned(upright, 180)), asked, shipped)
    assert {"turned": 180, "told_by": "picture"}.items() <= answer.detail.items()
    assert answer.detail["turn_sure"] >= SURE
    assert np.abs(turned(answer.picture.pixels, 180) - truth.picture.pixels).max() < 0.01
    assert "turned" not in truth.detail


# -- what is shown ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_triage_turns_scan_and_result_alike(models, turn):
    upright = gray(hopper())
    frame = frame_of(turned_back(upright, turn))
    beside = np.arange(upright[:, :, 0].size, dtype=np.uint16).reshape(upright.shape[:2])
    info = replace(frame.picture.info, dpi=300, dpi_down=600)
    scan = replace(frame.picture, extra=turned_back(beside, turn), info=info)
    frame = replace(frame, source=scan, picture=scan)
    outcome = triage.Step().apply(frame, UPRIGHT, models)
    for picture in (outcome.picture, frame.source):
        assert np.array_equal(picture.pixels, upright)
        assert np.array_equal(picture.extra, beside)
        assert (picture.info.dpi, picture.info.dpi_down) == ((300, 600) if turn == 180 else (600, 300))
    assert outcome.status == "applied"
    said = {key: outcome.detail[key] for key in ("upright", "turned", "told_by", "cast_removed")}
    assert said == {"upright": "output", "turned": turn, "told_by": "faces", "cast_removed": False}
    assert frame.notes["triage"] is outcome.detail


def test_large_scans_are_turned_too(models, monkeypatch):
    monkeypatch.setattr(bands, "LARGE_PIXELS", 100_000)
    monkeypatch.setattr(bands, "BAND_PIXELS", 30_000)
    upright = gray(hopper())
    whole = np.rot90(upright, 1)
    scan = replace(frame_of(whole).picture, pixels=bands.gray(np.ascontiguousarray(whole[:, :, 0])))
    frame = replace(frame_of(whole), source=scan, picture=scan)
    outcome = triage.Step().apply(frame, UPRIGHT, models)
    assert outcome.detail["turned"] == 270
    for picture in (outcome.picture, frame.source):
        assert bands.is_one_plane(picture.pixels)
        assert np.array_equal(picture.pixels, upright)


def test_a_print_that_lies_right_is_left_as_it_is(models):
    frame = frame_of(gray(hopper()))
    before = frame.picture
    outcome = triage.Step().apply(frame, UPRIGHT, models)
    assert outcome.picture is before is frame.source
    assert outcome.status == "not_needed"
    assert outcome.detail["upright"] == "output"
    assert "turned" not in outcome.detail


def test_a_tinted_print_that_was_turned_says_both(models):
    sepia = gray(hopper()) * np.array([1, 0.86, 0.68], np.float32)
    outcome = triage.Step().apply(frame_of(turned(sepia, 180)), UPRIGHT, models)
    assert outcome.detail["cast_removed"]
    assert outcome.detail["kind"] == "tinted"
    assert outcome.detail["turned"] == 180


@pytest.mark.parametrize("negatives", ["invert", "review"])
def test_an_inverted_negative_is_turned_and_one_that_is_left_is_not(models, negatives, monkeypatch):
    monkeypatch.setattr(triage, "is_negative", lambda *_: True)
    film = turned(1 - gray(hopper()), 180)
    frame = frame_of(film)
    outcome = triage.Step().apply(frame, UPRIGHT.model_copy(update={"negatives": negatives}), models)
    if negatives == "review":
        assert np.array_equal(outcome.picture.pixels, film)
        assert np.array_equal(frame.source.pixels, film)
        return
    assert outcome.detail["negative"] == "inverted"
    assert outcome.detail["turned"] == 180
    assert np.array_equal(frame.source.pixels, turned(film, 180))
    assert np.array_equal(outcome.base.pixels, outcome.picture.pixels)


def test_a_scan_of_several_prints_stays_as_it_lies(models):
    people = [gray(astronaut()[:330, :300]), gray(hopper()[:330, :300])]
    scan, _ = laid_out(people, Bed(), 1)
    frame = frame_of(turned(scan, 180))
    outcome = triage.Step().apply(frame, UPRIGHT, models)
    assert "photographs" in outcome.detail
    assert np.array_equal(frame.source.pixels, turned(scan, 180))
    assert "upright" not in outcome.detail


STEPS = (
    {"step": "triage", "upright": "output", "detector": "centerface"},
    {"step": "repair"},
    {"step": "grade"},
    {"step": "colorize", "detector": "centerface"},
    {"step": "faces", "restorer": "sharpener"},
)


@pytest.mark.parametrize("turn", [90, 180])
def test_everything_that_comes_out_is_that_of_the_upright_scan(engine, turn):
    """Masters, copies, previews, tiles, masks, faces and figures."""
    worn, _ = scratched(cv2.GaussianBlur(gray(hopper()), (0, 0), 1.5), 4)
    prepared = engine.prepare(recipe(*STEPS, output={"format": "tiff", "access": "jpeg"}))
    straight = engine.restore(Scan("a.png", png(worn)), prepared).result
    lying = engine.restore(Scan("a.png", png(turned_back(worn, turn))), prepared).result
    assert lying.steps[0].detail["turned"] == turn
    assert "turned" not in lying.steps[3].detail
    for part in ("output", "preview_before", "preview_after", "tiles_before", "tiles_after", "mask", "access", "faces"):
        assert getattr(lying, part) == getattr(straight, part)
        assert getattr(lying, part)
    assert (lying.width, lying.height) == (straight.width, straight.height)
    assert decode_mask(lying.mask).shape == (lying.height, lying.width)
    assert lying.measurements == straight.measurements


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_hints_are_places_of_the_scan_as_it_lies(turn, models):
    """What is told to the net, seen by a net that paints nothing but hints."""
    hint = ColourHint(outline=((0.2, 0.3),), colour="#2c4f9e")
    of_scan = turned_hint(hint, -turn)
    frame = frame_of(turned_back(gray(hopper()), turn))
    frame.picture = triage.Step().apply(frame, UPRIGHT, models).picture
    seen = []
    step = colorize.Step()

    def noted(index, luminance, entry, hints):
        seen.append(hints)
        return colorize._house_job(index, luminance, entry)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(colorize, "_methods", lambda entry, hints: (noted, colorize._house_paint))
        given = Colorize(hint_model="", hints=(of_scan,), detector="centerface")
        step.apply(frame, given, models)
        again = frame_of(turned_back(gray(hopper()), turn))  # and if the net alone is to see it upright
        step.apply(again, given, models)
    assert seen == [(hint,), (hint,)]


# -- recipes ---------------------------------------------------------------------------------------------------------
def test_a_recipe_that_says_nothing_of_it_is_the_one_it_was():
    plain = recipe({"step": "triage"}, {"step": "colorize"}).canonical()
    for step in plain["steps"]:
        assert not {"upright", "upright_model"} & step["parameters"].keys()
    assert with_hints(load_recipe("grade-only"), ()).canonical()["steps"][0]["parameters"].keys() == {
        *("tint_chroma", "colour_spread", "faded_spread", "faded_doubt", "detector", "negatives")
    }
    wanted = recipe(STEPS[0])
    assert wanted.canonical()["steps"][0]["parameters"]["upright"] == "output"
    assert wanted.sha256 != recipe({"step": "triage", "detector": "centerface"}).sha256


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (({"step": "triage", "upright": "output"},), "needs a detector or an upright_model"),
        (({"step": "repair"}, STEPS[0]), "triage comes first"),
        (({"step": "triage", "upright": "yes"},), "as scanned"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_with_what_to_write(steps, message):
    with pytest.raises(RecipeError, match=message):
        recipe(*steps)
