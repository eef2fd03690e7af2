"""The judge of which way is up, its training at toy size: views, what is kept, loss, a run that goes on, the sheet."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from restoration.errors import UsageError
from restoration.models.loading import fill, read_weights
from restoration.models.nets import house_upright
from restoration.train import upright, upright_views
from restoration.train.loop import Stage
from restoration.train.upright_views import Kept, SeenViews, Viewing, thinned_out, view
from tests.unit.standins import astronaut

TOY = {"width": 4, "hidden": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("photos")
    pixels = np.round(astronaut()[:, :, ::-1] * 255).astype(np.uint8)
    for number in range(3):
        cv2.imwrite(str(target / f"a_{number}.png"), np.roll(pixels, 40 * number, axis=1))
    return target


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Weights to start from: the true encoder's shape, its numbers random."""
    torch.manual_seed(1)
    file = tmp_path_factory.mktemp("start") / "start.safetensors"
    save_file({key: value.half() for key, value in house_upright.build(**TOY).state_dict().items()}, file)
    return file


def toy(folder, **changes):
    config = upright.Config((str(folder),), steps=4, stages=(Stage(1.0, 224, 224, 2),), warmup=2, threads=1, workers=0,
                            save_every=2, sheet_every=4, draws=1, net=TOY)  # fmt: skip
    return replace(config, **changes)


# -- samples ---------------------------------------------------------------------------------------------------------
def test_a_view_is_as_the_net_sees_pictures_and_depends_on_its_numbers_alone():
    photo = np.round(astronaut() * 255).astype(np.uint8)
    views = [view(photo, Viewing(), np.random.default_rng(number)) for number in (*range(12), 0)]
    assert np.array_equal(views[0], views[-1])
    assert not np.array_equal(views[0], views[1])
    for one in views:
        assert one.shape == (house_upright.SIDE, house_upright.SIDE)
        assert (one.min(), one.max()) == (-1, 1)


def test_families_are_thinned_and_held_out_photographs_are_never_drawn(folder, tmp_path):
    photos = [tmp_path / f"civ_{number}.jpg" for number in range(5)]
    assert [path.stem for path in thinned_out({"civ": photos}, {"civ": 2})] == ["civ_0", "civ_2", "civ_4"]
    seen = np.arange(3, dtype=np.float16).reshape(3, 1, 1, 1, 1)
    drawn = SeenViews(Kept(seen, ("a", "b", "c")), {"b"}, 1, 50)
    assert {float(drawn[number][0]) for number in range(50)} == {0, 2}


def test_what_the_encoder_saw_is_kept_and_read_again(folder, tmp_path, start, monkeypatch):
    first = upright.Trainer(toy(folder), tmp_path, init=start)
    assert first.kept.seen.shape == (3, 4, house_upright.SEEN, 7, 7)
    assert first.kept.stems == ("a_0", "a_1", "a_2")
    monkeypatch.setattr(upright_views, "_positions", None)  # nothing is shown again
    again = upright.Trainer(toy(folder), tmp_path, init=start)
    assert np.array_equal(again.kept.seen, first.kept.seen)
    assert upright.Trainer(toy(folder, folds=3, fold=1), tmp_path, init=start).passed_over == {"a_1"}
    assert upright.Trainer(toy(folder, left_out=("a_2",)), tmp_path, init=start).passed_over == {"a_2"}


# -- training --------------------------------------------------------------------------------------------------------
def test_a_run_ends_with_weights_that_the_net_takes_and_goes_on_where_it_stopped(folder, tmp_path, start):
    weights = upright.Trainer(toy(folder), tmp_path, init=start).run()
    net = house_upright.build(**TOY)
    fill(net, read_weights(weights), "toy")
    assert all(value.dtype == torch.float16 for value in load_file(str(weights)).values())
    assert (tmp_path / "samples" / "000004.png").is_file()
    worst = (tmp_path / "samples" / "000004.txt").read_text(encoding="utf-8").split()
    assert sorted(worst[1::2]) == ["a_0", "a_1", "a_2"]
    longer = upright.Trainer(toy(folder, steps=5), tmp_path, init=weights)
    longer._resume()
    assert (longer.progress.step, longer.progress.samples) == (4, 8)


def test_the_head_learns_which_of_four_positions_is_upright(folder, tmp_path, start):
    trainer = upright.Trainer(toy(folder), tmp_path, init=start)
    right, wrong = torch.zeros(1, 4), torch.zeros(1, 4)
    right[0, 0], wrong[0, 2] = 9, 9
    losses = []
    for scores in (right, wrong, torch.zeros(1, 4)):
        trainer.scores = lambda seen, head, scores=scores: scores  # type: ignore[method-assign]
        losses.append(float(trainer.judged((torch.zeros(1, 4, 1, 1, 1),)).loss))
    assert losses[0] < losses[2] < losses[1]


def test_the_shipped_configuration_is_read_and_a_run_needs_an_encoder(tmp_path, folder):
    from restoration.cli.train import _shipped_config

    config = upright.read_config(_shipped_config("house-upright"))
    assert config.adversarial_from > 1
    assert config.thinned["cong"] > 1
    with pytest.raises(UsageError, match="EfficientNet-Lite0"):
        upright.Trainer(toy(folder, encoder=str(tmp_path / "none.pth")), tmp_path / "run")
