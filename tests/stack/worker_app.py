"""The project's Celery application with the stub engine: ``celery -A tests.stack.worker_app worker ...``."""

from __future__ import annotations

from restoration.worker.app import app
from restoration.worker.runtime import use_engine_factory
from tests.stack.stub_engine import StubEngine

__all__ = ["app"]

use_engine_factory(lambda settings: StubEngine())  # type: ignore[arg-type,return-value]
