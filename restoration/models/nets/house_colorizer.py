"""The project's own colorizer: a residual U-Net with global attention that predicts CIELAB chroma from luminance.

Input is N x 1 x H x W, ``L* / 50 - 1`` in [-1, 1]; H and W are multiples of 32 (the caller pads). Output is
N x 2 x H x W, a* and b* divided by 110. Normalisation is by batch statistics, folded into the convolutions for
inference (:func:`restoration.models.nets.blocks.fold_batch_norm`), so that a picture's result never depends on its
neighbours in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.models.nets.blocks import ConvNorm, ResidualBlock, fold_batch_norm

AB_SCALE = 110.0
"""Factor between the net's output and a*b* in CIELAB units."""

STRIDE = 32
"""Height and width of the input must be multiples of this."""


class GlobalAttention(nn.Module):
    """Self-attention over all positions of the coarsest map: one garment, one sky, one colour."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Shape is kept."""
        n, c, h, w = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.norm(tokens)).reshape(n, h * w, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v)
        tokens = tokens + self.out(mixed.transpose(1, 2).reshape(n, h * w, c))
        shaped: Tensor = tokens.transpose(1, 2).reshape(n, c, h, w)
        return shaped


class UpBlock(nn.Module):
    """Double the resolution, join the encoder's map, refine."""

    def __init__(self, inside: int, skip: int, outside: int) -> None:
        super().__init__()
        self.join = ConvNorm(inside + skip, outside)
        self.refine = ResidualBlock(outside)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """N x inside x H x W and N x skip x 2H x 2W to N x outside x 2H x 2W."""
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        refined: Tensor = self.refine(self.join(torch.cat([x, skip], dim=1)))
        return refined


class HouseColorizer(nn.Module):
    """See the module's docstring. ``widths`` are the channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input.

    With ``mirror`` the answer in eval mode is the mean over the picture and its mirror image: twice the work, calmer
    colours, and a result that does not depend on which way the negative lay in the enlarger.
    """

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 128, 224, 288),
        blocks: Sequence[int] = (0, 2, 3, 3, 2),
        heads: int = 8,
        *,
        mirror: bool = False,
    ) -> None:
        super().__init__()
        self.mirror = mirror
        stages = []
        inside = 1
        for width, count in zip(widths, blocks, strict=True):
            stages.append(
                nn.Sequential(ConvNorm(inside, width, stride=2), *(ResidualBlock(width) for _ in range(count)))
            )
            inside = width
        self.encoder = nn.ModuleList(stages)
        self.attention = GlobalAttention(widths[-1], heads)
        ups = []
        for skip in reversed(list(widths)[:-1]):
            ups.append(UpBlock(inside, skip, skip))
            inside = skip
        self.decoder = nn.ModuleList(ups)
        self.head = nn.Conv2d(inside, 2, 3, 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, luminance: Tensor) -> Tensor:
        """N x 1 x H x W in [-1, 1] to N x 2 x H x W, ab / 110."""
        painted = self._painted(luminance)
        if self.training or not self.mirror:
            return painted
        return (painted + self._painted(luminance.flip(3)).flip(3)) / 2

    def _painted(self, luminance: Tensor) -> Tensor:
        maps = []
        x = luminance
        for stage in self.encoder:
            x = stage(x)
            maps.append(x)
        x = self.attention(x)
        for up, skip in zip(self.decoder, reversed(maps[:-1]), strict=True):
            x = up(x, skip)
        return F.interpolate(self.head(x).float(), scale_factor=2.0, mode="bilinear", align_corners=False)


def build(
    widths: Sequence[int] = (32, 64, 128, 224, 288),
    blocks: Sequence[int] = (0, 2, 3, 3, 2),
    heads: int = 8,
    *,
    folded: bool = False,
    mirror: bool = False,
) -> HouseColorizer:
    """A fresh net; ``folded`` gives the form that shipped weights are kept in, without batch normalisation."""
    net = HouseColorizer(widths, blocks, heads, mirror=mirror)
    if folded:
        fold_batch_norm(net.eval())
    return net
