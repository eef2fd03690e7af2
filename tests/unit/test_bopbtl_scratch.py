"""The published scratch detector: true keys and shapes, and the processing round it, on seeded random weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restoration.errors import ModelError
from restoration.models.headers import read_heads
from restoration.models.loading import built_on_meta, fill, read_weights
from restoration.models.manifests import form_of_net, heads_of, require_fit
from restoration.models.nets.bopbtl_scratch import THRESHOLD, build, likelihood, working_size


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(7)
    return build().eval()


def test_keys_and_shapes_are_the_published_ones():
    form = form_of_net(built_on_meta("bopbtl-scratch", {}))
    shapes = {name: head.shape for name, head in form.tensors.items()}
    assert shapes["first.1.weight"] == (64, 1, 7, 7)
    assert shapes["down_sample.3.1.weight"] == (512, 512, 3, 3)
    assert shapes["down_sample.3.2.running_var"] == (512,)
    assert shapes["down_sample.3.4.filt"] == (512, 1, 3, 3)
    assert shapes["down_path.3.block.1.weight"] == (1024, 512, 3, 3)
    assert shapes["down_path.3.block.6.num_batches_tracked"] == ()
    assert shapes["up_path.0.up.2.weight"] == (512, 1024, 3, 3)
    assert shapes["up_path.0.conv_block.block.1.weight"] == (512, 1024, 3, 3)
    assert shapes["up_path.3.conv_block.block.6.bias"] == (64,)
    assert shapes["last.1.weight"] == (1, 64, 3, 3)
    # 2 + 2 at the ends; a level has 7 + 1 on the way down before its block of 14, and 2 + 14 on the way up
    assert len(shapes) == 4 + 4 * (8 + 14) + 4 * (2 + 14)
    assert "down_sample.0.4.filt" in form.buffers


def test_a_published_looking_file_is_read_and_a_wrong_one_named(tmp_path, net):
    path = tmp_path / "FT_Epoch_latest.pt"
    torch.save({"model_state": net.state_dict(), "epoch": 3}, path)
    assert read_heads(path, "model_state") == heads_of(net.state_dict())
    again = build().eval()
    fill(again, read_weights(path, "model_state"), path.name)
    luma = torch.zeros(1, 1, 32, 48)
    with torch.inference_mode():
        assert torch.equal(again(luma), net(luma))
        assert net(luma).shape == (1, 1, 32, 48)
    wrong = heads_of({k: v for k, v in net.state_dict().items() if k != "last.1.bias"})
    with pytest.raises(ModelError, match=r"lacks last\.1\.bias"):
        require_fit(form_of_net(net), wrong, path.name, "bopbtl-scratch")


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ((640, 480), (336, 256)),  # 341.33 is nearer to 336 than to 352
        ((480, 640), (256, 336)),
        ((256, 256), (256, 256)),
        ((100, 100), (256, 256)),
        ((600, 256), (608, 256)),  # 600 lies between 592 and 608: the even multiple
    ],
)
def test_the_short_side_becomes_256(given, size):
    assert working_size(*given) == size


class Recorder:
    """A net that answers with its input, a little larger; keeps what it was given."""

    def __call__(self, batch):
        self.given = batch
        return batch * 3


def test_luma_is_scaled_and_the_answer_comes_back_at_full_size():
    recorder = Recorder()
    pixels = np.zeros((300, 400, 3), np.uint8)
    pixels[:, 200:] = 255
    answer = likelihood(recorder, pixels, "cpu")
    assert recorder.given.shape == (1, 1, 256, 336)
    assert recorder.given.min() == -1
    assert recorder.given.max() == 1
    assert answer.shape == (300, 400)
    assert answer[0, 0] == int(255 / (1 + np.exp(3)))
    assert answer[0, -1] == int(255 / (1 + np.exp(-3)))
    assert np.array_equal(likelihood(recorder, pixels[..., 0], "cpu"), answer)


def test_the_threshold_is_that_of_the_published_script():
    logits = torch.logit(torch.tensor([0.399, 0.401]))
    plane = np.zeros((256, 256), np.uint8)
    below, above = (likelihood(lambda batch, x=x: torch.zeros_like(batch) + x, plane, "cpu")[0, 0] for x in logits)
    assert below < THRESHOLD <= above


def test_the_same_bytes_each_time(net):
    pixels = np.random.default_rng(0).integers(0, 256, (96, 64, 3), dtype=np.uint8)
    once = likelihood(net, pixels, "cpu")
    assert once.shape == (96, 64)
    assert np.array_equal(once, likelihood(net, pixels, "cpu"))
