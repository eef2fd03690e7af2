"""Processes of the local stack are stopped by several threads at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from restoration.local import process


class Ended:
    """A child that has ended; both threads learn so before either goes on."""

    def __init__(self, threads: int) -> None:
        self._together = threading.Barrier(threads, timeout=120)

    def poll(self) -> int:
        self._together.wait()
        return 0


def test_two_threads_may_notice_the_same_end(monkeypatch):
    monkeypatch.setattr(process, "_started", {4711: Ended(2)})
    with ThreadPoolExecutor(2) as pool:
        for noticed in [pool.submit(process.reap_children) for _ in range(2)]:
            noticed.result()
    assert process._started == {}


def test_a_child_that_runs_is_kept(monkeypatch):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        monkeypatch.setattr(process, "_started", {child.pid: child})
        process.reap_children()
        assert list(process._started) == [child.pid]
        child.communicate(b"\n")
    process.reap_children()
    assert process._started == {}
