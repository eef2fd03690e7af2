"""EfficientNet-Lite0, pretrained on ImageNet, as an encoder: what a photograph shows, at five sizes.

Facts of the published net (Tan and Le 2019, "EfficientNet", and the Lite variants released by its authors): inverted
residual blocks without squeeze-and-excitation, ReLU6, batch normalisation with epsilon 1e-3, TensorFlow's "same"
padding (an even side that is halved is padded below and on the right alone). Batch normalisation is folded into the
convolutions here: the encoder is asked, and not trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_STAGES = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
           (6, 3, 1, 320, 1))  # fmt: skip
"""Expansion, kernel, stride, channels and repeats of each stage."""
_STEM = 32
_LAST_OF_SIZE = (0, 1, 2, 4, 6)
"""Stages after which the size changes, or the net ends: their answers are tapped."""
WIDTHS = (16, 24, 40, 112, 320)
"""Channels of the taps at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input's size."""
_EPSILON = 1e-3
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, of sRGB-encoded channels in [0, 1]."""


class _Conv(nn.Module):
    """Convolution with "same" padding as TensorFlow has it, and ReLU6 unless ``linear``."""

    def __init__(
        self, inside: int, outside: int, kernel: int = 1, *, stride: int = 1, groups: int = 1, linear: bool = False
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, stride, 0 if stride == 2 else kernel // 2, groups=groups)
        self.halves = stride == 2
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        """N x inside x H x W to N x outside x H/stride x W/stride; H and W are even where the stride is 2."""
        x = self._halved(x) if self.halves else self.conv(x)
        # in place: a new map of this size costs as much as a third of the convolution
        return x if self.linear else F.relu6(x, inplace=True)

    def _halved(self, x: Tensor) -> Tensor:
        """Padded below and on the right by one pixel more than above and on the left.

        A kernel that is wider by a row and a column of zeros, in front, asks for the same padding all round. That is
        the same sum, and saves a padded copy of maps that are the largest of all.
        """
        weight = F.pad(self.conv.weight, (1, 0, 1, 0))
        if self.conv.weight.is_contiguous(memory_format=torch.channels_last):
            weight = weight.contiguous(memory_format=torch.channels_last)
        return F.conv2d(x, weight, self.conv.bias, 2, weight.shape[-1] // 2 - 1, 1, self.conv.groups)


class _Block(nn.Module):
    """Inverted residual: wider, filtered channel by channel, narrower again; a shortcut if the shape is kept."""

    def __init__(self, inside: int, outside: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = inside * expansion
        self.expand: nn.Module = _Conv(inside, wide) if expansion > 1 else nn.Identity()
        self.filter = _Conv(wide, wide, kernel, stride=stride, groups=wide)
        self.project = _Conv(wide, outside, linear=True)
        self.shortcut = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.filter(self.expand(x)))
        return x + y if self.shortcut else y


class EfficientNetLite0(nn.Module):
    """The first ``sizes`` sizes of the net. Input is luma, N x 1 x H x W as ``2 y - 1`` in [-1, 1] (sRGB-encoded); H
    and W are multiples of two to the power of ``sizes``. Output is one map per size, of :data:`WIDTHS` channels.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, sizes: int = len(WIDTHS)) -> None:
        super().__init__()
        stages = _STAGES[: _LAST_OF_SIZE[sizes - 1] + 1]
        self.stem = _Conv(3, _STEM, 3, stride=2)
        widths = [_STEM, *(stage[3] for stage in stages)]
        self.stages = nn.ModuleList(
            _stage(inside, outside, *stage) for (inside, outside), stage in zip(pairwise(widths), stages, strict=True)
        )
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)

    def forward(self, luma: Tensor) -> list[Tensor]:
        """See the class."""
        x = self.stem((luma.add(1).div(2) - self.mean) / self.deviation)
        taps = []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in _LAST_OF_SIZE:
                taps.append(x)
        return taps


def _stage(
    inside: int, outside: int, expansion: int, kernel: int, stride: int, _channels: int, repeats: int
) -> nn.Sequential:
    first = _Block(inside, outside, expansion, kernel, stride)
    return nn.Sequential(first, *(_Block(outside, outside, expansion, kernel, 1) for _ in range(repeats - 1)))


def from_published(published: Mapping[str, Tensor], sizes: int = len(WIDTHS)) -> dict[str, Tensor]:
    """The published state dict under this module's names, batch normalisation folded in.

    :raises KeyError: it is the state dict of something else.
    """
    ours = _folded(published, "_conv_stem", "_bn0", "stem")
    block = 0
    for number, (expansion, *_, repeats) in enumerate(_STAGES[: _LAST_OF_SIZE[sizes - 1] + 1]):
        for repeat in range(repeats):
            theirs, here = f"_blocks.{block}.", f"stages.{number}.{repeat}."
            if expansion > 1:
                ours |= _folded(published, f"{theirs}_expand_conv", f"{theirs}_bn0", f"{here}expand")
            ours |= _folded(published, f"{theirs}_depthwise_conv", f"{theirs}_bn1", f"{here}filter")
            ours |= _folded(published, f"{theirs}_project_conv", f"{theirs}_bn2", f"{here}project")
            block += 1
    return ours


def _folded(published: Mapping[str, Tensor], conv: str, norm: str, name: str) -> dict[str, Tensor]:
    scale = published[f"{norm}.weight"] / torch.sqrt(published[f"{norm}.running_var"] + _EPSILON)
    return {
        f"{name}.conv.weight": published[f"{conv}.weight"] * scale[:, None, None, None],
        f"{name}.conv.bias": published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale,
    }
