"""The project's Celery application with the campaign's engine, and pauses as short as its photographs are small."""

from __future__ import annotations

from restoration.worker import batch, tasks
from restoration.worker.app import app
from restoration.worker.runtime import use_engine_factory
from tests.faults.engine import PlainEngine

__all__ = ["app"]

use_engine_factory(PlainEngine)  # type: ignore[arg-type]
tasks.FAULT_PAUSE_SECONDS = 0.3
batch.FIRST_PAUSE_SECONDS, batch.LONGEST_PAUSE_SECONDS = 0.1, 0.5
