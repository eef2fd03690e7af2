"""Repair: finds damage that code has made, leaves clean photographs alone, changes masked pixels only."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from restoration.damage_kinds import MASK_CODES, DamageKind, Mending
from restoration.errors import ReasonCode
from restoration.models.loading import LoadedModels
from restoration.photo.colour import luminance_y
from restoration.photo.damage import find_damage
from restoration.quality.metrics import ssim_y
from restoration.steps.filling import fill
from restoration.steps.parameters import Repair
from restoration.steps.protocol import Frame
from restoration.steps.repair import Step, mask_at_size, reduce_grain
from restoration.synthetic.ageing import grain
from tests.unit.picture_maker import gray, photograph, picture


def scratched(pixels, seed, lines=5, specks=12):
    """White scratches of 2-3 pixels and specks of 3-6 pixels, with their mask."""
    rng = np.random.default_rng(seed)
    height, width = pixels.shape[:2]
    cover = np.zeros((height, width), np.uint8)
    for _ in range(lines):
        start = rng.uniform(0.1, 0.9, 2) * (width, height)
        angle = rng.uniform(0, np.pi)
        end = start + np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(0.2, 0.5) * width
        cv2.line(cover, np.int32(start).tolist(), np.int32(end).tolist(), 255, int(rng.integers(2, 4)), cv2.LINE_AA)
    for _ in range(specks):
        cv2.circle(
            cover, rng.integers(8, (width - 8, height - 8)).tolist(), int(rng.integers(1, 3)), 255, -1, cv2.LINE_AA
        )
    alpha = cover[:, :, None].astype(np.float32) / 255
    return pixels * (1 - alpha) + np.float32(0.97) * alpha, cover > 60


CLASSIC = {"finder": "", "inpainter": "", "detector": ""}


@cache
def house_models():
    return LoadedModels(device="cpu", threads=1)


def run(pixels, **parameters):
    """Without nets, unless the parameters name them."""
    one = picture(pixels)
    frame = Frame("x", one, one)
    return Step().apply(frame, Repair(**{**CLASSIC, **parameters}), house_models()), frame


def run_with_nets(pixels, **parameters):
    one = picture(pixels)
    frame = Frame("x", one, one)
    return Step().apply(frame, Repair(**parameters), house_models()), frame


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "china", "flower"])
def test_clean_photographs_are_left_alone(name):
    clean = gray(photograph(name))
    outcome, frame = run(clean)
    assert frame.notes["repair"]["damage_share"] < 0.002
    assert ssim_y(clean, outcome.picture.pixels) >= 0.99


def test_precision_and_recall_on_made_damage():
    hit = found = real = marked = 0
    for name in ("astronaut", "chelsea", "coffee", "flower"):
        for seed in range(2):
            aged, truth = scratched(gray(photograph(name)), seed)
            mask = find_damage(luminance_y(aged), 0.5).whole
            assert mask.shape == truth.shape
            near = np.ones((3, 3), np.uint8)
            hit += (mask & (cv2.dilate(truth.astype(np.uint8), near) > 0)).sum()
            found += mask.sum()
            real += (truth & (cv2.dilate(mask.astype(np.uint8), near) > 0)).sum()
            marked += truth.sum()
    # The detector is tuned to leave clean pictures alone: it misses marks that touch busy textures.
    assert hit / found >= 0.72
    assert real / marked >= 0.35


def test_repair_brings_a_scratched_photograph_nearer_to_the_truth():
    clean = gray(photograph("astronaut"))
    aged, _ = scratched(clean, 1)
    outcome, _ = run(aged)
    assert outcome.status == "applied"
    kinds = {record.kind: record for record in outcome.damage}
    assert kinds[DamageKind.SCRATCH].mended_share > 0
    assert kinds[DamageKind.SCRATCH].mending is Mending.SURROUNDINGS
    assert outcome.model is None
    assert set(np.unique(outcome.mask)) <= {0, *MASK_CODES.values()}
    assert np.array_equal(outcome.mask > 0, np.any(outcome.picture.pixels != aged, axis=2) | (outcome.mask > 0))
    before, after = np.square(aged - clean).mean(), np.square(outcome.picture.pixels - clean).mean()
    assert after < 0.6 * before


METHODS = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}


@pytest.mark.parametrize("method", ["telea", "navier-stokes"])
@pytest.mark.parametrize("neutral", [True, False])
def test_only_masked_pixels_change(method, neutral):
    photo = photograph("coffee")
    pixels = gray(photo) if neutral else photo
    pixels = np.rint(pixels * 65535 + 0.3) / np.float32(65535)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[100:104, 50:300] = True
    filled = fill(pixels, mask, method=METHODS[method]).pixels
    assert np.array_equal(filled[~mask], pixels[~mask])
    assert filled.min() >= 0
    assert filled.max() <= 1
    around = pixels[96:108, 50:300]
    assert np.abs(filled[mask].mean() - around.mean()) < 0.05
    assert np.abs(np.diff(filled[100:104, 50:300], axis=1)).mean() < 0.05
    if neutral:
        assert np.ptp(filled, axis=2).max() == 0


def test_an_empty_mask_gives_the_same_array():
    pixels = gray(photograph("coffee"))
    assert fill(pixels, np.zeros(pixels.shape[:2], bool), method=cv2.INPAINT_TELEA).pixels is pixels


def test_too_much_damage_is_left_to_a_person():
    aged, _ = scratched(gray(photograph("astronaut")), 4)
    outcome, frame = run(aged, max_share=0.001)
    assert (outcome.status, outcome.reason) == ("left_alone", ReasonCode.HEAVY_DAMAGE)
    assert outcome.picture is frame.source
    assert frame.notes["repair"]["damage_share"] > 0.001


def test_sensitivity_is_monotone_and_zero_finds_nothing():
    aged, _ = scratched(gray(photograph("flower")), 2)
    shares = [find_damage(luminance_y(aged), s).whole.mean() for s in (0.0, 0.3, 0.6, 0.9)]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[-1] > shares[1]


def test_grain_is_reduced_where_it_is_strong_and_colour_is_kept():
    clean = photograph("coffee")
    noisy = grain(clean, 1.0, np.random.default_rng(0))
    outcome, _ = run(noisy, denoise=1.0, sensitivity=0.0)
    assert outcome.detail["grain_reduced"]
    assert np.square(outcome.picture.pixels - clean).mean() < 0.8 * np.square(noisy - clean).mean()
    assert not run(clean, denoise=1.0, sensitivity=0.0)[0].detail["grain_reduced"]
    smooth = reduce_grain(np.clip(noisy, 0.2, 0.8), 10, 1.0) - np.clip(noisy, 0.2, 0.8)
    assert np.ptp(smooth, axis=2).max() < 1e-5


def test_masks_grow_with_the_scan():
    small = np.zeros((50, 40), bool)
    small[25, 10:30] = True
    large = mask_at_size(small, 500, 400)
    assert large.shape == (500, 400)
    assert large[255, 150]
    assert 0.02 < large.mean() < 0.12


@pytest.mark.photos
def test_real_prints(photos_folder):
    """A cracked print is found cracked; sound portraits of the same age are not."""

    def share(name):
        pixels = cv2.imread(str(photos_folder / "old" / name))[:, :, ::-1].astype(np.float32) / 255
        return find_damage(luminance_y(np.ascontiguousarray(pixels)), 0.5).whole.mean()

    assert share("bop_old_w_scratch_b.jpg") > 0.02
    assert share("bop_old_w_scratch_d.jpg") > 0.01
    assert share("deo_WaltWhitman.jpg") < 0.001
    assert share("solvay_1927.jpg") < 0.002


def test_noise_is_that_of_the_picture_and_not_of_what_lies_round_it():
    noisy = np.clip(gray(photograph("astronaut")) + np.random.default_rng(5).normal(0, 0.05, (512, 512, 1)), 0, 1)
    bordered = np.pad(noisy, ((150, 150), (150, 150), (0, 0)), constant_values=0.95).astype(np.float32)
    frames = [Frame("x", scan, scan) for scan in (picture(noisy.astype(np.float32)), picture(bordered))]
    frames[1].notes["triage"] = {"picture_box": [150 / 812] * 4}
    whole, inner = (Step().apply(frame, Repair(denoise=0.0), None).detail["noise"] for frame in frames)
    assert inner == pytest.approx(whole, rel=0.1)
    assert inner > 5
