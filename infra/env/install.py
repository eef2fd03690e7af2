"""Make the environment that the lock describes, in stages; what was done stays done when a later stage fails.

Use: ``python infra/env/install.py --venv .venv``, as ``make env`` does, or ``--image worker`` where an image is built.
Needs Python's standard library alone. Exit status 3 and one sentence that says what to do where something is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import faults

ROOT = Path(__file__).resolve().parents[2]
OLDEST_PYTHON = (3, 11)
OLDEST_PIP = (22, 3)
"""What came with Python 3.11.0: it knows hashes beside constraints, and editable installs from pyproject.toml."""

LEAST_FREE = 50 * 1024**2
"""Bytes; with fewer left, a virtual environment that could not be made is put down to the disk."""

SHIMS = Path(__file__).with_name("shims")
SHIMS_FROM = (3, 13)
"""On the path of what builds source packages from this Python on; see the file in that folder."""

PORTION = 40
"""Packages to one call of pip: what is installed stays when a later one fails."""

QUIET = ("-q", "--disable-pip-version-check", "--no-input", "--no-compile", "--progress-bar", "off")
# Compiling 30,000 files to bytecode costs more than it saves: Python does it for those that are imported.


class Problem(Exception):
    """The environment cannot be made; the message says what to do."""


class Stage(NamedTuple):
    """One step: pip is called once for each portion of requirements. Everything that it depends on is in here."""

    name: str
    options: tuple[str, ...]
    portions: tuple[tuple[str, ...], ...] = ((),)
    constraints: tuple[str, ...] = ()
    watched: str = ""
    shimmed: bool = False

    def fingerprint(self) -> str:
        """Changes with anything that would make the stage's outcome another."""
        return hashlib.sha256(repr((self, sys.version)).encode()).hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the environment. Gives the exit status."""
    asked = _parser().parse_args(arguments)
    log = asked.venv / "install.log" if asked.venv else None
    try:
        _check_python()
        python = _make_venv(asked.venv) if asked.venv else Path(sys.executable)
        _check_pip(python)
        _install(python, asked)
    except (Problem, OSError) as problem:
        words = str(problem) if isinstance(problem, Problem) else faults.sentence(f"error: {problem}")
        sys.stderr.write(f"{words}\n")
        if log is not None and log.exists():
            sys.stderr.write(f"(All that pip said: {log}. The next try goes on from here.)\n")
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--venv", type=Path, help="the whole environment, in this folder")
    place.add_argument("--image", choices=("airflow", "worker"), help="what that image needs, into this Python")
    parser.add_argument("--torch", default="", help="requirement for torch; empty for none")
    parser.add_argument("--torch-index", default="", help="address that torch comes from; empty for pip's own index")
    return parser


def _check_python() -> None:
    if sys.version_info < OLDEST_PYTHON:
        raise Problem("This needs Python 3.11 or newer; name one: make env PYTHON=python3.12")


def _make_venv(folder: Path) -> Path:
    python = folder / "bin" / "python"
    if python.exists() and _run([str(python), "-m", "pip", "--version"]).returncode == 0:
        return python
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        raise Problem(faults.sentence("No module named venv"))
    _say(f"Making {folder} ...")
    done = _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    if done.returncode != 0:
        # the module venv hides what pip told it
        full = folder.exists() and shutil.disk_usage(folder).free < LEAST_FREE
        raise Problem(faults.sentence("[Errno 28]" if full else done.stdout))
    return python


def _check_pip(python: Path) -> None:
    told = _run([str(python), "-m", "pip", "--version"]).stdout
    found = re.match(r"pip (\d+)\.(\d+)", told)
    if found is None:
        raise Problem("This Python has no pip; on Debian and Ubuntu: apt-get install python3-pip")
    if (int(found[1]), int(found[2])) < OLDEST_PIP:
        wanted = ".".join(map(str, OLDEST_PIP))
        raise Problem(f"{found[0]} is too old ({wanted} or newer): {python} -m pip install --upgrade pip")


def _install(python: Path, asked: argparse.Namespace) -> None:
    state = (asked.venv or Path(sys.prefix)) / "stages"
    state.mkdir(parents=True, exist_ok=True)
    for stage in _stages(asked):
        done = state / stage.name
        if done.exists() and done.read_text(encoding="utf-8") == stage.fingerprint():
            continue
        with tempfile.TemporaryDirectory() as scratch:
            _carry_out(stage, python, Path(scratch), asked.venv)
        done.write_text(stage.fingerprint(), encoding="utf-8")


def _stages(asked: argparse.Namespace) -> Iterator[Stage]:
    """In this order: what builds, what needs no building, torch, what is built, the project."""
    import lockfile  # needs tomllib, which an older Python lacks: its age is told first

    locked = lockfile.entries(lockfile.LOCK / "requirements.txt")
    if asked.image:
        names = lockfile.image(asked.image)
        locked = {name: line for name, line in locked.items() if name in names}
    built = [locked[name] for name in lockfile.sources() if name in locked]
    plain = [line for line in locked.values() if line not in built]
    hashed = ("--require-hashes", "--no-deps")
    tools = tuple(lockfile.entries(lockfile.LOCK / "build.txt").values())
    yield Stage("build-tools", (*hashed, "--only-binary", ":all:"), (tools,))
    yield Stage("packages", (*hashed, "--only-binary", ":all:"), tuple(_portions(plain)))
    if asked.torch:
        index = ("--index-url", asked.torch_index) if asked.torch_index else ()
        yield Stage("torch", index, ((asked.torch,),), constraints=tuple(lockfile.without_hashes(locked)))
    if built:
        shimmed = sys.version_info >= SHIMS_FROM
        yield Stage("source-packages", (*hashed, "--no-build-isolation"), (tuple(built),), shimmed=shimmed)
    if asked.venv:
        about = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        yield Stage("project", ("--no-deps", "--no-build-isolation", "--editable", str(ROOT)), watched=about)


def _portions(lines: list[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(lines), PORTION):
        yield tuple(lines[start : start + PORTION])


def _carry_out(stage: Stage, python: Path, scratch: Path, venv: Path | None) -> None:
    wanted, pins = scratch / "requirements.txt", scratch / "constraints.txt"
    pins.write_text("\n".join(stage.constraints), encoding="utf-8")
    total = sum(map(len, stage.portions))
    done = 0
    for portion in stage.portions:
        _say(f"Installing {stage.name} {f'({done} of {total}) ' if len(stage.portions) > 1 else ''}...")
        wanted.write_text("\n".join(portion), encoding="utf-8")
        files = ("--requirement", str(wanted), "--constraint", str(pins))
        path = {"PYTHONPATH": str(SHIMS)} if stage.shimmed else {}
        result = _run([str(python), "-m", "pip", "install", *QUIET, *stage.options, *files], path)
        _keep(f"-- {stage.name}\n{result.stdout}", venv)
        if result.returncode != 0:
            raise Problem(faults.sentence(result.stdout))
        done += len(portion)


def _keep(text: str, venv: Path | None) -> None:
    """What pip said: beside the environment, or in the image's build log."""
    if venv is None:
        sys.stderr.write(text)
        return
    with (venv / "install.log").open("a", encoding="utf-8") as log:
        log.write(text)


def _run(command: list[str], variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - this Python or the environment's own, with the lock's lines
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", env={**os.environ, **(variables or {})},
    )  # fmt: skip


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
