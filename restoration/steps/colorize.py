"""Predict chroma from lightness. The scan's own lightness is kept, at full resolution and bit depth.

The net sees L* at a small working size; its chroma is enlarged along the edges of the full-size L* and put onto it
in gamut (:func:`restoration.photo.colour.keep_luminance`). What the net thinks about lightness is never used. If the
print lies on its side or upside down, the net sees it upright (:mod:`restoration.steps.turning`).

Colours that people gave go into a net that takes hints, and are seen to at their own places afterwards
(:mod:`restoration.steps.hinting`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.colour_hints import ColourHint, turned_hint
from restoration.errors import ModelError, ReasonCode, RestorationError
from restoration.models.buckets import run_in_buckets
from restoration.models.registry import ModelEntry, Models
from restoration.photo import bands, colour
from restoration.photo.picture import FloatImage
from restoration.steps import hinting
from restoration.steps.framing import outside, with_mount
from restoration.steps.parameters import Colorize
from restoration.steps.protocol import BaseStep, Frame, StepOutcome
from restoration.steps.turning import LIES_RIGHT, Turn, WayUp, of_scan, turned, turned_back, way_up

if TYPE_CHECKING:
    import torch

UNSURE = 12.0
"""Colours whose expected error (CIEDE2000) is above this are a guess with little ground."""
_SURE = 6.0
"""Up to this expected error they are not toned down."""
WORK_SIDE = 256
SIDE_MULTIPLE = 32
AB_SCALE = 110.0
ERROR_SCALE = 10.0
SEED_SIZE = (224, 184)

Plane = NDArray[np.float32]
Hints = tuple[ColourHint, ...]


@dataclass(frozen=True)
class _Job:
    """One photograph's input to the net, and how its output becomes chroma. All of it is turned by ``way.turn``, but
    ``luminance`` of a large photograph is as it lies.
    """

    index: int
    luminance: Plane
    guide: Plane
    net_input: torch.Tensor
    way: WayUp = LIES_RIGHT
    hints: Hints = ()

    @property
    def turn(self) -> Turn:
        """Degrees, counterclockwise."""
        return self.way.turn


@dataclass(frozen=True)
class _Paint:
    """What a net answers at its working size: a* and b*, H x W x 2, and the CIEDE2000 it expects to be wrong by, H x W;
    None if it does not say.
    """

    chroma: NDArray[np.float32]
    doubt: Plane | None = None


class Step(BaseStep[Colorize]):
    """Colorizes gray and tinted photographs; leaves colour photographs alone unless ``recolour``.

    Writes ``notes["colorize"]``: ``max_dl`` and ``mean_dl``, the change of L* (0..100) in the quantised result.
    """

    name = "colorize"

    def apply(self, frame: Frame, parameters: Colorize, models: Models) -> StepOutcome:
        """Colorize one photograph.

        :raises OutOfMemory: it does not fit the device even alone.
        :raises ModelError: the model is missing, broken, or no colorizer.
        """
        answer = self.apply_many([frame], parameters, models)[0]
        if isinstance(answer, RestorationError):
            raise answer
        return answer

    def apply_many(
        self, frames: Sequence[Frame], parameters: Colorize, models: Models
    ) -> list[StepOutcome | RestorationError]:
        """Colorize several photographs; those of one working shape go through the net together."""
        entry = models.entry(parameters.model_here)
        prepare, paint_of = _methods(entry, parameters.hints)
        answers: dict[int, StepOutcome | RestorationError] = {}
        shapes: dict[tuple[int, ...], list[_Job]] = defaultdict(list)
        for index, frame in enumerate(frames):
            if _is_colour(frame) and not parameters.recolour:
                answers[index] = StepOutcome(frame.picture, "not_needed", ReasonCode.ALREADY_COLOUR)
                continue
            luminance = colour.lightness(frame.picture.pixels)
            way = _way_up(frame, luminance, parameters, models)
            # places are the scan's own, and triage may have turned the scan itself
            hints = tuple(turned_hint(hint, of_scan(frame) + way.turn) for hint in parameters.hints)
            job = replace(prepare(index, turned(bands.overview(luminance), way.turn), entry, hints), way=way)
            if bands.is_large(luminance):
                job = replace(job, luminance=luminance)
            shapes[tuple(job.net_input.shape)].append(job)
        for jobs in shapes.values():
            outputs = run_in_buckets(models.load(entry.name), [job.net_input for job in jobs], models.device)
            for job, output in zip(jobs, outputs, strict=True):
                paint = paint_of(output.numpy(), job)
                answers[job.index] = _painted(frames[job.index], job, paint, parameters, entry)
        return [answers[index] for index in range(len(frames))]


def _methods(
    entry: ModelEntry, hints: Hints
) -> tuple[Callable[[int, Plane, ModelEntry, Hints], _Job], Callable[[NDArray[np.float32], _Job], _Paint]]:
    if entry.architecture == "hinted-colorizer":
        return _hinted_job, _hinted_paint
    if hints:
        raise ModelError(f"model {entry.name!r} takes no colour hints", reason=ReasonCode.MODEL_UNKNOWN)
    if entry.architecture == "house-colorizer":
        return _house_job, _house_paint
    if entry.architecture == "seed-autoencoder":
        return _seed_job, _seed_paint
    raise ModelError(f"model {entry.name!r} ({entry.architecture}) is no colorizer", reason=ReasonCode.MODEL_UNKNOWN)


def _is_colour(frame: Frame) -> bool:
    return frame.notes.get("triage", {}).get("kind") == "colour"


def _way_up(frame: Frame, luminance: Plane, parameters: Colorize, models: Models) -> WayUp:
    """What triage has made upright, or found to be so, is not asked about again."""
    if "upright" in frame.notes.get("triage", {}):
        return LIES_RIGHT
    return way_up(luminance, parameters.detector, parameters.upright_model, models)


def _house_job(index: int, luminance: Plane, entry: ModelEntry, _hints: Hints = ()) -> _Job:
    """L* at the working long side, padded by reflection to whole strides, as ``L* / 50 - 1``."""
    side = entry.size.working_side or WORK_SIDE
    small = _resized(luminance, working_size(luminance.shape[0], luminance.shape[1], side))
    below, beside = (-small.shape[0] % SIDE_MULTIPLE, -small.shape[1] % SIDE_MULTIPLE)
    padded = np.pad(small, ((0, below), (0, beside)), mode="symmetric")
    return _Job(index, luminance, small, _tensor(padded[None] / np.float32(50) - np.float32(1)))


def _house_paint(output: NDArray[np.float32], job: _Job) -> _Paint:
    height, width = job.guide.shape
    return _Paint(np.ascontiguousarray(output[:2, :height, :width].transpose(1, 2, 0)) * np.float32(AB_SCALE))


def _hinted_job(index: int, luminance: Plane, entry: ModelEntry, hints: Hints) -> _Job:
    """As for the first house colorizer, and the hints."""
    import torch

    job = _house_job(index, luminance, entry)
    told = torch.zeros(3, *job.net_input.shape[1:])
    if hints:
        height, width = job.guide.shape
        planes = hinting.told(hints, job.guide)
        told[:, :height, :width] = _tensor(planes / np.array([AB_SCALE, AB_SCALE, 1], np.float32)[:, None, None])
    return replace(job, net_input=torch.cat([job.net_input, told]), hints=hints)


def _hinted_paint(output: NDArray[np.float32], job: _Job) -> _Paint:
    height, width = job.guide.shape
    paint = _house_paint(output, job)
    doubt = np.exp(output[2, :height, :width]) * np.float32(ERROR_SCALE)
    if not job.hints:
        return replace(paint, doubt=doubt)
    settled, known = hinting.settled(paint.chroma, job.hints, job.guide)
    return _Paint(settled, np.asarray(doubt * (1 - known), np.float32))


def _seed_job(index: int, luminance: Plane, entry: ModelEntry, _hints: Hints = ()) -> _Job:
    """The neutral picture stretched to 224 x 184, as the seed project did, in [0, 1]."""
    small = _resized(luminance, SEED_SIZE)
    gray = colour.gray_from_lightness(small)[None, :, :, 0]
    return _Job(index, luminance, small, _tensor(gray))


def _seed_paint(output: NDArray[np.float32], job: _Job) -> _Paint:
    """Of the predicted RGB only a* and b* are used."""
    rgb = np.clip((output.transpose(1, 2, 0) + np.float32(1)) / np.float32(2), 0, 1)
    return _Paint(np.ascontiguousarray(colour.rgb_to_lab(np.ascontiguousarray(rgb))[:, :, 1:]))


def _tensor(values: NDArray[np.float32]) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.require(values, requirements=["C", "W"]))  # a large gray picture is not to be written to


def working_size(height: int, width: int, side: int) -> tuple[int, int]:
    """Height and width whose long side is ``side``, the shape kept, none below 1."""
    scale = side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _resized(plane: Plane, size: tuple[int, int]) -> Plane:
    shrinks = size[0] * size[1] < plane.shape[0] * plane.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, (size[1], size[0]), interpolation=method), np.float32)


def toned_down(paint: _Paint, boldness: float) -> NDArray[np.float32]:
    """The chroma, less of it where the net is unsure: ``boldness`` of it (0..1) from ``UNSURE`` on."""
    if paint.doubt is None:
        return paint.chroma
    doubtful = np.clip((paint.doubt - np.float32(_SURE)) / np.float32(UNSURE - _SURE), 0, 1)
    return np.asarray(paint.chroma * (1 - doubtful * np.float32(1 - boldness))[:, :, None], np.float32)


def _painted(frame: Frame, job: _Job, paint: _Paint, parameters: Colorize, entry: ModelEntry) -> StepOutcome:
    chroma = toned_down(paint, parameters.boldness) * np.float32(parameters.saturation)
    if bands.is_large(job.luminance):
        pixels, changes = _by_bands(frame, job, chroma)
    else:
        full = turned_back(colour.upsample_chroma(chroma, job.guide, job.luminance), job.turn)
        luminance = turned_back(job.luminance, job.turn)
        full[outside(frame)] = 0
        pixels = colour.keep_luminance(luminance, full, bits=frame.picture.info.bits)
        change = np.abs(colour.lightness(pixels) - luminance)
        changes = float(change.max()), float(change.mean(dtype=np.float64))
    notes = {"max_dl": round(changes[0], 5), "mean_dl": round(changes[1], 5)}
    frame.notes["colorize"] = notes
    if parameters.hints:
        notes["hints"] = len(parameters.hints)
    if paint.doubt is not None:
        notes["unsure_share"] = round(float((paint.doubt > UNSURE).mean()), 4)
    detail = {**notes, "work_height": job.guide.shape[0], "work_width": job.guide.shape[1]}
    if job.turn:
        detail |= job.way.as_detail()
    return StepOutcome(frame.picture.with_pixels(with_mount(frame, pixels)), "applied", detail=detail, model=entry)


def _by_bands(frame: Frame, job: _Job, chroma: NDArray[np.float32]) -> tuple[FloatImage, tuple[float, float]]:
    """A large photograph painted band by band, and the greatest and the mean change of L*."""
    height, width = job.luminance.shape
    # enlarging is the same whichever way a picture lies: small planes are turned, and the large one stays as it is
    small, guide = turned_back(chroma, job.turn), turned_back(job.guide, job.turn)
    chroma_of = colour.chroma_rows(small, guide, (height, width))
    pixels, beyond = bands.empty((height, width, 3)), outside(frame)
    greatest, total = 0.0, 0.0
    for rows in bands.bands(pixels):
        luminance = job.luminance[rows]
        full = chroma_of(rows, luminance)
        full[beyond[rows]] = 0
        pixels[rows] = colour.keep_luminance(luminance, full, bits=frame.picture.info.bits)
        change = np.abs(colour.lightness(pixels[rows]) - luminance)
        greatest = max(greatest, float(change.max()))
        total += float(change.sum(dtype=np.float64))
    return pixels, (greatest, total / (height * width))
