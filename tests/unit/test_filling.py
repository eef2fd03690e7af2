"""Filling: diffusion, the inpainting net's way round, grain that is put back, and nothing changed outside the mask."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from restoration.models.nets import house_inpainter
from restoration.photo import grain
from restoration.photo.boxes import grown, inside, numbered, places
from restoration.photo.diffusion import pushed_and_pulled
from restoration.photo.grain import with_grain
from restoration.steps.filling import fill, wide_places
from restoration.steps.inpainters import house_way
from tests.unit.picture_maker import gray, photograph


def disc(shape, centre, radius):
    canvas = np.zeros(shape, np.uint8)
    cv2.circle(canvas, centre, radius, 1, -1)
    return canvas > 0


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 70), st.integers(5, 70), st.floats(0.05, 0.95), st.integers(0, 99))
def test_diffusion_keeps_what_is_known_and_stays_within_it(height, width, tone, seed):
    rng = np.random.default_rng(seed)
    picture = (tone + rng.uniform(-0.05, 0.05, (height, width, 3))).astype(np.float32)
    mask = rng.random((height, width)) < 0.4
    filled = pushed_and_pulled(picture, mask)
    assert np.array_equal(filled[~mask], picture[~mask])
    if (~mask).any():
        assert filled.min() >= picture[~mask].min() - 1e-4
        assert filled.max() <= picture[~mask].max() + 1e-4


def test_diffusion_of_nothing_known_is_middle_gray():
    assert np.allclose(pushed_and_pulled(np.zeros((9, 7), np.float32), np.ones((9, 7), bool)), 0.5)


def test_diffusion_continues_a_ramp():
    ramp = np.repeat(np.linspace(0, 1, 64, dtype=np.float32)[None], 64, axis=0)
    mask = disc((64, 64), (32, 32), 12)
    assert np.abs(pushed_and_pulled(ramp, mask) - ramp)[mask].max() < 0.12


@pytest.mark.parametrize("cell", [0, 50])
def test_places_hold_all_of_a_mask(cell):
    mask = disc((200, 300), (40, 40), 15) | disc((200, 300), (250, 150), 30)
    covered = np.zeros(mask.shape, bool)
    for box in places(mask, cell):
        covered[box] = True
    assert (covered | ~mask).all()
    around = grown((slice(0, 10), slice(290, 300)), 20, mask.shape)
    assert around == (slice(0, 30), slice(270, 300))
    assert inside((slice(0, 10), slice(290, 300)), around, (30, 30)).sum() == 100


def test_thin_and_wide_are_told_apart():
    mask = disc((200, 200), (60, 60), 20)
    mask[150, 10:190] = True
    wide = wide_places(mask)
    assert wide[60, 60]
    assert not wide[150].any()


class Darker(torch.nn.Module):
    """Stands for an inpainting net: it makes holes darker by a tenth of the range, and remembers what it saw."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, given):
        self.seen.append(tuple(given.shape))
        return given[:, :3] - 0.2 * given[:, 3:]


@pytest.mark.parametrize("radius", [20, 90])
def test_wide_holes_go_through_the_net_and_nothing_else_changes(radius):
    pixels = gray(photograph("astronaut"))
    hole = disc(pixels.shape[:2], (200, 260), radius)
    thin = np.zeros_like(hole)
    thin[20:23, 30:400] = True
    net = Darker()
    filled = fill(pixels, hole | thin, method=cv2.INPAINT_TELEA, inpainter=house_way(net))
    assert np.array_equal(filled.by_net, hole)
    assert np.array_equal(filled.pixels[~(hole | thin)], pixels[~(hole | thin)])
    without = fill(pixels, hole | thin, method=cv2.INPAINT_TELEA)
    assert not without.by_net.any()
    assert (without.pixels - filled.pixels)[hole].mean() == pytest.approx(0.1, abs=0.03)
    assert np.ptp(filled.pixels, axis=2).max() == 0
    (seen,) = net.seen
    assert seen[:2] == (1, 4)
    assert max(seen[2:]) <= 256
    assert not any(side % 8 for side in seen[2:])


def test_a_fresh_net_changes_nothing_about_diffusion():
    net = house_inpainter.build().eval()
    given_ = torch.rand(1, 4, 64, 48) * 2 - 1
    given_[:, 3:] = (given_[:, 3:] > 0).float()
    with torch.no_grad():
        assert torch.equal(net(given_), given_[:, :3])


def test_the_net_changes_holes_alone():
    torch.manual_seed(3)
    net = house_inpainter.build().eval()
    torch.nn.init.normal_(net.head.weight, std=0.1)
    given_ = torch.rand(2, 4, 64, 64) * 2 - 1
    given_[:, 3:] = 0
    given_[:, 3:, 20:40, 20:40] = 1
    with torch.no_grad():
        made = net(given_)
    same = given_[:, 3:].expand(-1, 3, -1, -1) == 0
    assert torch.equal(made[same], given_[:, :3][same])
    assert not torch.equal(made, given_[:, :3])


def test_grain_is_borrowed_for_what_was_filled_smoothly():
    rng = np.random.default_rng(1)
    noisy = np.repeat((0.5 + rng.normal(0, 0.03, (160, 160))).astype(np.float32)[:, :, None], 3, axis=2)
    mask = disc((160, 160), (80, 80), 18)
    smooth = noisy.copy()
    smooth[mask] = 0.5
    grained = with_grain(smooth, mask)
    assert np.array_equal(grained[~mask], noisy[~mask])
    assert 0.4 < grained[mask].std() / noisy[~mask].std() < 1.1
    assert np.array_equal(with_grain(smooth, mask), grained)


def test_a_smooth_picture_gets_no_grain():
    flat = np.full((60, 60, 3), 0.4, np.float32)
    mask = disc((60, 60), (30, 30), 8)
    assert np.allclose(with_grain(flat, mask), flat)


@given(seed=st.integers(0, 999), height=st.integers(20, 90), width=st.integers(20, 90), share=st.floats(0, 0.6))
@settings(deadline=None, max_examples=40)
def test_grain_is_that_of_the_nearest_known_place_of_four_ways(seed, height, width, share):
    rng = np.random.default_rng(seed)
    rest = rng.normal(0, 1, (height, width)).astype(np.float32)
    mask = rng.random((height, width)) < share
    unknown = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    wanted, asking = np.zeros((height, width), np.float32), mask.copy()
    for shift in grain._SHIFTS:
        there = np.roll(~unknown, shift, axis=(0, 1))
        take = asking & there
        wanted[take] = np.roll(rest, shift, axis=(0, 1))[take]
        asking &= ~there
    assert np.array_equal(grain._borrowed(rest, unknown, mask), wanted)


@given(seed=st.integers(0, 999), height=st.integers(1, 60), width=st.integers(1, 60))
@settings(deadline=None, max_examples=30)
def test_places_are_numbered_and_boxed(seed, height, width):
    mask = np.random.default_rng(seed).random((height, width)) < 0.2
    labels, boxes = numbered(mask)
    assert np.array_equal(labels > 0, mask)
    assert labels.max() == len(boxes) - 1
    for number, (left, top, across, down, area) in enumerate(boxes):
        inside_box = labels[top : top + down, left : left + across] == number
        assert inside_box.sum() == area == (labels == number).sum()
