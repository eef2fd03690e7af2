"""The project's own nets and their training, at toy size."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from restoration.errors import UsageError
from restoration.models.nets import blocks, house_colorizer, seed_autoencoder
from restoration.models.nets.detection import Detection
from restoration.photo.colour import rgb_to_lab
from restoration.quality import metrics
from restoration.quality.skin import ita_group, typology_angle
from restoration.synthetic.demo_collection import read_origin
from restoration.train import autoencoder, colorizer
from restoration.train.data import AgedCrops, Sampling, find_photos
from restoration.train.skin import SkinFinder

TOY_STAGES = (colorizer.Stage(0.75, 64, 64, 2), colorizer.Stage(1.0, 96, 64, 2, smallest=0.75))
TOY = {"widths": [4, 8, 8, 16, 16], "blocks": [0, 1, 1, 1, 1], "heads": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("photos")
    for name in ("hopper", "astronaut", "coffee", "cat"):
        small = cv2.resize(read_origin(name), (96, 96), interpolation=cv2.INTER_AREA)
        for number in range(3):
            turned = np.rot90(small, number)[:, :, ::-1]
            cv2.imwrite(str(target / f"{name}_{number}.png"), np.round(turned * 255).astype(np.uint8))
    return target


def toy_config(folder, **changes):
    base = colorizer.Config(
        folders=(str(folder),), steps=8, stages=TOY_STAGES, warmup=2, threads=1, workers=0,
        save_every=4, adversarial_from=0.5, net=TOY,
    )  # fmt: skip
    return replace(base, **changes)


def test_seed_autoencoder_has_the_published_number_of_parameters():
    net = seed_autoencoder.build()
    assert sum(p.numel() for p in net.parameters()) == seed_autoencoder.PARAMETERS == 3_859_747
    with torch.inference_mode():
        rgb = net(torch.rand(1, 1, *seed_autoencoder.SIZE))
    assert rgb.shape == (1, 3, *seed_autoencoder.SIZE)
    assert rgb.abs().max() <= 1


def test_folding_batch_norm_changes_nothing():
    torch.manual_seed(0)
    net = house_colorizer.build(**TOY)
    for _ in range(3):
        net(torch.rand(4, 1, 64, 64) * 2 - 1)
    torch.nn.init.normal_(net.head.weight, std=0.1)
    net.eval()
    picture = torch.rand(2, 1, 64, 96) * 2 - 1
    with torch.inference_mode():
        before = net(picture)
        after = blocks.fold_batch_norm(net)(picture)
    assert before.shape == (2, 2, 64, 96)
    assert torch.allclose(before, after, atol=1e-5)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())


def test_a_picture_does_not_depend_on_its_neighbours():
    torch.manual_seed(1)
    net = house_colorizer.build(**TOY, folded=True).eval()
    torch.nn.init.normal_(net.head.weight, std=0.1)
    pictures = torch.rand(3, 1, 64, 64) * 2 - 1
    with torch.inference_mode():
        together, alone = net(pictures)[1:2], net(pictures[1:2])
    assert torch.allclose(together, alone, atol=1e-5)


def test_with_mirror_the_side_a_picture_faces_does_not_matter():
    torch.manual_seed(2)
    net = house_colorizer.build(**TOY, folded=True, mirror=True).eval()
    torch.nn.init.normal_(net.head.weight, std=0.1)
    picture = torch.rand(2, 1, 64, 96) * 2 - 1
    with torch.inference_mode():
        assert torch.allclose(net(picture).flip(3), net(picture.flip(3)), atol=1e-6)
        net.mirror = False
        assert not torch.allclose(net(picture).flip(3), net(picture.flip(3)), atol=1e-3)


def test_shipped_weights_paint_the_same_times_the_gain():
    torch.manual_seed(3)
    net = house_colorizer.build(**TOY)
    for _ in range(3):
        net(torch.rand(4, 1, 64, 64) * 2 - 1)
    torch.nn.init.normal_(net.head.weight, std=0.1)
    net.eval()
    ready = house_colorizer.build(**TOY, folded=True)
    ready.load_state_dict({key: value.float() for key, value in colorizer.shipped(net, 1.25).items()})
    picture = torch.rand(1, 1, 64, 64) * 2 - 1
    with torch.inference_mode():
        assert torch.allclose(ready.eval()(picture), 1.25 * net(picture), atol=5e-3)


def test_the_loss_is_the_chroma_part_of_ciede2000():
    """Against the full formula at one lightness, near neutral, where the terms that are left out are small."""
    rng = np.random.default_rng(4)
    truth, painted = rng.uniform(-6, 6, (2, 500, 2))
    flat = [np.concatenate([np.full((500, 1), 50.0), ab], axis=1) for ab in (truth, painted)]
    full = metrics.ciede2000(*flat)
    tensors = [torch.tensor(ab.T[None, :, :, None] / 110, dtype=torch.float32) for ab in (painted, truth)]
    ours = colorizer.chroma_difference(*tensors)[0, 0, :, 0].numpy()
    assert np.abs(np.sqrt(ours**2 - 0.25) - full).mean() < 0.08 * full.mean()


def test_the_loss_can_be_descended_from_gray():
    truth = torch.full((1, 2, 16, 16), 0.2)
    painted = torch.zeros(1, 2, 16, 16, requires_grad=True)
    colorizer.chroma_loss(painted, truth, torch.zeros(1, 1, 16, 16), colorizer.Config(())).backward()
    assert torch.isfinite(painted.grad).all()
    assert (painted.grad < 0).all()


def test_crops_depend_on_seed_and_index_alone(folder):
    families = find_photos([folder])
    assert sorted(families) == ["astronaut", "cat", "coffee", "hopper"]

    def crops(seed):
        return AgedCrops(families, {"*": 1.0}, sampling=Sampling(64, 64), seed=seed, length=100)

    for one, two in zip(crops(7)[42], crops(7)[42], strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(crops(7)[42][0], crops(8)[42][0])
    luminance, ab, *_ = crops(7)[3]
    assert luminance.shape == (1, 64, 64)
    assert ab.shape == (2, 64, 64)
    assert -1.001 <= luminance.min() <= luminance.max() <= 1.001


def test_families_are_drawn_by_weight(folder):
    only_cats = AgedCrops(
        find_photos([folder]),
        {"cat": 1.0, "*": 0.0},
        sampling=Sampling(64, 64, aged_share=0.0),
        seed=1,
        length=10,
    )
    cats = AgedCrops(
        {"cat": find_photos([folder])["cat"]}, {}, sampling=Sampling(64, 64, aged_share=0.0), seed=1, length=10
    )
    assert torch.equal(only_cats[0][1], cats[0][1])


class FakeDetector:
    """Finds one face in the middle of every picture, and counts how often it was asked."""

    def __init__(self):
        self.asked = 0

    def __call__(self, image, confidence):
        self.asked += 1
        assert np.ptp(image.astype(int), axis=2).max() == 0  # gray: the mask must not depend on colours
        height, width = image.shape[:2]
        marks = np.array([(0.4, 0.4), (0.6, 0.4), (0.5, 0.5), (0.42, 0.65), (0.58, 0.65)]) * (width, height)
        return [Detection((width / 4, height / 4, width / 2, height / 2), 0.9, marks.astype(np.float32))]


def test_skin_is_found_once_remembered_and_grouped(tmp_path):
    detector = FakeDetector()
    skin_colour, jeans = (224, 172, 140), (40, 60, 120)
    person = np.full((120, 100, 3), skin_colour, np.uint8)
    person[:40] = jeans
    finder = SkinFinder(detector, tmp_path / "faces.json")
    found = finder.find("one.png", person)
    finder.save()
    assert found.mask.shape == (120, 100)
    assert found.mask[70, 50] == 255
    assert found.mask[35, 50] == 0  # inside the face, but no skin
    assert found.mask[110, 50] == 0  # of the colour of skin, but outside the face
    assert found.group == ita_group(typology_angle(rgb_to_lab(person.astype(np.float32) / 255), found.mask > 0))
    again = SkinFinder(detector, tmp_path / "faces.json").find("one.png", person)
    assert np.array_equal(again.mask, found.mask)
    assert detector.asked == 1
    blue = finder.find("two.png", np.full((120, 100, 3), jeans, np.uint8))
    assert blue.group == ""
    assert not blue.mask.any()


def test_people_of_rare_tones_are_drawn_as_often_as_asked(tmp_path):
    tones = {"light": (240, 205, 180), "dark": (70, 45, 35)}
    for name, tone in tones.items():
        for number in range(1 if name == "dark" else 9):
            cv2.imwrite(str(tmp_path / f"people_{name}{number}.png"), np.full((96, 96, 3), tone[::-1], np.uint8))
    finder = SkinFinder(FakeDetector(), tmp_path / "faces.json")
    crops = AgedCrops(
        find_photos([tmp_path]),
        {},
        sampling=Sampling(64, 64, smallest=0.9, aged_share=0.0),
        seed=5,
        length=400,
        finder=finder,
        ita_weights={"dark": 9.0},
    )
    samples = [crops[index] for index in range(400)]
    dark = np.mean([float(lightness.mean()) < -0.2 for _, _, lightness, _ in samples])
    assert 0.4 < dark < 0.6  # one of ten people, nine times as often
    assert all(0.0 < float(skin.mean()) < 0.6 for *_, skin in samples)


def test_errors_on_skin_weigh_more_where_the_configuration_says_so():
    truth, painted = torch.full((1, 2, 32, 32), 0.2), torch.full((1, 2, 32, 32), 0.2)
    painted[:, :, :16] = 0.1
    skin = torch.zeros(1, 1, 32, 32)
    skin[:, :, :16] = 1.0
    plain, careful = colorizer.Config(()), colorizer.Config((), skin_weight=1.5)
    assert torch.equal(
        colorizer.chroma_loss(painted, truth, skin, plain), colorizer.chroma_loss(painted, truth, 0 * skin, careful)
    )
    ratio = colorizer.chroma_loss(painted, truth, skin, careful) / colorizer.chroma_loss(painted, truth, skin, plain)
    assert 2.2 < float(ratio) <= 2.5  # the floor of the distance is everywhere


def test_training_resumes_and_ends_where_an_unbroken_run_does(folder, tmp_path, monkeypatch):
    whole = colorizer.Trainer(toy_config(folder), tmp_path / "whole").run()
    step = colorizer.Trainer.step

    def interrupted(self, batch):
        if self.progress.step == 5:
            raise KeyboardInterrupt
        return step(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(colorizer.Trainer, "step", interrupted)
        broken = colorizer.Trainer(toy_config(folder), tmp_path / "broken")
        with pytest.raises(KeyboardInterrupt):
            broken.run()
    resumed = colorizer.Trainer(toy_config(folder), tmp_path / "broken").run()
    for (name, one), two in zip(load_file(whole).items(), load_file(resumed).values(), strict=True):
        assert torch.allclose(one.float(), two.float(), atol=1e-3), name
    facts = json.loads((tmp_path / "whole" / "run.json").read_text())
    assert facts["step"] == 8
    sheet = cv2.imread(str(tmp_path / "whole" / "samples" / "000008.png"))
    assert sheet.shape == (3 * 96, 12 * 64, 3)
    assert np.ptp(sheet[:96].astype(int), axis=2).max() <= 2  # the first row is gray
    assert np.ptp(sheet[192:].astype(int), axis=2).max() > 50  # the last one is not


def test_training_lowers_the_loss(folder, tmp_path):
    config = toy_config(folder, steps=60, aged_share=0.0, adversarial_from=2.0, learning_rate=5e-3)
    trainer = colorizer.Trainer(config, tmp_path / "run")
    losses = [
        trainer.step(batch)["loss"]
        for batch, _ in zip(trainer.batches(trainer.progress.stage), range(60), strict=False)
    ]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])


def test_training_goes_on_from_shipped_weights(folder, tmp_path):
    first = colorizer.Trainer(toy_config(folder), tmp_path / "first").run()
    second = colorizer.Trainer(toy_config(folder, steps=2), tmp_path / "second", init=first).run()
    assert load_file(second).keys() == load_file(first).keys()


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ("[[stages]]\nuntil = 0.5\nheight = 64\nwidth = 64\nbatch = 2", "must rise and end at 1.0"),
        ("[[stages]]\nuntil = 1.0\nheight = 64\nbatch = 2", "a stage needs"),
    ],
)
def test_stages_that_make_no_sense_are_refused(tmp_path, stages, message):
    path = tmp_path / "config.toml"
    path.write_text(stages)
    with pytest.raises(UsageError, match=message):
        colorizer.read_config(path)


def test_unknown_keys_in_a_configuration_are_refused(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('folders = ["x"]\nstep = 3\n')
    with pytest.raises(UsageError, match="unknown keys: step"):
        colorizer.read_config(path)
    with pytest.raises(UsageError, match="no photographs"):
        find_photos([tmp_path])


def test_autoencoder_trains_and_reports_both_figures(folder, tmp_path):
    config = autoencoder.Config((str(folder),), minutes=0.02, half_size_share=1.0, batch=2, threads=1)
    path = autoencoder.train(config, tmp_path / "ae")
    facts = json.loads((tmp_path / "ae" / "run.json").read_text())
    assert set(facts["held_out"]) == {"mse", "argmax_agreement"}
    assert 0 <= facts["held_out"]["argmax_agreement"] <= 1
    assert sum(t.numel() for t in load_file(path).values()) == seed_autoencoder.PARAMETERS
