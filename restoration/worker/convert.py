"""From what the engine hands out to the rows that the catalog takes. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from restoration import __version__
from restoration.catalog.rows import (
    AccessRow,
    DamageRow,
    FaceRow,
    MeasurementRow,
    ModelRow,
    NewRestoration,
    ScanRow,
    StepRow,
)
from restoration.catalog.wishes import Variant
from restoration.damage_kinds import DamageKind
from restoration.engine.outcome import Outcome, Result, StepRecord
from restoration.models.registry import ModelEntry
from restoration.photo.picture import ScanInfo
from restoration.steps.protocol import DamageRecord, FaceRecord


@dataclass(frozen=True)
class Origin:
    """What a restoration was made with: recipe (in which variant), models and device."""

    recipe: str
    recipe_sha256: str
    models_sha256: str
    device: str
    device_class: str
    variant: Variant = ""


@dataclass(frozen=True)
class StoredKeys:
    """Keys in the restored bucket under which a photograph's bytes were written."""

    output: str
    preview_before: str
    preview_after: str
    tiles_before: str | None = None
    tiles_after: str | None = None
    mask: str | None = None
    access: str | None = None


def scan_row(info: ScanInfo) -> ScanRow:
    """Facts of the scan; ``detail`` holds channels, page and pages, dpi along its rows and down its columns (0:
    unknown), ICC profile, orientation, metadata, under ``cut`` where it was cut out of its page if it was, and under
    ``embedded`` what people wrote into the file: ``terms`` and ``sources`` by Dublin Core element, none if they wrote
    nothing.
    """
    detail: dict[str, Any] = {
        "channels": info.channels,
        "page": info.page,
        "pages": info.pages,
        "dpi": info.dpi,
        "dpi_down": info.dpi_down,
        "icc": info.icc,
        "orientation": info.orientation,
        "metadata": info.metadata,
    }
    if info.cut:
        detail["cut"] = info.cut
    if info.embedded:
        detail["embedded"] = {"terms": info.embedded, "sources": info.embedded_from}
    return ScanRow(format=info.format, width=info.width, height=info.height, bits=info.bits, detail=detail)


def model_row(entry: ModelEntry) -> ModelRow:
    """The pinned model behind a registry entry."""
    return ModelRow(
        name=entry.name,
        version=entry.version,
        architecture=entry.architecture,
        weights_sha256=entry.sha256,
        licence=entry.licence,
        source=entry.source,
        training_data=entry.training_data,
    )


def restoration_row(outcome: Outcome, result: Result, keys: StoredKeys, origin: Origin) -> NewRestoration:
    """Everything about one finished photograph.

    :raises ValueError: an outcome with a result but without facts of the scan, which the engine never hands out.
    """
    if outcome.info is None:
        raise ValueError(f"{outcome.name}: a restored photograph without facts of its scan")
    return NewRestoration(
        source_sha256=outcome.source_sha256,
        recipe_sha256=origin.recipe_sha256,
        models_sha256=origin.models_sha256,
        recipe=origin.recipe,
        state=result.state,
        reason=outcome.reason,
        reason_detail=outcome.reason_detail,
        output_key=keys.output,
        output_sha256=result.output_sha256,
        output_bytes=len(result.output),
        output_format=result.output_format,
        output_width=result.width,
        output_height=result.height,
        output_bits=result.bits,
        preview_before_key=keys.preview_before,
        preview_after_key=keys.preview_after,
        tiles_before_key=keys.tiles_before,
        tiles_after_key=keys.tiles_after,
        ai_altered=result.ai_altered,
        device=origin.device,
        device_class=origin.device_class,
        code_version=__version__,
        seconds=outcome.seconds,
        info=scan_row(outcome.info),
        steps=tuple(_step_row(record) for record in result.steps),
        faces=tuple(_face_row(ordinal, face) for ordinal, face in enumerate(result.faces)),
        measurements=tuple(MeasurementRow(m.metric, m.stage, float(m.value)) for m in result.measurements),
        variant=origin.variant,
        damage=damage_rows(result),
        mask_key=keys.mask,
        filled_share=result.filled_share,
        access=_access_row(result, keys),
    )


def _access_row(result: Result, keys: StoredKeys) -> AccessRow | None:
    """The copy for everyday use, if there is one."""
    if result.access is None or keys.access is None:
        return None
    data = result.access.data
    return AccessRow(keys.access, hashlib.sha256(data).hexdigest(), len(data), result.access.extension)


def damage_rows(result: Result) -> tuple[DamageRow, ...]:
    """One row a kind of damage, with the box round all that the mask holds of it."""
    from restoration.photo.masks import boxes_by_kind, decode_mask

    boxes = {} if result.mask is None else boxes_by_kind(decode_mask(result.mask))
    return tuple(_damage_row(record, boxes.get(record.kind)) for record in _one_a_kind(result.damage))


def _one_a_kind(damage: Iterable[DamageRecord]) -> Iterable[DamageRecord]:
    """Where several steps met the same kind: shares and places together, mended as most of it was."""
    kinds: dict[DamageKind, DamageRecord] = {}
    for record in damage:
        known = kinds.get(record.kind)
        if known is not None:
            most = max(known, record, key=lambda one: one.mended_share)
            record = replace(
                most,
                found_share=min(1.0, known.found_share + record.found_share),
                mended_share=min(1.0, known.mended_share + record.mended_share),
                regions=known.regions + record.regions,
            )
        kinds[record.kind] = record
    return kinds.values()


def _damage_row(record: DamageRecord, box: tuple[int, int, int, int] | None) -> DamageRow:
    x, y, width, height = box or (None,) * 4
    return DamageRow(
        kind=record.kind,
        found_share=float(record.found_share),
        mended_share=float(record.mended_share),
        regions=record.regions,
        mending=record.mending,
        model=model_row(record.model) if record.model else None,
        x=x,
        y=y,
        width=width,
        height=height,
    )


def _step_row(record: StepRecord) -> StepRow:
    return StepRow(
        ordinal=record.ordinal,
        step=record.step,
        status=record.status,
        seconds=record.seconds,
        reason=record.reason,
        parameters=record.parameters,
        detail=record.detail,
        model=model_row(record.model) if record.model else None,
    )


def _face_row(ordinal: int, face: FaceRecord) -> FaceRow:
    x, y, width, height = (float(value) for value in face.box)
    return FaceRow(
        ordinal=ordinal,
        x=x,
        y=y,
        width=width,
        height=height,
        confidence=float(face.confidence),
        landmarks=[[float(a), float(b)] for a, b in face.landmarks],
        action=face.action,
        detector=model_row(face.detector),
        reason=face.reason,
        identity=face.identity,
        blend=face.blend,
        restorer=model_row(face.restorer) if face.restorer else None,
        identity_model=model_row(face.identity_model) if face.identity_model else None,
        certainty=face.certainty,
        identity_threshold=face.identity_threshold,
        identity_tried=[float(value) for value in face.identity_tried],
    )
