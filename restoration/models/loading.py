"""Nets in memory: built by architecture name, filled from pinned files, kept once per process.

Weights are read from safetensors, or with ``torch.load(weights_only=True)``; a file's keys and shapes are held against
the architecture before anything is copied, and the message names what differs.
"""

from __future__ import annotations

import importlib
import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration.errors import ModelError, ReasonCode, SettingsError
from restoration.models.files import Registry
from restoration.models.registry import ModelEntry

if TYPE_CHECKING:
    import torch

Builder = Callable[..., "torch.nn.Module"]
"""Takes the entry's options (without ``state_key``) and returns the empty net."""

FileLoader = Callable[[Path, ModelEntry], Any]
"""Takes a verified file that is no state dict (ONNX, dlib) and returns a callable model."""

BUILDERS: dict[str, str] = {
    "gfpgan-clean": "restoration.models.nets.gfpgan:build",
    "restoreformer": "restoration.models.nets.restoreformer:build",
    "house-colorizer": "restoration.models.nets.house_colorizer:build",
    "seed-autoencoder": "restoration.models.nets.seed_autoencoder:build",
    "espcn": "restoration.models.nets.espcn:build",
}
FILE_LOADERS: dict[str, str] = {
    "centerface": "restoration.models.nets.centerface:load",
    "dlib-face-embedding": "restoration.models.nets.dlib_identity:load",
}
OWN_OPTIONS = frozenset({"state_key", "work_side"})
"""Options that say how a model is used or read; they are not arguments of its architecture."""


class LoadedModels:
    """The models of one process on one device; implements :class:`restoration.models.registry.Models`."""

    def __init__(
        self,
        registry: Registry | None = None,
        *,
        device: str = "auto",
        threads: int = 0,
        builders: Mapping[str, Builder] | None = None,
    ) -> None:
        """
        :param device: ``cpu``, ``cuda`` or ``auto`` (cuda where there is one).
        :param threads: CPU threads for nets and OpenCV in this process; 0 leaves the libraries' own choice.
        :param builders: further architectures by name, or others in place of the shipped ones.
        :raises SettingsError: cuda was asked for and is not there.
        """
        self.registry = registry or Registry.load()
        self.device = choose_device(device)
        self._builders = dict(builders or {})
        self._loaded: dict[str, Any] = {}
        self._available: dict[str, bool] = {}
        use_threads(threads)

    def entry(self, name: str) -> ModelEntry:
        """The entry of that name. :raises ModelError: unknown name."""
        return self.registry.entry(name)

    def available(self, name: str) -> bool:
        """Whether the model's file was on this machine when first asked. :raises ModelError: unknown name.

        The answer stays for the life of the process: a restorer that is pulled half-way through a run must not change
        what is done under a set of models that was hashed without it.
        """
        if name not in self._available:
            self._available[name] = self.registry.available(name)
        return self._available[name]

    def load(self, name: str) -> Any:
        """The loaded model, kept for the life of the process.

        :raises ModelError: unknown, missing, not the pinned file, or not the architecture's keys and shapes.
        """
        if name not in self._loaded:
            self._loaded[name] = self._build(self.entry(name))
        return self._loaded[name]

    @property
    def device_class(self) -> str:
        """Machines of one class give the same bytes: ``cpu-x86_64``, ``cuda-sm90``."""
        if self.device == "cpu":
            return f"cpu-{platform.machine().lower()}"
        import torch

        major, minor = torch.cuda.get_device_capability()
        return f"cuda-sm{major}{minor}"

    def _build(self, entry: ModelEntry) -> Any:
        path = self.registry.verify(entry)
        if entry.architecture in FILE_LOADERS and entry.architecture not in self._builders:
            return _imported(FILE_LOADERS[entry.architecture])(path, entry)
        options = {key: value for key, value in entry.options if key not in OWN_OPTIONS}
        net = self._builder(entry)(**options)
        fill(net, read_weights(path, str(dict(entry.options).get("state_key", ""))), path.name)
        net.requires_grad_(False)
        return net.eval().to(self.device)

    def _builder(self, entry: ModelEntry) -> Builder:
        if entry.architecture in self._builders:
            return self._builders[entry.architecture]
        if entry.architecture not in BUILDERS:
            known = ", ".join(sorted({*BUILDERS, *FILE_LOADERS, *self._builders}))
            raise ModelError(
                f"model {entry.name!r} has the unknown architecture {entry.architecture!r}; known are {known}",
                reason=ReasonCode.MODEL_UNKNOWN,
            )
        builder: Builder = _imported(BUILDERS[entry.architecture])
        return builder


def choose_device(wanted: str) -> str:
    """``cpu`` or ``cuda``, with cuDNN told to repeat itself exactly.

    :raises SettingsError: cuda was asked for and there is none.
    """
    if wanted == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
        return "cuda"
    if wanted == "cuda":
        raise SettingsError("device is set to cuda, but torch finds no CUDA device; set RESTORATION_DEVICE=cpu")
    return "cpu"


def use_threads(threads: int) -> None:
    """Set the CPU threads of torch and OpenCV for this process; 0 means all cores this process may use."""
    import cv2
    import torch

    count = threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(count)
    cv2.setNumThreads(count)


def read_weights(path: Path, state_key: str = "") -> dict[str, torch.Tensor]:
    """A file's state dict, on the CPU. Nothing in the file is executed.

    :param state_key: name of the state dict inside the file, such as ``params_ema``; empty where the file is one.
    :raises ModelError: not readable as weights (MODEL_CORRUPT).
    """
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
        return dict(content[state_key] if state_key else content)
    except KeyError as error:
        raise ModelError(f"{path.name} holds no {state_key!r}", reason=ReasonCode.MODEL_CORRUPT) from error
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, TypeError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path.name} cannot be read as weights: {first}", reason=ReasonCode.MODEL_CORRUPT) from error


def fill(net: torch.nn.Module, weights: Mapping[str, torch.Tensor], origin: str) -> None:
    """Copy weights into a net after checking every key and shape; half-precision weights become the net's own type.

    :raises ModelError: keys are missing or unknown, or shapes differ (MODEL_CORRUPT); at most five of each are named.
    """
    own = net.state_dict()
    differing = [
        f"{key} is {tuple(weights[key].shape)}, should be {tuple(own[key].shape)}"
        for key in own
        if key in weights and weights[key].shape != own[key].shape
    ]
    problems = [
        _listed("lacks", sorted(own.keys() - weights.keys())),
        _listed("has unknown", sorted(weights.keys() - own.keys())),
        _listed("differs in shape:", differing),
    ]
    if found := "; ".join(problem for problem in problems if problem):
        raise ModelError(f"{origin} does not fit {type(net).__name__}: it {found}", reason=ReasonCode.MODEL_CORRUPT)
    net.load_state_dict(dict(weights), strict=True)


def _listed(verb: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{verb} {', '.join(names[:5])}{more}"


def _imported(address: str) -> Any:
    module, name = address.split(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise ModelError(f"cannot import {module} ({error}); install this project with the extra 'worker'") from error
