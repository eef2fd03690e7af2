"""Starts what has died of a stack that is to go on running: a process from ``make up`` to ``make down``.

``python -m restoration.local.supervisor FOLDER``. It looks every second at processes, not at answers, so it costs next
to nothing. What dies again soon after its start is started after growing pauses: a worker that ends because a model is
missing says so in its log each time.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from restoration.errors import RestorationError
from restoration.local.process import reap_children
from restoration.local.stack import Stack

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
_SOON_SECONDS = 30.0
"""What dies sooner than this after it was started is started after a longer pause than before."""


@dataclass
class Patience:
    """When a service that died may be started; times are seconds of one clock."""

    _started: dict[str, float] = field(default_factory=dict)
    _pause: dict[str, float] = field(default_factory=dict)

    def may_start(self, name: str, now: float) -> bool:
        """Whether its pause is over."""
        return now >= self._started.get(name, -LONGEST_PAUSE_SECONDS) + self._pause.get(name, 0.0)

    def started(self, names: Iterable[str], now: float) -> None:
        """These were started now."""
        for name in names:
            soon = now - self._started.get(name, now - _SOON_SECONDS) < _SOON_SECONDS + self._pause.get(name, 0.0)
            pause = min(2 * max(self._pause.get(name, 0.0), LOOK_SECONDS), LONGEST_PAUSE_SECONDS)
            self._pause[name] = pause if soon else 0.0
            self._started[name] = now


def watch(stack: Stack) -> None:
    """Start what dies, until the stack is no longer to be kept running."""
    patience = Patience()
    while stack.is_kept():
        time.sleep(LOOK_SECONDS)
        reap_children()
        now = time.monotonic()
        dead = [name for name in stack.dead() if patience.may_start(name, now)]
        if not dead:
            continue
        logger.warning("starting what has died: %s", ", ".join(dead))
        patience.started(dead, now)
        try:
            stack.revive(dead)
        except (RestorationError, OSError) as error:
            logger.warning("not everything could be started: %s", error)


def main() -> None:
    """Watch the stack in the folder that the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    watch(Stack(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
