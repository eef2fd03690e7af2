"""Triage: gray, tinted or colour, on cases made by code and on real scans."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from restoration.photo.colour import lightness
from restoration.steps.parameters import Triage
from restoration.steps.protocol import Frame
from restoration.steps.triage import Step, chromatics
from restoration.synthetic.ageing import AgeingPlan, age, jpeg_noise, tint_paper
from tests.unit.picture_maker import gray, photograph, picture, smaller

NAMES = ("astronaut", "chelsea", "coffee", "china", "flower")


def photo(name):
    return smaller(photograph(name), 320)


def with_colour_noise(pixels):
    noise = np.random.default_rng(5).normal(0, 0.03, pixels.shape)
    return jpeg_noise(np.clip(pixels + noise, 0, 1).astype(np.float32), 40)


def yellowed_borders(pixels):
    """Yellower towards the edges, as mounts and air do it."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    share = np.clip(np.hypot(x, y) - 0.4, 0, 1)[:, :, None].astype(np.float32)
    return pixels * (1 - share) + tint_paper(pixels, "yellowed") * share


def coloured_mount(pixels):
    framed = tint_paper(pixels, "sepia").copy()
    edge = int(0.04 * min(framed.shape[:2]))
    framed[:edge], framed[:, -edge:] = (0.7, 0.1, 0.1), (0.1, 0.5, 0.2)
    return framed


def pale(pixels):
    return gray(pixels) + np.float32(0.35) * (pixels - gray(pixels))


MADE = {
    "gray": (gray, {"gray"}),
    "gray with colour noise": (lambda p: with_colour_noise(gray(p)), {"gray"}),
    "sepia": (lambda p: tint_paper(gray(p), "sepia"), {"tinted"}),
    "sepia jpeg": (lambda p: jpeg_noise(tint_paper(gray(p), "sepia"), 50), {"tinted"}),
    "cyanotype": (lambda p: tint_paper(gray(p), "cyanotype"), {"tinted"}),
    "yellowed": (lambda p: tint_paper(gray(p), "yellowed"), {"tinted"}),
    "yellowed borders": (lambda p: yellowed_borders(gray(p)), {"tinted", "gray"}),
    "sepia on a coloured mount": (lambda p: coloured_mount(gray(p)), {"tinted"}),
    "colour": (lambda p: p, {"colour"}),
    "faint colour": (pale, {"colour"}),
    "colour jpeg": (lambda p: jpeg_noise(p, 50), {"colour"}),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", MADE)
def test_made_cases(name, case):
    make, allowed = MADE[case]
    found = chromatics(np.clip(make(photo(name)), 0, 1).astype(np.float32))
    assert found.kind(Triage()) in allowed, found


@pytest.mark.parametrize(("tint", "names"), [("sepia", {"sepia"}), ("yellowed", {"yellowed", "sepia"}),
                                             ("cyanotype", {"cyanotype"})])  # fmt: skip
def test_tint_is_named(tint, names):
    assert chromatics(tint_paper(gray(photo("china")), tint)).tint_kind() in names


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tint", ["sepia", "cyanotype"])
def test_a_scratched_print_is_still_tinted(name, tint):
    plan = AgeingPlan(fade=0.3, grain=0.2, scratches=0.6, dust=0.3, crease=0.5, tint=tint)
    for seed in (2, 3):
        found = chromatics(age(photograph(name), plan, seed).pixels)
        assert found.kind(Triage()) == "tinted", found


def run(pixels):
    one = picture(pixels)
    frame = Frame("x", one, one)
    return Step().apply(frame, Triage(), None), frame


def test_a_tinted_scan_becomes_neutral_with_the_same_lightness():
    sepia = tint_paper(gray(photo("astronaut")), "sepia")
    outcome, frame = run(sepia)
    assert outcome.status == "applied"
    assert np.ptp(outcome.picture.pixels, axis=2).max() == 0
    assert np.abs(lightness(outcome.picture.pixels) - lightness(sepia)).max() < 1e-3
    assert frame.notes["triage"]["kind"] == "tinted"
    assert outcome.detail["tint"] == "sepia"
    assert np.hypot(outcome.detail["tint_a"], outcome.detail["tint_b"]) > 3


def test_colour_and_exact_gray_are_untouched():
    for pixels, kind in ((photo("coffee"), "colour"), (gray(photo("coffee")), "gray")):
        outcome, frame = run(pixels)
        assert outcome.status == "not_needed"
        assert outcome.picture is frame.source
        assert frame.notes["triage"]["kind"] == kind


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_blank_scans_are_gray(value):
    assert run(np.full((32, 20, 3), value, np.float32))[0].detail["kind"] == "gray"


def test_the_tint_found_is_kept_on_record():
    """The step's detail is what the catalog keeps in ``step_record.detail``: plain JSON: tint, spread, border."""
    mounted = coloured_mount(gray(photo("astronaut")))
    outcome, frame = run(mounted)
    assert json.loads(json.dumps(outcome.detail)) == frame.notes["triage"]
    assert outcome.detail["kind"] == "tinted"
    assert outcome.detail["tint"] == "sepia"
    assert outcome.detail["tint_chroma"] > 5
    top, right, bottom, left = outcome.detail["border"]
    assert min(top, right) > 0.04
    assert max(bottom, left) < 0.06


def test_a_border_of_another_colour_counts_only_where_it_ends_in_a_line():
    sepia = tint_paper(gray(photo("astronaut")), "sepia")
    strip, blob = sepia.copy(), sepia.copy()
    depth = int(0.13 * sepia.shape[0])
    strip[:depth] = (0.1, 0.4, 0.3)
    cv2.ellipse(blob, (160, 30), (110, 70), 0, 0, 360, (0.1, 0.4, 0.3), -1)
    found = chromatics(strip)
    assert found.kind(Triage()) == "tinted"
    assert found.border[0] >= 0.13
    assert chromatics(blob).kind(Triage()) == "colour"
