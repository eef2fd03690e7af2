"""The project's own finder of damage: a small U-Net that says of every pixel what is wrong with it.

Input is N x 1 x H x W, luma (sRGB-encoded) as ``2 y - 1`` in [-1, 1]; H and W are multiples of 16 (the caller pads).
Output is N x 7 x H x W: first how likely the pixel is to be filled (a logit), then the logits of the six kinds of
:data:`KINDS` against each other. Decoder levels add the encoder's maps instead of stacking them, which halves the work
at full size. Normalisation is by batch statistics, folded into the convolutions of shipped weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from restoration.damage_kinds import DamageKind
from restoration.models.nets.blocks import ConvNorm, ResidualBlock, fold_batch_norm

STRIDE = 16
"""Height and width of the input must be multiples of this."""

KINDS: tuple[DamageKind, ...] = tuple(DamageKind)
"""What the last six channels stand for, in order."""


class HouseFinder(nn.Module):
    """See the module's docstring. ``widths`` are the channels at 1, 1/2, 1/4, 1/8 and 1/16 of the input's size;
    ``blocks`` the residual blocks there.
    """

    def __init__(self, widths: Sequence[int] = (16, 24, 48, 96, 160), blocks: Sequence[int] = (0, 0, 1, 1, 2)) -> None:
        super().__init__()
        stages: list[nn.Module] = [ConvNorm(1, widths[0])]
        for (inside, outside), count in zip(pairwise(widths), blocks[1:], strict=True):
            extra: list[nn.Module] = [ResidualBlock(outside) for _ in range(count)] or [ConvNorm(outside, outside)]
            stages.append(nn.Sequential(ConvNorm(inside, outside, stride=2), *extra))
        self.encoder = nn.ModuleList(stages)
        backwards = list(reversed(list(widths)))
        self.lower = nn.ModuleList(nn.Conv2d(inside, outside, 1) for inside, outside in pairwise(backwards))
        self.join = nn.ModuleList(ConvNorm(width, width) for width in backwards[1:])
        self.head = nn.Conv2d(widths[0], 1 + len(KINDS), 1)

    def forward(self, luma: Tensor) -> Tensor:
        """N x 1 x H x W in [-1, 1] to N x 7 x H x W, logits."""
        maps = []
        x = luma
        for stage in self.encoder:
            x = stage(x)
            maps.append(x)
        for lower, join, skip in zip(self.lower, self.join, reversed(maps[:-1]), strict=True):
            x = join(F.interpolate(lower(x), scale_factor=2.0, mode="nearest") + skip)
        answer: Tensor = self.head(x)
        return answer


def build(
    widths: Sequence[int] = (16, 24, 48, 96, 160), blocks: Sequence[int] = (0, 0, 1, 1, 2), *, folded: bool = False
) -> HouseFinder:
    """A fresh net; ``folded`` gives the form that shipped weights are kept in, without batch normalisation."""
    net = HouseFinder(widths, blocks)
    if net.head.bias is not None:
        net.head.bias.data[0] = -3.0  # most pixels are not damaged
    if folded:
        fold_batch_norm(net.eval())
    return net
