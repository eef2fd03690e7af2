"""What the engine hands out for each photograph: everything the catalog, the CLI and the gallery need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from restoration.errors import PhotoState, ReasonCode
from restoration.models.registry import ModelEntry
from restoration.photo.access import AccessCopy
from restoration.photo.picture import ScanInfo
from restoration.steps.protocol import DamageRecord, FaceRecord, Measurement


@dataclass(frozen=True)
class Scan:
    """One photograph to restore: a name for messages, the bytes of its file, and which page of it, from 1.

    ``file_sha256``: hash of the bytes; empty if nobody has reckoned it yet. ``box``: where on the page it is cut out
    (:attr:`restoration.divisions.PartBox.text`); empty: it is the whole page.
    """

    name: str
    data: bytes
    page: int = 1
    file_sha256: str = ""
    box: str = ""


@dataclass(frozen=True)
class StepRecord:
    """What one step did, with the parameters it was given and the time it took."""

    ordinal: int
    step: str
    status: Literal["applied", "not_needed", "left_alone", "failed"]
    seconds: float
    reason: ReasonCode | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    detail: dict[str, Any] = field(default_factory=dict)
    model: ModelEntry | None = None


@dataclass(frozen=True)
class Result:
    """A restored photograph: encoded bytes and how they came to be. State is ``restored`` or ``needs_review``.

    Tiles are ZIP files for viewers that zoom (:func:`restoration.photo.tiles.tiles_zip`); None where nobody asked.
    ``mask`` is a PNG that says where the picture was mended and of what kind the damage was
    (:mod:`restoration.damage_kinds`); None where nothing was. ``filled_share`` is the share of the picture that was
    invented to fill it, 0..1. ``output_format`` is the ending of the master's name; ``access`` is a copy of it for
    everyday use, None if the recipe wants none.
    """

    state: PhotoState
    output: bytes
    output_sha256: str
    output_format: Literal["png", "tif"]
    width: int
    height: int
    bits: Literal[8, 16]
    preview_before: bytes
    preview_after: bytes
    ai_altered: bool
    steps: tuple[StepRecord, ...]
    faces: tuple[FaceRecord, ...]
    measurements: tuple[Measurement, ...]
    tiles_before: bytes | None = None
    tiles_after: bytes | None = None
    mask: bytes | None = None
    damage: tuple[DamageRecord, ...] = ()
    filled_share: float = 0.0
    access: AccessCopy | None = None


@dataclass(frozen=True)
class Outcome:
    """How one photograph ended: a result, or the reason why there is none.

    ``state`` is restored, needs_review, rejected, or ``pending`` where the attempt failed and may be repeated.
    ``source_sha256`` is of the bytes read, of a further page :func:`restoration.names.page_sha256`. ``pages`` counts
    the photographs in the file, 0 if that could not be told. ``info`` is None where the scan could not be decoded.
    """

    name: str
    source_sha256: str
    state: PhotoState
    seconds: float
    reason: ReasonCode | None = None
    reason_detail: str = ""
    info: ScanInfo | None = None
    result: Result | None = None
    pages: int = 0
