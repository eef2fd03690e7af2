"""How the object store fares, as one delivery of a batch sees it: whose fault a refusal is.

A refusal is a photograph's own only if the store did for others what it refused it: took or gave bytes, after this
photograph had been refused for the first time. Else it is the store's, and no attempt counts.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Literal

Doing = Literal["read", "write"]


class Weather:
    """What the store did and refused, in order. Threads may tell it at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clock = 0
        self._worked: dict[Doing, int] = {}
        self._refused: dict[tuple[Doing, int], int] = {}

    def worked(self, doing: Doing) -> None:
        """The store gave or took a photograph's bytes."""
        with self._lock:
            self._clock += 1
            self._worked[doing] = self._clock

    def refused(self, doing: Doing, photo_id: int) -> bool:
        """The store refused a photograph; returns whether that is the photograph's own."""
        with self._lock:
            self._clock += 1
            first = self._refused.setdefault((doing, photo_id), self._clock)
            return self._worked.get(doing, 0) > first

    def mark(self) -> dict[Doing, int]:
        """What went through last, for :meth:`stands_still_since`."""
        with self._lock:
            return dict(self._worked)

    def stands_still_since(self, mark: Mapping[Doing, int], doing: Doing) -> bool:
        """Whether the store has not once done that since the mark was taken."""
        with self._lock:
            return self._worked.get(doing, 0) == mark.get(doing, 0)
