"""The one interface between the engine and the steps, and the records that steps leave behind.

A step knows pictures and models; it knows no S3, no Celery, no SQL. It is created once per process and must hold no
state of a photograph between calls.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from restoration.damage_kinds import DamageKind, Mending
from restoration.errors import ReasonCode, RestorationError
from restoration.photo.picture import Picture
from restoration.steps.parameters import StepParameters

if TYPE_CHECKING:
    from restoration.models.registry import ModelEntry, Models

P = TypeVar("P", bound=StepParameters)
StepStatus = Literal["applied", "not_needed", "left_alone"]
FaceAction = Literal["restored", "blended", "left_alone", "recorded"]
Stage = Literal["source", "restored", "pair"]


@dataclass(frozen=True)
class FaceRecord:
    """One face of one photograph, in pixels of the picture at the time of the step (origin top left).

    ``landmarks`` are left eye, right eye, nose, left and right mouth corner as seen by the viewer, (x, y) each.
    ``identity`` is the cosine between embeddings of the face before and after (luminance only), None where the face was
    not restored; ``blend`` is the share of the restored face in the result. ``certainty`` is how sure the identity
    model was of the face before, ``identity_threshold`` what such a face had to reach, and ``identity_tried`` the
    cosines of the shares that were tried, the whole restored face first.
    """

    box: tuple[float, float, float, float]
    confidence: float
    landmarks: tuple[tuple[float, float], ...]
    action: FaceAction
    detector: ModelEntry
    reason: ReasonCode | None = None
    identity: float | None = None
    blend: float | None = None
    restorer: ModelEntry | None = None
    identity_model: ModelEntry | None = None
    certainty: float | None = None
    identity_threshold: float | None = None
    identity_tried: tuple[float, ...] = ()


@dataclass(frozen=True)
class DamageRecord:
    """One kind of damage in one photograph.

    ``found_share`` and ``mended_share`` are shares of the picture, 0..1; ``regions`` counts its connected places.
    ``mending`` is how most of it was mended, ``model`` the net that did it, where one did.
    """

    kind: DamageKind
    found_share: float
    mended_share: float
    regions: int
    mending: Mending
    model: ModelEntry | None = None


@dataclass(frozen=True)
class Measurement:
    """One number about one photograph. ``stage``: of the source, of the restored picture, or of the pair."""

    metric: str
    stage: Stage
    value: float


@dataclass
class Frame:
    """One photograph on its way through a recipe.

    ``source`` is the decoded scan and never changes. ``picture`` is what the steps have made of it so far. ``notes``
    are what earlier steps tell later ones, by step name (triage says ``{"kind": "gray" | "tinted" | "colour", ...}``,
    repair ``{"damage_share": float}``, colorize ``{"max_dl": float, "mean_dl": float}``). ``mask`` says where pixels
    were mended so far (H x W of ``picture``, :mod:`restoration.damage_kinds`); None where none were. ``base`` is what
    the result is held against: the picture as it was when a step had taken out what was never the photograph (a
    printing screen, a negative); None for the scan itself. No step but ``measure`` looks at it. ``mount`` says where a
    gray or tinted print lies on card or paper of another colour, or a stamp, which keep it (H x W of ``source``); None
    if it does not. ``left`` is why no later step may touch the photograph (it is a negative); None if they may. The
    engine sees to it.
    """

    name: str
    source: Picture
    picture: Picture
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)
    mask: NDArray[np.uint8] | None = None
    base: Picture | None = None
    mount: NDArray[np.bool_] | None = None
    left: ReasonCode | None = None


@dataclass(frozen=True)
class StepOutcome:
    """What a step did to one photograph.

    ``picture`` is the new picture, or the unchanged one. ``detail`` is kept in the catalog as JSON: plain numbers and
    words only. ``model`` is the model that did the work, where one did. ``mask`` is where this step mended what
    (:mod:`restoration.damage_kinds`), of the new picture's size; None where nowhere. ``damage`` is what it found.
    ``base`` is what the result is to be held against from here on (:class:`Frame`); None where that stays as it is.
    """

    picture: Picture
    status: StepStatus
    reason: ReasonCode | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    model: ModelEntry | None = None
    faces: tuple[FaceRecord, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    mask: NDArray[np.uint8] | None = None
    damage: tuple[DamageRecord, ...] = ()
    base: Picture | None = None


class BaseStep(ABC, Generic[P]):
    """A step of a recipe. Subclasses are named ``Step`` in ``restoration/steps/<name>.py``."""

    name: str

    @abstractmethod
    def apply(self, frame: Frame, parameters: P, models: Models) -> StepOutcome:
        """Restore one photograph.

        :raises PhotoFailed: where the step could not do its work; the photograph is tried again later.
        :raises OutOfMemory: the engine retries with smaller buckets.
        """

    def apply_many(
        self, frames: Sequence[Frame], parameters: P, models: Models
    ) -> list[StepOutcome | RestorationError]:
        """Restore several photographs; steps with a net override this to fill the device.

        Returns one entry a frame, in order: its outcome, or the error that this one photograph met.
        """
        results: list[StepOutcome | RestorationError] = []
        for frame in frames:
            try:
                results.append(self.apply(frame, parameters, models))
            except RestorationError as error:
                results.append(error)
        return results
