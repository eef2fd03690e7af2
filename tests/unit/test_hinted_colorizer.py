"""The colorizer that takes hints, at toy size: shapes, hints, what it says of itself, and its training."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from restoration.cli import app
from restoration.errors import UsageError
from restoration.models.loading import fill, read_weights
from restoration.models.nets import blocks, hinted_colorizer
from restoration.synthetic.demo_collection import read_origin
from restoration.train import colorizer
from restoration.train import hinted_colorizer as training
from restoration.train.loop import Stage

TOY = {"widths": [16, 8, 8, 8], "hints": [4, 4, 4, 4], "heads": 2}


def net(**options):
    torch.manual_seed(5)
    made = hinted_colorizer.build(**TOY, folded=True, **options).eval()
    torch.nn.init.normal_(made.head.weight, std=0.1)
    return made


def given(height=64, width=96):
    luminance = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(2)) * 2 - 1
    return torch.cat([luminance, torch.zeros(1, 3, height, width)], dim=1)


def test_it_paints_and_says_how_unsure_it_is_at_the_size_it_was_given():
    with torch.inference_mode():
        assert net()(given()).shape == (1, 3, 64, 96)


def test_a_hint_changes_the_answer_and_no_hint_changes_nothing():
    made, plain = net(), given()
    with torch.inference_mode():
        before = made(plain)
        unsaid = plain.clone()
        unsaid[:, 1:3] = 0.0
        assert torch.equal(before, made(unsaid))
        said = plain.clone()
        said[:, 1:, 20:28, 40:48] = torch.tensor([0.4, -0.3, 1.0])[:, None, None]
        after = made(said)
    change = (after - before).abs().sum(1)[0]
    assert float(change[16:32, 36:52].mean()) > float(change[:, 80:].mean()) > 0


def test_what_was_said_about_a_part_of_a_cell_counts_with_its_own_colour():
    """A hint of one pixel is as strong a colour as one of a whole cell: sixteenths would be pastel."""
    made, whole, part = net(), given(), given()
    colour = torch.tensor([0.4, -0.3, 1.0])[:, None, None]
    whole[:, 1:, 20:24, 40:44] = colour
    part[:, 1:, 21:22, 42:43] = colour
    with torch.inference_mode():
        assert torch.allclose(made(whole), made(part), atol=1e-5)


def test_with_mirror_the_side_a_picture_faces_does_not_matter():
    picture = given()
    picture[:, 1:, 8:16, 8:16] = 0.5
    with torch.inference_mode():
        made = net(mirror=True)
        assert torch.allclose(made(picture).flip(3), made(picture.flip(3)), atol=1e-5)


def test_folding_changes_nothing():
    torch.manual_seed(4)
    made = hinted_colorizer.build(**TOY)
    torch.nn.init.normal_(made.head.weight, std=0.1)
    picture = torch.cat([given(), given().flip(2)])
    with torch.no_grad():
        for _ in range(3):
            made.train()(picture)
        before = made.eval()(picture)
        after = blocks.fold_batch_norm(made)(picture)
    assert torch.allclose(before, after, atol=1e-3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "coffee"):
        small = cv2.resize(read_origin(name), (96, 96), interpolation=cv2.INTER_AREA)
        for number in range(2):
            turned = np.rot90(small, number)[:, :, ::-1]
            cv2.imwrite(str(target / f"{name}_{number}.png"), np.round(turned * 255).astype(np.uint8))
    return target


def config(folder, **changes):
    stages = (Stage(0.5, 64, 64, 2), Stage(1.0, 64, 96, 2))
    base = training.Config((str(folder),), steps=6, stages=stages, warmup=2, threads=1, workers=0, save_every=3,
                           sheet_every=6, adversarial_from=0.5, net=TOY)  # fmt: skip
    return replace(base, **changes)


def test_a_run_ends_with_weights_that_the_net_takes_and_makes_a_sheet(folder, tmp_path):
    weights = training.Trainer(config(folder), tmp_path / "run").run()
    fill(hinted_colorizer.build(**TOY, folded=True), read_weights(weights), "toy")
    assert all(value.dtype == torch.float16 for value in load_file(str(weights)).values())
    assert (tmp_path / "run" / "samples" / "000006.png").is_file()
    longer = training.Trainer(config(folder, steps=7), tmp_path / "run")
    longer._resume()
    assert longer.progress.step == 6
    second = training.Trainer(config(folder, steps=1), tmp_path / "second", init=weights)
    assert all(torch.equal(value, second.shipped()[key]) for key, value in load_file(str(weights)).items())


def test_hints_are_the_truth_at_some_places_of_some_samples(folder, tmp_path):
    trainer = training.Trainer(config(folder, hinted_share=0.5), tmp_path / "hints")
    truth = torch.rand(60, 2, 32, 32) - 0.5
    same, hints = trainer.told(truth, torch.zeros_like(truth[:, :1]))
    told = hints[:, 2:]
    assert torch.equal(hints[:, :2], truth * told)
    assert set(told.unique().tolist()) == {0.0, 1.0}
    share = float((told.sum((1, 2, 3)) > 0).float().mean())
    assert 0.3 < share < 0.7
    assert torch.equal(same, truth)
    assert torch.equal(hints, trainer.told(truth, torch.zeros_like(truth[:, :1]))[1])
    unhinted = training.Trainer(config(folder, hinted_share=0.0), tmp_path / "none")
    _, none = unhinted.told(truth, torch.zeros_like(truth[:, :1]))
    assert not none.any()


def test_the_gain_makes_colours_stronger_and_leaves_the_doubt(folder, tmp_path):
    trainer = training.Trainer(config(folder, chroma_gain=2.0), tmp_path / "gain")
    torch.nn.init.normal_(trainer.average.head.weight, std=0.1)
    made = hinted_colorizer.build(**TOY, folded=True).eval()
    made.load_state_dict({key: value.float() for key, value in trainer.shipped().items()})
    with torch.inference_mode():
        plain, stronger = trainer.average(given()), made(given())
    assert torch.allclose(stronger[:, :2], 2 * plain[:, :2], atol=2e-2)
    assert torch.allclose(stronger[:, 2], plain[:, 2], atol=2e-2)


@pytest.mark.parametrize("command", ["hinted-colorizer", "damage"])
def test_a_run_from_nothing_asks_for_the_encoder(command, folder, tmp_path):
    result = CliRunner().invoke(app, ["train", command, "--photos", str(folder), "--out", str(tmp_path)])
    assert isinstance(result.exception, UsageError)
    assert "--encoder" in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_a_thing_is_repainted_and_what_is_told_of_it_agrees_with_the_truth(folder, tmp_path):
    trainer = training.Trainer(config(folder, hinted_share=1.0, repainted_share=1.0), tmp_path / "run")
    lightness = torch.zeros(4, 1, 64, 64)
    lightness[:, :, :, 32:] = 0.8  # two things side by side
    truth, hints = trainer.told(torch.zeros(4, 2, 64, 64), lightness)
    changed = truth.abs().sum(1) > 0.02
    for sample in changed:
        assert float(sample[:, 4:28].float().mean()) in {0.0, 1.0}
        assert float(sample[:, 36:60].float().mean()) in {0.0, 1.0}
        assert sample[:, 4:28].any() != sample[:, 36:60].any()
    places = hints[:, 2:] > 0
    assert torch.equal(hints[:, :2] * places, truth * places)
    assert (places.flatten(1) & changed.flatten(1)).any(1).all(), "nobody was told about the new colour"


def test_the_mean_keeps_a_hue_that_the_median_loses():
    """Of what may be red or gray, gray is the median if it is gray more often; the mean is a pale red."""
    truth = torch.zeros(10, 2, 16, 16)
    truth[:4, 0] = 50 / 110
    skin = torch.zeros(10, 1, 16, 16)
    pale = torch.full_like(truth, 0)
    pale[:, 0] = 18 / 110
    gray = torch.zeros_like(truth)
    settings = training.Config(folders=("x",), chroma_weight=0.0)
    assert colorizer.chroma_loss(gray, truth, skin, settings) < colorizer.chroma_loss(pale, truth, skin, settings)
    assert colorizer.mean_loss(pale, truth, skin, settings) < colorizer.mean_loss(gray, truth, skin, settings)
    both = training.Config(folders=("x",), chroma_weight=0.0, mean_share=1.0)
    assert torch.equal(colorizer.painted_loss(pale, truth, skin, both), colorizer.mean_loss(pale, truth, skin, both))
