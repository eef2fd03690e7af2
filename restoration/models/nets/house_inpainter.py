"""The project's own inpainting net: what may have been in a hole, from what surrounds it.

After the seed document's self-attention GAN: gated convolutions (Yu et al. 2019), which learn what to believe, dilated
ones at an eighth of the size, and self-attention there, so that one side of a face can tell of the other. The hole
comes filled already by diffusion (:mod:`restoration.photo.diffusion`); the net says what to change about it.

Input is N x 4 x H x W: red, green, blue in [-1, 1] with the hole filled by diffusion, and the mask (1 in the hole). H
and W are multiples of 8. Output is N x 3 x H x W in [-1, 1]: the hole's new pixels, all others as they came.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.models.nets.house_colorizer import GlobalAttention

STRIDE = 8
"""Height and width of the input must be multiples of this."""


class Gated(nn.Module):
    """3x3 convolution whose every answer is weighed by a learned gate."""

    def __init__(self, inside: int, outside: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, 2 * outside, 3, stride, dilation, dilation)

    def forward(self, x: Tensor) -> Tensor:
        """N x inside x H x W to N x outside x H/stride x W/stride."""
        answer, gate = self.conv(x).chunk(2, dim=1)
        return F.silu(answer) * torch.sigmoid(gate)


class GatedBlock(nn.Module):
    """A dilated gated convolution and a plain one, round a shortcut that starts closed."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.first = Gated(width, width, dilation=dilation)
        self.second = nn.Conv2d(width, width, 3, 1, 1)
        self.scale = nn.Parameter(torch.full((1, width, 1, 1), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        """Shape is kept."""
        refined: Tensor = x + self.scale * self.second(self.first(x))
        return refined


class HouseInpainter(nn.Module):
    """See the module's docstring. ``widths`` are the channels at 1/2, 1/4 and 1/8 of the input's size."""

    def __init__(
        self, widths: Sequence[int] = (32, 64, 128), dilations: Sequence[int] = (1, 2, 4, 8, 2, 1), heads: int = 4
    ) -> None:
        super().__init__()
        half, quarter, eighth = widths
        self.stem = Gated(4, half, stride=2)
        self.down = Gated(half, quarter, stride=2)
        self.lower = Gated(quarter, eighth, stride=2)
        middle = len(dilations) // 2
        self.before = nn.Sequential(*(GatedBlock(eighth, dilation) for dilation in dilations[:middle]))
        self.attention = GlobalAttention(eighth, heads)
        self.after = nn.Sequential(*(GatedBlock(eighth, dilation) for dilation in dilations[middle:]))
        self.rise = nn.Conv2d(eighth, quarter, 1)
        self.join = Gated(quarter, quarter)
        self.rise_again = nn.Conv2d(quarter, half, 1)
        self.join_again = Gated(half, half)
        self.full = nn.Conv2d(half + 4, 16, 3, 1, 1)
        self.head = nn.Conv2d(16, 3, 3, 1, 1)

    def forward(self, given: Tensor) -> Tensor:
        """N x 4 x H x W to N x 3 x H x W."""
        half = self.stem(given)
        quarter = self.down(half)
        x = self.after(self.attention(self.before(self.lower(quarter))))
        x = self.join(_doubled(self.rise(x)) + quarter)
        x = self.join_again(_doubled(self.rise_again(x)) + half)
        x = F.silu(self.full(torch.cat([_doubled(x), given], dim=1)))
        changed: Tensor = given[:, :3] + given[:, 3:] * self.head(x).float()
        return changed


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def build(
    widths: Sequence[int] = (32, 64, 128), dilations: Sequence[int] = (1, 2, 4, 8, 2, 1), heads: int = 4
) -> HouseInpainter:
    """A fresh net; it begins by changing nothing."""
    net = HouseInpainter(widths, dilations, heads)
    nn.init.zeros_(net.head.weight)
    if net.head.bias is not None:
        nn.init.zeros_(net.head.bias)
    return net
