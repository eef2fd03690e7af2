"""Borders are found, backdrops are not, and what lies outside the picture is neither mended nor graded by."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from restoration.photo.colour import luminance_y
from restoration.photo.outline.frame import PictureBox, picture_box
from restoration.steps import grade, repair, triage
from restoration.steps.framing import outside, own_box
from restoration.steps.parameters import Grade, Repair, Triage
from restoration.steps.protocol import Frame
from tests.unit.picture_maker import gray, photograph, picture, smaller


def bordered(pixels, top, right, bottom, left, tone, seed=0):
    rng = np.random.default_rng(seed)
    framed = np.pad(luminance_y(pixels), ((top, bottom), (left, right)), constant_values=tone)
    return np.clip(framed + rng.normal(0, 0.01, framed.shape), 0, 1).astype(np.float32)


@pytest.mark.parametrize("tone", [0.02, 0.97])
@pytest.mark.parametrize("sides", [(30, 24, 40, 20), (50, 0, 0, 0), (0, 12, 0, 12)])
@pytest.mark.parametrize("name", ["coffee", "chelsea"])
def test_a_border_is_measured_to_within_a_hundredth(name, sides, tone):
    framed = bordered(gray(photograph(name)), *sides, tone)
    box = picture_box(framed)
    height, width = framed.shape
    for found, pixels, whole in zip(
        (box.top, box.right, box.bottom, box.left), sides, (height, width) * 2, strict=True
    ):
        assert found == pytest.approx(pixels / whole, abs=0.01)
    rows, columns = box.inside(height, width)
    assert rows.stop - rows.start == pytest.approx(height - sides[0] - sides[2], abs=8)
    assert columns.start == pytest.approx(sides[3], abs=6)


def test_numbers_on_the_rebate_do_not_hide_it():
    framed = bordered(gray(photograph("coffee")), 40, 0, 0, 0, 0.03)
    cv2.putText(framed, "LC 145-B", (60, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 0.9, 2, cv2.LINE_AA)
    assert picture_box(framed).top == pytest.approx(40 / framed.shape[0], abs=0.01)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "china", "flower"])
def test_whole_photographs_have_no_border(name):
    assert picture_box(luminance_y(photograph(name))).whole


def test_a_plain_backdrop_is_part_of_the_picture():
    portrait = np.full((300, 240), 0.9, np.float32)
    cv2.ellipse(portrait, (120, 150), (50, 70), 0, 0, 360, 0.5, -1)
    cv2.ellipse(portrait, (120, 320), (110, 100), 0, 0, 360, 0.2, -1)
    assert picture_box(portrait).whole


def test_a_blank_scan_is_all_picture():
    assert picture_box(np.full((50, 70), 0.5, np.float32)) == PictureBox()


def framed_frame():
    pixels = np.repeat(bordered(gray(photograph("coffee")) * 0.4 + 0.3, 40, 30, 40, 30, 0.02)[:, :, None], 3, axis=2)
    one = picture(pixels)
    frame = Frame("x", one, one)
    triage.Step().apply(frame, Triage(), None)
    return frame


def test_what_is_outside_is_not_graded_and_decides_nothing():
    frame = framed_frame()
    graded = grade.Step().apply(frame, Grade(), None)
    beyond = outside(frame)
    assert beyond.any()
    assert np.abs(graded.picture.pixels - frame.picture.pixels)[beyond].max() < 0.003
    assert graded.detail["black"] > 10
    inner = graded.picture.pixels[own_box(frame)]
    assert np.ptp(np.percentile(inner, [1, 99])) > 1.3 * np.ptp(
        np.percentile(frame.picture.pixels[own_box(frame)], [1, 99])
    )


def test_marks_outside_are_left():
    frame = framed_frame()
    pixels = frame.picture.pixels.copy()
    cv2.line(pixels, (100, 18), (400, 20), (0.95, 0.95, 0.95), 2)
    cv2.line(pixels, (100, 200), (400, 210), (0.99, 0.99, 0.99), 2)
    frame.picture = frame.picture.with_pixels(pixels)
    outcome = repair.Step().apply(
        frame, Repair(finder="", inpainter="", detector="", sensitivity=0.9, denoise=0.0), None
    )
    beyond = outside(frame)
    assert np.array_equal(outcome.picture.pixels[beyond], pixels[beyond])
    assert outcome.mask is not None


def test_without_triage_everything_is_picture():
    one = picture(gray(photograph("coffee")))
    assert not outside(Frame("x", one, one)).any()


def padded(pixels, margin, tone):
    return cv2.copyMakeBorder(pixels, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=tone)


WHITE, BLACK, ORANGE = (0.96, 0.96, 0.95), (0.02, 0.02, 0.02), (0.85, 0.5, 0.2)
BORDERS = {
    "black": ((24, BLACK),),
    "white": ((24, WHITE),),
    "white in black": ((16, WHITE), (20, BLACK)),
    "black in white": ((12, BLACK), (16, WHITE)),
    "scanner's bed": ((120, WHITE),),
    "orange mount": ((32, ORANGE),),
}


def faded(name, ink):
    """A photograph that has faded: gray, brown or in colour."""
    pixels = smaller(photograph(name), 400)
    if ink == "colour":
        return pixels * np.array([0.45, 0.35, 0.35], np.float32) + np.array([0.42, 0.36, 0.33], np.float32)
    print_ = gray(pixels) * 0.42 + 0.33
    return print_ * np.array([1.05, 0.93, 0.74], np.float32) if ink == "brown" else print_


def triaged_and_graded(pixels):
    """Kind of the scan, and its graded pixels; the scan has a scanner's noise."""
    noise = np.random.default_rng(0).normal(0, 0.004, pixels.shape)
    one = picture(np.ascontiguousarray(np.clip(pixels + noise, 0, 1), np.float32))
    frame = Frame("x", one, one)
    frame.picture = triage.Step().apply(frame, Triage(several="off"), None).picture
    kind = frame.notes["triage"]["kind"]
    return kind, grade.Step().apply(frame, Grade(), None).picture.pixels


@pytest.mark.parametrize("ink", ["gray", "brown", "colour"])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_a_faded_photograph_grades_alike_whatever_is_round_it(name, ink):
    own = faded(name, ink)
    height, width = own.shape[:2]
    kind, wanted = triaged_and_graded(own)
    for what, rings in BORDERS.items():
        scan, start = own, 0
        for margin, tone in rings:
            scan, start = padded(scan, margin, tone), start + margin
        kind_here, graded = triaged_and_graded(scan)
        inner = graded[start : start + height, start : start + width]
        assert kind_here == kind, what
        assert np.abs(inner - wanted).mean() * 255 < 10, what
        assert np.abs(inner.mean(axis=(0, 1)) - wanted.mean(axis=(0, 1))).max() * 255 < 10, what


def test_a_strip_of_sky_behind_a_border_is_picture():
    scene = cv2.resize(gray(photograph("coffee")), (600, 400))
    scene[:80] = 0.9
    framed = cv2.copyMakeBorder(scene[:, :, 0], 0, 0, 12, 12, cv2.BORDER_CONSTANT, value=0.02)
    assert picture_box(framed).bottom == 0
