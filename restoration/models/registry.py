"""The registry: which models exist, where their files come from, under which rights, and what they expect.

Entries are data (``registry.toml`` beside this file, and a user's own file). :class:`ModelEntry` is importable without
torch; tables become entries in :mod:`restoration.models.entries`, files are found and hashed by
:mod:`restoration.models.files` and held against manifests by :mod:`restoration.models.manifests`, nets are built by
:mod:`restoration.models.loading`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

SourceKind = Literal["packaged", "carried", "url", "s3", "file"]


Task = Literal[
    "colorize", "detect", "restore-face", "identity", "upscale", "find-damage", "inpaint", "denoise", "orient"
]
Precision = Literal["fp32", "bf16"]
Range = tuple[float, float]


@dataclass(frozen=True)
class SizeRules:
    """Which inputs a net takes, in pixels.

    Sides are multiples of ``multiple_of`` and not below ``minimum``; a net with a ``fixed`` (height, width) takes
    nothing else. ``working_side`` is the long side that pictures are brought to for it; 0 means their own size.
    """

    multiple_of: int = 1
    minimum: int = 1
    fixed: tuple[int, int] | None = None
    working_side: int = 0

    def refusal(self, height: int, width: int) -> str:
        """Why an input of that size is not allowed; empty where it is."""
        if self.fixed and (height, width) != self.fixed:
            return f"{height} x {width} is not the fixed size {self.fixed[0]} x {self.fixed[1]}"
        if min(height, width) < self.minimum:
            return f"{height} x {width} is smaller than {self.minimum}"
        if height % self.multiple_of or width % self.multiple_of:
            return f"{height} x {width} are not multiples of {self.multiple_of}"
        return ""


@dataclass(frozen=True)
class ModelEntry:
    """One model: name, version, architecture, where its file is, its pin, its rights, and what goes in and comes out.

    ``source`` is ``packaged:<file>`` (beside this module), ``carried:<distribution>/<path inside>``,
    ``url:https://...``, ``s3://bucket/key`` or ``file:<path>``. ``licence`` is an SPDX expression or a plain name,
    ``training_rights`` the terms of what the model learnt from; ``non_commercial`` is true where either forbids
    commercial use. Ranges are lowest and highest value of the net's input and output, in ``colour_space``.
    ``precision`` names what it may compute in.
    ``parameters`` is declared only where a file does not tell (0: not known). ``options`` go to the architecture's
    builder. ``retired`` says why a model is not used any more; it stays known for the sake of what it made.
    """

    name: str
    version: str
    architecture: str
    task: Task
    source: str
    sha256: str
    licence: str
    training_data: str
    training_rights: str
    colour_space: str
    input_range: Range
    output_range: Range
    size: SizeRules = SizeRules()
    precision: tuple[Precision, ...] = ("fp32",)
    non_commercial: bool = False
    parameters: int = 0
    options: tuple[tuple[str, Any], ...] = ()
    retired: str = ""

    @property
    def source_kind(self) -> SourceKind:
        """First word of ``source``."""
        kind = self.source.split(":", 1)[0]
        return kind  # type: ignore[return-value]


class Models(Protocol):
    """What steps see of the models: entries and loaded nets, on the engine's device. One per process."""

    device: str

    def entry(self, name: str) -> ModelEntry:
        """The entry of that name. :raises ModelError: unknown name."""

    def available(self, name: str) -> bool:
        """Whether the model's file is on this machine (its hash is checked when it is loaded)."""

    def check(self, name: str) -> None:
        """Make sure that it can be loaded, without loading it. :raises ModelError: it cannot; with what is wrong."""

    def load(self, name: str) -> Any:
        """The loaded model, kept for the life of the process. :raises ModelError: missing or not the pinned file."""
