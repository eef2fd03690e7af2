"""Oval openings are found, what is round otherwise is not, and the card stays as it was."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest

from restoration.engine.engine import Engine
from restoration.engine.outcome import Scan
from restoration.engine.recipe import parse_recipe
from restoration.photo.colour import lightness, luminance_y
from restoration.photo.outline.frame import PictureBox
from restoration.photo.outline.oval import PictureOval, picture_oval
from restoration.settings import Settings
from restoration.steps import grade, repair, triage
from restoration.steps.framing import kept_outside, outside, own_box, own_opening, own_values
from restoration.steps.parameters import Grade, Repair, Triage
from restoration.steps.protocol import Frame
from restoration.synthetic.printed import Press, printed
from tests.unit.picture_maker import gray, photograph, picture
from tests.unit.standins import models_with, png

NAMES = ("astronaut", "chelsea", "coffee", "china", "flower")
UPRIGHT = PictureOval(0.5, 0.48, 0.3, 0.4)
LEFT_ALONE = {"finder": "", "inpainter": "", "detector": ""}


def share_inside(oval, height, width):
    """How much of each pixel lies inside, by four times as fine a grid."""
    fine = oval.inside(4 * height, 4 * width).astype(np.float32)
    return cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)


def mounted(name, oval, tone=(0.9, 0.9, 0.9), size=(640, 480), grain=0.012, seed=0):
    """A photograph behind an oval opening in a card of that tone, with paper's grain and a slope of light."""
    height, width = size
    inner = cv2.resize(photograph(name), (width, height), interpolation=cv2.INTER_AREA)
    slope = np.linspace(-0.03, 0.03, width, dtype=np.float32)[None, :, None]
    card = np.asarray(tone, np.float32) + slope
    here = share_inside(oval, height, width)[:, :, None]
    noise = np.random.default_rng(seed).normal(0, grain, (height, width, 1))
    return np.clip(inner * here + card * (1 - here) + noise, 0, 1).astype(np.float32)


def close_to(found, right, tolerance=0.006):
    assert found is not None
    assert (found.x, found.y) == pytest.approx((right.x, right.y), abs=tolerance)
    assert (found.wide, found.high) == pytest.approx((right.wide, right.high), abs=tolerance)


# -- finding -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("tone", "oval"),
    [
        (1.0, UPRIGHT),
        (0.0, PictureOval(0.52, 0.5, 0.36, 0.49)),
        (1.0, PictureOval(0.5, 0.55, 0.35, 0.6, 2.0)),
        (0.0, PictureOval(0.5, 0.5, 0.36, 0.36)),
    ],
    ids=["white", "black tangent", "cut below and above", "round"],
)
def test_an_opening_is_found_to_within_a_hundredth(name, tone, oval):
    close_to(picture_oval(luminance_y(mounted(name, oval, (tone,) * 3))), oval)


def test_openings_in_a_card_of_middle_tone_are_found_where_the_picture_differs():
    pixels = mounted("astronaut", UPRIGHT)
    darker = np.where(share_inside(UPRIGHT, 640, 480)[:, :, None] > 0.5, pixels * 0.4, 0.62 + 0 * pixels)
    close_to(picture_oval(luminance_y(darker.astype(np.float32))), UPRIGHT)


def test_it_is_found_at_any_size_and_beside_lettering():
    for size in ((250, 190), (1600, 1200)):
        close_to(picture_oval(luminance_y(mounted("coffee", UPRIGHT, size=size))), UPRIGHT)
    named = mounted("coffee", UPRIGHT, (1.0, 1.0, 1.0))
    cv2.putText(named, "Marsh Bros., Henley", (120, 610), cv2.FONT_HERSHEY_COMPLEX, 0.7, (0.2, 0.2, 0.2), 1)
    close_to(picture_oval(luminance_y(named)), UPRIGHT)


def test_a_line_round_the_opening_is_outside():
    pixels = mounted("astronaut", UPRIGHT, (1.0, 1.0, 1.0))
    here = UPRIGHT.inside(640, 480)
    dark = np.where(here[:, :, None], pixels * 0.5, pixels)
    cv2.ellipse(dark, (240, 307), (192 + 7, 256 + 7), 0, 0, 360, (0.1, 0.1, 0.1), 3, cv2.LINE_AA)
    close_to(picture_oval(luminance_y(dark)), UPRIGHT)


def test_it_is_found_inside_a_straight_border():
    pixels = np.pad(mounted("flower", UPRIGHT), ((50, 30), (20, 60), (0, 0)))
    frame = triaged(pixels)
    assert not PictureBox(*frame.notes["triage"]["picture_box"]).whole
    height, width = pixels.shape[:2]
    right = PictureOval((20 + 0.5 * 480) / width, (50 + 0.48 * 640) / height, 0.3 * 640 / 720, 0.4 * 640 / 720)
    close_to(own_opening(frame), right)
    assert outside(frame)[:50].all()


# -- what is no mount --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_photographs_have_none(name):
    assert picture_oval(luminance_y(photograph(name))) is None


def fading(width):
    """A vignette of a photograph on white that fades over so many pixels."""
    inner = cv2.resize(luminance_y(photograph("coffee")), (480, 640)) * 0.6
    y, x = np.mgrid[0:640, 0:480].astype(np.float32)
    radius = np.hypot((x - 240) / 190, (y - 320) / 260)
    here = 1 / (1 + np.exp(np.clip((radius - 1) * 190 * 4 / width, -50, 50)))
    return (inner * here + 0.95 * (1 - here)).astype(np.float32)


def test_a_vignette_that_fades_is_part_of_the_picture():
    assert picture_oval(fading(3)) is not None
    for width in (20, 30, 60, 120):
        assert picture_oval(fading(width)) is None


def test_what_is_round_and_no_opening_is_part_of_the_picture():
    plain = np.full((480, 480), 0.8, np.float32)
    plate = cv2.ellipse(plain.copy(), (240, 250), (120, 110), 0, 0, 360, 0.4, -1)
    aside = cv2.ellipse(plain.copy(), (330, 250), (140, 200), 0, 0, 360, 0.4, -1)
    tilted = cv2.ellipse(plain.copy(), (240, 240), (160, 220), 25, 0, 360, 0.4, -1)
    person = cv2.ellipse(plain.copy(), (240, 200), (110, 150), 0, 0, 360, 0.5, -1)
    cv2.ellipse(person, (240, 520), (220, 190), 0, 0, 360, 0.2, -1)
    square = cv2.rectangle(plain.copy(), (50, 50), (430, 430), 0.4, -1)
    for one in (plain, plate, aside, tilted, person, square):
        assert picture_oval(one) is None


def test_a_patterned_surrounding_is_no_card():
    pixels = luminance_y(mounted("coffee", UPRIGHT))
    y, x = np.mgrid[0:640, 0:480]
    pattern = (0.75 + 0.2 * np.sign(np.sin(x / 9) * np.sin(y / 9))).astype(np.float32)
    assert picture_oval(np.where(UPRIGHT.inside(640, 480), pixels, pattern)) is None


def test_tiny_and_blank_scans_have_none():
    assert picture_oval(np.full((60, 400), 0.5, np.float32)) is None
    assert picture_oval(np.full((400, 400), 0.5, np.float32)) is None


# -- the ellipse as a mask ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("angle", [0.0, 5.0, -30.0])
def test_a_mask_is_the_ellipse_and_its_box_holds_it(angle):
    oval = PictureOval(0.45, 0.6, 0.3, 0.42, angle)
    height, width = 300, 220
    y, x = np.mgrid[0:height, 0:width] + 0.5
    x, y, turn = x - 0.45 * width, y - 0.6 * height, np.deg2rad(angle)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    right = (along / (0.3 * height)) ** 2 + (across / (0.42 * height)) ** 2 < 1
    mask = oval.inside(height, width)
    assert (mask != right).mean() < 1e-4
    beyond = mask.copy()
    beyond[oval.box(height, width)] = False
    assert not beyond.any()
    assert PictureOval.from_detail(oval.as_detail()) == oval


def test_a_mask_of_a_large_scan_holds_nothing_but_itself():
    frame = Frame("x", picture(np.zeros((1, 1, 3))), picture(np.zeros((1, 1, 3))))
    large = np.broadcast_to(np.float32(0), (6000, 5000, 3))
    frame.picture = type(frame.picture)(large, frame.picture.info)
    frame.notes["triage"] = {"picture_oval": UPRIGHT.as_detail()}
    tracemalloc.start()
    mask = outside(frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < mask.nbytes + (1 << 20)


# -- steps -------------------------------------------------------------------------------------------------------------
def triaged(pixels):
    one = picture(pixels)
    frame = Frame("x", one, one)
    frame.picture = triage.Step().apply(frame, Triage(), None).picture
    return frame


def test_triage_notes_the_ellipse_and_own_box_is_its():
    frame = triaged(mounted("coffee", UPRIGHT))
    assert set(frame.notes["triage"]["picture_oval"]) == {"centre", "axes", "angle"}
    close_to(own_opening(frame), UPRIGHT)
    rows, columns = own_box(frame)
    assert (rows.start, rows.stop) == pytest.approx((0.48 * 640 - 256, 0.48 * 640 + 256), abs=4)
    assert (columns.start, columns.stop) == pytest.approx((240 - 192, 240 + 192), abs=4)
    assert "picture_oval" not in triaged(photograph("coffee")).notes["triage"]


def test_a_coloured_card_round_a_gray_picture_makes_no_colour_photograph():
    pixels = mounted("astronaut", UPRIGHT, (0.9, 0.6, 0.35))
    here = share_inside(UPRIGHT, 640, 480)[:, :, None]
    scan = 0.6 * luminance_y(pixels)[:, :, None] * here + pixels * (1 - here)
    frame = triaged(np.asarray(scan, np.float32))
    assert own_opening(frame) is not None
    assert frame.notes["triage"]["kind"] == "gray"


def test_the_card_is_neither_graded_nor_graded_from():
    frame = triaged(gray(mounted("coffee", UPRIGHT, (1.0, 1.0, 1.0)) * 0.5 + 0.45))
    here = ~outside(frame)
    luma = luminance_y(frame.picture.pixels)
    assert np.array_equal(own_values(frame, luma), luma[here])
    outcome = grade.Step().apply(frame, Grade(), None)
    assert np.abs(outcome.picture.pixels - frame.picture.pixels)[~here].max() < 0.003
    inner = lightness(frame.picture.pixels)[here]
    assert outcome.detail["white"] == pytest.approx(np.percentile(inner, Grade().high_percentile), abs=0.01)


def test_marks_and_grain_on_the_card_stay():
    pixels = gray(mounted("coffee", UPRIGHT, grain=0.05))
    cv2.line(pixels, (60, 600), (420, 610), (0.2, 0.2, 0.2), 2)
    cv2.line(pixels, (180, 200), (300, 420), (1, 1, 1), 2)
    frame = triaged(pixels)
    outcome = repair.Step().apply(frame, Repair(**LEFT_ALONE, sensitivity=0.9, denoise=0.5), None)
    beyond = outside(frame)
    assert outcome.detail["grain_reduced"]
    assert np.array_equal(outcome.picture.pixels[beyond], frame.picture.pixels[beyond])
    assert outcome.mask is not None
    assert not outcome.mask[beyond].any()
    assert kept_outside(frame, frame.picture.pixels) is frame.picture.pixels


def test_dots_are_taken_out_of_the_oval_alone():
    dots = printed(gray(cv2.resize(photograph("chelsea"), (480, 640))) * 0.5 + 0.2, Press(pitch=4.5))
    scan = np.where(UPRIGHT.inside(640, 480)[:, :, None], dots, np.float32(0.97))
    one = picture(scan)
    frame = Frame("x", one, one, notes={"triage": {"picture_oval": UPRIGHT.as_detail()}})
    outcome = repair.Step().apply(frame, Repair(**LEFT_ALONE, sensitivity=0.0, denoise=0.0), None)
    assert outcome.detail["descreened"]
    changed = (outcome.picture.pixels != scan).any(axis=2)
    assert not changed[outside(frame)].any()
    assert changed[~outside(frame)].mean() > 0.9


def test_the_card_gets_no_colour(tmp_path):
    steps = [{"step": "triage"}, {"step": "colorize"}]
    recipe = parse_recipe({"name": "test", "steps": steps}, "test")
    with Engine(Settings(device="cpu", threads=1, preview_side=64), models=models_with(tmp_path)) as engine:
        outcome = engine.restore(Scan("card.png", png(gray(mounted("astronaut", UPRIGHT)))), engine.prepare(recipe))
    result = cv2.imdecode(np.frombuffer(outcome.result.output, np.uint8), cv2.IMREAD_COLOR).astype(int)
    oval = PictureOval.from_detail(outcome.result.steps[0].detail["picture_oval"])
    here = oval.inside(640, 480)
    assert np.ptp(result, axis=2)[~here].max() <= 1
    assert np.ptp(result, axis=2)[here].max() > 3


@pytest.mark.photos
def test_ovals_of_the_collection_are_found_and_no_other(photos_folder):
    right = {"bop_old_g", "votehist_002598", "votehist_005941", "votehist_006471"}
    found = set()
    for path in sorted((photos_folder / "old").glob("*.jpg")):
        luma = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        if picture_oval(luma) is not None:
            found.add(path.stem)
    assert found == right
