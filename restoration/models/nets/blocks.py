"""Parts that several of the project's own nets are made of."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

Activation = Callable[[Tensor], Tensor]


class ConvNorm(nn.Module):
    """Convolution, 3x3 unless said otherwise, batch normalisation (none once folded), optional activation."""

    def __init__(
        self, inside: int, outside: int, *, stride: int = 1, kernel: int = 3, active: Activation | None = F.silu
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outside)
        self.active = active

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W to N x outside x H/stride x W/stride."""
        x = self.norm(self.conv(x))
        return x if self.active is None else self.active(x)


class ResidualBlock(nn.Module):
    """Two convolutions round a shortcut."""

    def __init__(self, width: int, *, active: Activation = F.silu) -> None:
        super().__init__()
        self.first = ConvNorm(width, width, active=active)
        self.second = ConvNorm(width, width, active=None)
        self.active = active

    def forward(self, x: Tensor) -> Tensor:
        """Shape is kept."""
        return self.active(x + self.second(self.first(x)))


def fold_batch_norm(net: nn.Module) -> nn.Module:
    """Fold every batch normalisation into its convolution, in place; the net must be in eval mode."""
    for module in net.modules():
        if isinstance(module, ConvNorm) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()
    return net
