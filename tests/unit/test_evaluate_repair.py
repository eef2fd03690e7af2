"""Comparing menders: figures of known cases, rows and files, what may be asked."""

from __future__ import annotations

import csv
import hashlib
import io
import json

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from restoration.errors import ModelError, UsageError
from restoration.evaluate.repair import files
from restoration.evaluate.repair.marked import MarkedRun
from restoration.evaluate.repair.menders import NOTHING, SHAPES, TRUE_MASK, Mended, Mender, menders
from restoration.evaluate.repair.run import WHOLE, RepairRequest, RepairRun, agreement, trial_figures, whole_figures
from restoration.models.loading import LoadedModels
from restoration.models.nets import house_finder
from restoration.synthetic.trials import TRIALS, make_trial
from tests.unit.picture_maker import gray, photograph


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("whole")
    pixels = np.rint(gray(photograph("chelsea"))[:200, :260, ::-1] * 255).astype(np.uint8)
    cv2.imwrite(str(target / "cat_1.png"), pixels)
    (target / "broken_1.png").write_bytes(b"no picture")
    return target


@pytest.fixture(scope="module")
def models():
    return LoadedModels(device="cpu", threads=1)


def test_a_perfect_mender_removes_everything_and_doing_nothing_removes_nothing():
    trial = make_trial("bold", gray(photograph("chelsea")), 1)
    perfect = trial_figures(trial, Mended(trial.truth, trial.mask))
    assert perfect["damage_removed"] == pytest.approx(1)
    assert perfect["mask_f1"] == pytest.approx(1)
    idle = trial_figures(trial, Mended(trial.damaged, np.zeros_like(trial.mask)))
    assert idle["damage_removed"] == pytest.approx(0)
    assert idle["mask_f1"] == 0
    worse = 2 * trial.damaged - trial.truth
    assert trial_figures(trial, Mended(worse, trial.mask))["damage_removed"] == pytest.approx(-3)


def test_harm_is_counted_from_six_levels_on():
    truth = np.full((10, 10, 3), 0.5, np.float32)
    harmed = truth.copy()
    harmed[0, 0] += 5 / 255
    harmed[0, 1, 2] += 8 / 255
    assert whole_figures(truth, Mended(harmed, np.zeros((10, 10), bool)))["whole_changed"] == 0.01


def test_two_pixels_beside_count_as_there_and_three_do_not():
    true, marked = np.zeros((2, 40, 40), bool)
    true[20] = True
    marked[22] = True
    assert agreement(marked, true) == (1.0, 1.0)
    marked[:] = False
    marked[23] = True
    assert agreement(marked, true) == (0.0, 0.0)
    assert agreement(np.zeros_like(true), np.zeros_like(true)) == (1.0, 1.0)


def test_a_run_scores_every_mender_on_every_trial_and_names_what_it_cannot_read(folder, models, tmp_path):
    run = RepairRun(RepairRequest(folder, (), seed=3), models)
    scores = list(run.scores())
    assert {(s.model, s.family) for s in scores} == {
        *((model, kind) for model in (NOTHING, TRUE_MASK, SHAPES) for kind in TRIALS),
        (NOTHING, WHOLE),
        (SHAPES, WHOLE),
    }
    assert [problem.name for problem in run.problems] == ["broken_1.png"]
    truth = [s.values["damage_removed"] for s in scores if s.model == TRUE_MASK]
    assert min(truth) > 0.5
    assert next(s for s in scores if (s.model, s.family) == (NOTHING, WHOLE)).values["whole_changed"] == 0
    out = files.write_files(run, tmp_path / "out")
    rows = list(csv.DictReader(io.StringIO((out / "scores.csv").read_text())))
    assert len(rows) == len(scores)
    told = json.loads((out / "summary.json").read_text())
    assert told["task"] == "repair"
    assert [model["name"] for model in told["models"]] == [NOTHING, TRUE_MASK, SHAPES]
    assert sorted(path.stem for path in (out / "sheets").iterdir()) == sorted(TRIALS)
    again = RepairRun(RepairRequest(folder, (), seed=3), models)
    assert [s.flat() for s in again.scores()] == [s.flat() for s in scores]


def test_a_weight_file_stands_in_for_the_house_finder(models, tmp_path):
    torch.manual_seed(2)
    net = house_finder.build(folded=True)
    net.head.bias.data[:4] = -30
    path = tmp_path / "blind.safetensors"
    save_file({key: value.half().contiguous() for key, value in net.state_dict().items()}, str(path))
    blind = menders((f"file:{path}",), models)[-1]
    pixels = gray(photograph("chelsea"))[:96, :128]
    mended = blind.mend(pixels, np.zeros((96, 128), bool))
    assert not mended.mask.any()
    assert np.array_equal(mended.pixels, pixels)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("house-colorizer", ModelError, "finds no damage"),
        ("nobody", ModelError, "nobody"),
        ("file:/nowhere/x.safetensors", UsageError, "no weight file"),
    ],
)
def test_what_is_no_finder_is_refused(models, name, error, words):
    with pytest.raises(error, match=words):
        menders((name,), models)


def marks_file(folder, path, **changes):
    data = (folder / "cat_1.png").read_bytes()
    photo = {
        "file": "cat_1.png", "sha256": hashlib.sha256(data).hexdigest(), "width": 260, "height": 200,
        "frame": [[[0, 0], [260, 0], [260, 20], [0, 20]]], "unsure": [],
        "marks": [{"kind": "scratch", "shape": "stroke", "width": 3, "points": [[20, 100], [200, 110]]}],
    }  # fmt: skip
    path.write_text(json.dumps({"format": 1, "photos": [photo | changes]}))
    return path


def test_marks_by_hand_count_inside_the_picture_alone(folder, models, tmp_path):
    run = MarkedRun.of(RepairRequest(folder, ()), models, marks_file(folder, tmp_path / "marks.json"))
    assert [mender.name for mender in run.menders] == [SHAPES]
    found = np.zeros((200, 260), bool)
    found[98:113, 20:200] = True  # a band round the marked line
    found[:10] = True  # in the frame: nobody counts it
    run.menders = [Mender("band", lambda pixels, _: Mended(pixels, found), {})]
    run.counts = {"band": [0, 0, 0, 0]}
    (score,) = run.scores()
    assert score.values["mask_recall"] == pytest.approx(1, abs=0.01)  # two pixels beside count as there
    assert 0.2 < score.values["mask_precision"] < 0.7
    assert run.pooled() == {"band": score.values}


def test_a_photograph_that_is_not_the_marked_one_is_named(folder, models, tmp_path):
    run = MarkedRun.of(RepairRequest(folder, ()), models, marks_file(folder, tmp_path / "m.json", sha256="0" * 64))
    assert list(run.scores()) == []
    assert [problem.name for problem in run.problems] == ["cat_1.png"]
    with pytest.raises(UsageError, match="none of the 1 photographs"):
        MarkedRun.of(RepairRequest(folder, ()), models, marks_file(folder, tmp_path / "n.json", file="other.png"))
