"""Printing screens: found where there is one and nowhere else, taken out without seams, the picture kept."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest

from restoration.photo import screen
from restoration.photo.colour import luminance_y
from restoration.photo.notches import Notch
from restoration.photo.screen import Screen, find_screen, remove_screen, screen_of
from restoration.quality.metrics import ssim_y
from restoration.steps.parameters import Repair
from restoration.steps.protocol import Frame
from restoration.steps.repair import Step
from restoration.synthetic.printed import Press, printed
from tests.unit.picture_maker import gray, photograph, picture, smaller

NAMES = ("astronaut", "chelsea", "coffee", "china", "flower")


def level(pixels, screen):
    """Power of luma within a bin of the base frequencies, dB, mean over the quarters of the picture."""
    side, luma = 128, luminance_y(pixels)
    taper = np.outer(np.hanning(side), np.hanning(side))
    powers = []
    for top in (0, luma.shape[0] - side):
        for left in (0, luma.shape[1] - side):
            plane = np.abs(np.fft.fft2((luma[top : top + side, left : left + side] - luma.mean()) * taper)) ** 2
            for y, x in np.rint(np.asarray(screen.bases) * side).astype(int):
                powers.append(plane[np.ix_(np.arange(y - 1, y + 2) % side, np.arange(x - 1, x + 2) % side)].mean())
    return 10 * np.log10(np.mean(powers) + 1e-12)


@pytest.mark.parametrize("strength", [0.25, 1.0])
@pytest.mark.parametrize("pitch", [2.6, 4.0, 6.3, 9.0, 12.0])
def test_dots_are_found_and_fall_by_20_db_and_the_picture_gains(pitch, strength):
    for number, name in enumerate(("astronaut", "chelsea")):
        truth = gray(smaller(photograph(name), 400))
        angle = (15.0, 45.0)[number]
        scan = printed(truth, Press(pitch=pitch, angle=angle, strength=strength), seed=number)
        screen = find_screen(luminance_y(scan))
        assert screen is not None
        assert screen.pitch == pytest.approx(pitch, rel=0.02)
        assert abs((screen.angle - angle + 45) % 90 - 45) < 1.5
        clean = remove_screen(scan, screen)
        assert level(scan, screen) - level(clean, screen) >= 20
        assert ssim_y(truth, clean) > ssim_y(truth, scan) + 0.02


def test_four_inks_are_found_and_taken_out_of_every_channel():
    truth = smaller(photograph("chelsea"), 400)
    scan = printed(truth, Press(pitch=5.0, colour=True))
    screen = screen_of(scan)
    assert screen is not None
    assert len(set(screen.by_channel)) == 3
    clean = remove_screen(scan, screen)
    for channel in range(3):
        error = [float(((one - truth)[:, :, channel] ** 2).mean()) for one in (scan, clean)]
        assert error[1] < 0.25 * error[0]


@pytest.mark.parametrize("name", NAMES)
def test_photographs_have_no_screen(name):
    pixels = photograph(name)
    assert screen_of(pixels) is None
    assert screen_of(smaller(pixels, 300)) is None


def test_what_is_regular_in_a_part_only_or_one_way_is_no_screen():
    base = luminance_y(smaller(photograph("astronaut"), 512))
    y, x = np.mgrid[0 : base.shape[0], 0 : base.shape[1]].astype(np.float32)
    weave = 0.15 * (np.cos(1.1 * x + 0.4 * y) + np.cos(1.1 * y - 0.4 * x))
    assert find_screen(np.clip(base + weave, 0, 1)) is not None
    half = weave * (x < 0.6 * base.shape[1])
    assert find_screen(np.clip(base + half, 0, 1)) is None
    lines = 0.25 * np.cos(1.1 * x + 0.4 * y)
    assert find_screen(np.clip(base + lines, 0, 1)) is None
    honeycomb = 0.12 * sum(np.cos(1.1 * (np.cos(a) * x + np.sin(a) * y)) for a in (0.2, 0.2 + np.pi / 3))
    assert find_screen(np.asarray(np.clip(base + honeycomb, 0, 1), np.float32)) is None


def test_jpeg_blocks_and_noise_are_no_screen():
    pixels = np.rint(smaller(photograph("coffee"), 512) * 255).astype(np.uint8)
    raw = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 8])[1]
    blocks = cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    assert find_screen(blocks) is None
    noise = np.random.default_rng(3).normal(0.5, 0.1, (300, 300)).astype(np.float32)
    assert find_screen(noise) is None


def test_pictures_too_small_or_empty_tell_nothing():
    assert find_screen(np.full((40, 900), 0.5, np.float32)) is None
    assert find_screen(np.full((400, 400), 0.5, np.float32)) is None


@pytest.mark.parametrize("shape", [(128, 128), (131, 200), (64, 700), (257, 63), (30, 30)])
def test_windows_add_up_to_the_picture_itself(shape):
    pixels = np.random.default_rng(1).random((*shape, 3)).astype(np.float32)
    nothing = Screen(((0.2, 0.1), (-0.1, 0.2)), (), 3.0)
    assert np.abs(remove_screen(pixels, nothing) - pixels).max() < 1e-5


def test_no_seam_where_windows_meet():
    flat = np.full((500, 460, 3), 0.5, np.float32)
    y, x = np.mgrid[0:500, 0:460].astype(np.float32)
    wave = 0.2 * np.cos(2 * np.pi * (0.21 * x + 0.13 * y))
    screen = Screen(((0.13, 0.21), (-0.21, 0.13)), (Notch((0.13, 0.21), 0.03), Notch((-0.21, 0.13), 0.03)), 5.0)
    left = remove_screen(flat + np.asarray(wave, np.float32)[:, :, None], screen) - flat
    inside = left[80:-80, 80:-80, 0]
    assert np.abs(inside).max() < 0.2 / 40
    # a step edge is the same wherever it lies between the windows
    for shift in (0, 17, 32):
        stepped = np.where(x[:, :, None] < 200 + shift, np.float32(0.2), np.float32(0.8)) + 0 * flat
        out = remove_screen(np.asarray(stepped, np.float32), screen)
        assert out[250, 190 + shift, 0] == pytest.approx(0.2, abs=0.03)
        assert out[250, 210 + shift, 0] == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(("pitch", "angle"), [(5.0, 45.0), (4.3, 15.0), (8.0, 30.0)])
def test_no_rim_of_dots_stays_along_the_edges(pitch, angle):
    flat = np.full((330, 420, 3), 0.6, np.float32)
    scan = printed(flat, Press(pitch=pitch, angle=angle, noise=0.0))[13:-11, 17:-14]
    screen = find_screen(luminance_y(scan))
    assert screen is not None
    clean = remove_screen(scan, screen)[:, :, 0]
    left = np.abs(clean - clean[100:200, 100:200].mean())
    for turns in range(4):
        assert np.rot90(left, turns)[:4].mean() < 0.02


def test_full_depth_is_kept():
    pixels = np.linspace(0.2, 0.8, 90_000, dtype=np.float32).reshape(300, 300, 1).repeat(3, axis=2)
    screen = Screen(((0.2, 0.2), (-0.2, 0.2)), (Notch((0.2, 0.2), 0.03), Notch((-0.2, 0.2), 0.03)), 5.0)
    out = remove_screen(pixels, screen)
    assert len(np.unique(out[:, :, 0])) > 50_000
    assert np.abs(out - pixels)[:, 100:200].max() < 1e-3


def test_memory_does_not_grow_with_height():
    screen = Screen(((0.2, 0.2), (-0.2, 0.2)), (Notch((0.2, 0.2), 0.03),), 5.0)
    beyond = []
    for height in (300, 1500):
        pixels = np.full((height, 300, 3), 0.5, np.float32)
        tracemalloc.start()
        remove_screen(pixels, screen)
        beyond.append(tracemalloc.get_traced_memory()[1] - pixels.nbytes)
        tracemalloc.stop()
    assert beyond[1] < beyond[0] * 1.3 + (1 << 20)


def run(pixels, **parameters):
    one = picture(pixels)
    frame = Frame("x", one, one)
    return Step().apply(frame, Repair(finder="", inpainter="", detector="", **parameters), None), frame


def test_repair_takes_dots_for_no_damage_and_says_what_it_took_out():
    truth = gray(smaller(photograph("chelsea"), 400))
    scan = printed(truth, Press(pitch=4.5, angle=45, strength=0.6))
    outcome, frame = run(scan, denoise=0.0)
    assert outcome.status == "applied"
    assert outcome.detail["descreened"] is True
    assert outcome.detail["screen_pitch"] == pytest.approx(4.5, abs=0.1)
    assert outcome.detail["screen_angle"] == pytest.approx(45, abs=1.5)
    assert outcome.detail["screen_peaks"] >= 2
    assert ssim_y(truth, outcome.picture.pixels) > ssim_y(truth, scan) + 0.2
    assert frame.picture.pixels is scan
    left = run(scan, descreen=False, denoise=0.0)[0]
    assert left.detail["descreened"] is False
    assert ssim_y(truth, left.picture.pixels) < ssim_y(truth, outcome.picture.pixels)


def test_repair_leaves_what_lies_outside_the_picture():
    scan = printed(gray(smaller(photograph("chelsea"), 400)), Press(pitch=4.5))
    one = picture(scan)
    frame = Frame("x", one, one, notes={"triage": {"picture_box": (0.1, 0.1, 0.1, 0.1)}})
    parameters = Repair(finder="", inpainter="", detector="", denoise=0.0)
    outcome = Step().apply(frame, parameters, None)
    changed = (outcome.picture.pixels != scan).any(axis=2)
    assert outcome.detail["descreened"]
    assert not changed[: scan.shape[0] // 10 - 1].any()
    assert changed[scan.shape[0] // 2].mean() > 0.5


def test_without_a_screen_no_byte_changes():
    clean = gray(photograph("flower"))
    outcome, _ = run(clean, sensitivity=0.0, denoise=0.0)
    assert outcome.detail["descreened"] is False
    assert outcome.status == "not_needed"
    assert outcome.picture.pixels is clean


@pytest.mark.photos
def test_whole_photographs_of_the_collection_have_no_screen(photos_folder):
    for path in sorted((photos_folder / "reference").iterdir())[::10]:
        pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        assert find_screen(pixels) is None, path.name


@pytest.mark.photos
def test_a_printed_portrait_of_the_collection_has_one(photos_folder):
    for name in ("vote_004494", "vote_004071", "vote_003575"):
        path = photos_folder / "train_portraits" / f"{name}.jpg"
        pixels = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1], np.float32) / 255
        screen = screen_of(pixels)
        assert screen is not None, name
        assert screen.pitch == pytest.approx(2.65, abs=0.1)


@pytest.mark.parametrize("count", [1, 2, 6, 7, 8, 9, 41])
def test_the_low_quarter_is_the_percentile(count):
    rng = np.random.default_rng(count)
    stands = rng.normal(0, 3, (count, 5, 6)).astype(np.float16)
    stands[0, 0] = [0.0, -0.0, 1.0, -1.0, 65504, -65504]
    assert np.array_equal(screen._low_quarter(stands), np.percentile(stands, 25, axis=0).astype(np.float32))
