"""Colour science against scikit-image, and the rule that luminance is sacred."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import lab2rgb, rgb2lab

from restoration.photo import colour
from tests.unit.picture_maker import gray, integers, photograph, smaller


@pytest.fixture(scope="module")
def rgb():
    return np.random.default_rng(0).random((64, 80, 3), dtype=np.float32)


def test_lab_equals_scikit_image(rgb):
    lab = colour.rgb_to_lab(rgb)
    assert np.abs(lab - rgb2lab(rgb.astype(np.float64))).max() < 1e-3
    assert np.abs(colour.lightness(rgb) - lab[:, :, 0]).max() < 1e-4
    assert np.abs(colour.lab_to_rgb(lab) - lab2rgb(lab.astype(np.float64))).max() < 1e-4


def test_transfer_curve_and_back(rgb):
    assert np.abs(colour.linear_to_srgb(colour.srgb_to_linear(rgb)) - rgb).max() < 1e-6
    assert colour.srgb_to_linear(np.float32([0.5]))[0] == pytest.approx(0.21404114, abs=1e-6)


def test_luminance_y_is_bt601():
    primaries = np.eye(3, dtype=np.float32)[None]
    assert colour.luminance_y(primaries)[0] == pytest.approx([0.299, 0.587, 0.114], abs=1e-6)


def test_gray_from_lightness_keeps_lightness(rgb):
    wanted = colour.lightness(rgb)
    neutral = colour.gray_from_lightness(wanted)
    assert np.ptp(neutral, axis=2).max() == 0
    assert np.abs(colour.lightness(neutral) - wanted).max() < 1e-3


LUMINANCE = st.one_of(st.floats(0, 100, width=32), st.sampled_from([0.0, 100.0, 0.01, 99.99]))
CHROMA = st.floats(-128, 128, width=32)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(LUMINANCE, CHROMA, CHROMA), min_size=1, max_size=40), st.sampled_from([8, 16]))
def test_luminance_survives_any_chroma(colours, bits):
    lab = np.array(colours, np.float32)[None]
    kept = colour.keep_luminance(lab[:, :, 0], lab[:, :, 1:], bits=bits)
    assert kept.min() >= 0
    assert kept.max() <= 1
    levels = 2**bits - 1
    assert np.abs(kept * np.float32(levels) - np.rint(kept * np.float32(levels))).max() < 0.01
    change = np.abs(rgb2lab(kept.astype(np.float64))[:, :, 0] - lab[:, :, 0])
    assert change.max() <= (0.5 if bits == 8 else 0.002)


@pytest.mark.parametrize(("bits", "mean"), [(8, 0.15), (16, 0.002)])
def test_mean_change_of_a_whole_photograph(bits, mean):
    photo = smaller(photograph("coffee"), 300)
    lab = colour.rgb_to_lab(photo)
    kept = colour.keep_luminance(lab[:, :, 0], lab[:, :, 1:] * np.float32(2.5), bits=bits)
    assert np.abs(rgb2lab(kept.astype(np.float64))[:, :, 0] - lab[:, :, 0]).mean() <= mean


@settings(max_examples=80, deadline=None)
@given(LUMINANCE, CHROMA, CHROMA)
def test_out_of_gamut_is_cured_by_chroma_alone(luminance, a, b):
    """Hue stays, chroma never grows, and colours that sRGB holds are left alone."""
    lab = np.array([[[luminance, a, b]]], np.float32)
    kept = rgb2lab(colour.keep_luminance(lab[:, :, 0], lab[:, :, 1:], bits=16).astype(np.float64))[0, 0]
    wanted, found = np.hypot(a, b), np.hypot(kept[1], kept[2])
    assert found <= wanted + 0.3
    if found > 5:
        turn = np.angle(np.exp(1j * (np.arctan2(kept[2], kept[1]) - np.arctan2(b, a))))
        assert abs(turn) * found < 0.3
    if np.abs(colour.rgb_to_lab(colour.lab_to_rgb(lab)) - lab).max() < 1e-3:
        assert found == pytest.approx(wanted, abs=0.3)


def test_no_chroma_gives_the_gray_scan_exactly():
    scan = np.round(gray(photograph("chelsea")) * 255) / np.float32(255)
    kept = colour.keep_luminance(colour.lightness(scan), np.zeros((*scan.shape[:2], 2), np.float32))
    assert np.array_equal(integers(kept), integers(scan))


def test_upsampled_chroma_follows_the_scan():
    """On a hard edge of the scan the guided chroma is nearer to the truth than plain enlargement."""
    import cv2

    lab = colour.rgb_to_lab(photograph("flower"))
    height, width = lab.shape[:2]
    small = np.asarray(cv2.resize(lab, (width // 8, height // 8), interpolation=cv2.INTER_AREA), np.float32)
    guided = colour.upsample_chroma(small[:, :, 1:], small[:, :, 0], lab[:, :, 0])
    plain = cv2.resize(small[:, :, 1:], (width, height), interpolation=cv2.INTER_LINEAR)
    assert guided.shape == (height, width, 2)
    edges = cv2.morphologyEx(lab[:, :, 0], cv2.MORPH_GRADIENT, np.ones((5, 5))) > 30
    assert np.abs(guided - lab[:, :, 1:])[edges].mean() < np.abs(plain - lab[:, :, 1:])[edges].mean()


def test_upsampling_in_strips_leaves_no_seams():
    flat = np.full((20, 30, 2), (12.0, -7.0), np.float32)
    full = colour.upsample_chroma(flat, np.full((10, 15), 50, np.float32), np.full((1500, 900), 50, np.float32))
    assert np.abs(full - (12.0, -7.0)).max() < 1e-4
