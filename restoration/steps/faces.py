"""Find faces, restore them where a restorer is named, and let none through that is not the same person any more.

Every face is recorded. A restored one is pasted back at the photograph's resolution, in linear light, within a
feathered ellipse round its landmarks; its colours stay the scan's unless the recipe says otherwise. Then its identity
(luminance only) is held against the scan's: below the threshold the restored share is lowered to 0.75, 0.5, 0.25, and
if that does not help the face is left as it was, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from restoration.errors import PhotoFailed, ReasonCode, RestorationError
from restoration.models.buckets import run_in_buckets
from restoration.models.nets.centerface import Detection
from restoration.models.registry import ModelEntry, Models
from restoration.photo.picture import FloatImage
from restoration.steps import alignment
from restoration.steps.parameters import Faces
from restoration.steps.pasting import Candidate, Site, sharpness
from restoration.steps.protocol import BaseStep, FaceAction, FaceRecord, Frame, StepOutcome, StepStatus

if TYPE_CHECKING:
    import torch

ACTIONS: tuple[FaceAction, ...] = ("restored", "blended", "left_alone", "recorded")
CHUNK = 32
"""Faces that are held at once: crops and answers of 3 MB each, whatever the number of faces in a photograph."""
SHARPER = 1.02
"""A second pass must raise the face's sharpness by this factor."""


@dataclass
class _Face:
    """One detected face on its way through the step."""

    frame_index: int
    found: Detection
    matrix: alignment.Matrix = field(default_factory=lambda: np.zeros((2, 3)))
    record: FaceRecord | None = None
    tried: list[float] = field(default_factory=list)
    passes: int = 1


@dataclass(frozen=True)
class _Tools:
    """The step's models, with their entries for the record."""

    parameters: Faces
    detector: ModelEntry
    restorer: ModelEntry
    identity: ModelEntry
    net: Any
    embed: Any
    device: str


class Step(BaseStep[Faces]):
    """Faces of a group of photographs: detected one photograph at a time, restored in buckets across photographs.

    Writes ``notes["faces"]``: how many were found, restored, blended and left alone.
    """

    name = "faces"

    def apply(self, frame: Frame, parameters: Faces, models: Models) -> StepOutcome:
        """Handle one photograph's faces.

        :raises OutOfMemory: not even one face fits the device.
        :raises ModelError: a model is missing or broken.
        """
        answer = self.apply_many([frame], parameters, models)[0]
        if isinstance(answer, RestorationError):
            raise answer
        return answer

    def apply_many(
        self, frames: Sequence[Frame], parameters: Faces, models: Models
    ) -> list[StepOutcome | RestorationError]:
        """Handle several photographs' faces; the restorer sees them in buckets, whichever photograph they are from."""
        detector = models.load(parameters.detector)
        faces = [
            _Face(index, found)
            for index, frame in enumerate(frames)
            for found in detector(_bytes(frame.picture.pixels), parameters.confidence)
        ]
        reason = _why_not(parameters, models)
        if reason is not None:
            _leave_all(faces, reason, models.entry(parameters.detector))
            canvases = [frame.picture.pixels for frame in frames]
        else:
            canvases = _restore(frames, faces, _tools(parameters, models))
        return [
            _outcome(frame, canvases[index], [face for face in faces if face.frame_index == index], parameters, models)
            for index, frame in enumerate(frames)
        ]


def _why_not(parameters: Faces, models: Models) -> ReasonCode | None:
    if not parameters.restorer:
        return ReasonCode.FACES_OFF
    return None if models.available(parameters.restorer) else ReasonCode.RESTORER_MISSING


def _tools(parameters: Faces, models: Models) -> _Tools:
    return _Tools(
        parameters=parameters,
        detector=models.entry(parameters.detector),
        restorer=models.entry(parameters.restorer),
        identity=models.entry(parameters.identity),
        net=models.load(parameters.restorer),
        embed=models.load(parameters.identity),
        device=models.device,
    )


def _leave_all(faces: Sequence[_Face], reason: ReasonCode, detector: ModelEntry) -> None:
    for face in faces:
        face.record = _record(face, detector, "recorded" if reason is ReasonCode.FACES_OFF else "left_alone", reason)


def _restore(frames: Sequence[Frame], faces: Sequence[_Face], tools: _Tools) -> list[FloatImage]:
    """Restore what may be restored, recording every face; returns each photograph's pixels."""
    canvases = [frame.picture.pixels for frame in frames]
    jobs = [face for face in faces if _is_restorable(face, tools)]
    for start in range(0, len(jobs), CHUNK):
        chunk = jobs[start : start + CHUNK]
        crops = [alignment.crop(frames[face.frame_index].picture.pixels, face.matrix) for face in chunk]
        restored = _through_net(crops, tools)
        for index in sorted({face.frame_index for face in chunk}):
            if canvases[index] is frames[index].picture.pixels:
                canvases[index] = canvases[index].copy()
            own = [place for place, face in enumerate(chunk) if face.frame_index == index]
            _paste(frames[index], canvases[index], [chunk[i] for i in own], [restored[i] for i in own], tools)
    return canvases


def _is_restorable(face: _Face, tools: _Tools) -> bool:
    """Give the face its alignment, or record why it is left alone."""
    marks = face.found.landmarks
    matrix = alignment.alignment(marks)
    reason = None
    if float(np.hypot(*(marks[1] - marks[0]))) < tools.parameters.min_eye_distance:
        reason = ReasonCode.FACE_TOO_SMALL
    elif matrix is None:
        reason = ReasonCode.FACE_TOO_DAMAGED
    else:
        face.matrix = matrix
    if reason is not None:
        face.record = _record(face, tools.detector, "left_alone", reason)
    return reason is None


def _through_net(crops: Sequence[FloatImage], tools: _Tools) -> list[FloatImage]:
    """Aligned faces through the restorer: 512 x 512 x 3 in [0, 1] both ways."""
    outputs = run_in_buckets(tools.net, [_to_net(face) for face in crops], tools.device)
    return [_from_net(output) for output in outputs]


def _to_net(face: FloatImage) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(face.transpose(2, 0, 1) * np.float32(2) - np.float32(1)))


def _from_net(output: torch.Tensor) -> FloatImage:
    image = output.clamp(-1, 1).numpy().transpose(1, 2, 0)
    if not np.isfinite(image).all():
        raise PhotoFailed("the face restorer gave values that are no numbers")
    return np.ascontiguousarray((image + np.float32(1)) / np.float32(2))


def _paste(
    frame: Frame, canvas: FloatImage, faces: Sequence[_Face], restored: Sequence[FloatImage], tools: _Tools
) -> None:
    """Put one photograph's restored faces into its canvas, one after the other, and record what was done to each."""
    for face, image in zip(faces, restored, strict=True):
        site = Site.at(
            frame.picture.pixels,
            canvas,
            face.matrix,
            face.found.landmarks,
            tools.embed,
            frame.picture.info.bits,
            tools.parameters.chroma_from_restorer,
        )
        candidate, face.tried = site.gated(image, tools.parameters.identity_threshold)
        if candidate is not None and tools.parameters.passes == 2:
            candidate = _second_pass(site, candidate, face, tools)
        if candidate is not None:
            canvas[site.region.slices] = candidate.pixels
        face.record = _judged(face, candidate, tools)


def _second_pass(site: Site, first: Candidate, face: _Face, tools: _Tools) -> Candidate:
    """Restore the pasted face once more; kept where it is sharper and still the same person."""
    start = site.crop_of(first)
    second = site.at_blend(_through_net([start], tools)[0], first.blend)
    holds = second.identity >= tools.parameters.identity_threshold
    if holds and sharpness(site.crop_of(second)) > SHARPER * sharpness(start):
        face.passes = 2
        return second
    return first


def _judged(face: _Face, candidate: Candidate | None, tools: _Tools) -> FaceRecord:
    if candidate is None:
        record = _record(face, tools.detector, "left_alone", ReasonCode.IDENTITY_LOW)
        return replace(record, restorer=tools.restorer, identity_model=tools.identity)
    return replace(
        _record(face, tools.detector, "restored" if candidate.blend == 1.0 else "blended"),
        identity=round(candidate.identity, 6),
        blend=candidate.blend,
        restorer=tools.restorer,
        identity_model=tools.identity,
    )


def _record(face: _Face, detector: ModelEntry, action: FaceAction, reason: ReasonCode | None = None) -> FaceRecord:
    return FaceRecord(
        box=face.found.box,
        confidence=round(face.found.confidence, 6),
        landmarks=tuple((round(float(x), 2), round(float(y), 2)) for x, y in face.found.landmarks),
        action=action,
        detector=detector,
        reason=reason,
    )


def _outcome(
    frame: Frame, canvas: FloatImage, faces: Sequence[_Face], parameters: Faces, models: Models
) -> StepOutcome:
    records = tuple(face.record for face in faces if face.record is not None)
    count = Counter(record.action for record in records)
    frame.notes["faces"] = {"found": len(records), **{action: count[action] for action in ACTIONS}}
    detail: dict[str, Any] = dict(frame.notes["faces"])
    if tried := [face.tried for face in faces if face.tried]:
        detail["identity_tried"] = tried
    if second := sum(face.passes == 2 for face in faces):
        detail["second_pass"] = second
    if count["restored"] or count["blended"]:
        picture = frame.picture.with_pixels(canvas)
        return StepOutcome(picture, "applied", None, detail, models.entry(parameters.restorer), records)
    status: StepStatus = "left_alone" if count["left_alone"] else "not_needed"
    reason = records[0].reason if records else ReasonCode.NO_FACES
    return StepOutcome(frame.picture, status, reason, detail, models.entry(parameters.detector), records)


def _bytes(pixels: FloatImage) -> NDArray[np.uint8]:
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
