"""The infrared channel of film scans: dust is seen in it, silver and other channels are not mistaken for it."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from restoration.damage_kinds import MASK_CODES, DamageKind
from restoration.models.nets.detection import Detection
from restoration.photo.decode import DecodeLimits, Decoder
from restoration.photo.infrared import dust_of
from restoration.photo.picture import Picture, ScanInfo
from restoration.steps.judging import Marks, face_parts
from restoration.steps.parameters import Repair
from restoration.steps.protocol import Frame
from restoration.steps.repair import Step
from restoration.synthetic.slides import Slide, slide
from tests.unit.picture_maker import photograph

CLASSIC = Repair(finder="", inpainter="", detector="", denoise=0.0)
NAMES = ("astronaut", "chelsea", "coffee", "china")
CASES = Path(__file__).parents[3] / "shared" / "cases" / "02-rgbi-infrared"


def scores(made: Slide) -> tuple[float, float]:
    """Share of the dust that is found, and of what is found that is dust."""
    found = dust_of(made.infrared, made.pixels)
    assert found.use == "used"
    near = cv2.dilate(made.dust.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    return float(found.marks[made.dust].mean()), float(near[found.marks].mean())


@pytest.mark.parametrize("name", NAMES)
def test_dust_is_found_where_it_lies_and_nothing_else(name):
    recall, precision = scores(slide(photograph(name), 1))
    assert recall > 0.92
    assert precision > 0.99


@pytest.mark.parametrize("shift", [(0, 0), (2, -1), (-5, 4)])
def test_a_channel_beside_the_colours_is_moved(shift):
    made = slide(photograph("coffee"), 2, shift=shift)
    found = dust_of(made.infrared, made.pixels)
    assert found.shift == pytest.approx((-shift[0], -shift[1]), abs=0.25)
    assert scores(made)[0] > 0.92


@pytest.mark.parametrize("name", [*NAMES, "flower"])
@pytest.mark.parametrize("more", [{}, {"shift": (0, 0)}, {"noise": 0.02}, {"dyes": 2.0}])
def test_a_clean_slide_has_no_dust(name, more):
    found = dust_of(*_of(slide(photograph(name), 3, specks=0, hairs=0, **more)))
    assert found.marks.mean() < 1e-5


def _of(made: Slide) -> tuple[np.ndarray, np.ndarray]:
    return made.infrared, made.pixels


@pytest.mark.parametrize("name", [*NAMES, "flower"])
def test_silver_is_opaque_to_infrared_and_the_channel_is_not_used(name):
    made = slide(photograph(name), 4, silver=True)
    found = dust_of(made.infrared, made.pixels)
    assert (found.use, found.marks.any()) == ("silver", False)
    # a negative that the scanner turned positive, and a channel that was stored with a gamma
    inverted = dust_of(made.infrared, 1 - made.pixels)
    assert (inverted.use, inverted.marks.any()) == ("silver", False)
    gamma = np.rint((made.infrared / 65535) ** (1 / 2.2) * 65535).astype(np.uint16)
    assert dust_of(gamma, made.pixels).use == "silver"


def test_other_channels_are_not_taken_for_infrared():
    photo = photograph("coffee")
    height, width = photo.shape[:2]
    other = np.rint(photograph("china")[:height, :width, 0] * 65535).astype(np.uint16)
    noise = np.random.default_rng(0).integers(0, 65536, (height, width)).astype(np.uint16)
    full = np.full((height, width), 65535, np.uint16)
    cut_out = np.zeros((height, width), np.uint8)
    cv2.circle(cut_out, (300, 200), 150, 255, -1, cv2.LINE_AA)
    for channel in (other, noise, full, np.zeros_like(full), cut_out):
        small = photo[: channel.shape[0], : channel.shape[1]]
        assert not dust_of(channel, small).marks.any()


def test_a_mount_and_the_films_border_are_no_dust():
    made = slide(photograph("coffee"), 5)
    infrared, pixels = made.infrared.copy(), made.pixels.copy()
    for rows, columns in ((slice(0, 30), slice(None)), (slice(None), slice(0, 25)), (slice(370, None), slice(None))):
        infrared[rows, columns] = 900
        pixels[rows, columns] = 0.02
    found = dust_of(infrared, pixels)
    assert found.use == "used"
    assert not found.marks[5:22, 40:].any()
    inside = np.zeros(made.dust.shape, bool)
    inside[45:355, 40:] = True
    assert found.marks[made.dust & inside].mean() > 0.9


@pytest.mark.parametrize("shape", [(16, 16), (20, 700), (64, 48)])
def test_small_and_narrow_scans_are_read(shape):
    made = (
        slide(np.ascontiguousarray(photograph("china")[: shape[0], : shape[1]][:, : shape[1]]), 0, specks=1, hairs=0)
        if shape[0] > 17
        else None
    )
    pixels = photograph("china")[: shape[0], : shape[1]] if made is None else made.pixels
    channel = np.full(pixels.shape[:2], 50000, np.uint16) if made is None else made.infrared
    assert dust_of(channel, pixels).marks.shape == pixels.shape[:2]


# -- repair -----------------------------------------------------------------------------------------------------------
def repaired(made: Slide, *, infrared: bool = True):
    height, width = made.infrared.shape
    extra = made.infrared if infrared else None
    one = Picture(made.pixels, ScanInfo("tiff", width, height, 16, 4), extra)
    return Step().apply(Frame("x", one, one), CLASSIC, None)


def test_repair_fills_what_infrared_shows_and_says_so():
    photo = photograph("chelsea")
    made = slide(photo, 6)
    near = cv2.dilate(made.dust.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    errors = {}
    for used in (False, True):
        outcome = repaired(made, infrared=used)
        errors[used] = np.abs(outcome.picture.pixels - photo)[near].sum()
        assert outcome.detail["infrared"] == ("used" if used else "absent")
    assert errors[True] < 0.5 * errors[False]
    assert outcome.detail["infrared_share"] > 0.01
    assert outcome.detail["infrared_shift"] == pytest.approx([-2, 1], abs=0.25)
    assert {record.kind for record in outcome.damage} >= {DamageKind.DUST, DamageKind.SCRATCH}
    kept = outcome.mask == 0
    assert np.array_equal(outcome.picture.pixels[kept], made.pixels[kept])


def test_silver_is_said_and_changes_nothing():
    made = slide(photograph("chelsea"), 6, silver=True)
    with_channel, without = repaired(made), repaired(made, infrared=False)
    assert with_channel.detail["infrared"] == "silver"
    assert np.array_equal(with_channel.picture.pixels, without.picture.pixels)


def test_a_scan_that_is_searched_at_half_its_size_has_its_infrared_read_there(monkeypatch):
    from restoration.steps import searching

    photo = photograph("astronaut")
    made = slide(photo, seed=3)
    monkeypatch.setattr(searching, "FINEST_PIXELS", 10_000)
    outcome = repaired(made)
    assert outcome.detail["infrared"] == "used"
    assert outcome.picture.pixels.shape == made.pixels.shape
    pair = made.pixels, outcome.picture.pixels
    before, after = (np.square(pixels - photo)[made.dust].sum() for pixels in pair)
    assert after < 0.5 * before


def test_dust_in_an_eye_is_dust():
    from restoration.steps import infrared as step

    photo = photograph("astronaut")
    eyes = np.array([(205, 108), (245, 108), (225, 130), (208, 150), (242, 150)], np.float32)
    face = Detection((180, 70, 90, 110), 0.99, eyes)
    made = slide(photo, 7, specks=0, hairs=0)
    light = np.ones(photo.shape[:2], np.float32)
    cv2.circle(light, (205, 108), 3, 0.3, -1)
    pixels = made.pixels * light[:, :, None]
    channel = np.roll(light, (2, -1), axis=(0, 1)) * made.infrared
    one = Picture(pixels, ScanInfo("tiff", 512, 512, 16, 4), channel.astype(np.uint16))
    nothing = Marks(np.zeros((512, 512), np.uint8), np.zeros((512, 512), bool), {})
    marks, told = step.with_infrared(Frame("x", one, one), nothing, np.zeros((512, 512), bool))
    assert told["infrared"] == "used"
    assert face_parts(face, (512, 512))[108, 205]
    assert marks.codes[108, 205] == MASK_CODES[DamageKind.DUST]
    outside = np.ones((512, 512), bool)
    assert not step.with_infrared(Frame("x", one, one), nothing, outside)[0].codes.any()


# -- reading ----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def decoder():
    with Decoder(DecodeLimits()) as decoder:
        yield decoder


def tiff(samples: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_the_channel_comes_with_the_picture(decoder, planar, kind):
    rng = np.random.default_rng(0)
    samples = rng.integers(0, np.iinfo(kind).max, (40, 50, 4)).astype(kind)
    given = samples if planar == "contig" else np.ascontiguousarray(samples.transpose(2, 0, 1))
    data = tiff(given, photometric="rgb", planarconfig=planar, extrasamples=["unspecified"])
    read = decoder.decode(data, "x")
    assert np.array_equal(read.extra, samples[:, :, 3])
    assert read.extra.dtype == kind
    assert np.array_equal(np.rint(read.pixels * np.iinfo(kind).max), samples[:, :, :3])
    turned = tiff(given, photometric="rgb", planarconfig=planar, extrasamples=["unspecified"],
                  extratags=[(274, "H", 1, 6, True)])  # fmt: skip
    assert np.array_equal(decoder.decode(turned, "x").extra, np.rot90(samples[:, :, 3], -1))


def test_alpha_is_no_extra_channel(decoder):
    rng = np.random.default_rng(0)
    samples = rng.integers(1, 65535, (40, 50, 4)).astype(np.uint16)
    assert decoder.decode(tiff(samples, photometric="rgb", extrasamples=["unassalpha"]), "x").extra is None
    assert decoder.decode(tiff(samples[:, :, :3], photometric="rgb"), "x").extra is None
    five = np.concatenate([samples, samples[:, :, :1]], axis=2)
    both = decoder.decode(tiff(five, photometric="rgb", extrasamples=["unassalpha", "unspecified"]), "x")
    assert np.array_equal(both.extra, five[:, :, 4])
    gray = tiff(np.ascontiguousarray(samples[:, :, :2]), photometric="minisblack", planarconfig="contig",
                extrasamples=["unspecified"])  # fmt: skip
    assert np.array_equal(decoder.decode(gray, "x").extra, samples[:, :, 1])


@pytest.mark.skipif(not CASES.is_dir(), reason="no collection of cases beside the project")
def test_a_slide_with_infrared_from_outside(decoder):
    scan = decoder.decode((CASES / "slide-rgbi-64bit.tif").read_bytes(), "x")
    plain = decoder.decode((CASES / "slide-rgb-48bit-reference.tif").read_bytes(), "x")
    assert np.array_equal(scan.pixels, plain.pixels)
    assert plain.extra is None
    assert dust_of(scan.extra, scan.pixels).use == "used"
