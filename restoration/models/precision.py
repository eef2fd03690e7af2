"""What a loaded net may be given and may compute in: its entry's precision and size rules, enforced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from restoration.errors import ModelError, ReasonCode
from restoration.models.layout import in_channels_last
from restoration.models.registry import ModelEntry, Precision

if TYPE_CHECKING:
    import torch


def allowed_precision(entry: ModelEntry, wanted: Precision) -> Precision:
    """``wanted`` where the entry allows it, else fp32.

    :raises ModelError: the entry allows neither.
    """
    if wanted in entry.precision:
        return wanted
    if "fp32" in entry.precision:
        return "fp32"
    raise ModelError(
        f"model {entry.name!r} runs in {entry.precision[0]} only; set RESTORATION_PRECISION={entry.precision[0]}",
        reason=ReasonCode.SETTINGS_INVALID,
    )


def guarded(net: torch.nn.Module, entry: ModelEntry, precision: Precision) -> torch.nn.Module:
    """The same net, refusing inputs of a size its entry does not allow, and computing in ``precision``.

    In bf16 weights stay fp32 and each operation takes what is safe for it (autocast); the output is float32 always.
    On a CPU finders of damage, judges of which way is up, and colorizers in bf16, are kept in the layout channels_last:
    it is faster by a third (``benchmarks/colorizers.py``, ``benchmarks/repair_cost.py``). Colorizers in fp32 would
    round otherwise than they always did, so that the plain layout stays.
    """
    net.register_forward_pre_hook(_size_guard(entry))
    on_cpu = next(net.parameters()).device.type == "cpu"
    if on_cpu and (entry.task in {"find-damage", "orient"} or (entry.task == "colorize" and precision == "bf16")):
        in_channels_last(net)
    if precision == "bf16":
        net.forward = _in_bf16(net.forward)
    return net


def _size_guard(entry: ModelEntry) -> Any:
    def guard(net: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        height, width = inputs[0].shape[-2:]
        if refusal := entry.size.refusal(int(height), int(width)):
            raise ModelError(
                f"model {entry.name!r} was given an input that its registry entry forbids: {refusal}",
                reason=ReasonCode.MODEL_CORRUPT,
            )

    return guard


def _in_bf16(forward: Any) -> Any:
    import torch

    def in_bf16(inputs: torch.Tensor) -> torch.Tensor:
        with torch.autocast(inputs.device.type, torch.bfloat16):
            outputs: torch.Tensor = forward(inputs)
        return outputs.float()

    return in_bf16
