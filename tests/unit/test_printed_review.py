"""A descreened print is judged by what came after its dots were taken out, never by the dots that are gone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from restoration.engine.engine import Engine
from restoration.engine.outcome import Scan
from restoration.engine.recipe import parse_recipe
from restoration.errors import PhotoState, ReasonCode
from restoration.quality.metrics import ssim_y
from restoration.settings import Settings
from restoration.steps import measure
from restoration.steps.parameters import Grade, Measure
from restoration.steps.protocol import BaseStep, Frame, StepOutcome
from restoration.synthetic.printed import Press, printed
from tests.unit.picture_maker import gray, photograph, picture, smaller
from tests.unit.standins import models_with, png

REPAIR = {"step": "repair", "finder": "", "inpainter": "", "detector": "", "sensitivity": 0.0}
RECIPE = parse_recipe({"name": "test", "steps": [{"step": "triage"}, REPAIR, {"step": "grade"}]}, "test")


class Spoiler(BaseStep[Grade]):
    """Stands in for a step that makes a picture worse: fine noise as strong as the picture."""

    name = "grade"

    def apply(self, frame, parameters, models):
        noise = np.random.default_rng(0).normal(0, 0.4, frame.picture.pixels.shape[:2])[:, :, None]
        spoilt = np.clip(frame.picture.pixels + noise, 0, 1)
        return StepOutcome(frame.picture.with_pixels(spoilt), "applied")


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    models = models_with(tmp_path_factory.mktemp("models"))
    with Engine(Settings(device="cpu", threads=1, preview_side=64), models=models) as engine:
        yield engine


@pytest.fixture(scope="module", params=[False, True], ids=["gray", "brown"])
def newsprint(request):
    """Black dots, on white paper or on brown: triage makes that neutral before."""
    tint = np.array([1.0, 0.88, 0.7] if request.param else [1, 1, 1], np.float32)
    return printed(gray(smaller(photograph("chelsea"), 400)), Press(pitch=5.0, angle=45)) * tint


def decoded(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1].astype(np.float32) / 255


def run(engine, pixels):
    outcome = engine.restore(Scan("print.png", png(pixels)), engine.prepare(RECIPE))
    detail = {step.step: step.detail for step in outcome.result.steps}
    values = {(m.metric, m.stage): m.value for m in outcome.result.measurements}
    return outcome, detail["repair"], values


def test_a_print_whose_dots_are_gone_is_not_far_from_the_scan(engine, newsprint):
    outcome, detail, values = run(engine, newsprint)
    assert detail["descreened"]
    assert 5 < detail["screen_change"] < 127
    assert ssim_y(newsprint, decoded(outcome.result.output)) < RECIPE.review.ssim_below
    assert values["ssim_y", "pair"] > RECIPE.review.ssim_below
    assert (outcome.state, outcome.reason) == (PhotoState.RESTORED, None)


def test_what_is_worse_than_the_print_without_dots_goes_to_a_person(engine, newsprint, monkeypatch):
    monkeypatch.setitem(engine._steps, "grade", Spoiler())
    outcome, detail, values = run(engine, newsprint)
    assert detail["descreened"]
    assert values["ssim_y", "pair"] < RECIPE.review.ssim_below
    assert (outcome.state, outcome.reason) == (PhotoState.NEEDS_REVIEW, ReasonCode.QUALITY_FELL)


def test_without_a_screen_the_scan_is_the_base(engine, monkeypatch):
    monkeypatch.setitem(engine._steps, "grade", Spoiler())
    outcome, detail, _ = run(engine, gray(smaller(photograph("chelsea"), 400)))
    assert detail["descreened"] is False
    assert "screen_change" not in detail
    assert outcome.reason is ReasonCode.QUALITY_FELL


def test_a_print_too_damaged_to_be_repaired_is_held_against_the_scan(engine, newsprint):
    left = parse_recipe({"name": "test", "steps": [{**REPAIR, "sensitivity": 0.9, "max_share": 0.0}]}, "test")
    scratched = newsprint.copy()
    cv2.line(scratched, (30, 40), (360, 90), (1, 1, 1), 3)
    cv2.line(scratched, (60, 200), (330, 170), (1, 1, 1), 3)
    outcome = engine.restore(Scan("print.png", png(scratched)), engine.prepare(left))
    assert outcome.result.steps[0].reason is ReasonCode.HEAVY_DAMAGE
    assert "screen_change" not in outcome.result.steps[0].detail
    values = {(m.metric, m.stage): m.value for m in outcome.result.measurements}
    assert values["ssim_y", "pair"] == pytest.approx(1)


def test_pairs_are_of_the_base_and_all_else_of_the_scan():
    truth = gray(smaller(photograph("astronaut"), 200))
    dots = picture(printed(truth, Press(pitch=4.0)))
    frame = Frame("x", dots, picture(truth), base=picture(cv2.resize(truth, None, fx=2, fy=2)))
    outcome = measure.Step().apply(frame, Measure(), None)
    alone = measure.Step().apply(Frame("x", dots, picture(truth)), Measure(), None)
    values, plain = ({(m.metric, m.stage): m.value for m in one.measurements} for one in (outcome, alone))
    assert values["ssim_y", "pair"] > 0.95 > plain["ssim_y", "pair"]
    assert {k: v for k, v in values.items() if k[1] != "pair"} == {k: v for k, v in plain.items() if k[1] != "pair"}
