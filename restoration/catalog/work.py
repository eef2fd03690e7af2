"""The worker's side of the catalog: claim a batch, lease a photograph, write how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from restoration.catalog.collections import Collection
from restoration.catalog.rows import (
    FaceRow,
    MeasurementRow,
    ModelRow,
    NewRestoration,
    ScanRow,
    StepRow,
)
from restoration.errors import PhotoState, ReasonCode

__all__ = [
    "BatchWork",
    "FaceRow",
    "Lease",
    "MeasurementRow",
    "ModelRow",
    "NewRestoration",
    "PhotoWork",
    "ReapReport",
    "ScanRow",
    "StepRow",
    "claim_batch",
    "content_lock",
    "find_restoration",
    "finish_batch",
    "heartbeat",
    "lease_photo",
    "link_restoration",
    "reap",
    "record_failed",
    "record_rejected",
    "record_restored",
    "renew_lease",
]


@dataclass(frozen=True)
class PhotoWork:
    """One photograph to restore: where its bytes are and what the listing said of them."""

    photo_id: int
    object_key: str
    version_id: str
    etag: str
    size_bytes: int
    bucket: str


@dataclass(frozen=True)
class BatchWork:
    """A claimed batch: its unfinished photographs in order, and the recipe as canonical data."""

    batch_id: UUID
    run_id: UUID
    collection: Collection
    recipe_body: dict[str, Any]
    recipe_sha256: str
    photos: list[PhotoWork]


@dataclass(frozen=True)
class Lease:
    """Answer to a lease: ``busy`` where another worker holds it; ``state`` is the photograph's state afterwards."""

    granted: bool
    busy: bool
    attempts: int
    state: PhotoState


@dataclass(frozen=True)
class ReapReport:
    """What the reaper did: photographs freed, quarantined, and batches to send again."""

    freed: int
    quarantined: int
    batches_requeued: list[UUID]


def claim_batch(conn: sa.Connection, batch_id: UUID | str, worker: str) -> BatchWork | None:
    """Take a batch; None where it is unknown, cancelled or done."""
    raise NotImplementedError


def lease_photo(
    conn: sa.Connection, batch_id: UUID | str, photo_id: int, worker: str, seconds: float, max_attempts: int
) -> Lease:
    """Lease one photograph of a batch and count the attempt."""
    raise NotImplementedError


def renew_lease(conn: sa.Connection, photo_id: int, worker: str, seconds: float) -> bool:
    """Prolong a lease; False where it is lost."""
    raise NotImplementedError


def heartbeat(conn: sa.Connection, batch_id: UUID | str, worker: str) -> bool:
    """Say that the worker lives; False where the batch was cancelled or belongs to another worker: stop."""
    raise NotImplementedError


def find_restoration(
    conn: sa.Connection, *, source_sha256: str, recipe_sha256: str, models_sha256: str, device_class: str
) -> int | None:
    """Id of the restoration of this content, where there is one."""
    raise NotImplementedError


@contextmanager
def content_lock(engine: sa.Engine, key: str) -> Iterator[None]:
    """Hold a session-level advisory lock on its own connection."""
    raise NotImplementedError
    yield


def link_restoration(
    conn: sa.Connection,
    batch_id: UUID | str,
    photo_id: int,
    worker: str,
    restoration_id: int,
    *,
    source_sha256: str,
    info: ScanRow | None = None,
) -> None:
    """Give a photograph an existing restoration of the same content."""
    raise NotImplementedError


def record_restored(conn: sa.Connection, batch_id: UUID | str, photo_id: int, worker: str, new: NewRestoration) -> int:
    """Write a restoration and the photograph's state; returns the restoration's id."""
    raise NotImplementedError


def record_rejected(
    conn: sa.Connection,
    batch_id: UUID | str,
    photo_id: int,
    worker: str,
    *,
    source_sha256: str | None,
    reason: ReasonCode,
    detail: str,
    info: ScanRow | None = None,
) -> None:
    """Write that a photograph cannot be read."""
    raise NotImplementedError


def record_failed(
    conn: sa.Connection,
    batch_id: UUID | str,
    photo_id: int,
    worker: str,
    *,
    reason: ReasonCode,
    detail: str,
    max_attempts: int,
) -> PhotoState:
    """Write a failed attempt; returns pending, or quarantined after the last one."""
    raise NotImplementedError


def finish_batch(conn: sa.Connection, batch_id: UUID | str, worker: str) -> str:
    """Close a batch whose photographs are all final; returns the batch's state."""
    raise NotImplementedError


def reap(conn: sa.Connection, *, lease_grace_s: float = 0) -> ReapReport:
    """Free photographs whose worker died."""
    raise NotImplementedError
