"""Who a face is: dlib's descriptor as a distance that a restorer can learn from.

The restorer is judged by the identity gate, whose descriptor is the same: luminance alone, dlib's chip, centred. What
the gate measures after the fact is here a loss with a gradient.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.models.files import Registry
from restoration.models.nets import dlib_identity, dlib_resnet, house_restorer
from restoration.steps import alignment

MODEL = "dlib-face-embedding"


class IdentityDistance(nn.Module):
    """Mean of 1 - cosine of the centred descriptors of two batches of aligned faces.

    0 for one face, about 1 for two strangers, at most 2. Faces are N x 3 x 256 x 256 RGB in [-1, 1], aligned to the
    FFHQ template at half its size. Everything is computed in float32, whatever autocast says round it: the descriptors'
    common part is far larger than what tells people apart.
    """

    centre: Tensor
    luma: Tensor
    grid: Tensor

    def __init__(self, registry: Registry | None = None) -> None:
        """:raises ModelError: the descriptor's file is missing, or not the pinned one."""
        super().__init__()
        registry = registry or Registry.load()
        entry = registry.entry(MODEL)
        self.net = dlib_resnet.load_net(registry.verify(entry))
        centre = dict(entry.options).get("centre", np.zeros(dlib_resnet.NUMBERS))
        self.register_buffer("centre", torch.tensor(centre, dtype=torch.float32), persistent=False)
        self.register_buffer("luma", torch.tensor((0.299, 0.587, 0.114)).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("grid", _chip_grid(), persistent=False)

    def forward(self, made: Tensor, true: Tensor) -> Tensor:
        """One number; the gradient goes to ``made`` alone."""
        with torch.autocast(made.device.type, enabled=False):
            with torch.no_grad():
                wanted = self.descriptors(true)
            cosines = F.cosine_similarity(self.descriptors(made), wanted, dim=1)
            return (1 - cosines).mean()

    def descriptors(self, faces: Tensor) -> Tensor:
        """Centred descriptors, N x 128, of N x 3 x 256 x 256 faces in [-1, 1].

        They are those of :class:`restoration.models.nets.dlib_identity.DlibIdentity` but for its rounding to whole gray
        values.
        """
        gray = ((faces.float() + 1) * 127.5 * self.luma).sum(dim=1, keepdim=True)
        grid = self.grid.expand(len(faces), -1, -1, -1)
        chips = F.grid_sample(gray, grid, mode="bilinear", padding_mode="border", align_corners=True)
        found: Tensor = self.net(chips.expand(-1, 3, -1, -1))
        return found - self.centre


def _chip_grid() -> Tensor:
    """Where in the aligned face each pixel of dlib's chip lies: 1 x 150 x 150 x 2, x before y.

    -1 and 1 are the centres of the first and last pixel.
    """
    scale = house_restorer.SIDE / alignment.SIDE
    marks = (alignment.TEMPLATE + 0.5) * scale - 0.5  # pixels are counted from their centres at both sizes
    found, _ = cv2.estimateAffinePartial2D(marks, dlib_identity.TEMPLATE.astype(np.float64), method=cv2.LMEDS)
    back = np.asarray(cv2.invertAffineTransform(np.asarray(found, np.float64)), np.float64)
    columns, rows = np.meshgrid(np.arange(dlib_identity.CHIP_SIDE), np.arange(dlib_identity.CHIP_SIDE))
    places = alignment.moved(back, np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float64))
    shares = places / (house_restorer.SIDE - 1) * 2 - 1
    side = dlib_identity.CHIP_SIDE
    return torch.from_numpy(shares.reshape(1, side, side, 2).astype(np.float32))
