"""The project's own denoiser: what grain, sensor noise, JPEG blocks and slight blur added to a picture is taken off.

Input is N x 3 x H x W, sRGB-encoded red, green, blue in [-1, 1], in colour or neutral; H and W are multiples of 8 (the
caller pads). Output has the same shape: the input plus a residual, not clipped. The net works at half size and below
(pixel-unshuffle by 2), which quarters its cost: about 31,000 multiplications a pixel, 0.83 million parameters. There is
no normalisation, so that a tile's answer depends on its own pixels alone and strength is not lost in flat tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 8
"""Height and width of the input must be multiples of this."""

REACH = 64
"""No output depends on input further away than this, in pixels, with the shipped widths and blocks."""

_CELL = 2
_WIDTHS = (32, 64, 128)
_BLOCKS = (1, 1, 2)


class PlainBlock(nn.Module):
    """Two 3x3 convolutions round a shortcut, without normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape is kept."""
        refined: Tensor = x + self.second(F.relu(self.first(x)))
        return refined


class HouseDenoiser(nn.Module):
    """See the module's docstring. ``widths`` are the channels at 1/2, 1/4 and 1/8 of the input's size; ``blocks`` the
    residual blocks there, on the way down and, but for the lowest, once more on the way up.
    """

    def __init__(self, widths: Sequence[int] = _WIDTHS, blocks: Sequence[int] = _BLOCKS) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3 * _CELL**2, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(_row(width, count) for width, count in zip(widths, blocks, strict=True))
        self.down = nn.ModuleList(nn.Conv2d(inside, outside, 2, 2) for inside, outside in pairwise(widths))
        rising = list(pairwise(reversed(list(widths))))
        # upwards by nearest neighbour: a transposed convolution would draw a chequerboard into flat places
        self.up = nn.ModuleList(nn.Conv2d(inside, outside, 1) for inside, outside in rising)
        pairs = list(zip(widths, blocks, strict=True))[:-1]
        self.decoder = nn.ModuleList(_row(width, count) for width, count in reversed(pairs))
        self.head = nn.Conv2d(widths[0], 3 * _CELL**2, 3, padding=1)

    def forward(self, given: Tensor) -> Tensor:
        """N x 3 x H x W in [-1, 1] to the same shape."""
        corrected: Tensor = given + self.residual(given)
        return corrected

    def residual(self, given: Tensor) -> Tensor:
        """What the net would add to the picture; float32."""
        x = self.stem(F.pixel_unshuffle(given, _CELL))
        skips = []
        for row, down in zip(self.encoder, self.down, strict=False):
            skips.append(row(x))
            x = down(skips[-1])
        x = self.encoder[-1](x)
        for up, row, skip in zip(self.up, self.decoder, reversed(skips), strict=True):
            x = row(F.interpolate(up(x), scale_factor=2.0, mode="nearest") + skip)
        # no activation before the head: one there may die in the first steps, and the net would learn nothing any more
        return F.pixel_shuffle(self.head(x), _CELL).float()


def _row(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(PlainBlock(width) for _ in range(count)))


def build(widths: Sequence[int] = _WIDTHS, blocks: Sequence[int] = _BLOCKS) -> HouseDenoiser:
    """A fresh net; it begins by changing nothing."""
    net = HouseDenoiser(widths, blocks)
    nn.init.zeros_(net.head.weight)
    if net.head.bias is not None:
        nn.init.zeros_(net.head.bias)
    return net
