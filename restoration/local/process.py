"""
One server process of the local stack: started in its own group, remembered on disk, stopped for certain.

What runs is remembered in ``run/<name>.json`` (pid and the kernel's start time, so that a reused pid is never taken for
ours). Every process also carries the environment variable :data:`MARKER`; :func:`sweep` finds by it whatever a killed
parent left behind, even grandchildren that made a session of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from restoration.errors import EnvironmentProblem

MARKER = "RESTORATION_LOCAL_STACK"
"""Environment variable that every process of a stack carries; its value is the stack's folder."""

SERVICE = "RESTORATION_LOCAL_SERVICE"
"""Environment variable that says which service of the stack a process belongs to."""

# Airflow and Celery write their process titles over the environment that others can read, and with it the marker.
_KEEP = {"SPT_NOENV": "1"}

TAIL_LINES = 30

_started: dict[int, subprocess.Popen[bytes]] = {}
"""Children of this very process, kept so that they can be reaped; those of an earlier process belong to init."""


def find_program(name: str) -> Path:
    """
    The program of that name beside this Python, or on the PATH.

    :raises EnvironmentProblem: it is not installed.
    """
    beside = Path(sys.executable).parent / name
    if beside.is_file():
        return beside
    found = shutil.which(name)
    if found is None:
        raise EnvironmentProblem(f"{name} is not installed; `make env` installs it into .venv")
    return Path(found)


def tail(path: Path, lines: int = TAIL_LINES) -> str:
    """Last lines of a text file, empty if there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - 200 * lines))
        return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    new.replace(path)


class Process:
    """
    A server process of the stack in ``root``.

    :param root: the stack's folder; ``run/`` and ``logs/`` are made inside.
    :param name: short name, unique within the stack.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.name = name
        self.log = root / "logs" / f"{name}.log"
        self._record = root / "run" / f"{name}.json"

    def start(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
        """
        Start it unless it runs already. Standard output and error go to ``logs/<name>.log``; what it makes is its
        owner's alone (umask 077).

        :param argv: program and arguments; never secrets, since every user of the machine can read them.
        :param env: variables beside those of this process.
        """
        if self.is_running():
            return
        sweep(self.root, self.name)  # children of a server that was killed
        self.log.parent.mkdir(parents=True, exist_ok=True)
        variables = {**os.environ, **(env or {}), MARKER: str(self.root), SERVICE: self.name, **_KEEP}
        with self._open_log() as log:
            child = subprocess.Popen(  # noqa: S603 - the stack's own programs
                list(argv), env=variables, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, close_fds=True, umask=0o077,
            )  # fmt: skip
        _started[child.pid] = child
        write_private(self._record, json.dumps({"pid": child.pid, "created": psutil.Process(child.pid).create_time()}))

    def _open_log(self) -> IO[bytes]:
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "ab")

    def find(self) -> psutil.Process | None:
        """The running process; None when it does not run, or when its pid now belongs to another program."""
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
            found = psutil.Process(record["pid"])
            if found.create_time() != record["created"] or found.status() == psutil.STATUS_ZOMBIE:
                return None
        except (FileNotFoundError, psutil.NoSuchProcess, json.JSONDecodeError):
            return None
        return found

    def is_running(self) -> bool:
        """Whether the remembered process runs."""
        return self.find() is not None

    def ask_to_stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """Send it the signal, without waiting. SIGKILL goes to its whole group; others leave the children to it."""
        found = self.find()
        if found is not None:
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if sign is signal.SIGKILL else os.kill)(found.pid, sign)

    def stop(self, grace_s: float = 10.0) -> None:
        """Ask it to stop, wait, then kill what is left of it and of its descendants. Idempotent."""
        found = self.find()
        if found is not None:
            family = _family([found])
            self.ask_to_stop()
            _end(family, grace_s)
        reap_children()
        self._record.unlink(missing_ok=True)

    def wait_ready(self, ready: Callable[[], bool], seconds: float) -> None:
        """
        Wait until ``ready`` says so.

        :raises EnvironmentProblem: the process ended, or was not ready in time; carries the tail of its log.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.is_running():
                raise EnvironmentProblem(f"{self.name} ended while starting; its log says:\n{tail(self.log)}")
            if time.monotonic() > deadline:
                raise EnvironmentProblem(f"{self.name} was not ready after {seconds:.0f} s:\n{tail(self.log)}")
            time.sleep(0.05)


def _family(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for process in processes:
        found[process.pid] = process
        with contextlib.suppress(psutil.NoSuchProcess):
            found.update((child.pid, child) for child in process.children(recursive=True))
    return list(found.values())


def _end(processes: list[psutil.Process], grace_s: float) -> None:
    _, alive = psutil.wait_procs(processes, timeout=grace_s)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)
    reap_children()


def reap_children() -> None:
    """Take note of children that ended, by whomever they were ended."""
    for pid, child in list(_started.items()):
        if child.poll() is not None:
            # several threads stop processes at once, and another one may have taken note already
            _started.pop(pid, None)


def members(root: Path, service: str | None = None) -> list[psutil.Process]:
    """
    Every process of this user that carries the stack's marker, whoever its parent is now.

    :param service: only those of this service.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            variables = process.environ()
            ours = variables.get(MARKER) == str(root) and service in (None, variables.get(SERVICE))
            if ours and process.pid != os.getpid():
                found.append(process)
    return found


def sweep(root: Path, service: str | None = None, grace_s: float = 5.0) -> int:
    """
    End every process that carries the stack's marker, or only those of one service.

    :returns: how many there were.
    """
    left = members(root, service)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _end(left, grace_s)
    return len(left)
