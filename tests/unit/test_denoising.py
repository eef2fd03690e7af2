"""Denoising in the step repair: flaws are measured, clean pictures keep their bytes, colour goes whole, luma partly."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from restoration.models.files import Registry
from restoration.models.loading import LoadedModels
from restoration.models.nets import house_denoiser
from restoration.photo import bands
from restoration.photo.colour import luminance_y
from restoration.steps import denoising, searching
from restoration.steps.parameters import Repair
from restoration.steps.protocol import Frame
from restoration.steps.repair import Step
from tests.unit.picture_maker import gray, photograph, picture
from tests.unit.standins import entry_text, registry_with


class Smoother(nn.Module):
    """A denoiser that has learnt nothing: the mean of nine pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool2d(nn.functional.pad(given, (1, 1, 1, 1), mode="replicate"), 3, 1)


class Idle(nn.Module):
    """A denoiser that has seen worse."""

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return given + 0.001


def forbidden(_):
    raise AssertionError("the net was asked about a clean picture")


@cache
def clean():
    """A sharp photograph without noise or blocks: shrunk, as training's truths are."""
    small = cv2.resize(photograph("astronaut"), (300, 300), interpolation=cv2.INTER_AREA)
    return np.asarray(np.rint(np.clip(small, 0, 1) * 255) / 255, np.float32)


def noisy(pixels, sigma=12, seed=1):
    noise = np.random.default_rng(seed).standard_normal((*pixels.shape[:2], 1)) * sigma / 255
    return np.clip(pixels + noise, 0, 1).astype(np.float32)


def compressed(pixels, quality):
    _, packed = cv2.imencode(".jpg", np.rint(pixels[:, :, ::-1] * 255).astype(np.uint8), [1, quality])
    return np.ascontiguousarray(cv2.imdecode(packed, 1)[:, :, ::-1]).astype(np.float32) / 255


def error(first, second):
    return float(np.square(first - second).mean())


# -- gates -----------------------------------------------------------------------------------------------------------
def test_a_clean_picture_is_the_same_array_and_the_net_is_not_asked():
    done = denoising.denoise(forbidden, clean(), 1.0, "cpu")
    assert done.pixels is clean()
    assert done.grain == 0


def test_what_the_net_hardly_wants_to_change_keeps_its_bytes():
    given = noisy(clean())
    done = denoising.denoise(Idle(), given, 1.0, "cpu")
    assert done.pixels is given
    assert done.grain < 0.01


def test_strength_0_changes_nothing():
    given = noisy(clean())
    assert denoising.denoise(forbidden, given, 0.0, "cpu").pixels is given


def test_texture_in_places_is_no_grain_but_noise_everywhere_is():
    """The stand-in takes off both; what lies in half of the blocks alone is the photograph's own."""
    calm = np.full((400, 600, 3), 0.5, np.float32)
    meadow = calm.copy()
    meadow[200:] = noisy(calm[200:], 20)
    assert denoising.grain_of(Smoother(), noisy(calm, 6), "cpu") > denoising.LEAST_GRAIN
    assert denoising.grain_of(Smoother(), meadow, "cpu") < 0.01
    assert denoising.denoise(Smoother(), meadow, 1.0, "cpu").pixels is meadow


@pytest.mark.parametrize("shape", [(40, 30), (200, 900), (900, 200), (385, 577), (1500, 1100)])
def test_the_windows_lie_in_the_picture(shape):
    windows = denoising._windows(*shape)
    assert len(windows) in {1, 6}
    for rows, columns in windows:
        assert 0 <= rows.start < rows.stop <= shape[0]
        assert 0 <= columns.start < columns.stop <= shape[1]


def test_black_and_burnt_places_tell_nothing_of_grain():
    given = np.zeros((400, 600, 3), np.float32)
    given[:, 300:] = noisy(np.full((400, 300, 3), 0.5, np.float32), 10)
    assert denoising.grain_of(Smoother(), given, "cpu") > denoising.LEAST_GRAIN
    assert denoising.grain_of(Smoother(), np.zeros((400, 600, 3), np.float32), "cpu") == 0


# -- what is taken ---------------------------------------------------------------------------------------------------
def test_luma_is_taken_in_part_and_colour_whole():
    change = np.random.default_rng(0).normal(0, 0.05, (20, 20, 3)).astype(np.float32)
    part = denoising.taken(change, 0.3, neutral=False)
    assert np.allclose(luminance_y(part), 0.3 * luminance_y(change), atol=1e-6)
    assert np.allclose(part - luminance_y(part)[..., None], change - luminance_y(change)[..., None], atol=1e-6)
    assert np.allclose(denoising.taken(change, 1.0, neutral=False), change, atol=1e-6)
    assert np.ptp(denoising.taken(change, 0.5, neutral=True), axis=2).max() == 0


def test_more_strength_takes_more_noise_and_gray_stays_gray():
    given = noisy(gray(clean()), 20)
    errors = [error(denoising.denoise(Smoother(), given, s, "cpu").pixels, gray(clean())) for s in (0.2, 0.5)]
    assert errors[1] < errors[0] < error(given, gray(clean()))
    done = denoising.denoise(Smoother(), given, 1.0, "cpu").pixels
    assert np.ptp(done, axis=2).max() == 0
    assert 0 <= done.min() <= done.max() <= 1


def test_nothing_outside_the_picture_is_changed():
    given = noisy(clean())
    box = (slice(20, 280), slice(30, 290))
    done = denoising.denoise(Smoother(), given, 1.0, "cpu", box=box).pixels
    inner = np.zeros(given.shape[:2], bool)
    inner[box] = True
    assert np.array_equal(done[~inner], given[~inner])
    assert (done[inner] != given[inner]).mean() > 0.9


def test_tiles_give_what_the_whole_picture_gives_whatever_its_size(monkeypatch):
    net = house_denoiser.build([4, 8, 8], [1, 1, 1]).eval()
    torch.manual_seed(3)
    nn.init.normal_(net.head.weight, std=0.05)
    given = noisy(clean())[:277, :251]
    whole = denoising.correction(net, given, "cpu")
    assert whole.shape == given.shape
    monkeypatch.setattr(searching, "TILE", 128)
    tiled = denoising.correction(net, given, "cpu")
    assert float(np.abs(whole).mean()) > 1e-3
    assert np.allclose(tiled, whole, atol=1e-6)
    # a tile's answer must not depend on anything further away than its margin
    assert house_denoiser.REACH <= searching.MARGIN


def test_a_large_picture_by_bands_is_what_it_is_in_one_piece(monkeypatch):
    given = noisy(clean())
    box = (slice(16, 290), slice(20, 280))
    whole = denoising.denoise(Smoother(), given, 0.5, "cpu", box=box)
    monkeypatch.setattr(bands, "LARGE_PIXELS", 1000)
    monkeypatch.setattr(bands, "BAND_PIXELS", 9000)
    by_bands = denoising.denoise(Smoother(), given, 0.5, "cpu", box=box)
    assert by_bands.grain == whole.grain > denoising.LEAST_GRAIN
    assert np.allclose(by_bands.pixels, whole.pixels, atol=1e-6)


# -- in the step -----------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Models with a denoiser that smooths."""
    folder = tmp_path_factory.mktemp("models")
    file = folder / "smoother.safetensors"
    save_file(Smoother().state_dict(), str(file))
    registry = registry_with(folder, entry_text("smoother", "smoother", "denoise", file))
    return LoadedModels(registry, device="cpu", threads=1, builders={"smoother": Smoother})


def repaired(pixels, models, **parameters):
    one = picture(pixels)
    return Step().apply(Frame("x", one, one), Repair(**parameters), models)


def test_the_step_names_the_net_and_what_it_wanted(models):
    given = noisy(gray(clean()), 20)
    outcome = repaired(given, models, denoiser="smoother", denoise=0.5, sensitivity=0.0)
    assert outcome.status == "applied"
    assert outcome.model.name == "smoother"
    assert outcome.detail["denoised"] is True
    assert outcome.detail["grain"] > denoising.LEAST_GRAIN
    assert outcome.detail["grain_reduced"] is False
    assert outcome.mask is None
    assert error(outcome.picture.pixels, gray(clean())) < error(given, gray(clean()))


def test_the_step_leaves_a_clean_scan_as_it_came(models):
    outcome = repaired(clean(), models, denoiser="smoother", denoise=1.0, sensitivity=0.0)
    assert (outcome.status, outcome.model, outcome.detail["denoised"]) == ("not_needed", None, False)
    assert outcome.picture.pixels is not None
    assert np.array_equal(outcome.picture.pixels, clean())


def test_without_a_denoiser_the_filter_does_it_and_no_net_is_needed():
    outcome = repaired(noisy(gray(clean()), 20), None, denoise=0.5, sensitivity=0.0)
    assert outcome.detail["grain_reduced"] is True
    assert "denoised" not in outcome.detail
    assert outcome.model is None
    assert Repair().model_names() == ()
    assert Repair(denoiser="smoother").model_names() == ("smoother",)


def test_damage_is_filled_before_the_net_sees_the_picture(models):
    given = noisy(gray(clean()), 20)
    given[100:103, 20:280] = 1.0
    seen = []

    class Watching:
        device = "cpu"

        def entry(self, name):
            return models.entry(name)

        def load(self, name):
            return lambda x: (seen.append(x.clone()), Smoother()(x))[1]

    outcome = repaired(given, Watching(), denoiser="smoother", denoise=0.5, sensitivity=0.7)
    assert outcome.detail["filled"] > 0
    assert float((seen[0][0, :, 101, 40:260] > 0.99).float().mean()) < 0.5


def test_the_net_that_ships_takes_noise_off_and_leaves_a_clean_photograph_alone():
    shipped = LoadedModels(Registry.load(), device="cpu", threads=1)
    for truth in (gray(clean()), clean()):
        given = noisy(truth, 12)
        done = denoising.denoise(shipped.load("house-denoiser"), given, 1.0, "cpu")
        assert done.grain > denoising.LEAST_GRAIN
        assert error(done.pixels, truth) < 0.4 * error(given, truth)  # 4 dB
        assert denoising.denoise(shipped.load("house-denoiser"), truth, 1.0, "cpu").pixels is truth
