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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from restoration import __version__
from restoration.damage_kinds import Mending
from restoration.engine.encoding import access_of, master_of
from restoration.engine.machine import machine_fault, try_device
from restoration.engine.outcome import Outcome, Result, Scan, StepRecord
from restoration.engine.output_rules import OutputRules
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
from restoration.models.files import Registry
from restoration.models.registry import Models
from restoration.names import page_sha256
from restoration.settings import Settings, get_settings
from restoration.steps.parameters import PARAMETERS
from restoration.steps.protocol import BaseStep, DamageRecord, FaceRecord, Frame, Measurement, StepOutcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restoration.photo.picture import ScanInfo

log = logging.getLogger(__name__)

SOFTWARE = f"archive-restoration {__version__}"
GROUP_PHOTOS = 8
GROUP_PIXELS = 24_000_000
"""A group is closed at this many photographs or decoded pixels (24 bytes a pixel are held, 36 of a print
whose screen was taken out, more while a step works; of larger photographs all that lies in files,
:mod:`restoration.photo.bands`)."""


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
    damage: list[DamageRecord] = field(default_factory=list)
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
        tiles: bool = False,
    ) -> None:
        """
        :param models: other models than the registry's; for tests and comparisons.
        :param interrupts: exceptions that mean "stop now", not "this photograph failed" (a task's time limit).
        :param tiles: cut tiles of scan and result, of the setting's ``tile_side``; 0 there means none.
        :raises SettingsError: the device asked for is not there.
        :raises ModelError: the registry cannot be read.
        """
        from restoration.engine.cut_out import PictureReader
        from restoration.models.loading import LoadedModels
        from restoration.photo.decode import DecodeLimits, Decoder

        self.settings = settings or get_settings()
        self.models = models or LoadedModels(
            Registry.load(settings=self.settings),
            device=self.settings.device,
            threads=self.settings.threads,
            precision=self.settings.precision,
            compiled=self.settings.compile_nets,
        )
        self._tile_side = self.settings.tile_side if tiles else 0
        self._passing: tuple[type[BaseException], ...] = (EnvironmentProblem, *interrupts)
        self._steps: dict[str, BaseStep[Any]] = {}
        self._stack = ExitStack()
        limits, position = DecodeLimits.from_settings(self.settings), self.settings.keep_position
        self._decoder = self._stack.enter_context(Decoder(limits, position=position))
        self._reader = PictureReader(self._decoder, self.settings.min_side)

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

    def try_device(self) -> None:
        """Compute something small on the device. :raises DeviceFault: it fails, or is wrong."""
        if self.device != "cpu":
            try_device(self.device)

    def try_decoder(self) -> list[str]:
        """Start the decoding process; returns what this machine cannot promise of it, in words.

        :raises EnvironmentProblem: it does not start, or has to be confined and is not.
        """
        from restoration.photo.sandbox.layers import unkept

        return unkept(self._decoder.layers())

    def prepare(self, recipe: Recipe) -> Prepared:
        """Check that everything the recipe needs is here, with the pinned bytes and the right tensors, before it runs.

        A recipe without ``measure`` gets one at its end; the recipe's identity stays what it was.

        :raises ModelError: a model that is unknown, retired, missing, not the pinned file or not its architecture's.
        """
        registry = getattr(self.models, "registry", None) or Registry.load(settings=self.settings)
        prepared = prepare_recipe(recipe, registry, self.models.available)
        for entry in prepared.entries:
            self.models.check(entry.name)
        return prepared

    def pages(self, data: bytes, name: str) -> int:
        """How many photographs a file holds; 0 if that cannot be told.

        :raises EnvironmentProblem: the machine, not the file, is at fault.
        """
        return self._decoder.pages(data, name)

    def restore(self, scan: Scan, prepared: Prepared) -> Outcome:
        """Restore one photograph. Never raises for a bad photograph.

        :raises EnvironmentProblem: the machine, not the photograph, is at fault.
        """
        return next(self.restore_many([scan], prepared))

    def restore_many(self, scans: Iterable[Scan], prepared: Prepared) -> Iterator[Outcome]:
        """Restore photographs in small groups; outcomes come in the scans' order, ``scans`` is read lazily.

        No scan's bytes are held once it is decoded.

        :raises EnvironmentProblem: the machine, not a photograph, is at fault.
        """
        group: list[_Work] = []
        pixels = 0
        for scan in scans:
            work = self._decoded(scan)
            del scan
            group.append(work)
            pixels += work.info.width * work.info.height if work.info else 0
            if len(group) >= GROUP_PHOTOS or pixels >= GROUP_PIXELS:
                yield from self._finished(group, prepared)
                group, pixels = [], 0
        self._reader.forget()
        yield from self._finished(group, prepared)

    def _decoded(self, scan: Scan) -> _Work:
        file_sha256 = scan.file_sha256 or hashlib.sha256(scan.data).hexdigest()
        work = _Work(scan, page_sha256(file_sha256, scan.page, scan.box))
        with self._guarded(work, "decoding"):
            picture = self._reader.picture(replace(scan, file_sha256=file_sha256))
            work.scan = Scan(scan.name, b"", scan.page, file_sha256, scan.box)
            work.info = picture.info
            work.frame = Frame(scan.name, picture, picture)
        return work

    def _finished(self, group: list[_Work], prepared: Prepared) -> Iterator[Outcome]:
        from restoration.photo.freed import give_back_freed

        for ordinal, recipe_step in enumerate(_steps_with_measure(prepared.recipe)):
            self._stage(ordinal, recipe_step, [work for work in group if work.failure is None])
        for work in group:
            outcome = self._outcome(work, prepared)
            work.frame = None
            yield outcome
        give_back_freed()

    def _stage(self, ordinal: int, recipe_step: RecipeStep, works: list[_Work]) -> None:
        """One step over all photographs of a group that are still in the race."""
        if not works:
            return
        started = time.perf_counter()
        answers = self._answers(recipe_step, works)
        share = (time.perf_counter() - started) / len(works)
        for work, answer in zip(works, answers, strict=True):
            work.seconds += share
            if isinstance(answer, StepOutcome):
                _record(work, ordinal, recipe_step, answer, share)
            elif len(works) == 1 or isinstance(answer, PhotoRejected):
                _fail(work, answer, f"step {recipe_step.step}")
            else:
                log.warning("%s: step %s failed in a group; trying it alone", work.scan.name, recipe_step.step)
                self._stage(ordinal, recipe_step, [work])

    def _answers(self, recipe_step: RecipeStep, works: list[_Work]) -> Sequence[StepOutcome | Exception]:
        """One answer a photograph; an exception that the step did not attribute is every photograph's answer."""
        from restoration.photo.bands import given_back

        try:
            with given_back():
                answers = self._apply(recipe_step, works)
        except self._passing:
            raise
        except Exception as error:  # noqa: BLE001 - one photograph's surprise must not stop the others
            answers = [error] * len(works)
        for answer in answers:
            _raise_machine_fault(answer)
        return answers

    def _apply(self, recipe_step: RecipeStep, works: list[_Work]) -> Sequence[StepOutcome | Exception]:
        frames = [work.frame for work in works if work.frame is not None]
        left = [frame.left is not None and recipe_step.step != "measure" for frame in frames]
        others = [frame for frame, is_left in zip(frames, left, strict=True) if not is_left]
        step = self._step(recipe_step.step)
        answers = iter(step.apply_many(others, recipe_step.parameters, self.models) if others else ())
        return [
            StepOutcome(frame.picture, "left_alone", frame.left) if is_left else next(answers)
            for frame, is_left in zip(frames, left, strict=True)
        ]

    def _step(self, name: str) -> BaseStep[Any]:
        if name not in self._steps:
            step: BaseStep[Any] = importlib.import_module(f"restoration.steps.{name}").Step()
            self._steps[name] = step
        return self._steps[name]

    def _outcome(self, work: _Work, prepared: Prepared) -> Outcome:
        result = None
        reason: ReasonCode | None = None
        if work.failure is None:
            with self._guarded(work, "encoding", ReasonCode.ENCODE_FAILED):
                reason = _review_reason(prepared.recipe, work)
                result = self._encoded(work, reason, prepared.recipe.output)
        if work.failure is not None or result is None:
            return _failed_outcome(work)
        return Outcome(
            name=work.scan.name,
            source_sha256=work.source_sha256,
            state=result.state,
            seconds=work.seconds,
            reason=reason,
            reason_detail=_review_detail(reason, work),
            info=work.info,
            result=result,
            pages=_pages(work),
        )

    def _encoded(self, work: _Work, reason: ReasonCode | None, rules: OutputRules) -> Result:
        from restoration.photo.encode import preview_jpeg
        from restoration.photo.masks import encode_mask, filled_share

        frame = _frame(work)
        output, output_format = master_of(frame.picture, rules, SOFTWARE, ai_altered=work.ai_altered)
        side = self.settings.preview_side
        tiles_before, tiles_after = self._tiles(frame)
        return Result(
            state=PhotoState.NEEDS_REVIEW if reason else PhotoState.RESTORED,
            output=output,
            output_sha256=hashlib.sha256(output).hexdigest(),
            output_format=output_format,
            width=frame.picture.width,
            height=frame.picture.height,
            bits=frame.picture.info.bits,
            preview_before=preview_jpeg(frame.source.pixels, side),
            preview_after=preview_jpeg(frame.picture.pixels, side),
            ai_altered=work.ai_altered,
            steps=tuple(work.steps),
            faces=tuple(work.faces),
            measurements=tuple(work.measurements.values()),
            tiles_before=tiles_before,
            tiles_after=tiles_after,
            mask=None if frame.mask is None else encode_mask(frame.mask),
            damage=tuple(work.damage),
            filled_share=0.0 if frame.mask is None else filled_share(frame.mask),
            access=access_of(frame.picture, rules, SOFTWARE, ai_altered=work.ai_altered),
        )

    def _tiles(self, frame: Frame) -> tuple[bytes | None, bytes | None]:
        """Tiles of scan and result; the same bytes where nothing was changed."""
        if not self._tile_side:
            return None, None
        from restoration.photo.bands import equal
        from restoration.photo.tiles import tiles_zip

        source, picture = frame.source.pixels, frame.picture.pixels
        before = tiles_zip(source, self._tile_side)
        return before, before if equal(source, picture) else tiles_zip(picture, self._tile_side)

    @contextmanager
    def _guarded(self, work: _Work, doing: str, reason: ReasonCode = ReasonCode.STEP_FAILED) -> Iterator[None]:
        """Turn whatever one photograph meets into its failure, and count the time."""
        from restoration.photo.bands import given_back

        started = time.perf_counter()
        try:
            with given_back():
                yield
        except self._passing:
            raise
        except Exception as error:  # noqa: BLE001 - kept as the photograph's failure, and logged
            _raise_machine_fault(error)
            _fail(work, error, doing, reason)
        finally:
            work.seconds += time.perf_counter() - started


def _steps_with_measure(recipe: Recipe) -> tuple[RecipeStep, ...]:
    if any(step.step == "measure" for step in recipe.steps):
        return recipe.steps
    return (*recipe.steps, RecipeStep(step="measure", parameters=PARAMETERS["measure"]()))


def _record(work: _Work, ordinal: int, recipe_step: RecipeStep, answer: StepOutcome, seconds: float) -> None:
    frame = _frame(work)
    frame.picture = answer.picture
    work.faces.extend(answer.faces)
    work.damage.extend(answer.damage)
    frame.mask = _joined_masks(frame, answer)
    frame.base = frame.base or answer.base
    work.measurements.update({(m.metric, m.stage): m for m in answer.measurements})
    work.ai_altered |= recipe_step.parameters.invents and answer.status == "applied"
    work.ai_altered |= any(record.mending is Mending.NET for record in answer.damage)
    work.steps.append(
        StepRecord(
            ordinal=ordinal,
            step=recipe_step.step,
            status=answer.status,
            seconds=seconds,
            reason=answer.reason,
            parameters=recipe_step.parameters.model_dump(mode="json"),
            detail=answer.detail,
            model=answer.model,
        )
    )


def _joined_masks(frame: Frame, answer: StepOutcome) -> NDArray[np.uint8] | None:
    """Where anything was mended so far, at the picture's present size; a later step's kind stands over an earlier's."""
    from restoration.photo.masks import join_masks, mask_of_size

    height, width = answer.picture.height, answer.picture.width
    earlier = None if frame.mask is None else mask_of_size(frame.mask, height, width)
    return join_masks(earlier, answer.mask)


def _raise_machine_fault(answer: StepOutcome | Exception) -> None:
    """:raises EnvironmentProblem: what came of a photograph is the machine's fault."""
    if isinstance(answer, Exception) and (fault := machine_fault(answer)) is not None:
        raise fault from answer


def _fail(work: _Work, error: Exception, doing: str, reason: ReasonCode = ReasonCode.STEP_FAILED) -> None:
    """Keep why this photograph failed; an error nobody foresaw is logged with its traceback."""
    if isinstance(error, RestorationError):
        work.failure = error
        work.detail = error.message if isinstance(error, PhotoRejected) else f"{doing}: {error.message}"
        log.info("%s: %s: %s", work.scan.name, doing, error)
        return
    last = traceback.format_exception_only(error)[-1].strip()
    log.error("%s: %s failed", work.scan.name, doing, exc_info=error)
    kind = OutOfMemory if isinstance(error, MemoryError) else PhotoFailed
    work.failure = kind(last, reason=None if kind is OutOfMemory else reason, photo=work.scan.name)
    work.detail = f"{doing}: {last}"


def _failed_outcome(work: _Work) -> Outcome:
    failure = work.failure or PhotoFailed("no result", photo=work.scan.name)
    rejected = isinstance(failure, PhotoRejected)
    return Outcome(
        name=work.scan.name,
        source_sha256=work.source_sha256,
        state=PhotoState.REJECTED if rejected else PhotoState.PENDING,
        seconds=work.seconds,
        reason=failure.reason,
        reason_detail=work.detail,
        info=work.info,
        pages=_pages(work),
    )


def _pages(work: _Work) -> int:
    """Photographs in the file, also if this one could not be read."""
    if work.info is not None:
        return work.info.pages
    return work.failure.pages if isinstance(work.failure, PhotoRejected) else 0


def _review_reason(recipe: Recipe, work: _Work) -> ReasonCode | None:
    from restoration.photo.masks import doubtful_fill
    from restoration.quality.gates import review_reason
    from restoration.quality.metrics import tones

    frame = _frame(work)
    measured, faces = tuple(work.measurements.values()), tuple(work.faces)
    fill = 0.0 if frame.mask is None else doubtful_fill(frame.mask)
    return review_reason(recipe.review, frame.notes, measured, faces, tones(frame.picture.pixels), fill)


def _review_detail(reason: ReasonCode | None, work: _Work) -> str:
    from restoration.quality.gates import review_detail

    return review_detail(reason, _frame(work).notes)


def _frame(work: _Work) -> Frame:
    if work.frame is None:
        raise PhotoFailed("the photograph was never decoded", photo=work.scan.name)
    return work.frame
