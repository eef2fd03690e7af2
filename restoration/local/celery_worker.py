"""The GPU worker of the local stack (on the CPU where there is no GPU)."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from restoration.local.process import Process

APP = "restoration.worker.app"

LIFE_SECONDS = 60.0
"""A worker that has not shown life for so long is not well; it does every few seconds."""


class CeleryWorker:
    """
    One Celery worker with one pool process.

    :param root: the stack's folder.
    :param environment: the worker's settings (``RESTORATION_*``), with its own credentials.
    :param name: of the process and of the worker, where there are several.
    :param queue: queue to listen on.
    """

    def __init__(self, root: Path, environment: Mapping[str, str], name: str = "worker", queue: str = "gpu") -> None:
        self._folder = root / name
        self._life = self._folder / "alive"
        self._environment = {
            **environment,
            "MALLOC_ARENA_MAX": "2",
            "PYTHONUNBUFFERED": "1",
            "RESTORATION_LIVENESS_FILE": str(self._life),
        }
        self._name = name
        self._queue = queue
        self.process = Process(root, name)

    def command(self) -> list[str]:
        """What is run; the beat inside frees photographs of dead workers."""
        return [
            sys.executable, "-m", "celery", "-A", APP, "worker", "-Q", self._queue, "-c", "1", "-P", "prefork",
            "-n", f"{self._name}@%h", "--without-gossip", "--without-mingle", "--loglevel", "INFO",
            "-B", "-s", str(self._folder / "beat"),
        ]  # fmt: skip

    def start(self) -> None:
        """Start it unless it runs; does not wait."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.process.start(self.command(), env=self._environment, cwd=self._folder)

    def wait_ready(self, seconds: float = 120) -> None:
        """
        Wait until it takes tasks.

        :raises EnvironmentProblem: it ended, or was not ready in time.
        """
        self.process.wait_ready(self.is_healthy, seconds)

    def is_healthy(self) -> bool:
        """Whether it runs and has shown life since it was started, and lately: its log may be of any length."""
        found = self.process.find()
        if found is None or not self._life.is_file():
            return False
        shown = self._life.stat().st_mtime
        return shown >= found.create_time() and time.time() - shown < LIFE_SECONDS

    def stop(self, grace_s: float = 10) -> None:
        """Stop it; a batch it was at is delivered again to the next worker, and photographs done stay done."""
        self.process.stop(grace_s)
