"""What a worker's two processes tell each other: that it is to stop, that it is of no use any more, how it fares.

The parent takes Celery's messages and signals, the child works. Both inherit these few words of shared memory, which
are made when this module is imported in the parent; in a program that is no Celery worker they are simply there.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from uuid import uuid4

logger = logging.getLogger(__name__)

WORKER_ID = uuid4().hex[:12]
"""Tells this worker from every other one, on whatever host; its children share it, one after the other."""

EXIT_UNFIT = 3
"""Exit code of a worker whose machine or infrastructure fails: that of an EnvironmentProblem."""

TOUCH_SECONDS = 5.0
_DRAIN_SHARE = 0.8
"""Share of the time for draining after which what is in hand is interrupted; the rest is for giving back."""

_context = multiprocessing.get_context("fork")
_draining = _context.Event()
_unfit = _context.Event()
_faults = _context.Value("i", 0)
_busy_since = 0.0


def drain() -> None:
    """The worker is to stop: end what is in hand, begin nothing."""
    _draining.set()


def is_draining() -> bool:
    """Whether the worker is to stop."""
    return _draining.is_set()


def fault() -> int:
    """Count a batch that failed by machine or infrastructure; returns how many there were in a row."""
    with _faults.get_lock():
        _faults.value += 1
        return int(_faults.value)


def worked() -> None:
    """A photograph went through: the faults before it are over."""
    _faults.value = 0


def give_up(message: str) -> None:
    """Let the worker end with :data:`EXIT_UNFIT`, with one line that says why."""
    if not _unfit.is_set():
        logger.critical("this worker stops, since it is of no use here: %s", message)
    _unfit.set()


def is_unfit() -> bool:
    """Whether the worker has given up."""
    return _unfit.is_set()


def end_if_unfit() -> None:
    """In the parent: wait until the child gives up, then let Celery shut down with :data:`EXIT_UNFIT`."""

    def wait() -> None:
        from celery.worker import state

        _unfit.wait()
        state.should_stop = EXIT_UNFIT

    threading.Thread(target=wait, name="unfit", daemon=True).start()


def interrupt_when_drained(seconds: float) -> None:
    """In the child: once the worker is to stop, interrupt a batch that is at work when most of the time is over."""

    def wait() -> None:
        _draining.wait()
        time.sleep(_DRAIN_SHARE * seconds)
        if _busy_since:
            # Celery's own signal for the soft time limit: the batch knows which of the two it was
            os.kill(os.getpid(), signal.SIGUSR1)

    threading.Thread(target=wait, name="drain", daemon=True).start()


class AtWork:
    """While a batch is at work. A context manager."""

    def __enter__(self) -> None:
        global _busy_since
        _busy_since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        global _busy_since
        _busy_since = 0.0


def show_life(path: Path, limit: float) -> None:
    """In the child: touch a file every few seconds, unless a batch is at work for longer than ``limit`` seconds."""

    def touch() -> None:
        while not is_unfit():
            if not _busy_since or time.monotonic() - _busy_since < limit:
                with contextlib.suppress(OSError):  # a full disk is told where it matters
                    path.touch()
            time.sleep(TOUCH_SECONDS)

    threading.Thread(target=touch, name="life", daemon=True).start()
