"""What is done to a campaign's services, from a seed: which process, which signal, for how long, and when."""

from __future__ import annotations

import contextlib
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import psutil

from tests.faults.proxy import MODES
from tests.faults.runs import Runs
from tests.faults.site import WORKERS, Site


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong. ``pause`` seconds after the one before; ``hold`` seconds until it is mended."""

    kind: str
    pause: float
    hold: float
    choice: float
    """Which of several processes, from 0 to below 1."""

    def __str__(self) -> str:
        return f"{self.kind} after {self.pause:.2f} s for {self.hold:.2f} s ({self.choice:.2f})"


KINDS: dict[str, int] = {
    "child KILL": 4, "child TERM": 1, "child STOP": 2,
    "worker KILL": 3, "worker TERM": 1, "worker STOP": 2, "worker's parent KILL": 1,
    "decoder KILL": 4, "decoder TERM": 1, "decoder STOP": 1,
    "redis KILL": 2, "redis STOP": 1, "redis WIPE": 2,
    "postgres KILL": 2, "postgres STOP": 1, "backend KILL": 2, "backend TERM": 2,
    "s3 KILL": 2, "s3 STOP": 1,
    **{f"proxy {mode}": 1 for mode in MODES},
    "disk FULL": 1, "delivered AGAIN": 2, "triggered TWICE": 1,
}  # fmt: skip
"""By kind, how often it comes. The reaper (beat) is one of the children of the first worker."""


def sequence(seed: int, count: int) -> list[Fault]:
    """The same faults for the same seed; of as many as there are kinds, each comes once before chance has its way."""
    chance = Random(seed)
    every = list(KINDS)
    chance.shuffle(every)
    kinds = every[:count] + chance.choices(every, list(KINDS.values()), k=max(0, count - len(every)))
    return [Fault(kind, chance.uniform(0.05, 0.8), chance.uniform(0.1, 1.5), chance.random()) for kind in kinds]


class Nemesis:
    """Carries faults out. ``log`` is what was done, with what it met."""

    def __init__(self, site: Site, runs: Runs) -> None:
        self.site, self.runs = site, runs
        self.log: list[str] = []
        self.struck: dict[str, int] = {}

    def strike(self, fault: Fault) -> bool:
        """Do it, wait, and mend it; returns whether there was anything to strike."""
        time.sleep(fault.pause)
        subject, _, what = fault.kind.partition(" ")
        if fault.kind == "worker's parent KILL":
            subject, what = "parent", "KILL"
        does: dict[str, Callable[[Fault, str], str]] = {
            "child": self._child, "worker": self._worker, "parent": self._parent, "decoder": self._decoder,
            "redis": self._redis, "postgres": self._postgres, "backend": self._backend, "s3": self._s3,
            "proxy": self._proxy, "disk": self._disk, "delivered": self._again, "triggered": self._twice,
        }  # fmt: skip
        try:
            met = does[subject](fault, what)
        except psutil.NoSuchProcess:
            met = ""
        self.log.append(f"{fault}: {met or 'nothing there'}")
        if met:
            self.struck[fault.kind] = self.struck.get(fault.kind, 0) + 1
        self.site.mend()
        return bool(met)

    # -- processes ---------------------------------------------------------------------------------------------------

    def _signal(self, processes: list[psutil.Process], what: str, hold: float) -> str:
        """KILL and TERM, then the pause until they are started again; STOP, then CONT."""
        met = []
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(getattr(signal, f"SIG{what}"))
                met.append(process)
        time.sleep(hold)
        if what == "STOP":
            for process in met:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()
        return " ".join(str(process.pid) for process in met)

    def _family(self, fault: Fault) -> list[psutil.Process]:
        """A living worker's parent, children and grandchildren."""
        names = [name for name in WORKERS if self.site.worker(name)]
        if not names:
            return []
        parent = self.site.worker(names[int(fault.choice * len(names))])
        return [parent, *parent.children(recursive=True)] if parent else []

    def _worker(self, fault: Fault, what: str) -> str:
        family = self._family(fault)
        if what == "STOP":  # longer than a lease, so that the other worker takes over what this one believes to hold
            return self._signal(family, what, fault.hold + 3.5 * (fault.choice * 7 % 1 > 0.5))
        return self._signal(family if what == "KILL" else family[:1], what, fault.hold)

    def _parent(self, fault: Fault, what: str) -> str:
        return self._signal(self._family(fault)[:1], what, fault.hold)

    def _child(self, fault: Fault, what: str) -> str:
        family = self._family(fault)
        children = [one for one in family[1:] if one.ppid() == family[0].pid]
        return self._signal(_one(children, fault), what, fault.hold)

    def _decoder(self, fault: Fault, what: str) -> str:
        return self._signal(_one(self.site.decoders(), fault), what, min(fault.hold, 1.0))

    # -- services ----------------------------------------------------------------------------------------------------

    def _redis(self, fault: Fault, what: str) -> str:
        found = self.site.redis.process.find()
        if found is None:
            return ""
        met = self._signal([found], "KILL" if what == "WIPE" else what, fault.hold)
        if what == "WIPE":
            with contextlib.suppress(psutil.TimeoutExpired):
                found.wait(5)
            shutil.rmtree(self.site.root / "redis" / "appendonlydir", ignore_errors=True)
        return met

    def _postgres(self, fault: Fault, what: str) -> str:
        pid = self.site.postgres.pid()
        if pid is None:
            return ""
        parent = psutil.Process(pid)
        return self._signal([parent, *parent.children()] if what == "STOP" else [parent], what, fault.hold)

    def _backend(self, fault: Fault, what: str) -> str:
        pid = self.site.postgres.pid()
        if pid is None:
            return ""
        of_workers = [one for one in psutil.Process(pid).children() if "restoration_gpu" in " ".join(one.cmdline())]
        return self._signal(_one(of_workers, fault), what, fault.hold)

    def _s3(self, fault: Fault, what: str) -> str:
        found = self.site.s3.process.find()
        return self._signal([found], what, fault.hold) if found else ""

    def _proxy(self, fault: Fault, what: str) -> str:
        before, self.site.proxy.mode = self.site.proxy.meddled, what
        time.sleep(fault.hold)
        self.site.proxy.mode = ""
        meddled = self.site.proxy.meddled - before
        return f"{meddled} requests" if meddled else ""

    def _disk(self, fault: Fault, what: str) -> str:
        if not self.site.has_disk:
            return ""
        path, size = self.site.disk / "full", 0
        with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while size < 64 << 20:
                size += file.write(bytes(4096))
        time.sleep(fault.hold)
        path.unlink()
        return f"{size} bytes"

    # -- messages ----------------------------------------------------------------------------------------------------

    def _again(self, fault: Fault, what: str) -> str:
        """What a visibility time-out below a task's time does: whatever is at work is delivered once more."""
        running = [row[0] for row in self.site.rows("SELECT batch_id FROM batch WHERE state IN ('queued', 'running')")]
        with contextlib.suppress(Exception):
            self.site.send(running)
        return f"{len(running)} batches" if running else ""

    def _twice(self, fault: Fault, what: str) -> str:
        self.runs.begin(same=True, force=fault.choice > 0.5)
        return "the same recipe"


def _one(found: list[psutil.Process], fault: Fault) -> list[psutil.Process]:
    return [found[int(fault.choice * len(found))]] if found else []
