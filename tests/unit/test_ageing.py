"""Ageing: the same seed gives the same damage, and each kind does what its name says."""

from __future__ import annotations

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restoration.synthetic.ageing import ORTHOCHROMATIC, AgeingPlan, age, random_plan
from restoration.synthetic.demo_collection import ORIGINS, SCANS, build, read_origin

STRENGTHS = [f.name for f in fields(AgeingPlan) if isinstance(f.default, float)]


@pytest.fixture(scope="module")
def photo():
    small = cv2.resize(read_origin("astronaut"), (160, 160), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small)


@given(seed=st.integers(0, 2**31), severity=st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_any_plan_keeps_shape_range_and_gray(photo, seed, severity):
    plan = random_plan(np.random.default_rng(seed), severity=severity)
    aged = age(photo, plan, seed)
    assert aged.pixels.shape == photo.shape
    assert aged.pixels.dtype == np.float32
    assert 0 <= aged.pixels.min() <= aged.pixels.max() <= 1
    if plan.jpeg == 0:
        assert np.ptp(aged.pixels, axis=2).max() < 1e-5


def test_same_seed_same_pixels_other_seed_other_damage(photo):
    plan = AgeingPlan(scratches=0.5, dust=0.5, grain=0.5)
    first, again, other = age(photo, plan, 1), age(photo, plan, 1), age(photo, plan, 2)
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.damage, again.damage)
    assert not np.array_equal(first.damage, other.damage)


@pytest.mark.parametrize("name", STRENGTHS)
def test_every_strength_changes_the_picture(photo, name):
    untouched = age(photo, AgeingPlan(), 5).pixels
    aged = age(photo, replace(AgeingPlan(), **{name: 0.8}), 5).pixels
    assert np.abs(aged - untouched).mean() > 5e-4


@pytest.mark.parametrize("name", ["scratches", "dust", "crease"])
def test_handling_is_where_the_mask_says(photo, name):
    clean = age(photo, AgeingPlan(), 9).pixels
    hurt = age(photo, replace(AgeingPlan(), **{name: 0.5}), 9)
    change = np.abs(hurt.pixels - clean).max(axis=2)
    assert 0 < hurt.damage.mean() < 0.3
    assert change[hurt.damage].mean() > 4 * change[~hurt.damage].mean()


def test_fading_narrows_the_range(photo):
    def spread(pixels):
        return np.subtract(*np.percentile(pixels, [98, 2]))

    faded = [spread(age(photo, AgeingPlan(fade=1.0), seed).pixels) for seed in range(6)]
    fresh = spread(age(photo, AgeingPlan(), 3).pixels)
    assert max(faded) < fresh
    assert np.mean(faded) < 0.8 * fresh


def test_orthochromatic_film_darkens_red():
    red = np.zeros((8, 8, 3), dtype=np.float32)
    red[..., 0] = 1.0
    assert age(red, AgeingPlan(response=ORTHOCHROMATIC), 0).pixels.mean() < 0.1
    assert age(red, AgeingPlan(), 0).pixels.mean() > 0.25


@pytest.mark.parametrize(("tint", "warm"), [("sepia", True), ("yellowed", True), ("cyanotype", False)])
def test_tints_have_their_colour(photo, tint, warm):
    mean = age(photo, AgeingPlan(tint=tint), 0).pixels.mean(axis=(0, 1))
    assert bool(mean[0] > mean[2]) is warm


def test_demo_collection_is_reproducible_and_complete(tmp_path):
    first, second = build(tmp_path / "one"), build(tmp_path / "two")
    assert [p.relative_to(tmp_path / "one") for p in first] == [p.relative_to(tmp_path / "two") for p in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))
    scans = [p for p in first if p.suffix == ".jpg"]
    assert len(scans) == len(SCANS) + 2
    assert {name for name, _ in SCANS} == set(ORIGINS)
    assert len(list((tmp_path / "one" / "truth").glob("*.png"))) == len(SCANS)
