"""The project's second colorizer: it knows what a photograph shows, listens to hints, and says how unsure it is.

Input is N x 4 x H x W: ``L* / 50 - 1`` in [-1, 1], then the hints: a* and b* divided by 110 and 1 where somebody said
so, 0 elsewhere. H and W are multiples of 32 (the caller pads). Output is N x 3 x H x W: a* and b* divided by 110, and
the logarithm of the expected error in tens of CIEDE2000.

EfficientNet-Lite0, trained on ImageNet and left as it is, sees the picture; a decoder with global attention paints at a
quarter of the side. L* stands in for luma: the two differ by less than the tones of two films do. Hints enter where the
encoder's maps do, at every size. Normalisation is by batch statistics, folded into the convolutions of shipped weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.models.nets.blocks import ConvNorm, ResidualBlock, fold_batch_norm
from restoration.models.nets.efficientnet_lite0 import WIDTHS as TAPS
from restoration.models.nets.efficientnet_lite0 import EfficientNetLite0
from restoration.models.nets.house_colorizer import GlobalAttention

STRIDE = 32
"""Height and width of the input must be multiples of this."""

_CELL = 4
"""Chroma is painted, and hints are taken, at this share of the input's side."""
_WIDTHS = (224, 160, 96, 64)
_HINTS = (64, 48, 32, 32)


class HintedColorizer(nn.Module):
    """See the module's docstring. ``widths`` are the decoder's channels at 1/32, 1/16, 1/8 and 1/4 of the input's size,
    ``hints`` those of the hints' maps there. With ``mirror`` the answer in eval mode is the mean over the picture and
    its mirror image.
    """

    def __init__(
        self,
        widths: Sequence[int] = _WIDTHS,
        hints: Sequence[int] = _HINTS,
        heads: int = 8,
        *,
        mirror: bool = False,
    ) -> None:
        super().__init__()
        self.mirror = mirror
        self.encoder = EfficientNetLite0()
        shown = (224, *reversed(TAPS[1:4]))
        # the encoder's answers are up to twenty times as large as what normalised maps hold
        self.taps = nn.ModuleList(
            ConvNorm(tap, width, kernel=1) for tap, width in zip(reversed(TAPS[1:]), shown, strict=True)
        )
        self.hints = nn.ModuleList(
            ConvNorm(inside, outside, stride=stride)
            for inside, outside, stride in zip((3, *reversed(hints[1:])), reversed(hints), (1, 2, 2, 2), strict=True)
        )
        inside = (0, *widths[:-1])
        self.join = nn.ModuleList(
            ConvNorm(below + seen + said, width)
            for below, seen, said, width in zip(inside, shown, hints, widths, strict=True)
        )
        self.refine = nn.ModuleList(ResidualBlock(width) for width in widths)
        self.attention = GlobalAttention(widths[0], heads)
        self.head = nn.Conv2d(widths[-1], 3, 3, 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, given: Tensor) -> Tensor:
        """N x 4 x H x W to N x 3 x H x W, see the module's docstring."""
        painted = self._painted(given)
        if self.training or not self.mirror:
            return painted
        return (painted + self._painted(given.flip(3)).flip(3)) / 2

    def _painted(self, given: Tensor) -> Tensor:
        _, *shown = self.encoder(given[:, :1])
        said = self._said(given[:, 1:])
        x: Tensor | None = None
        steps = zip(self.taps, reversed(shown), reversed(said), self.join, self.refine, strict=True)
        for number, (tap, seen, hint, join, refine) in enumerate(steps):
            maps = [tap(seen), hint]
            if x is not None:
                maps.append(F.interpolate(x, scale_factor=2.0, mode="nearest"))
            x = refine(join(torch.cat(maps, dim=1)))
            x = self.attention(x) if number == 0 else x
        return F.interpolate(self.head(x).float(), scale_factor=float(_CELL), mode="bilinear", align_corners=False)

    def _said(self, hints: Tensor) -> list[Tensor]:
        """Maps of the hints at 1/4 to 1/32 of the size: in each cell the mean of what was said about it."""
        share = F.avg_pool2d(hints[:, 2:], _CELL)
        x = torch.cat([F.avg_pool2d(hints[:, :2], _CELL) / share.clamp(min=1e-3), (share > 0).to(share.dtype)], dim=1)
        maps = []
        for stage in self.hints:
            x = stage(x)
            maps.append(x)
        return maps


def build(
    widths: Sequence[int] = _WIDTHS,
    hints: Sequence[int] = _HINTS,
    heads: int = 8,
    *,
    folded: bool = False,
    mirror: bool = False,
) -> HintedColorizer:
    """A fresh net, its encoder random too; ``folded`` gives the form that shipped weights are kept in, without batch
    normalisation.
    """
    net = HintedColorizer(widths, hints, heads, mirror=mirror)
    if folded:
        fold_batch_norm(net.eval())
    return net
