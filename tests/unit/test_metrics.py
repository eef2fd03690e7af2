"""Metrics against scikit-image and the published CIEDE2000 table; gates."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from restoration.damage_kinds import MASK_CODES, DamageKind
from restoration.engine.recipe import ReviewRules, load_recipe
from restoration.errors import ReasonCode
from restoration.photo.colour import luminance_y
from restoration.photo.masks import doubtful_fill
from restoration.quality import metrics
from restoration.quality.gates import review_detail, review_reason
from restoration.steps import measure
from restoration.steps.parameters import Measure
from restoration.steps.protocol import Frame
from tests.unit.picture_maker import gray, photograph, picture, smaller

SHARMA = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425
50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412
50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000
50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669
50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0010 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0012 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0010 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461
50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492
50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030
50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000
50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000
50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""
"""Sharma, Wu and Dalal (2005), table 1: L a b, L a b, difference."""


@pytest.fixture(scope="module")
def pair():
    first = smaller(photograph("coffee"), 200)
    noise = np.random.default_rng(3).normal(0, 0.05, first.shape)
    return first, np.clip(first + noise, 0, 1).astype(np.float32)


def test_ciede2000_gives_all_34_published_differences():
    table = np.array([[float(n) for n in line.split()] for line in SHARMA.split("\n") if line])
    assert len(table) == 34
    found = metrics.ciede2000(table[:, 0:3], table[:, 3:6])
    assert np.abs(found - table[:, 6]).max() < 1e-4
    assert metrics.ciede2000(table[:, 3:6], table[:, 0:3]) == pytest.approx(found, abs=1e-9)


def test_delta_e00_equals_scikit_image(pair):
    theirs = deltaE_ciede2000(*(rgb2lab(p.astype(np.float64)) for p in pair)).mean()
    assert metrics.delta_e00(*pair) == pytest.approx(theirs, abs=1e-3)


def test_psnr_equals_scikit_image(pair):
    first, second = (p.astype(np.float64) for p in pair)
    assert metrics.psnr(*pair) == pytest.approx(peak_signal_noise_ratio(first, second, data_range=1), abs=1e-4)
    assert metrics.psnr(pair[0], pair[0]) == 100


def test_ssim_equals_scikit_image(pair):
    theirs = structural_similarity(
        *(luminance_y(p).astype(np.float64) for p in pair),
        data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip
    assert metrics.ssim_y(*pair) == pytest.approx(theirs, abs=1e-4)
    assert metrics.ssim_y(pair[0], pair[0]) == pytest.approx(1)


def test_colourfulness_by_its_two_definitions(pair):
    r, g, b = (pair[0].astype(np.float64) * 255).transpose(2, 0, 1)
    for found, (rg, yb) in (
        (metrics.colourfulness_hs(pair[0]), (r - g, 0.5 * (r + g) - b)),
        (metrics.colourfulness_abs(pair[0]), (abs(r - g), abs(0.5 * (r + g) - b))),
    ):
        assert found == pytest.approx(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()), abs=1e-3)
    assert metrics.colourfulness_hs(gray(pair[0])) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("sigma", [2.0, 8.0, 20.0])
def test_noise_is_measured(sigma):
    flat = np.full((256, 256, 1), 0.5) + np.random.default_rng(0).normal(0, sigma / 255, (256, 256, 1))
    noisy = np.repeat(flat, 3, axis=2).astype(np.float32)
    assert metrics.noise_immerkaer(noisy) == pytest.approx(sigma, rel=0.05)
    assert metrics.flat_noise(noisy) == pytest.approx(sigma, rel=0.15)


def test_sharpness_falls_with_blur_and_contrast_with_fading(pair):
    photo = photograph("china")
    assert metrics.sharpness(cv2.GaussianBlur(photo, (0, 0), 3)) < 0.5 * metrics.sharpness(photo)
    faded = photo * np.float32(0.5) + np.float32(0.25)
    assert metrics.contrast_rms(faded) == pytest.approx(metrics.contrast_rms(photo) / 2, rel=1e-3)
    assert metrics.contrast_michelson(faded) < metrics.contrast_michelson(photo)
    assert metrics.contrast_michelson(np.zeros_like(photo)) == 0


def test_luminance_and_chroma_of_known_colours():
    red = np.full((8, 8, 3), (1, 0, 0), np.float32)
    assert metrics.mean_luminance(red) == pytest.approx(53.24, abs=0.01)
    assert metrics.mean_chroma(red) == pytest.approx(104.55, abs=0.05)


def test_every_metric_is_within_its_range(pair):
    from restoration.steps.measure import _PAIR, _SINGLE

    assert set(_PAIR) | set(_SINGLE) == set(metrics.METRICS)
    for photo in (*pair, np.zeros_like(pair[0]), np.ones_like(pair[0])):
        values = {n: f(photo) for n, f in _SINGLE.items()} | {n: f(pair[0], photo) for n, f in _PAIR.items()}
        for name, value in values.items():
            assert metrics.METRICS[name].low - 1e-6 <= value <= metrics.METRICS[name].high, name


# -- gates ------------------------------------------------------------------------------------------------------------
def face(action, identity=None, reason=None):
    return SimpleNamespace(action=action, identity=identity, reason=reason)


def ssim(value, stage="pair"):
    return SimpleNamespace(metric="ssim_y", stage=stage, value=value)


@pytest.mark.parametrize(
    ("notes", "measured", "faces", "expected"),
    [
        ({}, [], [], None),
        ({"colorize": {"max_dl": 0.4}, "repair": {"damage_share": 0.08}}, [ssim(0.6)], [face("restored", 0.5)], None),
        ({"colorize": {"max_dl": 0.6}}, [], [], ReasonCode.LUMINANCE_CHANGED),
        ({"repair": {"damage_share": 0.081}}, [], [], ReasonCode.HEAVY_DAMAGE),
        ({}, [ssim(0.59)], [], ReasonCode.QUALITY_FELL),
        ({}, [ssim(0.1, "source")], [], None),
        ({}, [], [face("restored", 0.9), face("blended", 0.49)], ReasonCode.IDENTITY_LOW),
        ({}, [], [face("left_alone", 0.1)], None),
        ({"colorize": {"max_dl": 9}}, [ssim(0)], [face("restored", 0.0)], ReasonCode.LUMINANCE_CHANGED),
        ({}, [ssim(0)], [face("restored", 0.0)], ReasonCode.IDENTITY_LOW),
    ],
)
def test_review_reason(notes, measured, faces, expected):
    assert review_reason(ReviewRules(), notes, measured, faces) == expected


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (np.zeros(200), ReasonCode.QUALITY_FELL),
        (np.ones(200), ReasonCode.QUALITY_FELL),
        (np.repeat([0.0, 1.0], 100), ReasonCode.QUALITY_FELL),
        (np.r_[np.zeros(199), 1.0], ReasonCode.QUALITY_FELL),
        (np.linspace(0, 1, 200), None),
        (np.linspace(0.4, 0.5, 200), None),
    ],
)
def test_a_picture_of_a_few_tones_is_never_plainly_restored(levels, expected):
    pixels = np.broadcast_to(levels[None, :, None], (50, 200, 3)).astype(np.float32)
    assert review_reason(ReviewRules(), {}, [], [], metrics.tones(pixels)) == expected


def test_specks_of_dust_are_no_tones():
    dusty = np.ones((100, 100, 3), np.float32)
    dusty[::20, ::20] = np.linspace(0, 0.9, 25, dtype=np.float32).reshape(5, 5, 1)
    assert metrics.tones(dusty) == 1
    assert metrics.tones(photograph("china")) > 100


@pytest.mark.parametrize("size", [(20, 16000), (16000, 20), (40, 6000), (1, 3000)])
def test_long_and_narrow_photographs_are_measured(size):
    strip = np.random.default_rng(0).random((*size, 3), np.float32)
    frame = Frame("panorama", picture(strip), picture(strip))
    found = measure.Step().apply(frame, Measure(), None)
    assert {one.metric for one in found.measurements} == set(metrics.METRICS)
    assert all(np.isfinite(one.value) for one in found.measurements)
    assert metrics.sharpness(strip) >= 0


def test_too_many_faces_left_alone():
    rules = ReviewRules(faces_left_alone_above=1)
    assert review_reason(rules, {}, [], [face("left_alone")]) is None
    assert review_reason(rules, {}, [], [face("left_alone")] * 2) == ReasonCode.FACES_LEFT_ALONE
    needless = face("left_alone", reason=ReasonCode.NOT_NEEDED)
    assert review_reason(rules, {}, [], [face("left_alone"), needless, needless]) is None


def test_squared_error_and_agreement_of_channels_by_hand():
    first = np.array([[[0.1, 0.5, 0.2], [0.9, 0.3, 0.3]], [[0.4, 0.4, 0.1], [0.0, 0.0, 0.0]]], np.float32)
    second = np.array([[[0.1, 0.7, 0.2], [0.2, 0.3, 0.3]], [[0.3, 0.4, 0.1], [0.0, 0.0, 0.0]]], np.float32)
    assert metrics.mean_squared_error(first, second) == pytest.approx((0.2**2 + 0.7**2 + 0.1**2) / 12, abs=1e-7)
    assert metrics.channel_agreement(first, second) == 0.5  # of equal channels the first counts
    assert metrics.channel_agreement(first, first) == 1
    assert metrics.psnr(first, second) == pytest.approx(-10 * np.log10(metrics.mean_squared_error(first, second)))


class TestDoubtfulFills:
    """A place that was filled may have been a thing, unless it is as long as only damage is."""

    def mask(self, *places: tuple[slice, slice]) -> np.ndarray:
        mask = np.zeros((600, 480), np.uint8)
        for place in places:
            mask[place] = MASK_CODES[DamageKind.HOLE]
        return mask

    def test_the_largest_compact_place_counts_and_long_marks_do_not(self):
        speck, button, scratch = np.s_[10:14, 10:14], np.s_[300:312, 200:212], np.s_[100:400, 50:52]
        assert doubtful_fill(self.mask(speck, button, scratch)) == pytest.approx(144 / (600 * 480))
        assert doubtful_fill(self.mask(scratch)) == 0.0
        assert doubtful_fill(self.mask()) == 0.0

    def test_nothing_is_doubtful_about_a_photograph_that_is_damaged_all_over(self):
        marks = [np.s_[10 + 20 * row : 20 + 20 * row, 10:40] for row in range(25)]
        assert doubtful_fill(self.mask(*marks[:5])) == pytest.approx(300 / (600 * 480))
        assert doubtful_fill(self.mask(*marks)) == 0.0

    def test_a_corrected_stain_is_no_fill(self):
        mask = np.zeros((600, 480), np.uint8)
        mask[100:200, 100:200] = MASK_CODES[DamageKind.STAIN]
        assert doubtful_fill(mask) == 0.0

    def test_a_large_scan_says_the_same(self):
        small = doubtful_fill(self.mask(np.s_[300:312, 200:212]))
        large = cv2.resize(self.mask(np.s_[300:312, 200:212]), (3840, 4800), interpolation=cv2.INTER_NEAREST)
        assert doubtful_fill(large) == pytest.approx(small, rel=0.15)

    @pytest.mark.parametrize(("fill", "asked"), [(0.0002, False), (0.0005, True)])
    def test_a_person_looks_where_the_recipe_says_so(self, fill, asked):
        shipped = load_recipe("memorial-portrait").review
        reason = ReasonCode.DOUBTFUL_FILL if asked else None
        assert review_reason(shipped, {}, [], [], 256, fill) == reason
        assert review_reason(ReviewRules(), {}, [], [], 256, fill) is None
        assert ("button" in review_detail(reason, {})) == asked
