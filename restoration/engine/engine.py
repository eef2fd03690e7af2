"""The engine: photographs in, outcomes out, whatever a single photograph does.

Photographs go through the recipe in small groups, stage by stage, so that steps with a net fill the device. The group's
size bounds memory. An output depends on the scan's bytes, the recipe, the weights and the device class alone: never on
the other photographs of the group, on a clock or on random numbers.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from restoration import __version__
from restoration.engine.outcome import Outcome, Result, Scan, StepRecord
from restoration.engine.prepare import Prepared, prepare_recipe
from restoration.engine.recipe import Recipe, RecipeStep
from restoration.errors import (
    EnvironmentProblem,
    OutOfMemory,
    PhotoFailed,
    PhotoRejected,
    PhotoState,
    ReasonCode,
    RestorationError,
)
from restoration.models.registry import Models
from restoration.settings import Settings, get_settings
from restoration.steps.parameters import PARAMETERS
from restoration.steps.protocol import BaseStep, FaceRecord, Frame, Measurement, StepOutcome

if TYPE_CHECKING:
    from restoration.models.loading import LoadedModels
    from restoration.photo.picture import ScanInfo

log = logging.getLogger(__name__)

GROUP_PHOTOS = 8
GROUP_PIXELS = 24_000_000
"""A group is closed at this many photographs or decoded pixels (24 bytes a pixel are held, more while a step works)."""


@dataclass
class _Work:
    """One photograph inside the engine."""

    scan: Scan
    source_sha256: str
    seconds: float = 0.0
    frame: Frame | None = None
    info: ScanInfo | None = None
    steps: list[StepRecord] = field(default_factory=list)
    faces: list[FaceRecord] = field(default_factory=list)
    measurements: dict[tuple[str, str], Measurement] = field(default_factory=dict)
    ai_altered: bool = False
    failure: RestorationError | None = None
    detail: str = ""


class Engine:
    """Runs recipes in this process, on one device. A context manager: it owns a decoding process."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        models: Models | None = None,
        interrupts: tuple[type[BaseException], ...] = (),
    ) -> None:
        """
        :param models: other models than the registry's; for tests and comparisons.
        :param interrupts: exceptions that mean "stop now" instead of "this photograph failed" (Celery's soft time limit).
        :raises SettingsError: the device asked for is not there.
        :raises ModelError: the registry cannot be read.
        """
        from restoration.models.loading import LoadedModels
        from restoration.photo.decode import DecodeLimits, Decoder

        self.settings = settings or get_settings()
        self.models = models or LoadedModels(device=self.settings.device, threads=self.settings.threads)
        self._interrupts = interrupts
        self._steps: dict[str, BaseStep[Any]] = {}
        self._stack = ExitStack()
        self._decoder = self._stack.enter_context(Decoder(DecodeLimits.from_settings(self.settings)))

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the decoding process."""
        self._stack.close()

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda``."""
        return self.models.device

    @property
    def device_class(self) -> str:
        """Part of a restoration's identity: ``cpu-x86_64``, ``cuda-sm90``."""
        return str(getattr(self.models, "device_class", self.models.device))

    def prepare(self, recipe: Recipe) -> Prepared:
        """Check that everything the recipe needs is here, with the pinned bytes, before anything runs.

        :raises RecipeError: a step that does not exist.
        :raises ModelError: a model that is unknown, missing or not the pinned file.
        """
        raise NotImplementedError

    def restore(self, scan: Scan, prepared: Prepared) -> Outcome:
        """Restore one photograph. Never raises for a bad photograph.

        :raises EnvironmentProblem: the machine, not the photograph, is at fault.
        """
        return next(self.restore_many([scan], prepared))

    def restore_many(self, scans: Iterable[Scan], prepared: Prepared) -> Iterator[Outcome]:
        """Restore photographs in small groups; outcomes come in the scans' order, ``scans`` is read lazily.

        :raises EnvironmentProblem: the machine, not a photograph, is at fault.
        """
        raise NotImplementedError
