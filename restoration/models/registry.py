"""The registry: which models exist, where their files come from, under which licence, and what they expect.

Entries are data (``registry.toml`` beside this file). :class:`ModelEntry` is importable without torch; files are found
and hashed by :mod:`restoration.models.files`, nets are built by :mod:`restoration.models.loading`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

SourceKind = Literal["packaged", "carried", "url", "s3", "file"]


@dataclass(frozen=True)
class ModelEntry:
    """One model: name, version, architecture, where its file is, its pin and its licence.

    ``source`` is ``packaged:<file>`` (beside this module), ``carried:<distribution>/<path inside>``, ``url:https://...``,
    ``s3://bucket/key`` or ``file:<path>``. ``licence`` is an SPDX expression or a plain name; ``non_commercial`` is
    true where it forbids commercial use. ``options`` go to the architecture's builder.
    """

    name: str
    version: str
    architecture: str
    task: Literal["colorize", "detect", "restore-face", "identity", "upscale"]
    source: str
    sha256: str
    licence: str
    training_data: str
    colour_space: str
    precision: tuple[str, ...] = ("fp32",)
    non_commercial: bool = False
    parameters: int = 0
    options: tuple[tuple[str, Any], ...] = ()

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

    def load(self, name: str) -> Any:
        """The loaded model, kept for the life of the process. :raises ModelError: missing or not the pinned file."""
