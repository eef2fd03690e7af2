"""Face restorers that can be compared: a model of the registry, or a weight file of the house restorer (``file:PATH``).

The file is for looking at a training run before it is registered. Nets are called on aligned faces alone; what the step
``faces`` does round them (pasting, the identity gate) is not part of the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from restoration.errors import ModelError, PhotoFailed, ReasonCode, RestorationError, UsageError
from restoration.evaluate.contestants import FILE, RECIPE, Registered
from restoration.evaluate.scoring import NO_MODELS
from restoration.models.buckets import run_in_buckets
from restoration.models.files import file_sha256
from restoration.models.loading import LoadedModels, fill, read_weights
from restoration.models.nets import house_restorer
from restoration.models.nets.house_restorer import SIDE
from restoration.models.precision import guarded
from restoration.models.registry import ModelEntry, SizeRules
from restoration.photo.picture import FloatImage

Answer = FloatImage | RestorationError


@dataclass(frozen=True)
class Restorer(Registered):
    """A loaded net with its registry entry, or one that was made up for a file (without a version)."""

    net: Any
    device: str

    def facts(self) -> dict[str, Any]:
        """The registry's, with the side of the faces that it takes."""
        side = side_of(self.entry)
        about = f"{self.entry.architecture} at {side} pixels, {self.entry.licence}"
        return super().facts() | {"side": side, "about": about}

    def restore(self, faces: Sequence[FloatImage]) -> list[Answer]:
        """Faces of 256 x 256 x 3 in [0, 1] to the same; a net of 512 sees them enlarged, its answers are reduced.

        :raises OutOfMemory: not even one face fits the device.
        """
        factor = side_of(self.entry) // SIDE
        low, high = self.entry.input_range
        inputs = [_tensor(enlarged(face, factor)) * (high - low) + low for face in faces]
        return [self._picture(output) for output in run_in_buckets(self.net, inputs, self.device)]

    def _picture(self, output: torch.Tensor) -> Answer:
        low, high = self.entry.output_range
        picture = ((output - low) / (high - low)).numpy().transpose(1, 2, 0)
        if not np.isfinite(picture).all():
            return PhotoFailed(f"{self.name} gave values that are no numbers")
        return reduced(np.clip(picture, 0, 1))


def restorer(name: str, models: LoadedModels) -> Restorer:
    """The restorer of that name, its weights loaded.

    :raises ModelError: unknown, missing, broken, no face restorer, or made for faces of another size.
    :raises UsageError: a recipe, or a file that is not there or is no safetensors.
    """
    if name.startswith(RECIPE):
        raise UsageError(f"{name}: recipes are compared with --task colorize; face restorers are models or {FILE}PATH")
    if name.startswith(FILE):
        return _of_file(Path(name.removeprefix(FILE)).expanduser(), models)
    entry = models.entry(name)
    if entry.task != "restore-face" or name in NO_MODELS:
        raise ModelError(
            f"model {name!r} is no face restorer (its task is {entry.task}); see `restoration models list`",
            reason=ReasonCode.MODEL_UNKNOWN,
        )
    side_of(entry)
    return Restorer(entry, models.load(name), models.device)


def side_of(entry: ModelEntry) -> int:
    """Side of the faces that the net takes: 256, or a multiple of it.

    :raises ModelError: its registry entry forbids all of them.
    """
    height, width = entry.size.fixed or (SIDE, SIDE)
    if height != width or height % SIDE or entry.size.refusal(height, width):
        raise ModelError(
            f"model {entry.name!r} does not take square faces of {SIDE} pixels or a multiple of that; they cannot be "
            "given to it",
            reason=ReasonCode.MODEL_UNKNOWN,
        )
    return height


def enlarged(face: FloatImage, factor: int) -> FloatImage:
    """A face ``factor`` times as large: bicubic, and corrected so that :func:`reduced` gives back the face itself.

    Without the correction the way up and down would blur by itself, and a net that leaves good faces alone would seem
    to harm them.
    """
    if factor == 1:
        return face
    side = face.shape[0]
    large = np.asarray(cv2.resize(face, (side * factor, side * factor), interpolation=cv2.INTER_CUBIC), np.float32)
    missing = face - reduced(large, side)
    return np.asarray(large + missing.repeat(factor, axis=0).repeat(factor, axis=1), np.float32)


def reduced(face: FloatImage, side: int = SIDE) -> FloatImage:
    """A face brought to ``side`` pixels by the mean over areas."""
    if face.shape[0] == side:
        return np.ascontiguousarray(face)
    return np.asarray(cv2.resize(np.ascontiguousarray(face), (side, side), interpolation=cv2.INTER_AREA), np.float32)


def _of_file(path: Path, models: LoadedModels) -> Restorer:
    if not path.is_file() or path.suffix != ".safetensors":
        raise UsageError(f"{path} is no weight file of the house restorer; {FILE} goes with a .safetensors file")
    weights = read_weights(path)
    net = house_restorer.build(**_options(weights))
    fill(net, weights, path.name)
    entry = ModelEntry(
        name=f"{FILE}{path.resolve().parent.name}/{path.name}",  # no more of the path: reports hold none
        version="",
        architecture="house-restorer",
        task="restore-face",
        source=f"{FILE}{path.name}",
        sha256=file_sha256(path),
        licence="not registered",
        training_data="not registered",
        training_rights="not registered",
        colour_space="sRGB, channels red green blue, face aligned to the FFHQ template",
        input_range=(-1.0, 1.0),
        output_range=(-1.0, 1.0),
        size=SizeRules(fixed=(SIDE, SIDE)),
        precision=("fp32", "bf16"),
    )
    ready = guarded(net.eval().requires_grad_(False).to(models.device), entry, models.precision)
    return Restorer(entry, ready, models.device)


def _options(weights: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Widths and numbers of blocks as the tensors have them; what is not a house restorer's is found by filling it."""
    if "stem.weight" not in weights:
        return {}
    downs = sum(name.startswith("downs.") and name.endswith(".weight") for name in weights)
    widths = [weights["stem.weight"].shape[0], *(weights[f"downs.{i}.weight"].shape[0] for i in range(downs))]
    blocks = [_blocks(weights, f"encoder.{level}.") for level in range(downs + 1)]
    ups = [_blocks(weights, f"decoder.{level}.") for level in range(downs)]
    return {"widths": widths, "blocks": blocks, "ups": ups}


def _blocks(weights: Mapping[str, torch.Tensor], prefix: str) -> int:
    return sum(name.startswith(prefix) and name.endswith(".scale") for name in weights)


def _tensor(face: FloatImage) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(face.transpose(2, 0, 1)))
