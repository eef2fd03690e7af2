"""The autoencoder that this project grew from: gray in, RGB out, 3,859,747 parameters.

Twelve 3x3 convolutions with ReLU (three of stride 2), three doublings, tanh at the end. Input is N x 1 x H x W in
[0, 1], H and W multiples of 8 (224 x 184 in the original); output is N x 3 x H x W in [-1, 1], RGB.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

SIZE = (224, 184)
"""Height and width the original was trained at."""

PARAMETERS = 3_859_747
"""Number of trainable parameters, counted from the layers."""


class SeedAutoencoder(nn.Module):
    """See the module's docstring."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 64, 128, 128, 256, 256, 512, 256, 128, 64, 32, 16, 3)
        halving = {0, 2, 4}
        doubling_after = {7, 8, 9}
        layers: list[nn.Module] = []
        for index, (inside, outside) in enumerate(pairwise(widths)):
            layers.append(nn.Conv2d(inside, outside, 3, 2 if index in halving else 1, 1))
            layers.append(nn.Tanh() if outside == 3 else nn.ReLU(inplace=True))
            if index in doubling_after:
                layers.append(nn.Upsample(scale_factor=2.0, mode="nearest"))
        self.layers = nn.Sequential(*layers)

    def forward(self, gray: Tensor) -> Tensor:
        """N x 1 x H x W in [0, 1] to N x 3 x H x W in [-1, 1]."""
        rgb: Tensor = self.layers(gray)
        return rgb


def build(**options: object) -> SeedAutoencoder:
    """A fresh net. :raises TypeError: it takes no options."""
    return SeedAutoencoder(**options)
