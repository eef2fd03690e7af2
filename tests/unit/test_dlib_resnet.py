"""dlib's face descriptor in torch: the file's reader, equality with dlib, and the training loss made of it."""

from __future__ import annotations

import cv2
import dlib
import numpy as np
import pytest
import torch

from restoration.errors import ModelError, ReasonCode
from restoration.models.dlib_file import read_net
from restoration.models.files import Registry
from restoration.models.nets import dlib_identity
from restoration.models.nets.dlib_resnet import DlibResnet, added, load_net
from restoration.photo.colour import luminance_y
from restoration.quality.faces import cosine
from restoration.steps import alignment
from restoration.train.identity import IdentityDistance
from tests.unit.standins import astronaut

LANDMARKS = np.array([(0.43, 0.25), (0.55, 0.24), (0.5, 0.32), (0.45, 0.38), (0.54, 0.37)], np.float64)
"""Of the astronaut's portrait, as shares of width and height, found once by eye."""


@pytest.fixture(scope="module")
def file():
    registry = Registry.load()
    return registry.verify(registry.entry("dlib-face-embedding"))


@pytest.fixture(scope="module")
def net(file):
    return load_net(file)


@pytest.fixture(scope="module")
def distance():
    return IdentityDistance()


@pytest.fixture(scope="module")
def face():
    """The astronaut aligned at 256 pixels: 1 x 3 x 256 x 256 in [-1, 1]."""
    picture = astronaut()
    marks = (LANDMARKS * picture.shape[1::-1]).astype(np.float32)
    crop = alignment.crop(picture, alignment.alignment(marks))
    small = cv2.resize(crop, (256, 256), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(np.ascontiguousarray(small.transpose(2, 0, 1)))[None] * 2 - 1


def chips():
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:150, :150]
    portrait = np.rint(cv2.resize(astronaut()[20:220, 60:260], (150, 150)) * 255).astype(np.uint8)
    return {
        "noise": rng.integers(0, 256, (150, 150, 3), dtype=np.uint8),
        "flat": np.full((150, 150, 3), (200, 90, 10), np.uint8),
        "ramp": np.stack([rows, columns, 255 - rows], axis=2).astype(np.uint8),
        "face": portrait,
        "gray face": np.repeat(portrait[:, :, 1:2], 3, axis=2),
    }


def test_descriptors_are_those_of_dlib(file, net):
    theirs = dlib.face_recognition_model_v1(str(file))
    pictures = chips()
    batch = torch.from_numpy(np.stack(list(pictures.values())).transpose(0, 3, 1, 2).copy()).float()
    with torch.inference_mode():
        ours = net(batch).numpy()
    for name, picture, found in zip(pictures, pictures.values(), ours, strict=True):
        wanted = np.array(theirs.compute_face_descriptor(np.ascontiguousarray(picture), 0))
        assert np.abs(wanted - found).max() < 1e-5, name
        assert cosine(wanted, found) > 0.99999, name


def test_sizes_that_differ_are_filled_with_zeros_at_the_far_ends():
    one, other = torch.ones(1, 1, 2, 3), torch.ones(1, 2, 3, 2)
    assert added(one, other).tolist() == [[[[2, 2, 1], [2, 2, 1], [1, 1, 0]], [[1, 1, 0], [1, 1, 0], [1, 1, 0]]]]


def test_the_net_has_the_numbers_of_the_file(file):
    stored = read_net(file)
    convolutions = [layer for layer in stored.layers if layer.kind == "con"]
    assert len(convolutions) == 29
    assert stored.size == (150, 150)
    learnt = sum(layer.weight.size + layer.bias.size for layer in convolutions) + 256 * 128
    assert sum(p.numel() for p in DlibResnet().parameters()) == learnt


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda content: content[:100_000], "cut off"),
        (lambda content: content + b"\x01\x05con_9", "'con_9'"),
        (lambda content: content.replace(b"loss_metric_2", b"loss_metric_9", 1), "loss_metric_2"),
        (lambda content: content.replace(b"\x05relu_", b"\x05selu_", 1), "selu_"),
        (lambda content: b"PK\x03\x04" + content, "begins no integer"),
        (lambda content: b"", "cut off"),
    ],
)
def test_a_spoilt_file_is_refused(file, tmp_path, spoil, says):
    bad = tmp_path / "bad.dat"
    bad.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(ModelError, match=says) as caught:
        load_net(bad)
    assert caught.value.reason is ReasonCode.MODEL_CORRUPT
    assert "bad.dat" in str(caught.value)


def test_a_net_with_a_layer_less_is_refused(file, tmp_path):
    """Everything after the last block's second convolution is gone, at a layer's end: readable, and another net."""
    content = file.read_bytes()
    shorter = tmp_path / "shorter.dat"
    shorter.write_bytes(content[: content.rindex(b"\x01\x04fc_2")])
    with pytest.raises(ModelError, match="its layers are others"):
        load_net(shorter)


def test_the_loss_sees_what_the_gate_sees(distance, file, face):
    """Descriptors of an aligned face are those of the identity gate at the template's landmarks."""
    gate = dlib_identity.load(file, Registry.load().entry("dlib-face-embedding"))
    picture = ((face[0] + 1) / 2).numpy().transpose(1, 2, 0)
    gray = np.rint(luminance_y(np.ascontiguousarray(picture)) * 255).astype(np.uint8)
    marks = ((alignment.TEMPLATE + 0.5) / 2 - 0.5).astype(np.float32)
    wanted = gate(gray, marks)
    (found,) = distance.descriptors(face).double().numpy()
    assert cosine(wanted, found) > 0.999
    assert np.abs(wanted - found).max() < 0.01


def test_the_distance_is_zero_for_one_face_and_grows_with_harm(distance, face):
    softly, hard = (blurred(face, side) for side in (5, 21))
    same, soft, other, turned = (float(distance(made, face)) for made in (face, softly, hard, face.flip(2)))
    assert abs(same) < 1e-5
    assert same < soft < 0.3 < other < turned


def test_the_gradient_goes_to_the_made_face_alone_and_lowers_the_distance(distance, face):
    true = face.clone().requires_grad_()
    made = blurred(face, 21).requires_grad_()
    before = distance(made, true)
    before.backward()
    assert true.grad is None
    assert all(parameter.grad is None for parameter in distance.parameters())
    assert torch.isfinite(made.grad).all()
    with torch.no_grad():
        after = distance(made - 2 * made.grad / made.grad.norm(), true)
    assert float(after) < 0.95 * float(before.detach())


def test_autocast_round_it_changes_nothing(distance, face):
    made = blurred(face, 9)
    with torch.autocast("cpu", torch.bfloat16):
        within = distance(made.bfloat16().float(), face)
    assert within.dtype == torch.float32
    assert torch.equal(within, distance(made.bfloat16().float(), face))


def test_the_loss_keeps_nothing_in_a_checkpoint_but_the_net(distance):
    assert all(name.startswith("net.") for name in distance.state_dict())


def blurred(faces: torch.Tensor, side: int) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(faces, side, 1, side // 2, count_include_pad=False)
