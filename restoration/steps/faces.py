"""Find faces, restore them where a restorer is named, and let none through that is not the same person any more.

Every face is recorded. Left alone, with the reason, are faces that are too small, those of which the identity model
cannot tell whose they are (:func:`restoration.quality.faces.certainty`), and sharp ones that restoring would change.
A restored face is pasted back at the photograph's resolution, in linear light, within a feathered ellipse round its
landmarks; its colours stay the scan's unless the recipe says otherwise. Then its identity (luminance only) is held
against the scan's: below the threshold for a source of that certainty the restored share is lowered to 0.75, 0.5, 0.25,
and if that does not help the face is left as it was.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from restoration.errors import PhotoFailed, ReasonCode, RestorationError
from restoration.models.nets.detection import Detection
from restoration.models.registry import ModelEntry, Models
from restoration.photo import bands
from restoration.photo.picture import FloatImage
from restoration.quality.faces import needs_nothing
from restoration.quality.metrics import ssim_y
from restoration.steps import alignment
from restoration.steps.finding import Found, find_faces, plausible
from restoration.steps.large_faces import near, paste
from restoration.steps.parameters import Faces
from restoration.steps.pasting import Candidate, Likeness, Site, likeness, sharpness
from restoration.steps.protocol import BaseStep, FaceAction, FaceRecord, Frame, StepOutcome, StepStatus
from restoration.steps.restoring import restored_faces

log = logging.getLogger(__name__)

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
    known: Likeness | None = None
    record: FaceRecord | None = None
    tried: tuple[float, ...] = ()
    passes: int = 1

    @property
    def certainty(self) -> float:
        """How sure the identity model is of the face before anything is done to it; 0 where it was not asked."""
        return self.known.certainty if self.known else 0.0


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

    def restored(self, faces: Sequence[FloatImage]) -> list[FloatImage | PhotoFailed]:
        """Aligned faces through the net."""
        return restored_faces(self.net, self.restorer, faces, self.device)


class Step(BaseStep[Faces]):
    """Faces of a group of photographs: detected one photograph at a time, restored in buckets across photographs.

    Writes ``notes["faces"]``: how many were found, restored, blended and left alone. Its detail also says how many more
    were seen than the detector's entry allows.
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
        detector, entry = models.load(parameters.detector), models.entry(parameters.detector)
        found = [find_faces(detector, bands.as_bytes(frame.picture.pixels), parameters.confidence) for frame in frames]
        faces = [_Face(index, face) for index, each in enumerate(found) for face in each.faces]
        restorer = parameters.restorer_here(models.available)
        if restorer:
            canvases = _restore(frames, faces, _tools(restorer, parameters, models))
        else:
            _leave_all(faces, parameters, entry)
            canvases = [frame.picture.pixels for frame in frames]
        return [
            _outcome(frame, canvases[index], [face for face in faces if face.frame_index == index], found[index], entry)
            for index, frame in enumerate(frames)
        ]


def _tools(restorer: str, parameters: Faces, models: Models) -> _Tools:
    return _Tools(
        parameters=parameters,
        detector=models.entry(parameters.detector),
        restorer=models.entry(restorer),
        identity=models.entry(parameters.identity),
        net=models.load(restorer),
        embed=models.load(parameters.identity),
        device=models.device,
    )


def _leave_all(faces: Sequence[_Face], parameters: Faces, detector: ModelEntry) -> None:
    """Record faces that no restorer will see: none is named, or none is on this machine."""
    for face in faces:
        if parameters.restorers():
            face.record = _record(face, detector, "left_alone", ReasonCode.RESTORER_MISSING)
        else:
            face.record = _record(face, detector, "recorded", ReasonCode.FACES_OFF)


def _restore(frames: Sequence[Frame], faces: Sequence[_Face], tools: _Tools) -> list[FloatImage]:
    """Restore what may be restored, recording every face; returns each photograph's pixels."""
    canvases = [frame.picture.pixels for frame in frames]
    jobs = [face for face in faces if _is_restorable(face, frames[face.frame_index], tools)]
    for start in range(0, len(jobs), CHUNK):
        chunk = jobs[start : start + CHUNK]
        seen = (near(frames[face.frame_index].picture.pixels, face.matrix, face.found.landmarks) for face in chunk)
        crops = [alignment.crop(one.pixels, one.matrix) for one in seen]
        for face, crop, answer in zip(chunk, crops, tools.restored(crops), strict=True):
            index = face.frame_index
            if canvases[index] is frames[index].picture.pixels:
                canvases[index] = bands.copied(canvases[index])
            face.record = _finished(face, crop, answer, frames[index], canvases[index], tools)
    return canvases


def _is_restorable(face: _Face, frame: Frame, tools: _Tools) -> bool:
    """Give the face its alignment and likeness, or record why it is left alone."""
    marks = face.found.landmarks
    matrix = alignment.alignment(marks)
    reason = None
    if float(np.hypot(*(marks[1] - marks[0]))) < tools.parameters.min_eye_distance:
        reason = ReasonCode.FACE_TOO_SMALL
    elif matrix is None or not plausible(marks):
        reason = ReasonCode.FACE_TOO_DAMAGED
    else:
        face.matrix = matrix
        seen = near(frame.picture.pixels, matrix, marks)
        face.known = likeness(seen.pixels, seen.matrix, seen.landmarks, tools.embed)
        reason = ReasonCode.FACE_TOO_DAMAGED if face.certainty < tools.parameters.min_certainty else None
    if reason is not None:
        face.record = _record(face, tools.detector, "left_alone", reason)
    return reason is None


def _finished(
    face: _Face, crop: FloatImage, answer: FloatImage | PhotoFailed, frame: Frame, canvas: FloatImage, tools: _Tools
) -> FaceRecord:
    """Put one restored face into its photograph's canvas as far as it may be, and record what was done."""
    if isinstance(answer, PhotoFailed):
        log.warning("%s: a face is left as it was: %s", frame.name, answer.message)
        return _left(face, ReasonCode.STEP_FAILED, tools)
    if needs_nothing(crop) and ssim_y(crop, answer) < tools.parameters.clean_ssim:
        return _left(face, ReasonCode.NOT_NEEDED, tools)
    candidate = _pasted(face, answer, frame, canvas, tools)
    return _judged(face, candidate, tools)


def _pasted(face: _Face, answer: FloatImage, frame: Frame, canvas: FloatImage, tools: _Tools) -> Candidate | None:
    """Paste a restored face with the largest share that is the same person; None where no share is."""
    parameters = tools.parameters
    if face.known is None:
        raise PhotoFailed("a face came to the restorer without its likeness", photo=frame.name)
    seen = near(canvas, face.matrix, face.found.landmarks)
    site = Site.at(
        seen.pixels,
        seen.matrix,
        seen.landmarks,
        face.known,
        tools.embed,
        frame.picture.info.bits,
        parameters.chroma_from_restorer,
    )
    candidate, face.tried = site.gated(answer, parameters.threshold(face.certainty))
    if candidate is not None and parameters.passes == 2:
        candidate, answer = _second_pass(site, candidate, answer, face, tools)
    if candidate is not None and seen.pixels is canvas:
        canvas[site.region.slices] = candidate.pixels
    elif candidate is not None:
        paste(
            canvas,
            face.matrix,
            face.found.landmarks,
            answer - alignment.crop(seen.pixels, seen.matrix),
            candidate.blend,
            frame.picture.info.bits,
            chroma_from_restorer=parameters.chroma_from_restorer,
        )
    return candidate


def _second_pass(
    site: Site, first: Candidate, first_answer: FloatImage, face: _Face, tools: _Tools
) -> tuple[Candidate, FloatImage]:
    """Restore the pasted face once more; kept, with the restorer's answer, if it is sharper and the same person."""
    start = site.crop_of(first)
    (answer,) = tools.restored([start])
    if isinstance(answer, PhotoFailed):
        log.warning("a second pass is not used: %s", answer.message)
        return first, first_answer
    second = site.at_blend(answer, first.blend)
    holds = second.identity >= tools.parameters.threshold(face.certainty)
    if holds and sharpness(site.crop_of(second)) > SHARPER * sharpness(start):
        face.passes = 2
        return second, answer
    return first, first_answer


def _judged(face: _Face, candidate: Candidate | None, tools: _Tools) -> FaceRecord:
    if candidate is None:
        return _left(face, ReasonCode.IDENTITY_LOW, tools)
    return replace(
        _record(face, tools.detector, "restored" if candidate.blend == 1.0 else "blended"),
        identity=round(candidate.identity, 6),
        blend=candidate.blend,
        **_judges(face, tools),
    )


def _left(face: _Face, reason: ReasonCode, tools: _Tools) -> FaceRecord:
    """A face that was restored and that keeps the scan's pixels."""
    return replace(_record(face, tools.detector, "left_alone", reason), **_judges(face, tools))


def _judges(face: _Face, tools: _Tools) -> dict[str, Any]:
    """What a restored face is recorded with, whatever came of it."""
    return {
        "restorer": tools.restorer,
        "identity_model": tools.identity,
        "identity_threshold": tools.parameters.threshold(face.certainty),
        "identity_tried": face.tried,
    }


def _record(face: _Face, detector: ModelEntry, action: FaceAction, reason: ReasonCode | None = None) -> FaceRecord:
    return FaceRecord(
        box=face.found.box,
        confidence=round(face.found.confidence, 6),
        landmarks=tuple((round(float(x), 2), round(float(y), 2)) for x, y in face.found.landmarks),
        action=action,
        detector=detector,
        reason=reason,
        certainty=round(face.certainty, 6) if face.known else None,
    )


def _outcome(
    frame: Frame, canvas: FloatImage, faces: Sequence[_Face], found: Found, detector: ModelEntry
) -> StepOutcome:
    records = tuple(face.record for face in faces if face.record is not None)
    count = Counter(record.action for record in records)
    frame.notes["faces"] = {"found": len(records), **{action: count[action] for action in ACTIONS}}
    detail: dict[str, Any] = dict(frame.notes["faces"])
    if found.left_out:
        detail["left_out"] = found.left_out
    if second := sum(face.passes == 2 for face in faces):
        detail["second_pass"] = second
    if count["restored"] or count["blended"]:
        picture = frame.picture.with_pixels(canvas)
        restorer = next(record.restorer for record in records if record.action in {"restored", "blended"})
        return StepOutcome(picture, "applied", None, detail, restorer, records)
    status: StepStatus = "left_alone" if count["left_alone"] else "not_needed"
    reason = records[0].reason if records else ReasonCode.NO_FACES
    return StepOutcome(frame.picture, status, reason, detail, detector, records)
