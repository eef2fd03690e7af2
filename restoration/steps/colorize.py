"""Predict chroma from lightness. The scan's own lightness is kept, at full resolution and bit depth.

The net sees L* at a small working size; its chroma is enlarged along the edges of the full-size L* and put onto it
in gamut (:func:`restoration.photo.colour.keep_luminance`). What the net thinks about lightness is never used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.errors import ModelError, ReasonCode, RestorationError
from restoration.models.buckets import run_in_buckets
from restoration.models.registry import ModelEntry, Models
from restoration.photo import colour
from restoration.photo.picture import FloatImage
from restoration.steps.framing import outside
from restoration.steps.parameters import Colorize
from restoration.steps.protocol import BaseStep, Frame, StepOutcome

if TYPE_CHECKING:
    import torch

WORK_SIDE = 256
SIDE_MULTIPLE = 32
AB_SCALE = 110.0
SEED_SIZE = (224, 184)

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class _Job:
    """One photograph's input to the net, and how its output becomes chroma."""

    index: int
    luminance: Plane
    guide: Plane
    net_input: torch.Tensor


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
        entry = models.entry(parameters.model)
        prepare, chroma_of = _methods(entry)
        answers: dict[int, StepOutcome | RestorationError] = {}
        shapes: dict[tuple[int, ...], list[_Job]] = defaultdict(list)
        for index, frame in enumerate(frames):
            if _is_colour(frame) and not parameters.recolour:
                answers[index] = StepOutcome(frame.picture, "not_needed", ReasonCode.ALREADY_COLOUR)
                continue
            job = prepare(index, colour.lightness(frame.picture.pixels), entry)
            shapes[tuple(job.net_input.shape)].append(job)
        for jobs in shapes.values():
            outputs = run_in_buckets(models.load(entry.name), [job.net_input for job in jobs], models.device)
            for job, output in zip(jobs, outputs, strict=True):
                chroma = chroma_of(output.numpy(), job) * np.float32(parameters.saturation)
                answers[job.index] = _painted(frames[job.index], job, chroma, entry)
        return [answers[index] for index in range(len(frames))]


def _methods(
    entry: ModelEntry,
) -> tuple[Callable[[int, Plane, ModelEntry], _Job], Callable[[NDArray[np.float32], _Job], NDArray[np.float32]]]:
    if entry.architecture == "house-colorizer":
        return _house_job, _house_chroma
    if entry.architecture == "seed-autoencoder":
        return _seed_job, _seed_chroma
    raise ModelError(f"model {entry.name!r} ({entry.architecture}) is no colorizer", reason=ReasonCode.MODEL_UNKNOWN)


def _is_colour(frame: Frame) -> bool:
    return frame.notes.get("triage", {}).get("kind") == "colour"


def _house_job(index: int, luminance: Plane, entry: ModelEntry) -> _Job:
    """L* at the working long side, padded by reflection to whole strides, as ``L* / 50 - 1``."""
    side = entry.size.working_side or WORK_SIDE
    small = _resized(luminance, working_size(luminance.shape[0], luminance.shape[1], side))
    below, beside = (-small.shape[0] % SIDE_MULTIPLE, -small.shape[1] % SIDE_MULTIPLE)
    padded = np.pad(small, ((0, below), (0, beside)), mode="symmetric")
    return _Job(index, luminance, small, _tensor(padded[None] / np.float32(50) - np.float32(1)))


def _house_chroma(output: NDArray[np.float32], job: _Job) -> NDArray[np.float32]:
    height, width = job.guide.shape
    return np.ascontiguousarray(output[:, :height, :width].transpose(1, 2, 0)) * np.float32(AB_SCALE)


def _seed_job(index: int, luminance: Plane, entry: ModelEntry) -> _Job:
    """The neutral picture stretched to 224 x 184, as the seed project did, in [0, 1]."""
    small = _resized(luminance, SEED_SIZE)
    gray = colour.gray_from_lightness(small)[None, :, :, 0]
    return _Job(index, luminance, small, _tensor(gray))


def _seed_chroma(output: NDArray[np.float32], job: _Job) -> NDArray[np.float32]:
    """Of the predicted RGB only a* and b* are used."""
    rgb = np.clip((output.transpose(1, 2, 0) + np.float32(1)) / np.float32(2), 0, 1)
    return np.ascontiguousarray(colour.rgb_to_lab(np.ascontiguousarray(rgb))[:, :, 1:])


def _tensor(values: NDArray[np.float32]) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(values))


def working_size(height: int, width: int, side: int) -> tuple[int, int]:
    """Height and width whose long side is ``side``, the shape kept, none below 1."""
    scale = side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _resized(plane: Plane, size: tuple[int, int]) -> Plane:
    shrinks = size[0] * size[1] < plane.shape[0] * plane.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, (size[1], size[0]), interpolation=method), np.float32)


def _painted(frame: Frame, job: _Job, chroma: NDArray[np.float32], entry: ModelEntry) -> StepOutcome:
    full = colour.upsample_chroma(chroma, job.guide, job.luminance)
    full[outside(frame)] = 0
    pixels: FloatImage = colour.keep_luminance(job.luminance, full, bits=frame.picture.info.bits)
    change = np.abs(colour.lightness(pixels) - job.luminance)
    notes = {"max_dl": round(float(change.max()), 5), "mean_dl": round(float(change.mean(dtype=np.float64)), 5)}
    frame.notes["colorize"] = notes
    detail = {**notes, "work_height": job.guide.shape[0], "work_width": job.guide.shape[1]}
    return StepOutcome(frame.picture.with_pixels(pixels), "applied", detail=detail, model=entry)
