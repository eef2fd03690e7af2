"""The project's own finder of damage: a small U-Net that says of every pixel what is wrong with it.

Input is N x 1 x H x W, luma (sRGB-encoded) as ``2 y - 1`` in [-1, 1]; H and W are multiples of 32 (the caller pads).
Output is N x 7 x H x W: first how likely the pixel is to be filled (a logit), then the logits of the six kinds of
:data:`KINDS` against each other. The net works from half the size down: four neighbouring pixels enter as four channels
and leave as four answers, which keeps a line of one pixel and costs a quarter. Normalisation is by batch statistics,
folded into the convolutions of shipped weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.damage_kinds import DamageKind
from restoration.models.nets.blocks import ConvNorm, ResidualBlock, fold_batch_norm

STRIDE = 32
"""Height and width of the input must be multiples of this."""

KINDS: tuple[DamageKind, ...] = tuple(DamageKind)
"""What the last six channels stand for, in order."""

_CELL = 2
_WIDTHS = (32, 48, 80, 112, 144)
_BLOCKS = (0, 0, 1, 1, 1)


class HouseFinder(nn.Module):
    """See the module's docstring. ``widths`` are the channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input's size;
    ``blocks`` the residual blocks there.
    """

    def __init__(self, widths: Sequence[int] = _WIDTHS, blocks: Sequence[int] = _BLOCKS) -> None:
        super().__init__()
        first = nn.Sequential(_conv(_CELL**2, widths[0]), _conv(widths[0], widths[0]))
        stages: list[nn.Module] = [first]
        for (inside, outside), count in zip(pairwise(widths), blocks[1:], strict=True):
            blocks_here: list[nn.Module] = [ResidualBlock(outside, active=F.relu) for _ in range(count)]
            extra = blocks_here or [_conv(outside, outside)]
            stages.append(nn.Sequential(_conv(inside, outside, stride=2), *extra))
        self.encoder = nn.ModuleList(stages)
        upwards = list(pairwise(reversed(list(widths))))
        self.lower = nn.ModuleList(nn.Conv2d(inside, outside, 1) for inside, outside in upwards)
        self.join = nn.ModuleList(_conv(2 * outside, outside) for _, outside in upwards)
        self.head = nn.Conv2d(widths[0], (1 + len(KINDS)) * _CELL**2, 3, padding=1)

    def forward(self, luma: Tensor) -> Tensor:
        """N x 1 x H x W in [-1, 1] to N x 7 x H x W, logits."""
        maps = []
        x = F.pixel_unshuffle(luma, _CELL)
        for stage in self.encoder:
            x = stage(x)
            maps.append(x)
        for lower, join, skip in zip(self.lower, self.join, reversed(maps[:-1]), strict=True):
            x = join(torch.cat([F.interpolate(lower(x), scale_factor=2.0, mode="nearest"), skip], dim=1))
        return F.pixel_shuffle(self.head(x), _CELL)


def _conv(inside: int, outside: int, *, stride: int = 1) -> ConvNorm:
    return ConvNorm(inside, outside, stride=stride, active=F.relu)


def build(widths: Sequence[int] = _WIDTHS, blocks: Sequence[int] = _BLOCKS, *, folded: bool = False) -> HouseFinder:
    """A fresh net; ``folded`` gives the form that shipped weights are kept in, without batch normalisation."""
    net = HouseFinder(widths, blocks)
    if net.head.bias is not None:
        net.head.bias.data[: _CELL**2] = -3.0  # most pixels are not damaged
    if folded:
        fold_batch_norm(net.eval())
    return net
