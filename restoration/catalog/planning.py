"""Runs and batches: choosing the photographs of a run, and following them until it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from restoration.catalog.collections import Collection


@dataclass(frozen=True)
class ShardPlan:
    """One mapped instance of the restore operator: its batches and photographs, ``first`` and ``last`` from 1."""

    shard: int
    batches: int
    photos: int
    first: int
    last: int

    @property
    def label(self) -> str:
        """For Airflow's grid: ``photos 1-320``."""
        return f"photos {self.first}-{self.last}"


@dataclass(frozen=True)
class ShardProgress:
    """How far a shard is: batches in all, finished (done, failed or cancelled), failed; photographs done and in all."""

    total: int
    finished: int
    failed: int
    photos_done: int
    photos_total: int


@dataclass(frozen=True)
class RunSummary:
    """How a run ended: photographs by state and by reason, wall-clock seconds, and the run's own state."""

    states: dict[str, int]
    reasons: dict[str, int]
    seconds: float
    run_state: str


SHARD_PROGRESS_SQL = ""


def open_run(
    conn: sa.Connection,
    *,
    collection: Collection,
    dag_id: str,
    dag_run_id: str,
    recipe: Mapping[str, Any],
    parameters: Mapping[str, Any],
    code_version: str,
) -> UUID:
    """Open a run; ``recipe`` has name, sha256 and body."""
    raise NotImplementedError


def record_listing(conn: sa.Connection, run_id: UUID, report: Mapping[str, Any]) -> None:
    """Keep the listing's figures with the run."""
    raise NotImplementedError


def plan_batches(
    conn: sa.Connection,
    run_id: UUID,
    *,
    models_sha256: str,
    batch_size: int,
    max_shards: int,
    force: bool,
    batches_per_shard: int = 25,
    dry_run: bool = False,
    max_attempts: int = 3,
) -> list[ShardPlan]:
    """Choose the run's photographs and lay them into batches and shards."""
    raise NotImplementedError


def queue_shard(conn: sa.Connection, run_id: UUID, shard: int) -> list[UUID]:
    """Batches of the shard to send."""
    raise NotImplementedError


def shard_progress(conn: sa.Connection, run_id: UUID, shard: int) -> ShardProgress:
    """How far a shard is."""
    raise NotImplementedError


def cancel_run(conn: sa.Connection, run_id: UUID, reason_detail: str) -> int:
    """Cancel a run's unfinished batches; returns how many."""
    raise NotImplementedError


def finish_run(conn: sa.Connection, run_id: UUID) -> RunSummary:
    """Close a run and count."""
    raise NotImplementedError


def nightly_work(conn: sa.Connection, collection_id: int, recipe_sha256: str, *, max_attempts: int = 3) -> int:
    """Photographs that a run with this recipe would choose."""
    raise NotImplementedError
