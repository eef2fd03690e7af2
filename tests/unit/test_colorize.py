"""Chroma is predicted, lightness is kept."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restoration.errors import ModelError, ReasonCode
from restoration.models.loading import LoadedModels
from restoration.photo.colour import lightness
from restoration.steps import colorize
from restoration.steps.parameters import Colorize
from restoration.steps.protocol import StepOutcome
from tests.unit.standins import astronaut, frame_of, gray, hopper, models_with


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> LoadedModels:
    return models_with(tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize("model", ["house-colorizer", "seed-autoencoder"])
@pytest.mark.parametrize(("bits", "most", "mean"), [(8, 0.5, 0.15), (16, 0.002, 0.002)])
def test_lightness_is_kept_and_colour_is_added(models, model, bits, most, mean):
    frame = frame_of(gray(hopper()), bits=bits)
    answer = colorize.Step().apply(frame, Colorize(model=model), models)
    assert answer.status == "applied"
    assert answer.model is models.entry(model)
    change = np.abs(lightness(answer.picture.pixels) - lightness(frame.source.pixels))
    assert change.max() <= most
    assert change.mean() <= mean
    assert frame.notes["colorize"]["max_dl"] == pytest.approx(change.max(), abs=1e-4)
    assert frame.notes["colorize"]["mean_dl"] == pytest.approx(change.mean(), abs=1e-4)
    assert np.ptp(answer.picture.pixels, axis=2).mean() > 0.005
    levels = answer.picture.pixels * (255 if bits == 8 else 65535)
    assert np.abs(levels - np.rint(levels)).max() < 0.01


def test_saturation_scales_the_chroma(models):
    spread = []
    for saturation in (0.0, 0.5, 1.0):
        answer = colorize.Step().apply(frame_of(gray(hopper())), Colorize(saturation=saturation), models)
        spread.append(float(np.ptp(answer.picture.pixels, axis=2).mean()))
    assert spread[0] == 0
    assert spread[0] < spread[1] < spread[2]


def test_colour_photographs_are_left_alone_unless_asked(models):
    frame = frame_of(astronaut())
    frame.notes["triage"] = {"kind": "colour"}
    answer = colorize.Step().apply(frame, Colorize(), models)
    assert (answer.status, answer.reason) == ("not_needed", ReasonCode.ALREADY_COLOUR)
    assert answer.picture is frame.picture
    assert "colorize" not in frame.notes
    again = colorize.Step().apply(frame, Colorize(recolour=True), models)
    assert again.status == "applied"


def test_each_photograph_gets_its_own_result_whatever_its_company(models):
    colour = frame_of(astronaut())
    colour.notes["triage"] = {"kind": "colour"}
    frames = [frame_of(gray(hopper())), colour, frame_of(gray(astronaut())), frame_of(gray(astronaut()[:200]))]
    answers = colorize.Step().apply_many(frames, Colorize(), models)
    assert [answer.status for answer in answers] == ["applied", "not_needed", "applied", "applied"]
    for frame, answer in zip(frames, answers, strict=True):
        assert isinstance(answer, StepOutcome)
        assert answer.picture.pixels.shape == frame.source.pixels.shape
        alone = colorize.Step().apply(frame, Colorize(), models)
        assert alone.picture.pixels.tobytes() == answer.picture.pixels.tobytes()


@given(st.integers(16, 90), st.integers(16, 900))
@settings(max_examples=8, deadline=None)
def test_any_shape_is_colorized(models, height, width):
    pixels = cv2.resize(gray(hopper()), (width, height), interpolation=cv2.INTER_AREA)
    answer = colorize.Step().apply(frame_of(pixels), Colorize(), models)
    assert answer.picture.pixels.shape == (height, width, 3)
    assert np.isfinite(answer.picture.pixels).all()


def test_tinted_scans_lose_their_tint_and_keep_their_lightness(models):
    sepia = gray(hopper()) * np.array([1.0, 0.85, 0.65], np.float32)
    frame = frame_of(sepia)
    frame.notes["triage"] = {"kind": "tinted"}
    answer = colorize.Step().apply(frame, Colorize(saturation=0.0), models)
    assert np.ptp(answer.picture.pixels, axis=2).max() == 0
    assert np.abs(lightness(answer.picture.pixels) - lightness(sepia)).max() <= 0.5


def test_a_model_that_is_no_colorizer_is_refused(models):
    with pytest.raises(ModelError, match="no colorizer"):
        colorize.Step().apply(frame_of(gray(hopper())), Colorize(model="sharpener"), models)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_working_size_keeps_the_shape(height, width):
    small = colorize.working_size(height, width, 256)
    assert max(small) == 256
    assert min(small) >= 1
    if min(height, width) * 256 / max(height, width) > 20:
        assert small[0] / small[1] == pytest.approx(height / width, rel=0.05)


@pytest.fixture(scope="module")
def shipped() -> LoadedModels:
    return LoadedModels(device="cpu", threads=1)


def test_the_colorizer_that_knows_its_doubt_keeps_lightness_and_records_it(shipped):
    frame = frame_of(gray(hopper()))
    answer = colorize.Step().apply(frame, Colorize(model="hinted-colorizer"), shipped)
    assert answer.status == "applied"
    assert np.abs(lightness(answer.picture.pixels) - lightness(frame.source.pixels)).max() <= 0.5
    assert 0 <= answer.detail["unsure_share"] <= 1
    assert np.ptp(answer.picture.pixels, axis=2).mean() > 0.03


def test_colours_are_toned_down_where_the_net_is_unsure_and_only_there(shipped):
    bold, timid = (
        colorize.Step().apply(frame_of(gray(astronaut())), Colorize(model="hinted-colorizer", boldness=share), shipped)
        for share in (1.0, 0.0)
    )
    strong, weak = (np.ptp(one.picture.pixels, axis=2).mean() for one in (bold, timid))
    assert 0 < weak < strong
    assert bold.detail["unsure_share"] == timid.detail["unsure_share"]


def test_how_much_is_toned_down_follows_the_doubt():
    chroma = np.full((1, 4, 2), 20.0, np.float32)
    doubt = np.float32([[3, 6, 9, 30]])
    paint = colorize._Paint(chroma, doubt)
    assert np.array_equal(colorize.toned_down(paint, 1.0), chroma)
    assert colorize.toned_down(paint, 0.25)[0, :, 0] == pytest.approx([20, 20, 12.5, 5])
    assert np.array_equal(colorize.toned_down(colorize._Paint(chroma), 0.0), chroma)
