"""Memory that a process does not need at the moment: kept for its next use, or given back to the system.

Pages of mapped files are given back when they are many: they are read again when they are asked for. What is freed and
asked for again is kept within the process while pictures are worked on.

GNU's allocator asks the system for every array above 32 MiB and gives it back at once, and the system hands out pages
one by one, each set to zero first. A net whose maps are larger than that, and NumPy on bands of a picture, spend a
third of their time so. Here arrays up to :data:`KEPT_BYTES` come out of memory that was freed before.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KEPT_BYTES = 256 * 1024**2
"""Larger arrays come from the system as ever: they are few, and would leave holes of their size."""
FREED_BYTES = 1024**3
"""So much freed memory at the heap's end is kept at most."""
_OLD_LIMIT = 32 * 1024**2
"""GNU's library takes no more before 2.35."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Names of the options of mallopt, as malloc.h has them."""
_TICK = 0.05
_RESIDENT = 160 * 1024**2
"""So many bytes of mapped files beyond those that lay in memory before (libraries, above all) are many."""
_STATM = Path("/proc/self/statm")
_OWN_CHOICE = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


@functools.cache
def keep_freed() -> bool:
    """From now on reuse what this process frees; whether that can be had here.

    Nothing is changed if the allocator is not GNU's, or the environment sets it already.
    """
    mallopt = _function("mallopt")
    if mallopt is None or any(name in os.environ for name in _OWN_CHOICE):
        return False
    kept = any(mallopt(_MMAP_THRESHOLD, most) for most in (KEPT_BYTES, _OLD_LIMIT))
    return bool(kept and mallopt(_TRIM_THRESHOLD, FREED_BYTES))


def give_back_freed() -> None:
    """Give all that is freed and kept back to the system."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


@contextmanager
def watched_while(give_back: Callable[[], None]) -> Iterator[None]:
    """While this lasts, call ``give_back`` from another thread whenever pages of mapped files in memory are many.

    Nothing is watched where the system does not say how many they are (all but Linux).
    """
    if not _STATM.exists():
        yield
        return
    done, before = threading.Event(), _resident()

    def watch() -> None:
        while not done.wait(_TICK):
            if _resident() > before + _RESIDENT:
                give_back()

    thread = threading.Thread(target=watch, name="pages given back", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _resident() -> int:
    """Bytes of files that this process has mapped and in memory."""
    return int(_STATM.read_text(encoding="ascii").split()[2]) * mmap.PAGESIZE


@functools.cache
def _function(name: str) -> Callable[..., Any] | None:
    """A function of the C library; None if it has none of that name."""
    try:
        return getattr(ctypes.CDLL(None), name, None)
    except (OSError, TypeError):  # no C library to be asked so (Windows)
        return None
