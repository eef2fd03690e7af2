"""The house restorer and its training, at toy size."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from restoration.errors import UsageError
from restoration.models.nets import house_restorer
from restoration.models.nets.detection import Detection
from restoration.synthetic.degradation import Degradation, degrade, gaussian_kernel, random_degradation
from restoration.train import restorer
from restoration.train.faces import DegradedFaces, Faults, align, aligned_faces
from restoration.train.features import VggFeatures
from restoration.train.loop import Stage
from tests.unit.standins import astronaut

TOY = {"widths": [8, 8, 8, 16, 16], "blocks": [1, 1, 1, 1, 1], "ups": [1, 1, 1, 1], "heads": 2}


def detector(image, confidence):
    """Where the eyes, nose and mouth of the astronaut's portrait are, found once by eye."""
    height, width = image.shape[:2]
    marks = np.array([(0.43, 0.25), (0.55, 0.24), (0.5, 0.32), (0.45, 0.38), (0.54, 0.37)]) * (width, height)
    return [Detection((0.3 * width, 0.1 * height, 0.4 * width, 0.4 * height), 0.9, marks.astype(np.float32))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("people")
    picture = np.round(astronaut()[:, :, ::-1] * 255).astype(np.uint8)
    cv2.imwrite(str(target / "a_1.png"), picture)
    cv2.imwrite(str(target / "a_2.png"), np.ascontiguousarray(picture[:, ::-1]))
    cv2.imwrite(str(target / "small_1.png"), cv2.resize(picture, (120, 140), interpolation=cv2.INTER_AREA))
    return target


@pytest.fixture
def toy(folder, monkeypatch):
    class Models:
        def __init__(self, **_):
            pass

        def load(self, name):
            assert name == "centerface"
            return detector

    monkeypatch.setattr(restorer, "LoadedModels", Models)
    stages = (Stage(0.5, 64, 64, 2), Stage(1.0, 96, 96, 2))
    return restorer.Config(
        (str(folder),), steps=6, stages=stages, warmup=2, threads=1, workers=0, save_every=3, sheet_every=6,
        adversarial_from=0.5, feature_side=48, net=TOY,
    )  # fmt: skip


def test_an_untrained_restorer_changes_nothing():
    torch.manual_seed(0)
    net = house_restorer.build(**TOY).eval()
    faces = torch.rand(2, 3, 64, 96) * 2 - 1
    with torch.inference_mode():
        assert torch.equal(net(faces), faces)


def test_a_face_does_not_depend_on_its_neighbours():
    torch.manual_seed(1)
    net = house_restorer.build(**TOY).eval()
    torch.nn.init.normal_(net.head.weight, std=0.1)
    faces = torch.rand(3, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        assert not torch.allclose(net(faces), faces, atol=1e-2)
        assert torch.allclose(net(faces)[1:2], net(faces[1:2]), atol=1e-5)


def test_the_shipped_form_fits_the_project():
    """fp16, at most 30 MB."""
    assert sum(p.numel() for p in house_restorer.build().parameters()) * 2 < 30e6


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_degradation_keeps_size_and_range_and_repeats(seed):
    rng = np.random.default_rng(seed)
    how = random_degradation(rng)
    face = rng.random((96, 80, 3)).astype(np.float32)
    once, again = degrade(face, how, seed), degrade(face, how, seed)
    assert np.array_equal(once, again)
    assert once.shape == face.shape
    assert 0 <= once.min() <= once.max() <= 1
    assert gaussian_kernel(how).sum() == pytest.approx(1.0, abs=1e-5)
    assert 0.2 <= min(how.sigma_x, how.sigma_y) <= max(how.sigma_x, how.sigma_y) <= 10
    assert 1 <= how.factor <= 8
    assert 0 <= how.noise <= 15
    assert 60 <= how.quality <= 100


def test_each_part_of_the_degradation_does_harm():
    face = cv2.resize(astronaut()[20:220, 60:260], (128, 128), interpolation=cv2.INTER_AREA)
    nothing = Degradation(0.2, 0.2, 0.0, 1.0, 0.0, 100)

    def error(**changes):
        return float(np.abs(degrade(face, replace(nothing, **changes), 3) - face).mean())

    least = error()
    assert least < 0.01
    for worse in ({"sigma_x": 6.0, "sigma_y": 6.0}, {"factor": 6.0}, {"noise": 15.0}, {"quality": 60}):
        assert error(**worse) > 1.5 * least, worse


def test_faces_are_aligned_and_kept_and_small_photographs_left_out(folder, tmp_path):
    memory = tmp_path / "faces.npy"
    faces = aligned_faces(sorted(folder.glob("*.png")), detector, memory)
    assert faces.shape == (2, 256, 256, 3)
    assert np.array_equal(aligned_faces([], detector, memory), faces)
    with pytest.raises(UsageError, match="no photograph holds a face"):
        aligned_faces([folder / "small_1.png"], detector, tmp_path / "other.npy")
    assert align(np.zeros((300, 300, 3), np.uint8), lambda image, confidence: []) is None


def test_samples_are_pairs_of_which_some_are_clean_and_some_gray(folder, tmp_path):
    faces = aligned_faces(sorted(folder.glob("a_*.png")), detector, tmp_path / "faces.npy")
    samples = DegradedFaces(faces, Faults(clean=0.3, gray=0.5, aged=0.5), (64, 96), seed=3, length=60)
    pairs = [samples[index] for index in range(60)]
    assert all(given.shape == truth.shape == (3, 64, 96) for given, truth in pairs)
    assert all(torch.equal(*together) for together in zip(samples[7], pairs[7], strict=True))
    clean = sum(torch.equal(given, truth) for given, truth in pairs)
    gray = [torch.equal(truth[0], truth[2]) for _, truth in pairs]
    assert 8 <= clean <= 28
    assert 18 <= sum(gray) <= 42
    assert all(torch.equal(given[0], given[2]) for (given, _), is_gray in zip(pairs, gray, strict=True) if is_gray)


def test_features_tell_blur_from_sameness():
    features = VggFeatures()
    face = torch.from_numpy(astronaut()[40:136, 100:196].transpose(2, 0, 1))[None] * 2 - 1
    blurred = torch.nn.functional.avg_pool2d(face, 5, 1, 2).requires_grad_()
    distance = features(blurred, face)
    distance.backward()
    assert float(features(face, face)) < 1e-6 < float(distance.detach())
    assert torch.isfinite(blurred.grad).all()
    assert blurred.grad.abs().max() > 0


def test_a_run_leaves_weights_and_sheets_and_resumes(toy, tmp_path, monkeypatch):
    whole = restorer.Trainer(toy, tmp_path / "whole").run()
    step = restorer.Trainer.step

    def interrupted(self, batch):
        if self.progress.step == 4:
            raise KeyboardInterrupt
        return step(self, batch)

    monkeypatch.setattr(restorer.Trainer, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        restorer.Trainer(toy, tmp_path / "broken").run()
    monkeypatch.setattr(restorer.Trainer, "step", step)
    resumed = restorer.Trainer(toy, tmp_path / "broken").run()
    for (name, one), other in zip(load_file(whole).items(), load_file(resumed).values(), strict=True):
        assert torch.allclose(one.float(), other.float(), atol=1e-3), name
    assert cv2.imread(str(tmp_path / "whole" / "samples" / "000006.png")).shape == (3 * 256, 10 * 256, 3)
    again = restorer.Trainer(replace(toy, steps=2), tmp_path / "again", init=whole).run()
    assert load_file(again).keys() == load_file(whole).keys()


def test_training_brings_faces_nearer_to_the_truth(toy, tmp_path):
    config = replace(toy, steps=40, adversarial_from=2.0, learning_rate=4e-3, clean_share=0.0, aged_share=0.0)
    trainer = restorer.Trainer(config, tmp_path / "run")
    batch = next(trainer.batches(Stage(1.0, 64, 64, 4)))
    losses = [trainer.step(batch)["loss"] for _ in range(40)]
    assert losses[-1] < 0.85 * losses[0]


def test_the_shipped_configuration_is_read():
    from pathlib import Path

    path = Path(restorer.__file__).parent / "configs" / "house-restorer.toml"
    assert restorer.read_config(path).stages[-1].until == 1.0
