"""The lock, read: pins with their hashes, what comes as source, and what each image needs.

Needs Python's standard library alone.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "lock"


def entries(path: Path) -> dict[str, str]:
    """Lines of a requirements file by package, hashes included."""
    text = path.read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {_name(line): line for line in lines}


def without_hashes(lines: dict[str, str]) -> list[str]:
    """The pins alone. As constraints they leave a package that has no hash, torch, installable."""
    return [re.sub(r"\s+--hash=\S+", "", line) for line in lines.values()]


def sources(lock: Path = LOCK) -> dict[str, list[str]]:
    """Packages that have no wheel for at least one supported Python, and what they ask to be built with."""
    return {name: source["requires"] for name, source in _facts(lock)["source"].items()}


def image(name: str, lock: Path = LOCK) -> frozenset[str]:
    """Names of what an image needs."""
    return frozenset(_facts(lock)["images"][name])


def _facts(lock: Path) -> dict[str, dict[str, dict[str, list[str]]]]:
    return tomllib.loads((lock / "sources.toml").read_text(encoding="utf-8"))


def _name(line: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", line)
    if found is None:
        raise ValueError(f"no package is named in this line of the lock: {line}")
    return re.sub(r"[-_.]+", "-", found[0]).lower()
