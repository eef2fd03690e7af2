"""Work on many files at a time, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from threading import Condition
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
R = TypeVar("R")
WINDOW_PER_WORKER = 4


def in_parallel(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """Results of ``work`` in the order of the items, with only a few in flight; the first error stops the rest."""
    rest = iter(items)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        pending: deque[Future[R]] = deque(pool.submit(work, item) for item in islice(rest, workers * WINDOW_PER_WORKER))
        try:
            while pending:
                yield pending.popleft().result()
                pending.extend(pool.submit(work, item) for item in islice(rest, 1))
        finally:
            for future in pending:
                future.cancel()


class Budget:
    """Lets work begin while what is in hand stays within a limit, so that large files do not meet in memory.

    Something larger than the limit is let in alone.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._used, self._change = limit, 0, Condition()

    @contextmanager
    def take(self, size: int) -> Iterator[None]:
        """Wait until there is room for so many bytes, and hold them."""
        with self._change:
            self._change.wait_for(lambda: self._used == 0 or self._used + size <= self._limit)
            self._used += size
        try:
            yield
        finally:
            with self._change:
                self._used -= size
                self._change.notify_all()
