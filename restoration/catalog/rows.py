"""Plain rows that the worker hands to the catalog: what the engine found, in primitive fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from restoration.catalog.wishes import Variant
from restoration.damage_kinds import DamageKind, Mending
from restoration.errors import PhotoState, ReasonCode

StepStatus = Literal["applied", "not_needed", "left_alone", "failed"]
FaceAction = Literal["restored", "blended", "left_alone", "recorded"]
Stage = Literal["source", "restored", "pair"]


@dataclass(frozen=True)
class ModelRow:
    """One pinned model. ``weights_sha256`` is 64 lower-case hexadecimal digits."""

    name: str
    version: str
    architecture: str
    weights_sha256: str
    licence: str
    source: str
    training_data: str = ""


@dataclass(frozen=True)
class ScanRow:
    """Facts of the scan as decoded: sizes in pixels as shown (orientation applied), bits a channel 8 or 16.

    ``detail`` is kept as JSON: channels, page, pages, dpi, ICC profile name, metadata, embedded.
    """

    format: str
    width: int
    height: int
    bits: int
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StepRow:
    """What one step of the recipe did. ``seconds`` is wall-clock time of this photograph's share."""

    ordinal: int
    step: str
    status: StepStatus
    seconds: float
    reason: ReasonCode | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)
    model: ModelRow | None = None


@dataclass(frozen=True)
class FaceRow:
    """One face: box in pixels (origin top left), landmarks as (x, y) pairs, identity a cosine in [-1, 1]."""

    ordinal: int
    x: float
    y: float
    width: float
    height: float
    confidence: float
    landmarks: Sequence[Sequence[float]]
    action: FaceAction
    detector: ModelRow
    reason: ReasonCode | None = None
    identity: float | None = None
    blend: float | None = None
    restorer: ModelRow | None = None
    identity_model: ModelRow | None = None
    certainty: float | None = None
    identity_threshold: float | None = None
    identity_tried: Sequence[float] = ()


@dataclass(frozen=True)
class DamageRow:
    """One kind of damage: shares of the picture (0..1), connected places, how most of it was mended and by which net.

    The box round all that was mended is in pixels of the restored picture, origin top left; None where nothing was.
    """

    kind: DamageKind
    found_share: float
    mended_share: float
    regions: int
    mending: Mending
    model: ModelRow | None = None
    x: int | None = None
    y: int | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class MeasurementRow:
    """One number: of the source, of the restored picture, or of the pair."""

    metric: str
    stage: Stage
    value: float


@dataclass(frozen=True)
class AccessRow:
    """A copy of a restored photograph for everyday use: key, sha256 in hex, bytes, and the ending of its name."""

    key: str
    sha256: str
    bytes: int
    format: str


@dataclass(frozen=True)
class NewRestoration:
    """A finished restoration, ready to be written. ``state`` is restored or needs_review; hashes are sha256 in hex.

    ``variant`` says in which other form than the run's its recipe was followed for this photograph; ``recipe_sha256``
    is then the hash of what was left of it. ``damage`` has one row a kind; ``filled_share`` is the share of the picture
    that was invented to fill it, None where nobody recorded that.
    """

    source_sha256: str
    recipe_sha256: str
    models_sha256: str
    recipe: str
    state: PhotoState
    output_key: str
    output_sha256: str
    output_bytes: int
    output_format: str
    output_width: int
    output_height: int
    output_bits: int
    preview_before_key: str
    preview_after_key: str
    ai_altered: bool
    device: str
    device_class: str
    code_version: str
    seconds: float
    info: ScanRow
    reason: ReasonCode | None = None
    reason_detail: str = ""
    steps: Sequence[StepRow] = ()
    faces: Sequence[FaceRow] = ()
    measurements: Sequence[MeasurementRow] = ()
    variant: Variant = ""
    tiles_before_key: str | None = None
    tiles_after_key: str | None = None
    damage: Sequence[DamageRow] = ()
    mask_key: str | None = None
    filled_share: float | None = None
    access: AccessRow | None = None

    def models(self) -> tuple[ModelRow, ...]:
        """Every model named by a step, a face or a kind of damage, once each, in order of appearance."""
        used: dict[ModelRow, None] = {}
        for step in self.steps:
            if step.model is not None:
                used[step.model] = None
        for face in self.faces:
            for model in (face.detector, face.restorer, face.identity_model):
                if model is not None:
                    used[model] = None
        for damage in self.damage:
            if damage.model is not None:
                used[damage.model] = None
        return tuple(used)
