"""Freed memory is reused while pictures are worked on and given back afterwards; pages of mapped files go when many."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from restoration.photo import freed

MANY = 96 * 1024**2

FAULTS = """
import resource
import numpy as np
from restoration.photo.freed import keep_freed

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

assert keep_freed() == {wanted}
np.ones({size}, np.uint8)
before = faults()
for _ in range(4):
    np.ones({size}, np.uint8)
print(faults() - before)
"""

HELD = """
import numpy as np
from restoration.photo.freed import give_back_freed, keep_freed

def held():
    lines = open("/proc/self/status", encoding="ascii").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) // 1024

keep_freed()
start = held()
arrays = [np.ones({size}, np.uint8) for _ in range(4)]
del arrays
kept = held()
give_back_freed()
print(start, kept, held())
"""


def of_gnu() -> bool:
    return sys.platform == "linux" and bool(os.confstr("CS_GNU_LIBC_VERSION"))


def said(script: str, wanted: bool = True, **environment: str) -> list[int]:
    """Numbers that a fresh process prints: the allocator is set for the whole of one."""
    plain = {key: value for key, value in os.environ.items() if key not in freed._OWN_CHOICE}
    words = [sys.executable, "-c", script.format(size=MANY, wanted=wanted)]
    run = subprocess.run(words, capture_output=True, text=True, check=True, env=plain | environment)
    return [int(word) for word in run.stdout.split()]


@pytest.mark.skipif(not of_gnu(), reason="the allocator is not GNU's")
def test_what_is_freed_is_asked_of_the_system_once() -> None:
    (again,) = said(FAULTS)
    (every_time,) = said(FAULTS, wanted=False, MALLOC_TRIM_THRESHOLD_="131072")
    # NumPy asks for huge pages where the system lends them: then there are few anyhow
    assert again * 10 < max(every_time, 1000)


@pytest.mark.skipif(not of_gnu(), reason="the allocator is not GNU's")
def test_what_is_kept_is_given_back() -> None:
    start, kept, left = said(HELD)
    assert kept > start + 256
    assert left < start + 64


def test_another_allocator_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed, "_function", lambda _name: None)
    assert freed.keep_freed.__wrapped__() is False
    freed.give_back_freed()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not say what is resident")
def test_pages_of_a_private_mapping_go_and_its_changes_stay(tmp_path: Path) -> None:
    from restoration.photo.decoder_child import _page_out

    path = tmp_path / "scan"
    path.write_bytes(os.urandom(1 << 20) * 320)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    mapped[5_000_000:5_000_004] = b"mine"
    calls: list[int] = []

    def out() -> None:
        calls.append(freed._resident())
        _page_out(mapped)

    with freed.watched_while(out):
        for place in range(0, len(mapped), mmap.PAGESIZE):
            assert mapped[place] >= 0
        deadline = time.monotonic() + 10
        while not calls and time.monotonic() < deadline:
            time.sleep(0.02)
    assert calls, "nobody saw that 320 MiB of a file lay in memory"
    assert mapped[5_000_000:5_000_004] == b"mine"
