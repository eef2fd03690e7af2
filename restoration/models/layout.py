"""How the weights of convolutions lie in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def in_channels_last(net: torch.nn.Module) -> torch.nn.Module:
    """Lay all convolutions' weights out with channels last, in place; modulated ones have a fifth, leading axis."""
    import torch

    for parameter in net.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        elif parameter.dim() == 5:
            parameter.data = parameter.data[0].contiguous(memory_format=torch.channels_last)[None]
    return net
