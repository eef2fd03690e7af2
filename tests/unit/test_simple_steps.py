"""Grade, upscale, measure, and the ESPCN net."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from restoration.errors import PhotoFailed, ReasonCode
from restoration.models.files import Registry, file_sha256
from restoration.models.loading import LoadedModels
from restoration.models.nets import espcn
from restoration.photo.colour import lightness, rgb_to_lab
from restoration.quality.metrics import METRICS
from restoration.steps import grade, measure, upscale
from restoration.steps.parameters import Grade, Measure, Upscale
from restoration.steps.protocol import Frame
from tests.unit.picture_maker import gray, photograph, picture, smaller
from tests.unit.standins import entry_text


def run(step, pixels, parameters, models=None, source=None):
    one = picture(pixels)
    return step.apply(Frame("x", picture(source) if source is not None else one, one), parameters, models)


# -- grade ------------------------------------------------------------------------------------------------------------
def test_fading_is_undone():
    photo = gray(photograph("china"))
    faded = photo * np.float32(0.4) + np.float32(0.35)
    outcome = run(grade.Step(), faded, Grade())
    assert outcome.status == "applied"
    span = [np.ptp(np.percentile(lightness(p), [1, 99])) for p in (faded, outcome.picture.pixels)]
    assert span[1] > 1.5 * span[0]
    assert np.ptp(outcome.picture.pixels, axis=2).max() == 0


def test_nothing_is_clipped_and_highlights_keep_their_drawing():
    rng = np.random.default_rng(0)
    for name in ("china", "astronaut", "coffee"):
        faded = gray(photograph(name)) * np.float32(0.5) + np.float32(0.2)
        faded[:40, :40] = 0.72 + rng.uniform(0, 0.02, (40, 40, 1)).astype(np.float32)  # folds of something white
        graded = run(grade.Step(), faded, Grade(local_contrast=0.0)).picture.pixels
        old, new = lightness(faded), lightness(graded)
        clipped = ((new >= 99.99) & (old < 99.99)) | ((new <= 0.01) & (old > 0.01))
        assert clipped.mean() <= 0.002
        folds, kept = old[:40, :40].ravel(), new[:40, :40].ravel()
        assert np.corrcoef(folds, kept)[0, 1] > 0.9
        assert np.ptp(kept) > 0.1 * np.ptp(folds)


def test_the_order_of_tones_never_changes():
    ramp = np.repeat(np.linspace(0.2, 0.7, 256, dtype=np.float32)[None, :, None], 3, axis=2).repeat(64, axis=0)
    graded = run(grade.Step(), ramp, Grade(local_contrast=0.0)).picture.pixels
    assert (np.diff(lightness(graded)[0]) >= 0).all()
    assert np.ptp(lightness(graded)) > 1.4 * np.ptp(lightness(ramp))


def test_contrast_is_held_back_where_damage_was_left():
    faded = gray(photograph("china")) * np.float32(0.4) + np.float32(0.35)
    one = picture(faded)
    frame = Frame("x", one, one, notes={"repair": {"left_share": 0.02}})
    held = grade.Step().apply(frame, Grade(), None)
    free = run(grade.Step(), faded, Grade())
    spans = [float(np.ptp(np.percentile(lightness(o.picture.pixels), [1, 99]))) for o in (held, free)]
    assert spans[0] < 0.8 * spans[1]
    assert held.detail["held_back"]
    assert held.detail["gain"] <= 1.25


def test_colour_cast_is_untouched_by_grading():
    faded = smaller(photograph("coffee"), 300) * np.float32(0.35) + np.float32(0.4)
    outcome = run(grade.Step(), faded, Grade())
    before, after = rgb_to_lab(faded), rgb_to_lab(outcome.picture.pixels)
    assert np.abs(after[:, :, 0] - before[:, :, 0]).max() > 10
    inside = (after[:, :, 0] > 15) & (after[:, :, 0] < 85)
    assert np.abs(after[:, :, 1:] - before[:, :, 1:])[inside].mean() < 0.5


def test_a_scan_of_full_range_is_left_alone():
    photo = gray(photograph("astronaut"))
    outcome = run(grade.Step(), photo, Grade())
    assert outcome.status == "not_needed"
    assert outcome.picture.pixels is photo


def test_a_blank_scan_is_not_blown_up():
    blank = np.full((64, 64, 3), 0.5, np.float32) + np.random.default_rng(0).normal(0, 0.003, (64, 64, 1))
    outcome = run(grade.Step(), blank.astype(np.float32), Grade(local_contrast=0.0))
    assert np.std(outcome.picture.pixels) < 4 * np.std(blank)
    assert 0.3 < outcome.picture.pixels.mean() < 0.7


# -- upscale ----------------------------------------------------------------------------------------------------------
class OneModel:
    device = "cpu"

    def __init__(self, net):
        self.net = net

    def load(self, name):
        return self.net

    def entry(self, name):
        return name


@pytest.mark.parametrize("factor", [2, 4])
def test_lanczos_enlarges(factor):
    photo = smaller(photograph("flower"), 160)
    small = cv2.resize(photo, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    outcome = run(upscale.Step(), small, Upscale(factor=factor))
    assert outcome.picture.pixels.shape[:2] == (small.shape[0] * factor, small.shape[1] * factor)
    again = cv2.resize(outcome.picture.pixels, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(again - small).mean() < 0.02


def test_too_large_and_factor_one_are_left_alone():
    photo = smaller(photograph("flower"), 100)
    assert run(upscale.Step(), photo, Upscale(factor=4, max_side=399)).reason == ReasonCode.TOO_LARGE
    assert run(upscale.Step(), photo, Upscale(factor=1)).status == "not_needed"


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(7)
    return espcn.build().eval()


def test_espcn_has_the_published_number_of_parameters(net):
    assert sum(p.numel() for p in net.parameters()) == 71_840
    assert net(torch.zeros(1, 3, 44, 44)).shape == (1, 3, 176, 176)


def test_espcn_in_tiles_is_espcn_as_a_whole(net):
    pixels = np.random.default_rng(0).random((530, 40, 3), dtype=np.float32)
    with torch.inference_mode():
        whole = net(torch.from_numpy(pixels).permute(2, 0, 1)[None])[0].clamp(0, 1).permute(1, 2, 0).numpy()
    assert np.abs(net.upscale(pixels) - whole).max() < 1e-5
    assert np.array_equal(net.upscale(pixels), net.upscale(pixels))


def test_a_net_upscales_by_its_own_or_a_smaller_factor(net):
    photo = smaller(photograph("flower"), 60)
    for factor in (2, 4):
        outcome = run(upscale.Step(), photo, Upscale(factor=factor, model="espcn"), OneModel(net))
        assert outcome.picture.pixels.shape[1] == photo.shape[1] * factor
        assert outcome.model == "espcn"


def test_espcn_runs_from_a_registry(net, tmp_path):
    file = tmp_path / "espcn.safetensors"
    save_file(net.state_dict(), file)
    registry = tmp_path / "registry.toml"
    registry.write_text(entry_text("espcn-test", "espcn", "upscale", file), encoding="utf-8")
    models = LoadedModels(Registry.load(registry), device="cpu", threads=1)
    photo = smaller(photograph("flower"), 60)
    outcome = run(upscale.Step(), photo, Upscale(factor=4, model="espcn-test"), models)
    assert (outcome.status, outcome.detail["method"]) == ("applied", "espcn-test")
    assert outcome.model is not None
    assert outcome.model.sha256 == file_sha256(file)
    assert np.array_equal(outcome.picture.pixels, np.clip(net.upscale(photo), 0, 1))


def test_a_net_of_too_small_a_factor_fails():
    class Same:
        def upscale(self, pixels):
            return pixels

    with pytest.raises(PhotoFailed):
        run(upscale.Step(), smaller(photograph("flower"), 60), Upscale(factor=2, model="same"), OneModel(Same()))


# -- measure ----------------------------------------------------------------------------------------------------------
def test_everything_is_measured_at_its_stage_once():
    photo = smaller(photograph("astronaut"), 200)
    outcome = run(measure.Step(), np.clip(photo + np.float32(0.05), 0, 1), Measure(long_side=128), source=photo)
    keys = [(m.metric, m.stage) for m in outcome.measurements]
    assert len(keys) == len(set(keys)) == 2 * 8 + 3
    assert {m for m, _ in keys} == set(METRICS)
    values = {(m.metric, m.stage): m.value for m in outcome.measurements}
    assert values["luminance", "restored"] > values["luminance", "source"]
    assert 20 < values["psnr", "pair"] < 30
    assert max(outcome.detail["width"], outcome.detail["height"]) == 128


def test_an_upscaled_picture_is_measured_at_the_size_of_its_source():
    photo = smaller(photograph("astronaut"), 100)
    outcome = run(measure.Step(), cv2.resize(photo, None, fx=4, fy=4), Measure(), source=photo)
    values = {(m.metric, m.stage): m.value for m in outcome.measurements}
    assert values["ssim_y", "pair"] > 0.95


def test_nothing_done_measures_as_equal():
    photo = smaller(photograph("astronaut"), 100)
    values = {(m.metric, m.stage): m.value for m in run(measure.Step(), photo, Measure()).measurements}
    assert values["psnr", "pair"] == 100
    assert values["ssim_y", "pair"] == pytest.approx(1)
    assert values["delta_e00", "pair"] == 0
