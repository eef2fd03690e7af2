"""The encoder against the published net's own arithmetic: batch normalisation apart, TensorFlow's padding."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from restoration.errors import UsageError
from restoration.models.nets.efficientnet_lite0 import WIDTHS, EfficientNetLite0, from_published
from restoration.train import damage, hinted_colorizer
from restoration.train.encoder import read_encoder

STAGES = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
          (6, 3, 1, 320, 1))  # fmt: skip


class Published:
    """A state dict under the published names, and what the published net makes of it, size by size."""

    def __init__(self) -> None:
        self.random = torch.Generator().manual_seed(3)
        self.state: dict[str, torch.Tensor] = {}
        self.layers: list[tuple[str, str, int, int, bool]] = []
        self._layer("_conv_stem", "_bn0", 3, 32, 3, 2)
        self.blocks: list[tuple[int, int, int, int, int]] = []
        width = 32
        for expansion, kernel, stride, outside, repeats in STAGES:
            for repeat in range(repeats):
                self._block(width, outside, expansion, kernel)
                self.blocks.append((width, outside, expansion, kernel, stride if repeat == 0 else 1))
                width = outside

    def _layer(self, conv, norm, inside, outside, kernel, _stride=1, groups=1):
        def drawn(*size):
            return torch.randn(*size, generator=self.random)

        self.state[f"{conv}.weight"] = drawn(outside, inside // groups, kernel, kernel) / (kernel * inside**0.5)
        self.state[f"{norm}.weight"] = 1 + 0.2 * drawn(outside)
        self.state[f"{norm}.bias"] = 0.3 * drawn(outside)
        self.state[f"{norm}.running_mean"] = 0.2 * drawn(outside)
        self.state[f"{norm}.running_var"] = 0.5 + drawn(outside).abs()

    def _block(self, inside, outside, expansion, kernel):
        name, wide = f"_blocks.{len(self.blocks)}.", inside * expansion
        if expansion > 1:
            self._layer(f"{name}_expand_conv", f"{name}_bn0", inside, wide, 1)
        self._layer(f"{name}_depthwise_conv", f"{name}_bn1", wide, wide, kernel, groups=wide)
        self._layer(f"{name}_project_conv", f"{name}_bn2", wide, outside, 1)

    def _run(self, x, conv, norm, stride=1, groups=1):
        weight = self.state[f"{conv}.weight"]
        kernel = weight.shape[2]
        # TensorFlow: as many pixels as are needed to reach ceil(side / stride), the odd one at the end
        pads = []
        for side in (x.shape[3], x.shape[2]):
            all_of_it = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [all_of_it // 2, all_of_it - all_of_it // 2]
        x = functional.conv2d(functional.pad(x, pads), weight, stride=stride, groups=groups)
        known = [self.state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return functional.batch_norm(x, *known, eps=1e-3)

    def maps(self, rgb):
        x = functional.relu6(self._run(rgb, "_conv_stem", "_bn0", 2))
        found = {}
        for number, (inside, outside, expansion, _, stride) in enumerate(self.blocks):
            name, y = f"_blocks.{number}.", x
            if expansion > 1:
                y = functional.relu6(self._run(y, f"{name}_expand_conv", f"{name}_bn0"))
            y = functional.relu6(self._run(y, f"{name}_depthwise_conv", f"{name}_bn1", stride, y.shape[1]))
            y = self._run(y, f"{name}_project_conv", f"{name}_bn2")
            x = x + y if stride == 1 and inside == outside else y
            found[x.shape[2]] = x  # the last map of each size
        return [found[side] for side in sorted(found, reverse=True)]


def test_the_encoder_answers_as_the_published_net_does():
    published = Published()
    net = EfficientNetLite0()
    net.load_state_dict(from_published(published.state))
    luma = torch.rand(2, 1, 64, 96, generator=torch.Generator().manual_seed(1)) * 2 - 1
    rgb = ((luma + 1) / 2).expand(-1, 3, -1, -1)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    wanted = published.maps((rgb - mean[:, None, None]) / deviation[:, None, None])
    answers = net(luma)
    assert tuple(answer.shape[1] for answer in answers) == WIDTHS
    assert [answer.shape[2] for answer in answers] == [32, 16, 8, 4, 2]
    for answer, right in zip(answers, wanted, strict=True):
        assert torch.allclose(answer, right, atol=1e-3 * float(right.abs().max()))
    shorter = EfficientNetLite0(3)
    shorter.load_state_dict(from_published(published.state, 3))
    assert torch.equal(shorter(luma)[2], answers[2])


def test_every_number_of_the_published_net_is_used_and_none_is_trained():
    net = EfficientNetLite0()
    state = Published().state
    kept = sum(value.numel() for key, value in state.items() if "conv" in key or key.endswith(".bias"))
    assert sum(p.numel() for p in net.parameters()) == kept == 2_939_120
    assert not any(p.requires_grad for p in net.parameters())


def test_its_file_is_read_and_another_one_is_refused(tmp_path):
    path = tmp_path / "lite0.pth"
    torch.save(Published().state, path)
    assert read_encoder(path, 4).keys() == EfficientNetLite0(4).state_dict().keys()
    for bad, words in ((b"", "no published"), (b"no weights", "no published")):
        path.write_bytes(bad)
        with pytest.raises(UsageError, match=words):
            read_encoder(path)
    torch.save({"net": torch.zeros(3)}, path)
    with pytest.raises(UsageError, match="no published EfficientNet-Lite0"):
        read_encoder(path)
    with pytest.raises(UsageError, match=r"training\.md"):
        read_encoder(Path("nowhere.pth"))


def test_a_finder_and_a_colorizer_begin_with_the_published_encoder(tmp_path):
    (tmp_path / "photos").mkdir()
    picture = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    assert cv2.imwrite(str(tmp_path / "photos" / "a_1.png"), picture)
    torch.save(Published().state, tmp_path / "lite0.pth")
    given = {"folders": (str(tmp_path / "photos"),), "encoder": str(tmp_path / "lite0.pth"), "threads": 1}
    for trainer, config in ((damage.Trainer, damage.Config), (hinted_colorizer.Trainer, hinted_colorizer.Config)):
        run = trainer(config(**given), tmp_path / config.__module__)
        theirs = read_encoder(tmp_path / "lite0.pth", len(run.net.taps) + (trainer is hinted_colorizer.Trainer))
        assert all(torch.equal(value, run.net.encoder.state_dict()[key]) for key, value in theirs.items())
        assert all(torch.equal(value, run.average.encoder.state_dict()[key]) for key, value in theirs.items())
