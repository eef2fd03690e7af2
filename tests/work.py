"""How much a computation costs, whatever else the machine is doing: processor time, never the clock on the wall."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

import psutil


def meter(*others: int | None) -> Callable[[], float]:
    """Counts from now on: call it for the processor seconds that this process spent, its children that have ended, and
    those other processes, named by their id, with all that they started.
    """
    roots = [psutil.Process(number) for number in others]
    before = _spent(roots)
    return lambda: _spent(roots) - before


def _spent(roots: list[psutil.Process]) -> float:
    seconds = sum(os.times()[:4])
    for root in roots:
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                seconds += sum(process.cpu_times()[:4])
    return seconds
