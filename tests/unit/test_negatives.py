"""Negatives are noticed by the faces in them; without faces nothing is taken for one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from restoration.engine.engine import Engine
from restoration.engine.outcome import Scan
from restoration.engine.recipe import parse_recipe
from restoration.errors import PhotoState, ReasonCode
from restoration.models.loading import LoadedModels
from restoration.photo.colour import lightness
from restoration.quality.metrics import delta_e00
from restoration.steps import triage
from restoration.steps.negatives import is_negative, positive_of
from restoration.steps.parameters import Triage
from tests.unit.faded_prints import colour_negative, gray_negative
from tests.unit.picture_maker import photograph
from tests.unit.standins import astronaut, frame_of, gray, hopper, models_with, png


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> LoadedModels:
    return models_with(tmp_path_factory.mktemp("models"))


def gray_bytes(pixels):
    return np.rint(gray(pixels)[:, :, 0] * 255).astype(np.uint8)


@pytest.mark.parametrize("film", [gray_negative, colour_negative])
def test_a_negative_with_a_face_is_noticed(models, film):
    assert is_negative(models.load("centerface"), gray_bytes(film(astronaut())))


@pytest.mark.parametrize("portrait", [astronaut, hopper])
def test_a_positive_with_a_face_is_none(models, portrait):
    assert not is_negative(models.load("centerface"), gray_bytes(portrait()))


@pytest.mark.parametrize("name", ["coffee", "china", "flower"])
def test_without_faces_nothing_is_a_negative(models, name):
    for pixels in (photograph(name), gray_negative(photograph(name))):
        assert not is_negative(models.load("centerface"), gray_bytes(pixels))


@pytest.mark.parametrize("portrait", [astronaut, hopper])
def test_a_colour_negative_becomes_a_positive_without_its_mask(portrait):
    truth = portrait()
    film = colour_negative(truth)
    positive = positive_of(film)
    assert np.corrcoef(lightness(positive).ravel(), lightness(truth).ravel())[0, 1] > 0.95
    assert delta_e00(truth, positive) < 0.4 * delta_e00(truth, film)


def test_a_recipe_says_whether_a_negative_is_inverted(models):
    film = gray_negative(astronaut())
    left = triage.Step().apply(frame := frame_of(film), Triage(detector="centerface"), models)
    assert (left.status, left.detail) == ("left_alone", {"kind": "gray", "negative": "left"})
    assert left.picture is frame.source
    wish = Triage(detector="centerface", negatives="invert")
    inverted = triage.Step().apply(frame_of(film), wish, models)
    assert (inverted.status, inverted.detail["negative"]) == ("applied", "inverted")
    assert np.corrcoef(inverted.picture.pixels.ravel(), gray(astronaut()).ravel())[0, 1] > 0.95
    assert inverted.base is not None


RECIPE = {
    "name": "every-step",
    "title": "Every step",
    "description": "",
    "steps": [
        {"step": "triage", "detector": "centerface"},
        {"step": "repair"},
        {"step": "grade"},
        {"step": "colorize"},
        {"step": "faces"},
        {"step": "measure"},
    ],
}


def test_a_negative_goes_to_a_person_as_it_was_scanned(models):
    film = gray_negative(astronaut())
    recipe = parse_recipe(RECIPE, "test")
    with Engine(models=models) as engine:
        outcomes = list(
            engine.restore_many([Scan("film.png", png(film)), Scan("print.png", png(gray(astronaut())))],
                                engine.prepare(recipe))
        )  # fmt: skip
    negative, positive = outcomes
    assert (negative.state, negative.reason) == (PhotoState.NEEDS_REVIEW, ReasonCode.UNSUPPORTED_FORMAT)
    assert "negative" in negative.reason_detail
    assert negative.result is not None
    assert positive.result is not None
    assert [step.status for step in negative.result.steps] == ["left_alone"] * 5 + ["applied"]
    assert negative.result.faces == ()
    assert not negative.result.ai_altered
    pixels = cv2.imdecode(np.frombuffer(negative.result.output, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(pixels[:, :, ::-1], np.rint(film * 255).astype(np.uint8))
    assert positive.reason_detail == ""
    assert {step.step: step.status for step in positive.result.steps}["colorize"] == "applied"


@pytest.mark.photos
@pytest.mark.slow
@pytest.mark.parametrize(("folder", "each"), [("old", 1), ("reference", 4), ("train_scenes", 20)])
def test_no_real_photograph_is_taken_for_a_negative(photos_folder, models, folder, each):
    paths = sorted((photos_folder / folder).glob("*.*g"))[::each]
    detector = models.load("centerface")
    assert [p.name for p in paths if is_negative(detector, cv2.imread(str(p), cv2.IMREAD_GRAYSCALE))] == []
