"""What a picture looks like to a trained eye: VGG-16 features for the restorer's loss, from an installed package.

The weights (BSD-2-Clause) come inside ``stlpips-pytorch``; they belong to a VGG-16 whose pooling is blurred, so that a
shift by a pixel does not matter (Ghildyal and Liu 2022). Only its first three blocks are used.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restoration.errors import ModelError, ReasonCode
from restoration.models.files import file_sha256
from restoration.models.loading import read_weights

DISTRIBUTION = "stlpips-pytorch"
WEIGHTS = "stlpips_pytorch/weights/vST0.0/vgg_shift_tolerant.pth"
SHA256 = "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250"

_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_BLOCKS = ((1, (0, 2)), (2, (6, 8)), (3, (12, 14, 16)))
"""Number of each block in the file, and of its convolutions."""


class VggFeatures(nn.Module):
    """Distance of two batches of pictures (N x 3 x H x W in [-1, 1]) in the features of three depths; 0 if equal."""

    shift: Tensor
    scale: Tensor
    blur: Tensor

    def __init__(self) -> None:
        super().__init__()
        weights = read_weights(weights_path())
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("blur", torch.outer(row, row)[None, None])
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1))
        self.blocks = nn.ModuleList()
        for block, numbers in _BLOCKS:
            layers: list[nn.Module] = []
            for number in numbers:
                kernel, bias = (weights[f"net.slice{block}.{number}.{part}"] for part in ("weight", "bias"))
                layer = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
                layer.load_state_dict({"weight": kernel, "bias": bias})
                layers += [layer, nn.ReLU()]
            self.blocks.append(nn.Sequential(*layers))
        self.eval().requires_grad_(False)

    def forward(self, made: Tensor, true: Tensor) -> Tensor:
        """One number; the gradient goes to ``made``."""
        both = (torch.cat([made, true]) - self.shift) / self.scale
        total = torch.zeros((), device=made.device)
        for depth, block in enumerate(self.blocks):
            both = block(self._pooled(both) if depth else both)
            unit = both / (both.float().square().sum(dim=1, keepdim=True) + 1e-8).sqrt()
            one, other = unit.chunk(2)
            total = total + (one - other).square().sum(dim=1).mean()
        return total / len(self.blocks)

    def _pooled(self, x: Tensor) -> Tensor:
        """Half the size: maximum of neighbours, then a binomial blur."""
        x = F.pad(F.max_pool2d(x, 2, 1), (1, 1, 1, 1), mode="replicate")
        return F.conv2d(x, self.blur.to(x.dtype).expand(x.shape[1], -1, -1, -1), stride=2, groups=x.shape[1])


def weights_path() -> Path:
    """The carried file, checked.

    :raises ModelError: the package is not installed, or its file is another one.
    """
    try:
        path = Path(str(metadata.distribution(DISTRIBUTION).locate_file(WEIGHTS)))
    except metadata.PackageNotFoundError:
        raise ModelError(f"training a restorer needs the package {DISTRIBUTION}; install the extra 'train'") from None
    if not path.is_file() or file_sha256(path) != SHA256:
        raise ModelError(f"{path} is missing or not the file that was checked", reason=ReasonCode.MODEL_CORRUPT)
    return path
