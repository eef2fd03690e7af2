"""Training of finder and inpainter at toy size: samples, losses, a run that goes on where it stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from restoration.models.loading import fill, read_weights
from restoration.models.nets import house_finder, house_inpainter
from restoration.train import damage, inpainting
from restoration.train.damage_crops import DamagedCrops, Wear
from restoration.train.holes import Holes
from restoration.train.loop import Stage
from tests.unit.standins import astronaut

TOY = {"widths": [4, 4, 8, 8, 8]}
TOY_INPAINTER = {"widths": [4, 8, 8], "dilations": [1, 2], "heads": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("whole")
    picture = np.round(astronaut()[:, :, ::-1] * 255).astype(np.uint8)
    for number in range(4):
        cv2.imwrite(str(target / f"a_{number}.png"), np.roll(picture, 40 * number, axis=1))
    return target


def crops(folder, **how):
    return DamagedCrops({"a": sorted(folder.iterdir())}, [], Wear(**how), (64, 80), 5, 100)


def test_a_crop_depends_on_its_number_alone_and_has_its_truth(folder):
    first, again = crops(folder)[3], crops(folder)[3]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    kinds = set()
    for number in range(20):
        given, truth, weight = crops(folder)[number]
        assert given.shape == (1, 64, 80)
        assert truth.shape == weight.shape == (64, 80)
        assert -1 <= float(given.min()) <= float(given.max()) <= 1
        assert 0 <= float(weight.min()) <= float(weight.max()) <= 1
        kinds |= set(truth.unique().tolist())
    assert len(kinds) > 4


def test_clean_crops_hold_no_damage_and_old_ones_count_less(folder):
    for number in range(10):
        _, truth, weight = crops(folder, clean=1.0)[number]
        assert set(truth.unique().tolist()) <= {0, 6}
        assert (weight[truth > 0] == 1).all()
        assert float((weight == 1).float().mean()) > 0.8
    old = DamagedCrops({"a": sorted(folder.iterdir())}, sorted(folder.iterdir()), Wear(1.0, 0.3, 1.0), (64, 80), 5, 9)
    weight, kinds = old[0][2], old[0][1]
    assert torch.allclose(weight[kinds == 0], torch.tensor(0.3))


def test_holes_are_given_filled_and_the_truth_is_kept_outside(folder):
    holes = Holes({"a": sorted(folder.iterdir())}, (64, 64), 0.5, 5, 100)
    for number in range(8):
        given, truth = holes[number]
        mask = given[3:] > 0
        assert given.shape == (4, 64, 64)
        assert 0 < float(mask.float().mean()) <= 0.45
        outside = ~mask.expand(3, -1, -1)
        assert torch.equal(given[:3][outside], truth[outside])


def toy_damage(folder, **changes):
    stages = (Stage(0.5, 32, 32, 2), Stage(1.0, 64, 64, 2))
    config = damage.Config((str(folder),), steps=6, stages=stages, warmup=2, threads=1, workers=0, save_every=3,
                           sheet_every=6, net=TOY)  # fmt: skip
    return replace(config, **changes)


def test_a_run_of_the_finder_ends_with_weights_that_the_net_takes_and_goes_on_where_it_stopped(folder, tmp_path):
    weights = damage.Trainer(toy_damage(folder), tmp_path / "run").run()
    net = house_finder.build(**TOY, folded=True)
    fill(net, read_weights(weights), "toy")
    assert all(value.dtype == torch.float16 for value in load_file(str(weights)).values())
    assert (tmp_path / "run" / "samples" / "000006.png").is_file()
    whole = load_file(str(weights))
    damage.Trainer(toy_damage(folder, steps=3, sheet_every=9), tmp_path / "parts").run()
    longer = damage.Trainer(toy_damage(folder, steps=7), tmp_path / "run")
    longer._resume()
    assert longer.progress.step == 6
    assert whole.keys() == longer.shipped().keys()


def test_a_run_starts_from_shipped_weights_and_ships_the_same_form(folder, tmp_path):
    first = damage.Trainer(toy_damage(folder), tmp_path / "first").run()
    second = damage.Trainer(toy_damage(folder, steps=1), tmp_path / "second", init=first)
    assert all(torch.equal(value, second.shipped()[key]) for key, value in load_file(str(first)).items())
    fill(house_finder.build(**TOY, folded=True), read_weights(second.run()), "toy")


def test_the_loss_prefers_the_truth_and_forgives_what_nobody_can_know(folder, tmp_path):
    trainer = damage.Trainer(toy_damage(folder), tmp_path / "loss")
    kinds = torch.zeros(1, 16, 16, dtype=torch.long)
    kinds[:, 4:8] = 1
    weights = torch.ones(1, 16, 16)
    right = torch.zeros(1, 7, 16, 16)
    right[:, 0], right[:, 1] = -6, 6
    wrong = right.clone()
    right[:, 0, 4:8] = 6
    assert float(trainer.loss(right, kinds, weights)) < 0.3 * float(trainer.loss(wrong, kinds, weights))
    weights[:, 12:] = 0
    doubtful = right.clone()
    doubtful[:, 0, 12:] = 6
    assert float(trainer.loss(doubtful, kinds, weights)) == pytest.approx(float(trainer.loss(right, kinds, weights)))


def test_stains_and_lettering_are_not_to_be_filled(folder, tmp_path):
    trainer = damage.Trainer(toy_damage(folder), tmp_path / "kinds")
    answer = torch.zeros(1, 7, 8, 8)
    answer[:, 0] = -6
    for kind in (5, 6):
        calm = trainer.loss(answer, torch.full((1, 8, 8), kind), torch.ones(1, 8, 8))
        alarmed = trainer.loss(-answer, torch.full((1, 8, 8), kind), torch.ones(1, 8, 8))
        assert float(calm) < float(alarmed)


def test_some_old_photographs_are_kept_for_scoring(tmp_path):
    for name in ("a_1", "a_2", "a_3", "bop_1", "c_1", "c_2", "c_3"):
        (tmp_path / f"{name}.jpg").touch()
    config = damage.Config((), old=(str(tmp_path),), old_left_out=("bop",))
    assert [Path(path).stem for path in damage.old_photos(config)] == ["a_2", "a_3", "c_1", "c_2"]


def test_a_run_of_the_inpainter_reaches_features_and_judge_and_ends_with_weights(folder, tmp_path):
    stages = (Stage(0.5, 64, 64, 2), Stage(1.0, 64, 64, 2))
    config = inpainting.Config((str(folder),), steps=4, stages=stages, warmup=1, threads=1, workers=0, save_every=2,
                               sheet_every=4, adversarial_from=0.5, feature_from=0.5, feature_side=48,
                               net=TOY_INPAINTER)  # fmt: skip
    weights = inpainting.Trainer(config, tmp_path / "run").run()
    net = house_inpainter.build(**TOY_INPAINTER)
    fill(net, read_weights(weights), "toy")
    assert (tmp_path / "run" / "samples" / "000004.png").is_file()


def test_things_are_innocent_and_count_as_much_as_asked(folder):
    heavy = [crops(folder, clean=1.0, things=1.0, thing_weight=3.0)[number] for number in range(12)]
    for _, truth, weight in heavy:
        assert set(truth.unique().tolist()) <= {0, 6}
        assert float(weight.max()) <= 3
    assert sum(float((weight == 3).float().mean()) > 0.001 for *_, weight in heavy) > 8
    assert all(float(crops(folder, clean=1.0)[number][2].max()) <= 1 for number in range(6))


def test_every_pixel_learns_its_kind(folder, tmp_path):
    trainer = damage.Trainer(toy_damage(folder), tmp_path / "run")
    answer = torch.zeros(1, 7, 8, 8, requires_grad=True)
    trainer.loss(answer, torch.ones(1, 8, 8, dtype=torch.long), torch.ones(1, 8, 8)).backward()
    assert (answer.grad[:, 1:].abs().sum(1) > 0).all()


def test_tied_kinds_are_one_for_four_neighbours_and_damage_stays_what_it_was():
    torch.manual_seed(1)
    net = house_finder.build(**TOY, folded=True).eval()
    luma = torch.rand(1, 1, 64, 64) * 2 - 1
    with torch.no_grad():
        before = net(luma)
        net.load_state_dict(house_finder.with_tied_kinds(net.state_dict()))
        after = net(luma)
    assert torch.equal(before[:, 0], after[:, 0])
    kinds = after[:, 1:]
    assert torch.equal(kinds[:, :, ::2, ::2], kinds[:, :, 1::2, 1::2])
    assert torch.equal(kinds[:, :, ::2, ::2], before[:, 1:, ::2, ::2])


def test_a_run_may_tie_the_kinds_it_starts_from(folder, tmp_path):
    first = damage.Trainer(toy_damage(folder), tmp_path / "first").run()
    tied = damage.Trainer(toy_damage(folder, tie_kinds=True), tmp_path / "second", init=first)
    rows = tied.net.head.bias
    assert torch.equal(rows[4:8], rows[4].repeat(4))
