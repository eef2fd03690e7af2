"""The project's own finder of damage: it says of every pixel what is wrong with it.

Input is N x 1 x H x W, luma (sRGB-encoded) as ``2 y - 1`` in [-1, 1]; H and W are multiples of 32 (the caller pads).
Output is N x 7 x H x W: first how likely the pixel is to be filled (a logit), then the logits of the six kinds of
:data:`KINDS` against each other.

Two branches see the scan. EfficientNet-Lite0, trained on ImageNet and left as it is, knows what a photograph shows, so
that a hat is a hat and no hole. A branch of its own sees how it is drawn: four neighbouring pixels enter it as four
channels, which keeps a line of one pixel and costs a quarter. A decoder joins both. Normalisation is by batch
statistics, folded into the convolutions of shipped weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.damage_kinds import DamageKind
from restoration.models.nets.blocks import ConvNorm, ResidualBlock, fold_batch_norm
from restoration.models.nets.efficientnet_lite0 import WIDTHS as TAPS
from restoration.models.nets.efficientnet_lite0 import EfficientNetLite0

STRIDE = 32
"""Height and width of the input must be multiples of this."""

KINDS: tuple[DamageKind, ...] = tuple(DamageKind)
"""What the last six channels stand for, in order."""

_CELL = 2
SIZES = 4
"""Sizes of the encoder that are looked at, 1/2 to 1/16: the last one would take more weights than all others."""
_WIDTHS = (32, 48, 64, 96, 128)
_SPREAD = ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))
"""Which of the three taps over a doubled row (columns) reach a pixel of the row itself, from each of the four pixels of
the doubled one that are round it (rows)."""


class HouseFinder(nn.Module):
    """See the module's docstring. ``widths`` are its own channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size."""

    def __init__(self, widths: Sequence[int] = _WIDTHS) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0(SIZES)
        # the encoder's answers are twenty times as large as what normalised maps hold
        self.taps = nn.ModuleList(_conv(width, width, kernel=1) for width in TAPS[:SIZES])
        half, quarter, eighth, sixteenth, last = widths
        self.drawn = nn.ModuleList(
            [
                nn.Sequential(_conv(_CELL**2, half), _conv(half, half)),
                nn.Sequential(_conv(half, quarter, stride=2), _conv(quarter, quarter)),
                nn.Sequential(_conv(quarter, eighth, stride=2), _conv(eighth, eighth)),
            ]
        )
        self.narrow = _conv(eighth + TAPS[2], sixteenth, stride=2)
        self.meet = _conv(sixteenth + TAPS[3], sixteenth)
        self.deep = nn.Sequential(_conv(sixteenth, last, stride=2), ResidualBlock(last, active=_relu))
        beside = (sixteenth, eighth + TAPS[2], quarter + TAPS[1], half + TAPS[0])
        upwards = pairwise((last, sixteenth, eighth, quarter, half))
        self.join = nn.ModuleList(
            _conv(inside + more, outside) for (inside, outside), more in zip(upwards, beside, strict=True)
        )
        self.head = nn.Conv2d(half, (1 + len(KINDS)) * _CELL**2, 3, padding=1)

    def forward(self, luma: Tensor) -> Tensor:
        """N x 1 x H x W in [-1, 1] to N x 7 x H x W, logits."""
        shown = [tap(answer) for tap, answer in zip(self.taps, self.encoder(luma), strict=True)]
        drawn = []
        x = F.pixel_unshuffle(luma, _CELL)
        for stage in self.drawn:
            x = stage(x)
            drawn.append(x)
        met = self.meet(torch.cat([self.narrow(torch.cat([x, shown[2]], dim=1)), shown[3]], dim=1))
        beside = [met, *(torch.cat(pair, dim=1) for pair in zip(reversed(drawn), reversed(shown[:3]), strict=True))]
        x = self.deep(met)
        joined = _joined if self.training or luma.device.type != "cpu" else _joined_at_once
        for join, map_ in zip(self.join, beside, strict=True):
            x = joined(join, x, map_)
        return F.pixel_shuffle(self.head(x), _CELL)


def _joined(join: nn.Module, x: Tensor, map_: Tensor) -> Tensor:
    """A convolution over a map, doubled in size, and another one of that size."""
    answer: Tensor = join(torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), map_], dim=1))
    return answer


def _joined_at_once(join: nn.Module, x: Tensor, map_: Tensor) -> Tensor:
    """The same, but for rounding: neither the doubled map nor the joined one is made.

    Of the nine taps of a convolution over a doubled map four fall on different pixels, so that a transposed one of 4 x
    4 sums less than half as often (Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?").
    """
    assert isinstance(join, ConvNorm)  # noqa: S101 - for the type checker: that is what they are made of
    weight, inside = join.conv.weight, x.shape[1]
    spread = weight.new_tensor(_SPREAD)
    doubled = torch.einsum("oiab,ta,ub->iotu", weight[:, :inside], spread, spread)
    y = F.conv2d(map_, weight[:, inside:], join.conv.bias, padding=1)
    y += F.conv_transpose2d(x, doubled.contiguous(memory_format=torch.channels_last), stride=2, padding=1)
    y = join.norm(y)
    return y if join.active is None else join.active(y)


def _conv(inside: int, outside: int, *, stride: int = 1, kernel: int = 3) -> ConvNorm:
    return ConvNorm(inside, outside, stride=stride, kernel=kernel, active=_relu)


def _relu(x: Tensor) -> Tensor:
    """In place, which the gradient allows: it asks for the answer alone."""
    return F.relu(x, inplace=True)


def with_tied_kinds(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights whose head tells four neighbouring pixels one kind, that of the first of them.

    Version 2.0 was taught kinds at one pixel of four; at the others its head said whatever it had begun with.
    """
    tied = dict(weights)
    for key in ("head.weight", "head.bias"):
        rows = tied[key].clone()
        for first in range(_CELL**2, len(rows), _CELL**2):
            rows[first : first + _CELL**2] = rows[first]
        tied[key] = rows
    return tied


def build(widths: Sequence[int] = _WIDTHS, *, folded: bool = False) -> HouseFinder:
    """A fresh net, its encoder random too; ``folded`` gives the form that shipped weights are kept in, without batch
    normalisation.
    """
    net = HouseFinder(widths)
    if net.head.bias is not None:
        net.head.bias.data[: _CELL**2] = -3.0  # most pixels are not damaged
    if folded:
        fold_batch_norm(net.eval())
    return net
