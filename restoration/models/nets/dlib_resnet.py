"""dlib's face descriptor as a torch net: a residual net of 29 convolutions, 128 numbers a face.

In: N x 3 x 150 x 150 RGB in [0, 255], faces in dlib's chip. Out: N x 128, not normalised, not centred.

The architecture is dlib's ``anet_type`` (dnn_face_recognition_ex.cpp). Its factor and offset for each channel are
folded into the convolution before. Two things are unlike the ResNets of elsewhere: where a block halves its input it
does so without padding, and the way round it is a mean of 2 x 2 pixels; and where the two ways differ in height, width
or channels, the smaller one is filled up with zeros at its far ends. Through this net flows a gradient, which dlib's
own does not offer: a restorer may learn from it whom it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.errors import ModelError, ReasonCode
from restoration.models.dlib_file import Layer, read_net

SIDE = 150
NUMBERS = 128
_LEVELS = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""Channels and blocks of each level from the input on, and whether its first block halves its input."""


class Block(nn.Module):
    """Two convolutions and a way round them."""

    def __init__(self, inside: int, outside: int, halves: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, 2 if halves else 1, 0 if halves else 1)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1)
        self.halves = halves

    def forward(self, x: Tensor) -> Tensor:
        """N x inside x H x W to N x outside x H x W, or about half as high and wide."""
        through = self.second(F.relu(self.first(x)))
        return F.relu(added(through, F.avg_pool2d(x, 2) if self.halves else x))


def added(one: Tensor, other: Tensor) -> Tensor:
    """Sum of two N x C x H x W tensors whose sizes may differ: missing values count as zero (dlib's ``add_prev``)."""
    size = [max(sides) for sides in zip(one.shape, other.shape, strict=True)]
    return _filled(one, size) + _filled(other, size)


def _filled(x: Tensor, size: Sequence[int]) -> Tensor:
    missing = [wanted - side for wanted, side in zip(size, x.shape, strict=True)]
    return F.pad(x, (0, missing[3], 0, missing[2], 0, missing[1])) if any(missing) else x


class DlibResnet(nn.Module):
    """See the module's docstring."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor((122.782, 117.001, 104.298)).view(1, 3, 1, 1))
        self.stem = nn.Conv2d(3, 32, 7, 2)
        blocks, inside = [], 32
        for width, count, halves in _LEVELS:
            blocks += [Block(inside if i == 0 else width, width, halves and i == 0) for i in range(count)]
            inside = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inside, NUMBERS, bias=False)

    def forward(self, chips: Tensor) -> Tensor:
        """N x 3 x 150 x 150 in [0, 255] to N x 128."""
        x = F.relu(self.stem((chips - self.mean) / 256))
        x = self.blocks(F.max_pool2d(x, 3, 2))
        descriptors: Tensor = self.head(x.mean(dim=(2, 3)))
        return descriptors


def load_net(path: Path) -> DlibResnet:
    """The net with the weights of dlib's file (``dlib_face_recognition_resnet_model_v1.dat``), frozen.

    The file's hash is the caller's business; see :meth:`restoration.models.files.Registry.verify`.

    :raises ModelError: no net of dlib, or one of another architecture (MODEL_CORRUPT).
    """
    found = read_net(path)
    net = DlibResnet()
    try:
        _require(found.size == (SIDE, SIDE), f"its input is {found.size}")
        _require([layer.kind for layer in found.layers] == _kinds(net), "its layers are others")
        _fill(net, found.layers)
    except ValueError as error:
        message = f"{path.name} is not dlib's face descriptor: {error}"
        raise ModelError(message, reason=ReasonCode.MODEL_CORRUPT) from error
    net.mean.copy_(torch.tensor(found.mean).view(1, 3, 1, 1))
    net.requires_grad_(False)
    return net.eval()


def _kinds(net: DlibResnet) -> list[str]:
    """The layers of the file in their order."""
    kinds = ["con", "affine", "relu", "max_pool"]
    for block in net.blocks:
        way_round = ["avg_pool"] if isinstance(block, Block) and block.halves else []
        kinds += ["con", "affine", "relu", "con", "affine", *way_round, "add_prev", "relu"]
    return [*kinds, "avg_pool", "fc"]


def _fill(net: DlibResnet, layers: Sequence[Layer]) -> None:
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    stored = [layer for layer in layers if layer.kind == "con"]
    factors = [layer for layer in layers if layer.kind == "affine"]
    for module, layer, affine in zip(convolutions, stored, factors, strict=True):
        _require(module.stride == layer.stride, f"a convolution has the stride {layer.stride}")
        _require(module.padding == layer.padding, f"a convolution has the padding {layer.padding}")
        weight, bias, factor, offset = _tensors(layer, affine)
        _require(module.weight.shape == weight.shape, f"a convolution has the shape {tuple(weight.shape)}")
        _require(factor.shape == bias.shape, f"a convolution of {len(bias)} filters has {len(factor)} factors")
        module.load_state_dict({"weight": weight * factor.view(-1, 1, 1, 1), "bias": bias * factor + offset})
    windows = [(layer.window, layer.stride) for layer in layers if layer.kind in {"max_pool", "avg_pool"}]
    halvings = sum(halves for _, _, halves in _LEVELS)
    _require(windows == [((3, 3), (2, 2)), *[((2, 2), (2, 2))] * halvings, ((0, 0), (1, 1))], "it pools otherwise")
    linear = layers[-1].weight
    _require(linear is not None and linear.T.shape == net.head.weight.shape, "its last layer has another shape")
    net.head.load_state_dict({"weight": torch.as_tensor(linear).t().contiguous()})


def _tensors(convolution: Layer, affine: Layer) -> list[Tensor]:
    arrays = (convolution.weight, convolution.bias, affine.weight, affine.bias)
    return [torch.from_numpy(array) for array in arrays if array is not None]


def _require(fits: bool, problem: str) -> None:
    if not fits:
        raise ValueError(problem)
