"""Faded colour is not gray: noticed, brought back from what is left, never guessed."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from restoration.engine.recipe import ReviewRules
from restoration.errors import ReasonCode
from restoration.photo.colour import lightness, rgb_to_lab
from restoration.quality.gates import review_detail, review_reason
from restoration.quality.metrics import delta_e00
from restoration.steps import colorize, grade, triage
from restoration.steps.fading import Fading
from restoration.steps.parameters import Colorize, Grade, Triage
from restoration.steps.protocol import Frame, StepOutcome
from restoration.steps.triage import Chromatics, chromatics
from restoration.synthetic.ageing import tint_paper
from tests.unit.faded_prints import dyes_lost, veiled
from tests.unit.picture_maker import gray, photograph, picture, smaller
from tests.unit.standins import models_with

NAMES = ("astronaut", "chelsea", "coffee", "china", "flower")


def photo(name, side=320):
    return smaller(photograph(name), side)


def sorted_out(pixels, parameters=None) -> tuple[Frame, StepOutcome]:
    scan = picture(np.ascontiguousarray(pixels, np.float32))
    frame = Frame("x", scan, scan)
    outcome = triage.Step().apply(frame, parameters or Triage(), None)
    frame.picture = outcome.picture
    return frame, outcome


def graded(pixels, **parameters) -> StepOutcome:
    return grade.Step().apply(sorted_out(pixels)[0], Grade(**parameters), None)


def random(name, keep):
    return np.random.default_rng([*name.encode(), int(100 * keep)])


@pytest.mark.parametrize("keep", [0.3, 0.18, 0.1])
@pytest.mark.parametrize("name", NAMES)
def test_a_faded_colour_print_is_no_tinted_one(name, keep):
    _, outcome = sorted_out(veiled(photo(name), keep, random(name, keep)))
    assert outcome.status == "not_needed"
    assert outcome.detail["kind"] == "colour"
    assert outcome.detail["doubtful"] is False
    assert json.loads(json.dumps(outcome.detail)) == outcome.detail


@pytest.mark.parametrize("name", NAMES)
def test_it_is_never_repainted(tmp_path, name):
    frame, _ = sorted_out(veiled(photo(name), 0.18, random(name, 0.18)))
    answer = colorize.Step().apply(frame, Colorize(), models_with(tmp_path))
    assert (answer.status, answer.reason) == ("not_needed", ReasonCode.ALREADY_COLOUR)


@pytest.mark.parametrize("name", ["astronaut", "china", "coffee"])
def test_a_print_with_a_tenth_of_its_colour_goes_to_a_person_and_one_with_a_third_does_not(name):
    for keep, wanted in ((0.1, ReasonCode.DOUBTFUL_COLOUR), (0.3, None)):
        frame, _ = sorted_out(veiled(photo(name), keep, random(name, keep)))
        grade.Step().apply(frame, Grade(), None)
        reason = review_reason(ReviewRules(), frame.notes, (), ())
        assert reason is wanted
        assert ("little colour was left" in review_detail(reason, frame.notes)) is (wanted is not None)


@pytest.mark.parametrize("keep", [0.3, 0.18, 0.1])
@pytest.mark.parametrize("name", ["astronaut", "china", "flower"])
def test_its_colours_come_back(name, keep):
    """Of scenes that are not of one warm colour themselves: of those nobody can tell the veil from the light."""
    truth = photo(name)
    faded = veiled(truth, keep, random(name, keep))
    today, now = graded(faded, unfade=0.0), graded(faded)
    assert "unfaded" not in today.detail
    assert delta_e00(truth, now.picture.pixels) < 0.9 * delta_e00(truth, today.picture.pixels)
    assert delta_e00(truth, now.picture.pixels) < 0.75 * delta_e00(truth, faded)
    assert now.detail["unfaded"].keys() == {"density_gains", "chroma_gain", "chroma_noise", "chroma"}


@pytest.mark.parametrize("name", NAMES)
def test_dyes_that_faded_each_at_its_own_rate_come_back(name):
    truth = photo(name)
    faded = dyes_lost(truth, (0.12, 0.25, 0.3), random(name, 0.2))
    outcome = graded(faded)
    red, _, blue = outcome.detail["unfaded"]["density_gains"]
    assert red > 1.2 * blue
    assert delta_e00(truth, outcome.picture.pixels) < 0.7 * delta_e00(truth, faded)


@pytest.mark.parametrize("name", NAMES)
def test_lightness_is_graded_as_any_other(name):
    faded = veiled(photo(name), 0.3, random(name, 0.3))
    now, today = lightness(graded(faded).picture.pixels), lightness(graded(faded, unfade=0.0).picture.pixels)
    assert np.abs(now - today).max() <= 1.0
    assert np.abs(now - today).mean() <= 0.2


def test_noise_holds_chroma_back():
    truth, rng = photo("coffee"), np.random.default_rng(3)
    faded = veiled(truth, 0.1, rng)
    noisy = np.clip(faded + rng.normal(0, 0.03, faded.shape), 0, 1).astype(np.float32)
    quiet_gain, noisy_gain = (graded(p).detail["unfaded"]["chroma_gain"] for p in (faded, noisy))
    assert noisy_gain < quiet_gain


def fine_chroma(pixels):
    ab = rgb_to_lab(pixels)[:, :, 1:]
    return float(np.median(np.abs(ab - cv2.GaussianBlur(ab, (0, 0), 1.5))))


def test_no_grain_of_colour_appears():
    truth = photo("china")
    assert fine_chroma(graded(veiled(truth, 0.1, random("china", 0.1))).picture.pixels) < 2 * fine_chroma(truth)


@pytest.mark.parametrize("tint", ["sepia", "yellowed", "cyanotype"])
@pytest.mark.parametrize("name", NAMES)
def test_a_faded_gray_print_is_none(name, tint):
    pale = np.float32(0.35) + np.float32(0.4) * tint_paper(gray(photo(name)), tint)
    _, outcome = sorted_out(pale)
    assert outcome.detail["kind"] == "tinted"
    assert "faded" not in outcome.detail


def test_sound_and_hand_coloured_photographs_keep_their_colours():
    tinted = gray(photo("astronaut"))
    cv2.circle(tinted, (150, 90), 30, (0.8, 0.5, 0.5), -1, cv2.LINE_AA)
    for pixels in (tinted, *map(photo, NAMES)):
        today, now = graded(pixels, unfade=0.0), graded(pixels)
        assert "unfaded" not in now.detail
        assert np.array_equal(today.picture.pixels, now.picture.pixels)


PINK = Fading((0.05, 0.3, 0.4), (1.0, 1.2, 1.3), ((76.0, 18.0, 18.0), (52.0, 14.0, 15.0), (30.0, 10.0, 11.0)))
YELLOW = Fading((0.02, 0.05, 0.15), (0.6, 0.7, 0.8), ((92.0, 0.0, 16.0), (75.0, 3.0, 20.0), (52.0, 8.0, 25.0)))


@pytest.mark.parametrize(
    ("fading", "spread", "coarse", "kind", "doubtful"),
    [
        (PINK, 3.0, 1.4, "colour", False),
        (PINK, 3.0, 1.2, "colour", True),
        (PINK, 3.0, 0.5, "tinted", False),
        (PINK, 7.0, 0.5, "colour", False),
        (YELLOW, 4.5, 9.0, "colour", False),
        (YELLOW, 3.5, 9.0, "colour", True),
        (YELLOW, 2.0, 9.0, "tinted", False),
        (None, 5.9, 9.0, "tinted", False),
    ],
)
def test_how_much_colour_makes_a_faded_print_one_in_colour(fading, spread, coarse, kind, doubtful):
    found = Chromatics(14.0, 15.0, 20.0, spread, coarse_spread=coarse, fading=fading)
    assert (found.kind(Triage()), found.doubtful(Triage())) == (kind, doubtful)
    plain = found.kind(Triage(faded_spread=0.0))
    assert plain == ("colour" if spread > 6 else "tinted")


def test_doubt_goes_to_a_person_and_changes_no_colour():
    truth = photo("coffee")
    faded = veiled(truth, 0.1, random("coffee", 0.1))
    strict = Triage(faded_spread=1.1 * chromatics(faded).coarse_spread)
    frame, outcome = sorted_out(faded, strict)
    assert outcome.detail["doubtful"] is True
    assert outcome.detail["kind"] == "colour"
    answer = grade.Step().apply(frame, Grade(), None)
    assert "unfaded" not in answer.detail
    reason = review_reason(ReviewRules(), frame.notes, (), ())
    assert reason is ReasonCode.DOUBTFUL_COLOUR
    assert "uneven tint" in review_detail(reason, frame.notes)


BLUE = Fading((0.3, 0.1, 0.02), (1.3, 1.1, 1.0), ((80.0, -12.0, -16.0), (55.0, -10.0, -14.0), (33.0, -6.0, -10.0)))


def test_water_and_skies_have_not_faded():
    assert not BLUE.faded
    assert PINK.faded
    assert not replace(PINK, colours=(*PINK.colours[:2], (30.0, -4.0, 15.0))).faded


def test_fading_survives_the_record():
    assert Fading.from_detail(json.loads(json.dumps(PINK.as_detail()))) == PINK


SIDE = 480


@pytest.mark.photos
@pytest.mark.slow
@pytest.mark.parametrize(("keep", "least"), [(0.3, 0.95), (0.18, 0.95), (0.1, 0.85)])
def test_real_photographs_faded_by_code(photos_folder, keep, least):
    paths = sorted((photos_folder / "reference").glob("*.*g"))[::3]
    kinds = []
    for path in paths:
        pixels = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1], np.float32) / np.float32(255)
        detail = sorted_out(veiled(smaller(pixels, SIDE), keep, random(path.name, keep)))[1].detail
        kinds.append(detail["kind"] == "colour" and not detail["doubtful"])
    assert np.mean(kinds) >= least
