"""The small web services of the local stack: the review page, and the painter of its previews.

One process each, on the loopback address.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from restoration.local.ports import LOOPBACK
from restoration.local.process import Process


class WebProcess:
    """
    One service.

    :param root: the stack's folder.
    :param name: name of its files there.
    :param port: TCP port on the loopback address.
    :param command: arguments of ``restoration`` that serve it.
    :param health: path that answers with 200 if it is well.
    """

    def __init__(self, root: Path, name: str, port: int, command: Sequence[str], health: str) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        self._root = root
        self._command = [sys.executable, "-m", "restoration", *command]
        self._health = health
        self.process = Process(root, name)

    def start(self, environment: Mapping[str, str]) -> None:
        """
        Start it unless it runs; does not wait.

        :param environment: its settings (``RESTORATION_*``), with its own credentials if it has any.
        """
        variables = {**environment, "MALLOC_ARENA_MAX": "2", "PYTHONUNBUFFERED": "1"}
        # in the stack's folder no .env file of somebody's own is read
        self.process.start(self._command, env=variables, cwd=self._root)

    def wait_ready(self, seconds: float = 60) -> None:
        """
        Wait until it answers.

        :raises EnvironmentProblem: it ended, or was not ready in time.
        """
        self.process.wait_ready(self.is_healthy, seconds)

    def is_healthy(self) -> bool:
        """Whether it answers, and says that it is well."""
        try:
            with urllib.request.urlopen(self.url + self._health, timeout=5) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        """Stop it. Idempotent."""
        self.process.stop(8)


def review_page(root: Path, port: int) -> WebProcess:
    """The review page; well if it reaches the catalog."""
    return WebProcess(root, "review", port, ["review", "serve"], "/api/health")


def painter(root: Path, port: int) -> WebProcess:
    """The painter of previews, which has no login and no key."""
    return WebProcess(root, "painter", port, ["review", "paint", "--port", str(port)], "/health")
