"""The denoiser's net and its training at toy size: identity, reach, samples, loss, a run that goes on."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from restoration.errors import UsageError
from restoration.models.loading import fill, read_weights
from restoration.models.nets import house_denoiser
from restoration.train import denoising, denoising_crops
from restoration.train.denoising_crops import Spoiling, SpoiltCrops
from restoration.train.loop import Stage
from tests.unit.standins import astronaut

TOY = {"widths": [4, 8, 8], "blocks": [1, 1, 1]}
UNTOUCHED = Spoiling(clean=1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("clean")
    picture = np.round(astronaut()[:, :, ::-1] * 255).astype(np.uint8)
    for number in range(3):
        cv2.imwrite(str(target / f"a_{number}.png"), np.roll(picture, 40 * number, axis=1))
    return target


def crops(folder, how=None, size=(64, 80)):
    return SpoiltCrops({"a": sorted(folder.iterdir())}, how or Spoiling(), size, 5, 100)


def plain(height=48, width=48, value=0.5):
    return np.full((height, width, 3), value, np.float32)


# -- the net ---------------------------------------------------------------------------------------------------------
def test_a_fresh_net_gives_back_its_input_to_the_bit():
    picture = torch.rand(2, 3, 40, 64) * 2 - 1
    assert torch.equal(house_denoiser.build().eval()(picture), picture)


def test_the_shipped_net_learns_to_take_noise_off_and_does_not_fall_silent():
    """An activation before the head once died within ten steps, and nothing was learned after that."""
    torch.manual_seed(1)
    net = house_denoiser.build()
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, betas=(0.9, 0.98))
    truth = nn.functional.interpolate(torch.rand(4, 3, 8, 8) * 2 - 1, size=(48, 48), mode="bilinear")
    errors = []
    for _ in range(60):
        given = truth + 0.15 * torch.randn_like(truth)
        loss = (net(given) - truth).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(float(loss.detach()))
    assert np.mean(errors[-5:]) < 0.7 * errors[0]
    assert float(net.stem.weight.grad.abs().max()) > 0


def test_the_shipped_size_is_small_enough_to_carry_and_to_run():
    net = house_denoiser.build()
    numbers = sum(weight.numel() for weight in net.parameters())
    assert 2 * numbers <= 4_000_000
    work = []
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            each = module.in_channels * module.kernel_size[0] ** 2
            module.register_forward_hook(lambda _, __, out, each=each: work.append(out.numel() * each))
    net(torch.zeros(1, 3, 64, 64))
    assert sum(work) / 64**2 <= 32_000


def test_the_net_looks_no_further_than_it_says():
    net = house_denoiser.build()
    torch.nn.init.normal_(net.head.weight)
    picture = torch.rand(1, 3, 256, 256, requires_grad=True)
    net(picture)[0, :, 128:130, 128:130].sum().backward()
    rows, columns = torch.nonzero(picture.grad.abs().sum((0, 1)), as_tuple=True)
    reach = max(128 - int(rows.min()), int(columns.max()) - 129)
    assert house_denoiser.REACH // 2 < reach <= house_denoiser.REACH


# -- samples ---------------------------------------------------------------------------------------------------------
def test_a_crop_depends_on_its_number_alone_and_is_worse_than_its_truth(folder):
    first, again = crops(folder)[3], crops(folder)[3]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    for number in range(12):
        given, truth = crops(folder)[number]
        assert given.shape == truth.shape == (3, 64, 80)
        assert -1 <= float(given.min()) <= float(given.max()) <= 1
    same = [torch.equal(*crops(folder)[number]) for number in range(60)]
    assert 0.05 < np.mean(same) < 0.4


def test_clean_crops_are_their_own_truth_and_hold_whole_levels(folder):
    for number in range(5):
        given, truth = crops(folder, UNTOUCHED)[number]
        assert torch.equal(given, truth)
        levels = (truth + 1) * 127.5
        assert torch.allclose(levels, levels.round(), atol=1e-3)


def test_about_as_many_crops_are_neutral_as_asked(folder):
    def neutral(gray):
        made = crops(folder, Spoiling(gray=gray, clean=1.0))
        return np.mean([torch.equal(made[n][1][0], made[n][1][2]) for n in range(40)])

    assert neutral(0.0) == 0
    assert 0.5 < neutral(1.0) < 0.9  # the others are tinted


def test_too_small_photographs_are_passed_over_and_said(folder, tmp_path):
    small = tmp_path / "a_small.png"
    cv2.imwrite(str(small), np.zeros((70, 70, 3), np.uint8))
    mixed = SpoiltCrops({"a": [small, *sorted(folder.iterdir())]}, UNTOUCHED, (64, 64), 5, 100)
    assert all(float(mixed[number][1].max()) > -1 for number in range(12))
    with pytest.raises(UsageError, match="large enough for crops of 64 x 64"):
        SpoiltCrops({"a": [small]}, UNTOUCHED, (64, 64), 5, 100)[0]


@pytest.mark.parametrize("spoiler", [denoising_crops.grained, denoising_crops.noisy])
def test_noise_has_the_deviation_that_was_asked_for(spoiler):
    made = spoiler(plain(128, 128), 10.0, np.random.default_rng(1))
    assert 255 * float((made - plain(128, 128)).std()) == pytest.approx(10, rel=0.05)
    assert abs(float(made.mean()) - 0.5) < 0.01


def test_grain_is_the_same_in_all_channels_and_weaker_in_black():
    rng = np.random.default_rng(2)
    made = denoising_crops.grained(plain(), 10.0, rng)
    assert np.array_equal(made[:, :, 0], made[:, :, 2])
    dark = denoising_crops.grained(plain(value=0.02), 10.0, np.random.default_rng(2))
    assert (dark - 0.02).std() < 0.75 * (made - 0.5).std()


def test_colour_noise_leaves_luma_alone():
    made = denoising_crops.colour_noisy(plain(), 12.0, np.random.default_rng(3)) - np.float32(0.5)
    assert np.abs(made @ np.array([0.299, 0.587, 0.114], np.float32)).max() < 1e-5
    assert 255 * made[:, :, 0].std() == pytest.approx(12, rel=0.1)


def test_worse_jpeg_is_worse_and_neutral_pictures_stay_neutral_in_one_channel():
    picture = astronaut()[100:228, 150:278]
    errors = [
        float(np.abs(denoising_crops.compressed(picture, quality, np.random.default_rng(4)) - picture).mean())
        for quality in (35, 60, 95)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 2 * errors[2] > 0
    gray = np.repeat(picture[:, :, 1:2], 3, axis=2)
    made = denoising_crops.compressed(gray, 60, np.random.default_rng(4))
    assert np.array_equal(made[:, :, 0], made[:, :, 2])


# -- training --------------------------------------------------------------------------------------------------------
def toy(folder, **changes):
    stages = (Stage(0.5, 32, 32, 2), Stage(1.0, 48, 48, 2))
    config = denoising.Config((str(folder),), steps=6, stages=stages, warmup=2, threads=1, workers=0, save_every=3,
                              sheet_every=6, net=TOY)  # fmt: skip
    return replace(config, **changes)


def test_a_run_ends_with_weights_that_the_net_takes_and_goes_on_where_it_stopped(folder, tmp_path):
    weights = denoising.Trainer(toy(folder), tmp_path / "run").run()
    net = house_denoiser.build(**TOY)
    fill(net, read_weights(weights), "toy")
    assert all(value.dtype == torch.float16 for value in load_file(str(weights)).values())
    assert bool((net.head.weight != 0).any())
    assert (tmp_path / "run" / "samples" / "000006.png").is_file()
    longer = denoising.Trainer(toy(folder, steps=7), tmp_path / "run")
    longer._resume()
    assert (longer.progress.step, longer.progress.samples) == (6, 12)
    assert all(torch.equal(value, longer.shipped()[key]) for key, value in load_file(str(weights)).items())


def test_a_run_starts_from_shipped_weights(folder, tmp_path):
    first = denoising.Trainer(toy(folder), tmp_path / "first").run()
    second = denoising.Trainer(toy(folder, steps=1), tmp_path / "second", init=first)
    assert all(torch.equal(value, second.shipped()[key]) for key, value in load_file(str(first)).items())


def test_the_loss_is_nothing_for_the_truth_and_minds_luma_and_edges_most(folder, tmp_path):
    trainer = denoising.Trainer(toy(folder), tmp_path / "loss")
    truth = torch.zeros(1, 3, 32, 32)
    assert float(trainer.loss(truth, truth)) == 0
    brighter = truth + 0.1
    redder = truth + torch.tensor([0.1, 0.0, -0.1]).view(1, 3, 1, 1) * 1.5
    assert float(trainer.loss(brighter, truth)) > 1.3 * float(trainer.loss(redder, truth))
    uneven = truth + 0.1 * (-1.0) ** torch.arange(32)
    assert float(trainer.loss(uneven, truth)) > float(trainer.loss(brighter, truth))


def test_the_shipped_configuration_is_read_and_has_no_judge():
    from restoration.cli.train import _shipped_config

    config = denoising.read_config(_shipped_config("house-denoiser"))
    assert config.adversarial_from > 1
    assert all(stage.height % house_denoiser.STRIDE == stage.width % house_denoiser.STRIDE == 0
               for stage in config.stages)  # fmt: skip
