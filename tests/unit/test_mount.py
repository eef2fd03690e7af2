"""What a gray print lies on keeps its own colour, though the print is colorized."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from restoration.photo.colour import rgb_to_lab
from restoration.steps import colorize, grade, triage
from restoration.steps.parameters import Colorize, Grade, Triage
from restoration.synthetic.ageing import tint_paper
from tests.unit.standins import frame_of, gray, hopper, models_with

CARDS = {"orange mount": (0.85, 0.50, 0.20), "green album page": (0.20, 0.40, 0.25)}


def mounted(pixels, card, edge):
    height, width = pixels.shape[:2]
    grain = np.random.default_rng(1).normal(1, 0.02, (height + 2 * edge, width + 2 * edge, 1))
    page = np.clip(np.float32(card) * grain, 0, 1).astype(np.float32)
    cv2.circle(page, (edge // 2, edge // 2), edge // 3, (0.75, 0.10, 0.15), -1, cv2.LINE_AA)
    page[edge : edge + height, edge : edge + width] = pixels
    return np.rint(page * 255).astype(np.float32) / np.float32(255)


@pytest.mark.parametrize("tint", ["", "sepia"])
@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("share", [0.08, 0.15])
def test_mount_and_stamp_stay_and_the_print_is_colorized(tmp_path, card, tint, share):
    plain = gray(hopper())
    edge = int(share * plain.shape[1])
    frame = frame_of(mounted(tint_paper(plain, tint) if tint else plain, CARDS[card], edge))
    models = models_with(tmp_path)
    for step, parameters in (
        (triage.Step(), Triage()),
        (grade.Step(), Grade()),
        (colorize.Step(), Colorize()),
    ):
        outcome = step.apply(frame, parameters, models)
        assert outcome.status == "applied"
        frame.picture = outcome.picture
    assert frame.notes["triage"]["kind"] in {"gray", "tinted"}
    change = np.linalg.norm(rgb_to_lab(frame.picture.pixels) - rgb_to_lab(frame.source.pixels), axis=2)
    page = np.ones(change.shape, bool)
    inner = (slice(edge - 1, -edge + 1), slice(edge - 1, -edge + 1))
    page[inner] = False
    assert (change[page] <= 3).mean() > 0.99
    print_ = frame.picture.pixels[edge + 6 : -edge - 6, edge + 6 : -edge - 6]
    assert np.ptp(print_, axis=2).mean() > 0.005


def test_yellowed_edges_are_the_prints_own():
    plain = gray(hopper())
    height, width = plain.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    share = np.clip(np.hypot(x, y) - 0.4, 0, 1)[:, :, None].astype(np.float32)
    frame = frame_of(plain * (1 - share) + tint_paper(plain, "yellowed") * share)
    outcome = triage.Step().apply(frame, Triage(), None)
    assert frame.mount is None
    assert np.ptp(outcome.picture.pixels, axis=2).max() == 0
