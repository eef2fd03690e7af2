"""Stains: what they add to a print's density is taken off, the drawing stays, and what is no stain is untouched."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from restoration.damage_kinds import MASK_CODES, DamageKind, Mending
from restoration.models.nets.detection import Detection
from restoration.photo import bands
from restoration.photo.colour import lightness
from restoration.photo.density import density_of, light_of
from restoration.photo.masks import filled_share
from restoration.photo.stains import stains_of, without_stains
from restoration.steps.destaining import stain_on_a_face
from restoration.steps.parameters import Triage
from restoration.steps.protocol import Frame
from restoration.steps.triage import Step, is_neutral
from restoration.synthetic.ageing import tint_paper
from restoration.synthetic.stained import stained
from tests.unit.picture_maker import gray, photograph, picture, smaller

TEA = np.array([0.1, 0.3, 0.75], np.float32)
NAMES = ("astronaut", "chelsea", "china")


def toned(name, tint):
    print_ = gray(smaller(photograph(name), 480))
    return print_ if tint == "none" else tint_paper(print_, tint)


def scanned(pixels, quality=92):
    body = cv2.imencode(".jpg", np.rint(pixels[:, :, ::-1] * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(body[1], cv2.IMREAD_COLOR)[:, :, ::-1], np.float32) / np.float32(255)


def disc(shape, x, y, radius, soft=4.0):
    cover = np.zeros(shape[:2], np.float32)
    cv2.circle(cover, (round(x * shape[1]), round(y * shape[0])), round(radius * max(shape)), 1.0, -1)
    return np.asarray(cv2.GaussianBlur(cover, (0, 0), soft), np.float32)


def laid_over(pixels, cover, colour):
    return light_of(density_of(pixels, least_light=1e-3) + cover[:, :, None] * np.asarray(colour, np.float32))


def lightness_and_some(pixels, share):
    """The photograph with so much of its saturation."""
    return np.asarray(gray(pixels) + np.float32(share) * (pixels - gray(pixels)), np.float32)


def everywhere(pixels):
    return np.ones(pixels.shape[:2], bool)


def triaged(pixels, **parameters):
    one = picture(pixels)
    frame = Frame("x", one, one)
    return Step().apply(frame, Triage(**parameters), None), frame


@pytest.mark.parametrize("tint", ["none", "sepia", "yellowed"])
@pytest.mark.parametrize("name", NAMES)
def test_a_stain_goes_and_the_drawing_below_it_stays(name, tint):
    clean = toned(name, tint)
    cover = disc(clean.shape, 0.35, 0.4, 0.16)
    scan = scanned(laid_over(clean, cover, 0.6 * TEA))
    stains = stains_of(scan, everywhere(scan))
    assert stains is not None
    before, after, truth = (lightness(one) for one in (scan, without_stains(scan, stains), scanned(clean)))
    inside, outside = cover > 0.2, cover < 0.001
    assert np.square(after - truth)[inside].mean() < 0.35 * np.square(before - truth)[inside].mean()
    fine = [plane - cv2.GaussianBlur(plane, (0, 0), 3) for plane in (before, after)]
    assert np.corrcoef(fine[0][inside], fine[1][inside])[0, 1] > 0.95
    assert np.abs(after - before)[outside].mean() < 0.05


@pytest.mark.parametrize("tint", ["none", "sepia", "yellowed", "cyanotype"])
@pytest.mark.parametrize("name", NAMES)
def test_whole_prints_have_none(name, tint):
    for quality in (95, 75):
        scan = scanned(toned(name, tint), quality)
        assert stains_of(scan, everywhere(scan)) is None


def test_what_is_pink_or_blue_or_faint_is_no_stain():
    clean = toned("astronaut", "none")
    cover = disc(clean.shape, 0.35, 0.4, 0.12)
    for colour in ((0.0, 0.35, 0.35), (0.5, 0.2, 0.0), 0.05 * TEA):
        scan = scanned(laid_over(clean, cover, colour))
        assert stains_of(scan, everywhere(scan)) is None


def test_small_spots_count_beside_others():
    clean = toned("astronaut", "none")
    spots = [(0.2, 0.2), (0.7, 0.15), (0.8, 0.6), (0.15, 0.7), (0.5, 0.08)]
    cover = np.max([disc(clean.shape, x, y, 0.012, 1.5) for x, y in spots], axis=0)
    scan = scanned(laid_over(clean, cover, 0.7 * TEA))
    stains = stains_of(scan, everywhere(scan))
    assert stains is not None
    assert stains.patches >= 4


@pytest.mark.parametrize("shape", [(60, 60), (1, 700), (20, 30)])
def test_tiny_and_blank_scans_have_none(shape):
    blank = np.full((*shape, 3), 0.5, np.float32)
    assert stains_of(blank, everywhere(blank)) is None
    assert stains_of(blank, ~everywhere(blank)) is None
    noise = np.random.default_rng(1).random((*shape, 3)).astype(np.float32)
    assert stains_of(noise, everywhere(noise)) is None


@pytest.mark.parametrize("kind", ["water", "patch"])
def test_made_stains_lose_most_of_their_error(kind):
    gone = []
    for seed in range(4):
        clean = toned("chelsea", ("none", "sepia")[seed % 2])
        dirty, cover = stained(clean, kind, 0.8, np.random.default_rng(40 + seed))
        scan = scanned(dirty)
        stains = stains_of(scan, everywhere(scan))
        after = scan if stains is None else without_stains(scan, stains)
        errors = [float(np.square(lightness(one) - lightness(clean))[cover > 0.1].sum()) for one in (scan, after)]
        gone.append(1 - errors[1] / errors[0])
    assert np.median(gone) > 0.5
    assert min(gone) >= 0


def test_triage_corrects_them_only_if_asked_and_says_so():
    clean = toned("astronaut", "sepia")
    cover = disc(clean.shape, 0.35, 0.4, 0.12)
    scan = scanned(laid_over(clean, cover, 0.5 * TEA))
    left, _ = triaged(scan)
    assert left.damage == ()
    assert left.mask is None
    assert "stains" not in left.detail
    done, _ = triaged(scan, stains="correct")
    assert is_neutral(done.picture.pixels)
    (record,) = done.damage
    assert (record.kind, record.mending, record.model) == (DamageKind.STAIN, Mending.TONE, None)
    assert record.regions == done.detail["stains"] == 1
    assert record.found_share == pytest.approx(float((cover > 0.1).mean()), rel=0.3)
    assert set(np.unique(done.mask)) == {0, MASK_CODES[DamageKind.STAIN]}
    assert filled_share(done.mask) == 0
    truth = lightness(scanned(clean))
    errors = [np.abs(lightness(one.picture.pixels) - truth)[cover > 0.2].mean() for one in (left, done)]
    assert errors[1] < 0.5 * errors[0]


def test_a_whole_print_and_one_in_colour_come_out_as_without():
    for scan in (scanned(toned("china", "sepia")), photograph("coffee"), gray(photograph("chelsea"))):
        left, done = triaged(scan)[0], triaged(scan, stains="correct")[0]
        assert np.array_equal(left.picture.pixels, done.picture.pixels)
        assert done.detail == left.detail
        assert done.damage == ()


def test_a_stained_print_that_looked_like_one_in_colour_goes_to_a_person():
    clean = toned("astronaut", "none")
    scan = scanned(laid_over(clean, disc(clean.shape, 0.4, 0.45, 0.22), TEA))
    assert triaged(scan)[0].detail["kind"] == "colour"
    done, _ = triaged(scan, stains="correct")
    assert done.detail["kind"] in ("gray", "tinted")
    assert done.detail["doubtful"] is True
    assert is_neutral(done.picture.pixels)
    assert done.damage[0].kind is DamageKind.STAIN


def test_a_stain_on_a_face_goes_to_a_person():
    clean = toned("astronaut", "none")
    scan = scanned(laid_over(clean, disc(clean.shape, 0.4, 0.45, 0.12), 0.5 * TEA))
    done, _ = triaged(scan, stains="correct")
    assert "doubtful" not in done.detail
    height, width = scan.shape[:2]

    def found_at(x, y):
        box = (x * width - 40, y * height - 50, 80.0, 100.0)
        return lambda pixels, confidence: [Detection(box, 0.9, np.zeros((5, 2), np.float32))]

    assert stain_on_a_face(done, found_at(0.4, 0.45))
    assert not stain_on_a_face(done, found_at(0.8, 0.85))
    assert not stain_on_a_face(triaged(scan)[0], found_at(0.4, 0.45))


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_stain_on_the_face_of_a_print_that_lies_otherwise_goes_to_a_person(turn):
    clean = toned("astronaut", "none")
    scan = scanned(laid_over(clean, disc(clean.shape, 0.4, 0.45, 0.12), 0.5 * TEA))
    done, _ = triaged(np.ascontiguousarray(np.rot90(scan, turn)), stains="correct")
    upright = np.rot90(bands.as_bytes(done.picture.pixels), -turn)
    height, width = upright.shape[:2]

    def sees_upright_faces_only(pixels, confidence):
        if pixels.shape != upright.shape or not np.array_equal(pixels, upright):
            return []
        return [Detection((0.4 * width - 40, 0.45 * height - 50, 80.0, 100.0), 0.9, np.zeros((5, 2), np.float32))]

    assert stain_on_a_face(done, sees_upright_faces_only)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "china", "flower"])
def test_a_colour_photograph_is_no_stained_print(name):
    pixels = smaller(photograph(name), 400)
    for scan in (pixels, lightness_and_some(pixels, 0.5)):
        left, done = triaged(scan)[0], triaged(scan, stains="correct")[0]
        assert done.detail == left.detail
        assert np.array_equal(left.picture.pixels, done.picture.pixels)


def test_a_stain_that_reaches_the_edge_is_no_mount():
    clean = toned("astronaut", "none")
    y, x = np.mgrid[0 : clean.shape[0], 0 : clean.shape[1]].astype(np.float32)
    cover = (x < 45 + 25 * np.sin(y / 40)).astype(np.float32)
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), 6), np.float32)
    scan = scanned(laid_over(clean, cover, 0.35 * TEA))
    _, before = triaged(scan)
    done, after = triaged(scan, stains="correct")
    assert before.mount is not None
    assert done.mask is not None
    stain = (cover > 0.5) & (done.mask > 0)
    assert stain.mean() > 0.5 * (cover > 0.5).mean()
    assert after.mount is None or (after.mount & stain).sum() < 0.1 * (before.mount & stain).sum()


def test_a_recipe_that_does_not_name_them_keeps_its_hash():
    assert "stains" not in Triage().model_dump()
    assert Triage(stains="correct").model_dump()["stains"] == "correct"
