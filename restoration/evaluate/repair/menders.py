"""What can be compared at mending: the recipes' step with its nets, without them, other finders, and the true mask.

A mender is given a damaged picture and answers with the mended one and the mask of what it filled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.errors import ModelError, ReasonCode, UsageError
from restoration.models.loading import LoadedModels, fill, read_weights
from restoration.models.nets import house_finder
from restoration.models.registry import Models
from restoration.photo.picture import FloatImage, Picture, ScanInfo
from restoration.steps.filling import fill as filled
from restoration.steps.parameters import Repair
from restoration.steps.protocol import Frame
from restoration.steps.repair import Step

Mask = NDArray[np.bool_]
FILE = "file:"
_STAND_IN = "finder-of-file"

NOTHING = "damaged"
"""Row of the picture that nobody mended."""
TRUE_MASK = "true-mask"
"""Row of OpenCV's inpainting with the true mask: what a perfect finder would reach without a net."""
SHAPES = "shapes"
"""Row of the recipes' step without any net."""


@dataclass(frozen=True)
class Mended:
    """The mended picture, and what was filled (H x W)."""

    pixels: FloatImage
    mask: Mask


@dataclass(frozen=True)
class Mender:
    """One way of mending; ``facts`` for the record."""

    name: str
    mend: Callable[[FloatImage, Mask], Mended]
    facts: dict[str, Any]


def menders(names: tuple[str, ...], models: LoadedModels) -> list[Mender]:
    """Those asked for, after doing nothing, the true mask and the step without nets.

    :param names: finders of the registry, or ``file:PATH`` of a house finder's weights.
    :raises ModelError: unknown, missing, or no finder of damage.
    :raises UsageError: a file that is not there or holds another net.
    """
    floor = [
        Mender(NOTHING, lambda pixels, mask: Mended(pixels, np.zeros(mask.shape, bool)), {}),
        Mender(TRUE_MASK, _by_true_mask, {"method": "telea"}),
        Mender(SHAPES, _by_step(Repair(denoise=0.0), models), {}),
    ]
    return [*floor, *(_named(name, models) for name in names)]


def _by_true_mask(pixels: FloatImage, mask: Mask) -> Mended:
    return Mended(filled(pixels, mask, method=cv2.INPAINT_TELEA, grained=False).pixels, mask)


def _named(name: str, models: LoadedModels) -> Mender:
    chosen: Models = models
    finder = name
    facts: dict[str, Any] = {"file": name}
    if name.startswith(FILE):
        chosen = _WithFinder(models, _of_file(Path(name.removeprefix(FILE)).expanduser()))
        finder = _STAND_IN
    else:
        entry = models.entry(name)
        if entry.task != "find-damage":
            raise ModelError(
                f"model {name!r} finds no damage (its task is {entry.task}); see `restoration models list`",
                reason=ReasonCode.MODEL_UNKNOWN,
            )
        facts = {"version": entry.version, "sha256": entry.sha256}
    return Mender(name, _by_step(Repair(finder=finder, detector="centerface", denoise=0.0), chosen), facts)


def _by_step(parameters: Repair, models: Models) -> Callable[[FloatImage, Mask], Mended]:
    step = Step()

    def mend(pixels: FloatImage, mask: Mask) -> Mended:
        picture = Picture(pixels, ScanInfo("png", pixels.shape[1], pixels.shape[0], 8, 1))
        outcome = step.apply(Frame("trial", picture, picture), parameters, models)
        marked = np.zeros(mask.shape, bool) if outcome.mask is None else outcome.mask > 0
        return Mended(outcome.picture.pixels, np.asarray(marked, np.bool_))

    return mend


class _WithFinder:
    """The loaded models, and beside them a finder from a file: a training run before it is registered."""

    def __init__(self, models: LoadedModels, finder: Any) -> None:
        self.device = models.device
        self._models, self._finder = models, finder
        self.available, self.check = models.available, models.check

    def load(self, name: str) -> Any:
        return self._finder if name == _STAND_IN else self._models.load(name)

    def entry(self, name: str) -> Any:
        return None if name == _STAND_IN else self._models.entry(name)


def _of_file(path: Path) -> Any:
    if not path.is_file() or path.suffix != ".safetensors":
        raise UsageError(f"{path} is no weight file of the house finder; {FILE} goes with a .safetensors file")
    net = house_finder.build(folded=True)
    fill(net, read_weights(path), path.name)
    return net.eval().requires_grad_(False)
