"""Nets over many inputs: buckets of a fixed size on a GPU, one at a time on a CPU, halved when memory runs out.

A GPU's convolution may choose another algorithm for another batch size, and its last bits then differ. A bucket is
therefore always filled up, so that a face's bytes do not depend on the company it was computed in. On a CPU batching
gains nothing, and one at a time is the same always.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from restoration.errors import OutOfMemory

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

GPU_BUCKET = 8


def run_in_buckets(
    net: Callable[[torch.Tensor], torch.Tensor],
    inputs: Sequence[torch.Tensor],
    device: str,
    bucket: int = GPU_BUCKET,
) -> list[torch.Tensor]:
    """One output (float32, on the CPU) for each input (C x H x W, all of one shape), in order.

    :raises OutOfMemory: not even one input at a time fits the device.
    """
    import torch

    size = bucket if device != "cpu" else 1
    outputs: list[torch.Tensor] = []
    with torch.inference_mode():
        while len(outputs) < len(inputs):
            chunk = inputs[len(outputs) : len(outputs) + size]
            try:
                outputs.extend(_one_bucket(net, chunk, device, size))
            except (torch.OutOfMemoryError, MemoryError) as error:
                if size == 1:
                    raise OutOfMemory(f"the net needs more memory than the {device} device has") from error
                size //= 2
                log.warning("out of memory on %s; buckets of %d from now on", device, size)
                _free(device)
    return outputs


def _one_bucket(
    net: Callable[[torch.Tensor], torch.Tensor], chunk: Sequence[torch.Tensor], device: str, size: int
) -> list[torch.Tensor]:
    import torch

    filled = [*chunk, *[chunk[-1]] * (size - len(chunk))]
    answers = net(torch.stack(filled).to(device)).float().cpu()
    return list(answers[: len(chunk)])


def _free(device: str) -> None:
    import torch

    if device != "cpu":
        torch.cuda.empty_cache()
