"""The project's judge of which way up a photograph lies: a number for a picture, higher the more upright it looks.

Input is N x 1 x 224 x 224, luma (sRGB-encoded) as ``2 y - 1`` in [-1, 1], the picture squeezed into a square; output
is N. A picture is shown in its four positions; the softmax of the four answers says how likely each is upright. So no
position is preferred, and a print and that print turned get the same four answers.

EfficientNet-Lite0, trained on ImageNet and left as it is, sees the picture; a small head asks what was where.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.models.nets.efficientnet_lite0 import WIDTHS, EfficientNetLite0

SIDE = 224
STRIDE = 32
CELLS = SIDE // STRIDE
SEEN = WIDTHS[-1] + WIDTHS[-2]
"""Channels of what the head is shown: the encoder's last two sizes."""


class UprightHead(nn.Module):
    """What the encoder saw, N x ``SEEN`` x 7 x 7, to N numbers. ``width`` channels are kept of every cell, ``hidden``
    of the whole.
    """

    def __init__(self, width: int = 64, hidden: int = 64) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(SEEN, width, 1)
        self.join = nn.Linear(width * CELLS * CELLS, hidden)
        self.head = nn.Linear(hidden, 1)
        self.quiet = nn.Dropout(0.5)

    def forward(self, seen: Tensor) -> Tensor:
        """See the class."""
        cells = F.silu(self.narrow(seen))
        whole = F.silu(self.join(self.quiet(cells.flatten(1))))
        score: Tensor = self.head(self.quiet(whole))[:, 0]
        return score


class HouseUpright(nn.Module):
    """See the module's docstring."""

    def __init__(self, width: int = 64, hidden: int = 64) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0()
        self.judge = UprightHead(width, hidden)

    def forward(self, luma: Tensor) -> Tensor:
        """N x 1 x 224 x 224 to N."""
        score: Tensor = self.judge(seen_by(self.encoder, luma))
        return score


def seen_by(encoder: EfficientNetLite0, luma: Tensor) -> Tensor:
    """What the head is shown of pictures (N x 1 x 224 x 224): the last two sizes in 7 x 7 cells, about 1 in size."""
    *_, fourth, fifth = encoder(luma)
    return torch.cat([fifth, F.avg_pool2d(fourth, 2)], dim=1) / 4


def build(width: int = 64, hidden: int = 64) -> HouseUpright:
    """A fresh net, its encoder random too."""
    return HouseUpright(width, hidden)
