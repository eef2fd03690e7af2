"""The one module that makes gfpgan, basicsr and facexlib importable beside current torch and torchvision.

Two things are cured, each only where it is broken: torchvision's compiled operators are missing when a CUDA build of
torchvision meets a CPU build of torch, and basicsr imports ``torchvision.transforms.functional_tensor``, which
torchvision 0.17 removed.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
import warnings
from pathlib import Path
from typing import Any

_kept: list[Any] = []
"""Operator libraries live as long as their registration; this keeps them for the life of the process."""


def import_face_archs(name: str) -> types.ModuleType:
    """Import one module of gfpgan's architectures, such as ``gfpgan.archs.gfpganv1_clean_arch``.

    :raises ImportError: gfpgan or one of its parts is not installed.
    """
    prepare_imports()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SyntaxWarning, DeprecationWarning of packages that are no longer kept
        return importlib.import_module(name)


def prepare_imports() -> None:
    """Apply both cures. Safe to call again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _give_torchvision_operators()
        import torchvision  # noqa: F401

        if _kept:
            _let_boxes_use_them()
    _give_functional_tensor()


def _give_torchvision_operators() -> None:
    """Where torchvision's compiled operators do not load, declare ``torchvision::nms`` with a CPU form of it.

    Importing torchvision without that fails at once, because it registers a shape function for an unknown operator.
    """
    import torch

    if _kept or "torchvision" in sys.modules or _operators_load():
        return
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        signature = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(signature)  # type: ignore[no-untyped-call]
        library.impl(name, _nms, "CPU")  # type: ignore[no-untyped-call]
    _kept.append(library)


def _let_boxes_use_them() -> None:
    """``torchvision.ops.nms`` asks for all of the compiled operators before it calls the one it needs."""
    from torchvision.ops import boxes

    boxes._assert_has_ops = lambda: None


def _operators_load() -> bool:
    """Whether torchvision's own compiled library fits this torch; loading it twice is harmless."""
    import torch

    spec = importlib.util.find_spec("torchvision")
    for folder in spec.submodule_search_locations or () if spec else ():
        for library in sorted(Path(folder).glob("_C*.so")):
            try:
                torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
            except OSError:
                return False
            return True
    return False


def _nms(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Greedy non-maximum suppression: N x 4 boxes (x1, y1, x2, y2) and N scores to the indices kept, best first."""
    import torch

    order = torch.argsort(scores, descending=True, stable=True)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = []
    while order.numel():
        best = order[0]
        kept.append(best)
        rest = order[1:]
        low = torch.maximum(boxes[best, :2], boxes[rest, :2])
        high = torch.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = (high - low).clamp(min=0).prod(dim=1)
        order = rest[shared / (area[best] + area[rest] - shared) <= iou_threshold]
    return torch.stack(kept) if kept else torch.empty(0, dtype=torch.long)


def _give_functional_tensor() -> None:
    """Stand in for the removed module with the one function that basicsr takes from it."""
    name = "torchvision.transforms.functional_tensor"
    if name in sys.modules:
        return
    from torchvision.transforms import functional

    module = types.ModuleType(name)
    module.rgb_to_grayscale = functional.rgb_to_grayscale  # type: ignore[attr-defined]
    sys.modules[name] = module
