"""A brake on guessing passwords: after a few failures, each further try must wait longer."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from restoration.review.refusals import Refusal

FREE_FAILURES = 5
"""Failures of one name from one address that cost nothing."""

FREE_FAILURES_OF_NAME = 20
"""Failures of one name, whatever the addresses."""

FREE_FAILURES_OF_ADDRESS = 40
"""Failures from one address, whatever the names: an institution may be behind one address."""

LONGEST_WAIT = 300.0
"""Seconds that a try has to wait at most, and after which failures are forgotten."""

_MOST_KEYS = 10_000


@dataclass
class _Count:
    failures: int
    last: float


class Brake:
    """Counts sign-ins by name and address, by name, and by address, until they turn out right. Safe to share between
    threads.

    :param clock: seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()

    def begin(self, address: str, name: str) -> None:
        """Let a try pass and count it as a failure until :meth:`succeeded`, or do not let it pass.

        :raises Refusal: 429: it comes too soon after failures; says when to come again.
        """
        with self._lock:
            wait = max(self._wait(key, free) for key, free in _keys(address, name))
            if wait <= 0:
                self._count(address, name)
        if wait > 0:
            seconds = int(wait) + 1
            raise Refusal(
                f"too many failed sign-ins; try again in {seconds} seconds",
                status=429,
                code="too_many_tries",
                retry_after=seconds,
            )

    def take_back(self, address: str, name: str) -> None:
        """Count the last try no longer: nobody could say whether it was right."""
        with self._lock:
            for key, _ in _keys(address, name):
                count = self._counts.get(key)
                if count is not None:
                    count.failures = max(count.failures - 1, 0)

    def succeeded(self, address: str, name: str) -> None:
        """Forget the failures of this name from this address, and the try that was none."""
        self.take_back(address, name)
        with self._lock:
            self._counts.pop((address, name.casefold()), None)

    def _count(self, address: str, name: str) -> None:
        for key, _ in _keys(address, name):
            count = self._counts.setdefault(key, _Count(0, 0.0))
            count.failures = 1 if self._is_old(count) else count.failures + 1
            count.last = self._clock()
            self._counts.move_to_end(key)
        while len(self._counts) > _MOST_KEYS:
            self._counts.popitem(last=False)

    def _wait(self, key: tuple[str, str], free: int) -> float:
        count = self._counts.get(key)
        if count is None or count.failures < free or self._is_old(count):
            return 0.0
        delay = min(LONGEST_WAIT, 2.0 ** min(count.failures - free + 1, 10))
        return count.last + delay - self._clock()

    def _is_old(self, count: _Count) -> bool:
        return self._clock() - count.last > LONGEST_WAIT


def _keys(address: str, name: str) -> list[tuple[tuple[str, str], int]]:
    """What a try is counted under, each with the failures that cost nothing. Names and addresses are never empty."""
    who = name.casefold()
    return [
        ((address, who), FREE_FAILURES),
        (("", who), FREE_FAILURES_OF_NAME),
        ((address, ""), FREE_FAILURES_OF_ADDRESS),
    ]
