"""The painter of previews of the local stack: one process, on the loopback address, without logins and keys."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from restoration.local.ports import LOOPBACK
from restoration.local.process import Process


class PainterProcess:
    """
    One painter.

    :param root: the stack's folder.
    :param port: TCP port on the loopback address.
    """

    def __init__(self, root: Path, port: int) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        self._root = root
        self._port = port
        self.process = Process(root, "painter")

    def start(self, environment: Mapping[str, str]) -> None:
        """
        Start it unless it runs; does not wait.

        :param environment: its settings (``RESTORATION_*``).
        """
        command = [sys.executable, "-m", "restoration", "review", "paint", "--port", str(self._port)]
        variables = {**environment, "MALLOC_ARENA_MAX": "2", "PYTHONUNBUFFERED": "1"}
        # in the stack's folder no .env file of somebody's own is read
        self.process.start(command, env=variables, cwd=self._root)

    def wait_ready(self, seconds: float = 60) -> None:
        """
        Wait until it answers.

        :raises EnvironmentProblem: it ended, or was not ready in time.
        """
        self.process.wait_ready(self.is_healthy, seconds)

    def is_healthy(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        """Stop it. Idempotent."""
        self.process.stop(8)
