"""Nets in memory: built by architecture name, filled from pinned files, kept once per process.

Weights are read from safetensors, with ``torch.load(weights_only=True)``, or out of a TorchScript archive whose program
is not run. A file's keys, shapes and types are held against the architecture's manifest before a run begins
(:func:`check_file`) and against the net itself before anything is copied; the message names what differs.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration.errors import ModelError, ReasonCode, SettingsError
from restoration.models.files import Registry
from restoration.models.headers import read_heads, state_dict_in, without_prefix
from restoration.models.manifests import Form, build_options, form_of, form_of_net, heads_of, require_fit
from restoration.models.precision import allowed_precision, guarded
from restoration.models.registry import ModelEntry, Precision
from restoration.models.scripted import is_scripted, scripted_weights
from restoration.photo.freed import keep_freed

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
    "hinted-colorizer": "restoration.models.nets.hinted_colorizer:build",
    "seed-autoencoder": "restoration.models.nets.seed_autoencoder:build",
    "espcn": "restoration.models.nets.espcn:build",
    "retinaface-r50": "restoration.models.nets.retinaface:build",
    "house-restorer": "restoration.models.nets.house_restorer:build",
    "house-finder": "restoration.models.nets.house_finder:build",
    "house-inpainter": "restoration.models.nets.house_inpainter:build",
    "house-denoiser": "restoration.models.nets.house_denoiser:build",
    "house-upright": "restoration.models.nets.house_upright:build",
    "bopbtl-scratch": "restoration.models.nets.bopbtl_scratch:build",
    "lama": "restoration.models.nets.lama:build",
}
FILE_LOADERS: dict[str, str] = {
    "centerface": "restoration.models.nets.centerface:load",
    "dlib-face-embedding": "restoration.models.nets.dlib_identity:load",
}
DETECTORS: dict[str, str] = {"retinaface-r50": "restoration.models.nets.retinaface:as_detector"}
"""Nets that steps see as detectors: filled net, entry and device to a callable (image, confidence)."""


class LoadedModels:
    """The models of one process on one device; implements :class:`restoration.models.registry.Models`."""

    def __init__(
        self,
        registry: Registry | None = None,
        *,
        device: str = "auto",
        threads: int = 0,
        precision: Precision = "fp32",
        compiled: bool = False,
        builders: Mapping[str, Builder] | None = None,
    ) -> None:
        """
        :param device: ``cpu``, ``cuda`` or ``auto`` (cuda where there is one).
        :param precision: what nets compute in where their entries allow it; the others stay in fp32.
        :param compiled: compile face restorers on a GPU; their buckets have one size, so that it is done once.
        :param threads: CPU threads for nets and OpenCV in this process; 0 leaves the libraries' own choice.
        :param builders: further architectures by name, or others in place of the shipped ones.
        :raises SettingsError: cuda was asked for and is not there.
        """
        self.registry = registry or Registry.load()
        self.device = choose_device(device)
        self.precision = precision
        self.compiled = compiled and self.device == "cuda"
        self._builders = dict(builders or {})
        self._loaded: dict[str, Any] = {}
        self._available: dict[str, bool] = {}
        self._checked: set[str] = set()
        use_threads(threads)
        keep_freed()

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

    def check(self, name: str) -> None:
        """Make sure that a model can be loaded, without loading it; once per process.

        :raises ModelError: unknown, retired, missing, not the pinned file, or not the architecture's keys, shapes and
            types.
        """
        if name not in self._checked:
            entry = self.registry.entry_for_run(name)
            allowed_precision(entry, self.precision)
            check_file(self.registry, entry, self._builders)
            self._checked.add(name)

    def load(self, name: str) -> Any:
        """The loaded model, kept for the life of the process.

        :raises ModelError: unknown, missing, not the pinned file, or not the architecture's keys and shapes.
        """
        if name not in self._loaded:
            self._loaded[name] = self._build(self.entry(name))
        return self._loaded[name]

    @property
    def device_class(self) -> str:
        """Machines of one class give the same bytes: ``cpu-x86_64``, ``cuda-sm90-bf16-compiled``."""
        lower = "" if self.precision == "fp32" else f"-{self.precision}"
        lower += "-compiled" if self.compiled else ""
        if self.device == "cpu":
            return f"cpu-{platform.machine().lower()}{lower}"
        import torch

        major, minor = torch.cuda.get_device_capability()
        return f"cuda-sm{major}{minor}{lower}"

    def _build(self, entry: ModelEntry) -> Any:
        path = self.registry.verify(entry)
        if entry.architecture in FILE_LOADERS and entry.architecture not in self._builders:
            model = _imported(FILE_LOADERS[entry.architecture])(path, entry)
            return model.to(self.device) if hasattr(model, "to") else model
        require_architecture(entry, self._builders)
        net = _builder(entry.architecture, self._builders)(**build_options(entry))
        fill(net, read_weights(path, str(dict(entry.options).get("state_key", ""))), path.name)
        net.requires_grad_(False)
        net = guarded(net.eval().to(self.device), entry, allowed_precision(entry, self.precision))
        if entry.architecture in DETECTORS and entry.architecture not in self._builders:
            return _imported(DETECTORS[entry.architecture])(net, entry, self.device)
        return in_buckets_compiled(net) if self.compiled and entry.task == "restore-face" else net


def in_buckets_compiled(net: torch.nn.Module) -> Callable[..., torch.Tensor]:
    """The net compiled for inputs of one shape, which is what buckets give it."""
    import torch

    compiled: Callable[..., torch.Tensor] = torch.compile(net, dynamic=False)
    return compiled


def require_architecture(entry: ModelEntry, builders: Mapping[str, Builder] | None = None) -> None:
    """Make sure that this project knows an entry's architecture.

    :raises ModelError: it does not (MODEL_UNKNOWN), with those there are.
    """
    known = {*BUILDERS, *FILE_LOADERS, *(builders or {})}
    if entry.architecture not in known:
        raise ModelError(
            f"model {entry.name!r} has the unknown architecture {entry.architecture!r}; known are "
            f"{', '.join(sorted(known))}",
            reason=ReasonCode.MODEL_UNKNOWN,
        )


def built_on_meta(
    architecture: str, options: Mapping[str, Any], builders: Mapping[str, Builder] | None = None
) -> torch.nn.Module:
    """The net without numbers: shapes and types alone, in milliseconds.

    :raises KeyError: unknown architecture.
    :raises ModelError: options that it does not take (MODEL_CORRUPT).
    """
    import torch

    builder = _builder(architecture, builders)
    try:
        with torch.device("meta"), contextlib.redirect_stdout(io.StringIO()):  # published code prints its sizes
            return builder(**options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{architecture} cannot be built with the options {dict(options)}: {error}", reason=ReasonCode.MODEL_CORRUPT
        ) from error


def check_file(registry: Registry, entry: ModelEntry, builders: Mapping[str, Builder] | None = None) -> Path:
    """An entry's file, after checking its hash and holding its keys, shapes and types against the architecture.

    Torch is imported only where no manifest ships for the entry's architecture and options. Files that are no state
    dict (ONNX, dlib) are checked by hash alone.

    :raises ModelError: missing, not the pinned file, unreadable, or another net's; the message names what differs.
    """
    path = registry.verify(entry)
    if entry.architecture in FILE_LOADERS and entry.architecture not in (builders or {}):
        return path
    form = expected_form(entry, builders)
    require_fit(form, read_heads(path, str(dict(entry.options).get("state_key", ""))), path.name, entry.architecture)
    return path


def expected_form(entry: ModelEntry, builders: Mapping[str, Builder] | None = None) -> Form:
    """The tensors an entry's file must hold: its manifest, or those of the net where none ships.

    :raises ModelError: unknown architecture, or options that it does not take.
    """
    require_architecture(entry, builders)
    form = None if entry.architecture in (builders or {}) else form_of(entry)
    return form or form_of_net(built_on_meta(entry.architecture, build_options(entry), builders), dict(entry.options))


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

    :param state_key: name of the state dict inside the file; see :func:`restoration.models.headers.read_heads`.
    :raises ModelError: not readable as weights (MODEL_CORRUPT).
    """
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return dict(without_prefix(load_file(path)))
        if is_scripted(path):
            return dict(state_dict_in(scripted_weights(path), state_key, path.name))
        return dict(state_dict_in(torch.load(path, map_location="cpu", weights_only=True), state_key, path.name))
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, TypeError, ValueError, KeyError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path.name} cannot be read as weights: {first}", reason=ReasonCode.MODEL_CORRUPT) from error


def fill(net: torch.nn.Module, weights: Mapping[str, torch.Tensor], origin: str) -> None:
    """Copy weights into a net after checking every key, shape and type; half precision becomes the net's own type.

    Tensors that inference never reads are zero where the file lacks them, so that a net never holds random numbers.

    :raises ModelError: keys are missing or unknown, shapes or types differ (MODEL_CORRUPT); five of each are named.
    """
    import torch

    form = form_of_net(net)
    require_fit(form, heads_of(weights), origin, type(net).__name__)
    empty = {name: torch.zeros(head.shape) for name, head in form.tensors.items() if name not in weights}
    net.load_state_dict({**empty, **{name: weights[name] for name in form.tensors if name in weights}}, strict=True)


def _builder(architecture: str, builders: Mapping[str, Builder] | None) -> Builder:
    if builders and architecture in builders:
        return builders[architecture]
    builder: Builder = _imported(BUILDERS[architecture])
    return builder


def _imported(address: str) -> Any:
    module, name = address.split(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise ModelError(f"cannot import {module} ({error}); install this project with the extra 'worker'") from error
