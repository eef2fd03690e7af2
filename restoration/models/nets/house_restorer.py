"""The project's own face restorer: a residual U-Net that says what to change in an aligned face, and no more.

In: N x 3 x 256 x 256 RGB in [-1, 1], faces aligned to the FFHQ template at half its size. Out: the same, not clipped.
The net predicts a correction that is added to its input, from zero at the start of training: a face that needs nothing
comes back as it was. There is no normalisation over the batch and no noise, so a face's answer depends on it alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.models.nets.house_colorizer import GlobalAttention

SIDE = 256
"""Height and width of the faces it was trained on, pixels."""


class ScaledBlock(nn.Module):
    """Two 3x3 convolutions round a shortcut, their sum scaled by a learned factor a channel that starts small."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, 1, 1)
        self.second = nn.Conv2d(width, width, 3, 1, 1)
        self.scale = nn.Parameter(torch.full((1, width, 1, 1), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        """Shape is kept."""
        refined: Tensor = x + self.scale * self.second(F.silu(self.first(x)))
        return refined


class HouseRestorer(nn.Module):
    """See the module's docstring. ``widths`` are the channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input, ``blocks``
    the residual blocks on the way down, ``ups`` those on the way up.
    """

    def __init__(
        self,
        widths: Sequence[int] = (40, 80, 144, 224, 288),
        blocks: Sequence[int] = (1, 2, 3, 4, 3),
        ups: Sequence[int] = (1, 2, 2, 2),
        heads: int = 8,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(12, widths[0], 3, 1, 1)
        self.encoder = nn.ModuleList(
            nn.Sequential(*(ScaledBlock(width) for _ in range(count)))
            for width, count in zip(widths, blocks, strict=True)
        )
        self.downs = nn.ModuleList(
            nn.Conv2d(inside, outside, 3, 2, 1) for inside, outside in itertools.pairwise(widths)
        )
        self.attention = GlobalAttention(widths[-1], heads)
        self.joins = nn.ModuleList(nn.Conv2d(inside, outside, 1) for outside, inside in itertools.pairwise(widths))
        self.decoder = nn.ModuleList(
            nn.Sequential(*(ScaledBlock(width) for _ in range(count)))
            for width, count in zip(widths[:-1], ups, strict=True)
        )
        self.head = nn.Conv2d(widths[0], 12, 3, 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, faces: Tensor) -> Tensor:
        """N x 3 x H x W in [-1, 1] to the same shape; H and W multiples of 32."""
        return faces + self.correction(faces)

    def correction(self, faces: Tensor) -> Tensor:
        """What is added to the faces, N x 3 x H x W."""
        x = self.stem(F.pixel_unshuffle(faces, 2))
        maps = [self.encoder[0](x)]
        for down, stage in zip(self.downs, list(self.encoder)[1:], strict=True):
            maps.append(stage(down(maps[-1])))
        x = self.attention(maps[-1])
        for level in reversed(range(len(self.decoder))):
            # bilinear: copies of pixels would give the convolutions after them a grid to amplify
            x = F.interpolate(self.joins[level](x), scale_factor=2.0, mode="bilinear", align_corners=False)
            x = self.decoder[level](x + maps[level])
        return F.pixel_shuffle(self.head(x).float(), 2)


def build(
    widths: Sequence[int] = (40, 80, 144, 224, 288),
    blocks: Sequence[int] = (1, 2, 3, 4, 3),
    ups: Sequence[int] = (1, 2, 2, 2),
    heads: int = 8,
) -> HouseRestorer:
    """A fresh net, which changes nothing until it is trained."""
    return HouseRestorer(widths, blocks, ups, heads)
