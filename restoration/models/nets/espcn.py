"""ESPCN (Shi et al. 2016) for RGB and factor 4: four convolutions at low resolution, then one that is unfolded.

Layout of the 71,840 parameters: 5x5 3->64, 3x3 64->64, 64->32, 32->16, 16->48, then depth to space by 4. Input and
output are sRGB in [0, 1].
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

FACTOR = 4
_WIDTHS = ((3, 64, 5), (64, 64, 3), (64, 32, 3), (32, 16, 3), (16, 3 * FACTOR * FACTOR, 3))
_TILE = 512
_MARGIN = 8
"""Pixels of context round a tile; the net sees 6 to each side."""


class Espcn(nn.Module):
    """N x 3 x H x W to N x 3 x 4H x 4W."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(i, o, k, padding=k // 2) for i, o, k in _WIDTHS)

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged picture, unclipped."""
        for layer in list(self.layers)[:-1]:
            x = F.relu(layer(x))
        return F.pixel_shuffle(self.layers[-1](x), FACTOR)

    @torch.inference_mode()
    def upscale(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Enlarge H x W x 3 in [0, 1] fourfold, tile by tile, on the device the weights are on."""
        height, width = pixels.shape[:2]
        out = np.empty((height * FACTOR, width * FACTOR, 3), np.float32)
        for top in range(0, height, _TILE):
            for left in range(0, width, _TILE):
                self._tile(pixels, out, top, left)
        return out

    def _tile(self, pixels: NDArray[np.float32], out: NDArray[np.float32], top: int, left: int) -> None:
        bottom, right = min(top + _TILE, pixels.shape[0]), min(left + _TILE, pixels.shape[1])
        y, x = max(0, top - _MARGIN), max(0, left - _MARGIN)
        piece = pixels[y : bottom + _MARGIN, x : right + _MARGIN]
        device = next(self.parameters()).device
        batch = torch.from_numpy(np.ascontiguousarray(piece)).permute(2, 0, 1)[None].to(device)
        large = self(batch)[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy()
        inner = large[(top - y) * FACTOR : (bottom - y) * FACTOR, (left - x) * FACTOR : (right - x) * FACTOR]
        out[top * FACTOR : bottom * FACTOR, left * FACTOR : right * FACTOR] = inner


def build() -> Espcn:
    """The net with random weights."""
    return Espcn()
