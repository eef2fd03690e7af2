"""The published EfficientNet-Lite0, from which the house finder and the second colorizer begin."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor

from restoration.errors import UsageError
from restoration.models.nets.efficientnet_lite0 import WIDTHS, from_published


def read_encoder(path: Path, sizes: int = len(WIDTHS)) -> dict[str, Tensor]:
    """Weights of an encoder of so many sizes. :raises UsageError: the file is missing or another one."""
    if not path.is_file():
        raise UsageError(f"{path} is not there; docs/training.md says where EfficientNet-Lite0 is to be had")
    try:
        return from_published(torch.load(path, map_location="cpu", weights_only=True), sizes)
    except (AttributeError, EOFError, KeyError, RuntimeError, TypeError, pickle.UnpicklingError) as error:
        raise UsageError(f"{path} is no published EfficientNet-Lite0: {error}") from error
