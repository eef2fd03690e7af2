"""ST-LPIPS: the perceptual distance of Ghildyal and Liu (2022), which a shift by a pixel or two does not disturb.

The weights (BSD-2-Clause) are those that the Python package ``stlpips-pytorch`` carries; only that file is used, and it
is read without running anything in it. The net is AlexNet with stride 1 and blurred pooling, written anew here: a test
holds it against the package's own. Colorizers are compared with it because squared errors reward gray.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from restoration.errors import ModelError, ReasonCode
from restoration.models.loading import fill, read_weights
from restoration.photo.picture import FloatImage

DISTRIBUTION = "stlpips-pytorch"
WEIGHTS = "stlpips_pytorch/weights/vST0.0/alex_shift_tolerant.pth"
SHA256 = "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee"

_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_WIDTHS = (64, 192, 384, 256, 256)


class Blur(nn.Module):
    """Binomial 3 x 3 blur with stride 2 after padding 2 pixels by reflection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("filt", torch.outer(row, row).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W to about half the size."""
        padded = nn.functional.pad(x, (2, 2, 2, 2), mode="reflect")
        blur: Tensor = self.filt  # type: ignore[assignment]
        return nn.functional.conv2d(padded, blur, stride=2, groups=x.shape[1])


class Trunk(nn.Module):
    """Five slices of the shift-tolerant AlexNet; modules keep the numbers that the weight file uses."""

    def __init__(self) -> None:
        super().__init__()
        layers: tuple[nn.Module, ...] = (
            nn.Conv2d(3, 64, 11, padding=2), Blur(64), nn.ReLU(),
            nn.MaxPool2d(3, 1), Blur(64), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(),
            nn.MaxPool2d(3, 1), Blur(192), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        bounds = (0, 3, 7, 11, 13, 15)
        for number in range(5):
            named = [(str(i), layers[i]) for i in range(bounds[number], bounds[number + 1])]
            piece = nn.Sequential()
            for name, layer in named:
                piece.add_module(name, layer)
            self.add_module(f"slice{number + 1}", piece)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps after each slice."""
        found = []
        for piece in self.children():
            x = piece(x)
            found.append(x)
        return found


class Linear(nn.Module):
    """Weights of a slice's channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Dropout(), nn.Conv2d(width, 1, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W to N x 1 x H x W."""
        weighted: Tensor = self.model(x)
        return weighted


class Features(NamedTuple):
    """A picture as the trunk sees it: one normalised map a slice."""

    maps: tuple[Tensor, ...]


class Scaling(nn.Module):
    """Brings [-1, 1] to the range that the trunk was trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Shape is kept."""
        scaled: Tensor = (x - self.shift) / self.scale  # type: ignore[operator]
        return scaled


class StLpips(nn.Module):
    """The distance, 0 for equal pictures; between gray and truth 0.14 to 0.35 by family."""

    def __init__(self) -> None:
        super().__init__()
        self.scaling_layer = Scaling()
        self.net = Trunk()
        for number, width in enumerate(_WIDTHS):
            self.add_module(f"lin{number}", Linear(width))

    def features(self, pixels: FloatImage) -> Features:
        """Maps of one picture (H x W x 3 sRGB in [0, 1], at least 32 pixels a side)."""
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None] * 2 - 1
            return Features(tuple(_normalised(found) for found in self.net(self.scaling_layer(batch))))

    def distance(self, one: Features, two: Features) -> float:
        """Distance of two pictures of one size."""
        with torch.inference_mode():
            weights = [getattr(self, f"lin{number}") for number in range(len(_WIDTHS))]
            parts = [
                weigh((first - second) ** 2).mean()
                for weigh, first, second in zip(weights, one.maps, two.maps, strict=True)
            ]
            return float(torch.stack(parts).double().sum())


def load() -> StLpips | None:
    """The net with its carried weights, on the CPU; None where the package is not installed.

    :raises ModelError: the package's file is damaged or another one (MODEL_CORRUPT).
    """
    path = weights_path()
    if path is None:
        return None
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise ModelError(
            f"{path} is not the file that ST-LPIPS was checked with (sha256 {found}, expected {SHA256}); "
            f"reinstall {DISTRIBUTION}==0.0.2",
            reason=ReasonCode.MODEL_CORRUPT,
        )
    net = StLpips()
    fill(net, read_weights(path), path.name)
    return net.eval().requires_grad_(False)


def weights_path() -> Path | None:
    """Where the carried file is; None where the package is not installed or came without it."""
    try:
        path = Path(str(metadata.distribution(DISTRIBUTION).locate_file(WEIGHTS)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None


def _normalised(found: Tensor) -> Tensor:
    return found / (found.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)
