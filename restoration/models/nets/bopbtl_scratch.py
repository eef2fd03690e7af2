"""The scratch detector of "Bringing Old Photos Back to Life" (Wan et al. 2020): a large U-Net.

Keys and shapes are those of the published checkpoint ``FT_Epoch_latest.pt`` under ``model_state``: one channel in and
out, four levels from 64 to 1,024 channels, convolutions with reflected borders, and a fixed blur before each halving.
:func:`likelihood` does what the published script does round it: the short side becomes 256 pixels and both sides
multiples of 16 (bicubic, in bytes), luma is ``(y - 0.5) / 0.5``, and the answer is a sigmoid, where 0.4
and above is a scratch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.models.buckets import run_in_buckets

SHORT_SIDE = 256
STRIDE = 16
THRESHOLD = 102
"""A likelihood of 0.4 as a byte: from here on the published script says "scratch"."""

_WIDTH = 64
_LEVELS = 4
_SLOPE = 0.2

Bytes = NDArray[np.uint8]


class _Blur(nn.Module):
    """A binomial blur of three pixels, then every second pixel (Zhang 2019). Its weights are kept, not learnt."""

    filt: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0])
        square = torch.outer(line, line) / 16
        self.register_buffer("filt", square.repeat(width, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.filt, stride=2, groups=x.shape[1])


def _norm_convolution(inside: int, outside: int) -> list[nn.Module]:
    return [
        nn.ReflectionPad2d(1),
        nn.Conv2d(inside, outside, 3),
        nn.BatchNorm2d(outside),
        nn.LeakyReLU(_SLOPE, inplace=True),
    ]


class _Block(nn.Module):
    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.block = nn.Sequential(*_norm_convolution(inside, outside), *_norm_convolution(outside, outside))

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.block(x)
        return answer


class _Up(nn.Module):
    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        enlarge = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.up = nn.Sequential(enlarge, nn.ReflectionPad2d(1), nn.Conv2d(inside, outside, 3))
        self.conv_block = _Block(inside, outside)

    def forward(self, x: Tensor, bridge: Tensor) -> Tensor:
        answer: Tensor = self.conv_block(torch.cat([self.up(x), bridge], 1))
        return answer


class BopbtlScratch(nn.Module):
    """N x 1 x H x W in [-1, 1] to N x 1 x H x W, logits; H and W are multiples of 16."""

    def __init__(self) -> None:
        super().__init__()
        widths = [_WIDTH << level for level in range(_LEVELS + 1)]
        self.first = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(1, _WIDTH, 7), nn.LeakyReLU(_SLOPE, inplace=True))
        self.down_sample = nn.ModuleList(nn.Sequential(*_norm_convolution(w, w), _Blur(w)) for w in widths[:-1])
        self.down_path = nn.ModuleList(_Block(width, 2 * width) for width in widths[:-1])
        self.up_path = nn.ModuleList(_Up(2 * width, width) for width in reversed(widths[:-1]))
        self.last = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(_WIDTH, 1, 3))

    def forward(self, luma: Tensor) -> Tensor:
        """How likely a pixel is scratched, as logits."""
        x = self.first(luma)
        bridges = []
        for halve, block in zip(self.down_sample, self.down_path, strict=True):
            bridges.append(x)
            x = block(halve(x))
        for up, bridge in zip(self.up_path, reversed(bridges), strict=True):
            x = up(x, bridge)
        answer: Tensor = self.last(x)
        return answer


def build() -> BopbtlScratch:
    """The net with random weights."""
    return BopbtlScratch()


def working_size(width: int, height: int) -> tuple[int, int]:
    """Width and height that the published script brings a picture to."""
    if width < height:
        return SHORT_SIDE, _rounded(height / width * SHORT_SIDE)
    return _rounded(width / height * SHORT_SIDE), SHORT_SIDE


def _rounded(side: float) -> int:
    return int(round(side / STRIDE) * STRIDE)  # to the even one where it lies between, as Python does


def likelihood(net: Any, pixels: Bytes, device: str) -> Bytes:
    """How likely each pixel is scratched, 0..255; :data:`THRESHOLD` and above is what the published script marks.

    The answer is brought back to the picture's size pixel by pixel (nearest), as the published pipeline does.

    :param net: :class:`BopbtlScratch` with weights, in evaluation mode, on the device.
    :param pixels: H x W x 3 sRGB or H x W luma, in bytes.
    :raises OutOfMemory: the device has too little memory even for the reduced picture.
    """
    height, width = pixels.shape[:2]
    size = working_size(width, height)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    luma = np.asarray(picture.convert("L"), np.float32) / np.float32(255)
    given = torch.from_numpy((luma[None] - np.float32(0.5)) / np.float32(0.5))
    (answer,) = run_in_buckets(net, [given], device, bucket=1)
    # cut off, not rounded: 0.4 is exactly 102 / 255, so the threshold stays where it was
    share = np.asarray(torch.sigmoid(answer[0]).numpy() * np.float32(255), np.float32).astype(np.uint8)
    return np.asarray(Image.fromarray(share).resize((width, height), Image.Resampling.NEAREST), np.uint8)
