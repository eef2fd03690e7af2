"""Arches and rounded corners are found, what ends otherwise is not, and the card stays as it was."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from restoration.engine.paint_request import PaintRequest
from restoration.photo.colour import luminance_y
from restoration.photo.outline.corners import Corner, PictureCorners, picture_corners
from restoration.photo.outline.opening import opening_as_detail, opening_from_detail, picture_opening
from restoration.photo.outline.oval import PictureOval
from restoration.steps import grade, triage
from restoration.steps.framing import outside, own_opening
from restoration.steps.parameters import Colorize, Grade, Triage
from restoration.steps.protocol import Frame
from tests.unit.picture_maker import gray, photograph, picture

NAMES = ("astronaut", "chelsea", "coffee", "china", "flower")
HEIGHT, WIDTH = 640, 480


def cut(x, y):
    """A corner whose arc runs into both edges, of such shares of the width and the height."""
    return Corner(x, y, x * WIDTH / HEIGHT, y)


ROUND = cut(0.15, 0.11)
ARCH = PictureCorners((cut(0.5, 0.3), cut(0.5, 0.3), None, None))
LOW_ARCH = PictureCorners((cut(0.3, 0.12), cut(0.3, 0.12), None, None))
LYING = PictureCorners((None, cut(0.35, 0.5), cut(0.35, 0.5), None))
ROUNDED = PictureCorners((ROUND, ROUND, ROUND, ROUND))


def mounted(name, corners, tone, size=(HEIGHT, WIDTH), grain=0.012):
    """A photograph behind such an opening in a card of that tone, with paper's grain and a slope of light."""
    height, width = size
    inner = cv2.resize(photograph(name), (width, height), interpolation=cv2.INTER_AREA) * 0.7 + 0.15
    fine = corners.inside(4 * height, 4 * width).astype(np.float32)
    here = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)[:, :, None]
    card = np.float32(tone) + np.linspace(-0.03, 0.03, width, dtype=np.float32)[None, :, None]
    noise = np.random.default_rng(0).normal(0, grain, (height, width, 1))
    return np.clip(inner * here + card * (1 - here) + noise, 0, 1).astype(np.float32)


def wrong_share(found, right, size=(HEIGHT, WIDTH)):
    return float((found.inside(*size) != right.inside(*size)).mean())


def triaged(pixels):
    one = picture(pixels)
    frame = Frame("x", one, one)
    outcome = triage.Step().apply(frame, Triage(), None)
    frame.picture = outcome.picture
    return frame


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tone", [1.0, 0.0], ids=["white", "black"])
@pytest.mark.parametrize("right", [ARCH, LOW_ARCH, LYING, ROUNDED], ids=["arch", "low arch", "lying", "rounded"])
def test_an_opening_is_found_to_within_half_a_per_cent_of_the_pixels(name, tone, right):
    found = picture_corners(luminance_y(mounted(name, right, tone)))
    assert found is not None
    cut_there = [corner is not None for corner in found.corners]
    wanted = [corner is not None for corner in right.corners]
    assert not any(here and not there for here, there in zip(cut_there, wanted, strict=True))
    # a picture of the card's tone may hide one of four
    assert sum(cut_there) >= max(2, sum(wanted) - 1)
    assert wrong_share(found, right) < 0.005


def test_it_is_found_at_any_size_and_inside_a_straight_border():
    for size in ((240, 180), (1600, 1200)):
        found = picture_corners(luminance_y(mounted("coffee", ARCH, 1.0, size)))
        assert found is not None
        assert wrong_share(found, ARCH, size) < 0.01
    frame = triaged(np.pad(mounted("coffee", ROUNDED, 0.02), ((50, 30), (20, 60), (0, 0)), constant_values=0.02))
    here = np.zeros((HEIGHT + 80, WIDTH + 80), bool)
    here[50 : 50 + HEIGHT, 20 : 20 + WIDTH] = ROUNDED.inside(HEIGHT, WIDTH)
    assert (outside(frame) == here).mean() < 0.02


@pytest.mark.parametrize("name", NAMES)
def test_photographs_have_none(name):
    assert picture_corners(luminance_y(photograph(name))) is None
    assert picture_opening(luminance_y(gray(photograph(name))), (slice(None), slice(None))) is None


def test_one_corner_and_unlike_ones_tell_nothing():
    for corners in ((ROUND, None, None, None), (ROUND, None, ROUND, None), (ROUND, cut(0.4, 0.3), None, None)):
        assert picture_corners(luminance_y(mounted("coffee", PictureCorners(corners), 1.0))) is None


def test_what_is_cut_off_straight_or_fades_is_no_opening():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    plain = mounted("coffee", PictureCorners((None, None, None, None)), 1.0)
    straight = np.where((x + y < 120)[:, :, None] | (WIDTH - 1 - x + y < 120)[:, :, None], np.float32(0.95), plain)
    assert picture_corners(luminance_y(np.asarray(straight, np.float32))) is None
    away = cv2.distanceTransform(ARCH.inside(HEIGHT, WIDTH).astype(np.uint8), cv2.DIST_L2, 5)
    fading = np.clip(away / 60, 0, 1)[:, :, None] * (plain - 1) + 1
    assert picture_corners(luminance_y(np.asarray(fading, np.float32))) is None


def test_small_and_blank_pictures_have_none():
    for shape in ((60, 400), (400, 400), (1, 1)):
        assert picture_corners(np.full(shape, 0.5, np.float32)) is None


def test_the_card_stays_as_it_was_and_does_not_set_black_and_white():
    pixels = np.asarray(mounted("coffee", ARCH, 1.0, grain=0.0) * 0.5 + 0.2, np.float32)
    frame = triaged(gray(pixels))
    beyond = outside(frame)
    assert beyond.mean() == pytest.approx((~ARCH.inside(HEIGHT, WIDTH)).mean(), abs=0.005)
    outcome = grade.Step().apply(frame, Grade(), None)
    assert outcome.status == "applied"
    assert np.abs(outcome.picture.pixels[beyond] - frame.picture.pixels[beyond]).max() < 1e-5


def test_what_is_on_record_comes_back_and_reaches_the_painter():
    frame = triaged(mounted("astronaut", ROUNDED, 1.0))
    noted = frame.notes["triage"]["picture_corners"]
    assert "picture_oval" not in frame.notes["triage"]
    assert own_opening(frame) == PictureCorners.from_detail(noted) == opening_from_detail({"picture_corners": noted})
    asked = PaintRequest.model_validate({"parameters": Colorize(), "picture_corners": noted})
    assert asked.model_dump(mode="json")["picture_corners"] == noted
    oval = PictureOval(0.5, 0.5, 0.3, 0.4)
    for one in (oval, ARCH):
        assert opening_from_detail(opening_as_detail(one)) == one
    assert opening_from_detail({}) is None


@pytest.mark.photos
def test_an_arch_of_the_collection_is_found(photos_folder):
    path = photos_folder / "old" / "deo_GalwayIreland1902.jpg"
    luma = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    found = picture_corners(luma)
    assert found is not None
    assert [one is None for one in found.corners] == [False, False, True, True]
