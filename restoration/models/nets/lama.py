"""LaMa (Suvorov et al. 2021), the published "big-lama": an inpainting net that sees the whole picture at every layer.

Its layers are fast Fourier convolutions (Chi et al. 2020): a quarter of the channels is local and convolved as usual,
three quarters are global and pass through a convolution of their spectrum, which reaches everywhere at once. Three
halvings, 18 residual blocks of two such layers, three doublings; 51 million parameters. Names and shapes of the tensors
are those of the published file, below what its makers put before every name (``generator.`` or ``model.generator.``).

:func:`painted` does what the published script does round it: pixels in [0, 1] are blanked where the mask is 1, the mask
is the fourth channel, both are mirrored at their lower and right ends up to multiples of 8, and of the answer only the
hole is taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from restoration.models.buckets import run_in_buckets

STRIDE = 8
LEAST_SIDE = 16
"""At an eighth of this there are two pixels, and reflection needs one beside the border."""

_GLOBAL_SHARE = 0.75
_HALVINGS = 3

Pair = tuple[Tensor, Tensor]
"""The local and the global channels."""
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


class FourierUnit(nn.Module):
    """A 1x1 convolution of a picture's spectrum, so that every pixel learns of every other.

    Real and imaginary part of a channel are channels next to each other. Always in float32: half precision has too few
    digits for a spectrum, whose lowest frequencies are far greater than the others.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * width, 2 * width, 1, bias=False)
        self.bn = nn.BatchNorm2d(2 * width)

    def forward(self, x: Tensor) -> Tensor:
        """Shape is kept."""
        with torch.autocast(x.device.type, enabled=False):
            spectrum = torch.view_as_real(torch.fft.rfft2(x.float(), norm="ortho"))
            parts = spectrum.permute(0, 1, 4, 2, 3).flatten(1, 2)
            parts = torch.relu(self.bn(self.conv_layer(parts)))
            pairs = torch.stack((parts[:, 0::2], parts[:, 1::2]), dim=-1)
            size = (x.shape[-2], x.shape[-1])
            answer: Tensor = torch.fft.irfft2(torch.view_as_complex(pairs), s=size, norm="ortho")
            return answer


class Spectral(nn.Module):
    """What global channels pass on to global ones: half as many are mixed, in place and by their spectrum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(width, width // 2, 1, bias=False), nn.BatchNorm2d(width // 2), nn.ReLU(inplace=True)
        )
        self.fu = FourierUnit(width // 2)
        self.conv2 = nn.Conv2d(width // 2, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Shape is kept."""
        x = self.conv1(x)
        answer: Tensor = self.conv2(x + self.fu(x))
        return answer


def _convolution(inside: int, outside: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, stride, 1, bias=False, padding_mode="reflect")


class _Paths(nn.Module):
    """The four ways from local and global channels to local and global ones."""

    def __init__(self, local: int, far: int) -> None:
        super().__init__()
        self.convl2l = _convolution(local, local, 1)
        self.convl2g = _convolution(local, far, 1)
        self.convg2l = _convolution(far, local, 1)
        self.convg2g = Spectral(far)

    def forward(self, pair: Pair) -> Pair:
        local, far = pair
        return self.convl2l(local) + self.convg2l(far), self.convl2g(local) + self.convg2g(far)


class FourierLayer(nn.Module):
    """Fast Fourier convolution, normalised."""

    def __init__(self, local: int, far: int) -> None:
        super().__init__()
        self.ffc = _Paths(local, far)
        self.bn_l = nn.BatchNorm2d(local)
        self.bn_g = nn.BatchNorm2d(far)

    def forward(self, pair: Pair) -> Pair:
        """Shapes are kept."""
        local, far = self.ffc(pair)
        return torch.relu(self.bn_l(local)), torch.relu(self.bn_g(far))


class _Block(nn.Module):
    def __init__(self, local: int, far: int) -> None:
        super().__init__()
        self.conv1 = FourierLayer(local, far)
        self.conv2 = FourierLayer(local, far)

    def forward(self, pair: Pair) -> Pair:
        local, far = self.conv2(self.conv1(pair))
        return pair[0] + local, pair[1] + far


class _LocalLayer(nn.Module):
    """A plain convolution under the names that a Fourier convolution without global channels has."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.ffc = nn.ModuleDict({"convl2l": convolution})
        self.bn_l = nn.BatchNorm2d(convolution.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn_l(self.ffc["convl2l"](x)))


class _Parting(nn.Module):
    """The last halving: from here on there are global channels."""

    def __init__(self, inside: int, local: int, far: int) -> None:
        super().__init__()
        self.ffc = nn.ModuleDict({"convl2l": _convolution(inside, local, 2), "convl2g": _convolution(inside, far, 2)})
        self.bn_l = nn.BatchNorm2d(local)
        self.bn_g = nn.BatchNorm2d(far)

    def forward(self, x: Tensor) -> Pair:
        local, far = self.ffc["convl2l"](x), self.ffc["convl2g"](x)
        return torch.relu(self.bn_l(local)), torch.relu(self.bn_g(far))


class _Joining(nn.Module):
    def forward(self, pair: Pair) -> Tensor:
        return torch.cat(pair, dim=1)


class LaMa(nn.Module):
    """N x 4 x H x W to N x 3 x H x W, both in [0, 1]; H and W are multiples of 8 and at least 16.

    Given are red, green and blue, 0 in the hole, and the mask (1 in the hole). The answer is the hole's new pixels, and
    all others as they came.
    """

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        widths = [width << level for level in range(_HALVINGS + 1)]
        far = int(widths[-1] * _GLOBAL_SHARE)
        local = widths[-1] - far
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), _LocalLayer(nn.Conv2d(4, width, 7, bias=False))]
        layers += [_LocalLayer(_convolution(w, 2 * w, 2)) for w in widths[: _HALVINGS - 1]]
        layers += [_Parting(widths[-2], local, far)]
        layers += [_Block(local, far) for _ in range(blocks)]
        layers += [_Joining()]
        for w in reversed(widths[:-1]):
            layers += [
                nn.ConvTranspose2d(2 * w, w, 3, 2, 1, output_padding=1),
                nn.BatchNorm2d(w),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Sigmoid()]
        self.model = nn.Sequential(*layers)

    def forward(self, given: Tensor) -> Tensor:
        """The picture with its hole painted."""
        hole = given[:, 3:]
        painted: Tensor = self.model(given).float() * hole + given[:, :3] * (1 - hole)
        return painted


def build(width: int = 64, blocks: int = 18) -> LaMa:
    """The net with random weights; by default of the published size."""
    return LaMa(width, blocks)


def painted(net: Any, picture: Floats, hole: Mask, device: str) -> Floats:
    """The picture with its hole painted, H x W x 3 in [0, 1]; pixels outside the hole are the same.

    :param net: :class:`LaMa` with weights, in evaluation mode, on the device.
    :param picture: H x W x 3 sRGB in [0, 1]; what is in the hole does not matter.
    :raises OutOfMemory: the device has too little memory for a picture of this size.
    """
    height, width = hole.shape
    stamp = hole[:, :, None].astype(np.float32)
    given = np.concatenate([picture * (1 - stamp), stamp], axis=2)
    padded = np.pad(given, ((0, _missing(height)), (0, _missing(width)), (0, 0)), mode="symmetric")
    tensor = torch.from_numpy(np.ascontiguousarray(padded.transpose(2, 0, 1), np.float32))
    # one at a time: a place's bits must not depend on the places beside it
    (made,) = run_in_buckets(net, [tensor], device, bucket=1)
    answer = made.numpy().transpose(1, 2, 0)[:height, :width]
    return np.where(hole[:, :, None], np.clip(answer, 0, 1), picture).astype(np.float32)


def _missing(side: int) -> int:
    return max(LEAST_SIDE - side, -side % STRIDE)
