"""Fetch the gallery's vendored files, by the pins of restoration/publish/vendored.toml.

Use: ``python infra/vendor/fetch.py``; needs Python's standard library alone. ``npm`` brings the packages where it is
installed, from wherever it is set up to; else the registry whose address is in NPM_CONFIG_REGISTRY. Files that are
there and right are left alone. A package is taken only with the pinned sha512, each file only with its pinned sha256,
and a file appears under its name whole or not at all. Without npm, address or network it says so and ends well: the
gallery then works without these files.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PINS = ROOT / "restoration" / "publish" / "vendored.toml"
TARGET = ROOT / "restoration" / "publish" / "site" / "vendor"
MAX_BYTES = 32 * 1024**2
SECONDS = 20
NPM_SECONDS = 120


class WrongFileError(Exception):
    """What came is not what is pinned."""


class NotFetchedError(Exception):
    """Nothing came; the message says why."""


def main(environment: Mapping[str, str] = os.environ, pins: Path = PINS, target: Path = TARGET) -> int:
    """Fetch what is missing or differs. Gives the exit status: 1 where a hash is wrong, else 0."""
    for package in tomllib.loads(pins.read_text(encoding="utf-8"))["package"]:
        what = f"{package['name']} {package['version']}"
        if all(_is_right(target / file["name"], file["sha256"]) for file in package["file"]):
            continue
        try:
            _place(_archive(package, environment), package, target)
        except WrongFileError as error:
            sys.stderr.write(f"{what} was refused: {error}\n")
            return 1
        except (NotFetchedError, OSError, http.client.HTTPException) as error:
            sys.stdout.write(f"{what} was not fetched ({error}): galleries do without. Again: python {_this()}\n")
        else:
            sys.stdout.write(f"{what} ({package['licence']}) is in {target}\n")
    return 0


def _this() -> str:
    return Path(__file__).resolve().relative_to(ROOT).as_posix()


def _is_right(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _archive(package: dict[str, Any], environment: Mapping[str, str]) -> bytes:
    """The package, as npm or the registry of the environment gives it."""
    name, version = package["name"], package["version"]
    npm = shutil.which("npm", path=environment.get("PATH", ""))
    if npm is not None:
        return _packed(npm, f"{name}@{version}", environment)
    registry = environment.get("NPM_CONFIG_REGISTRY") or environment.get("npm_config_registry")
    if not registry:
        raise NotFetchedError("npm is not installed, and NPM_CONFIG_REGISTRY names no registry")
    return _download(f"{registry.rstrip('/')}/{name}/-/{name.rpartition('/')[2]}-{version}.tgz")


def _packed(npm: str, spec: str, environment: Mapping[str, str]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        quiet = ("--silent", "--ignore-scripts", "--fetch-retries=0")
        try:
            done = subprocess.run(  # noqa: S603 - npm as found on the PATH, and a pinned name
                [npm, "pack", spec, *quiet, f"--pack-destination={folder}"],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=NPM_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise NotFetchedError(f"npm did not end within {NPM_SECONDS} s") from error
        packages = list(Path(folder).glob("*.tgz"))
        if done.returncode != 0 or len(packages) != 1:
            raise NotFetchedError(f"npm pack failed with status {done.returncode}; see: npm pack {spec}")
        return packages[0].read_bytes()


def _place(archive: bytes, package: dict[str, Any], target: Path) -> None:
    found = f"sha512-{base64.b64encode(hashlib.sha512(archive).digest()).decode()}"
    if found != package["integrity"]:
        raise WrongFileError(f"the package's hash is {found}, and {package['integrity']} is pinned")
    files = _members(archive, package["file"])
    target.mkdir(parents=True, exist_ok=True)
    # all beside their places first: a full disk leaves what was there
    partial = {name: target / f"{name}.part" for name in files}
    try:
        for file_name, data in files.items():
            partial[file_name].write_bytes(data)
        for file_name, path in partial.items():
            path.replace(target / file_name)
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)


def _download(address: str) -> bytes:
    if not address.startswith(("https://", "http://")):
        raise urllib.error.URLError(f"{address} is no web address")
    with urllib.request.urlopen(address, timeout=SECONDS) as answer:  # noqa: S310 - checked above, and pinned by hash
        data: bytes = answer.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise WrongFileError(f"{address} has more than {MAX_BYTES} bytes")
    return data


def _members(archive: bytes, wanted: list[dict[str, str]]) -> dict[str, bytes]:
    """The wanted files of a package, by the names they get here; nothing else is unpacked."""
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as package:
        for file in wanted:
            member = package.extractfile(file["member"])
            data = member.read() if member else b""
            if hashlib.sha256(data).hexdigest() != file["sha256"]:
                raise WrongFileError(f"{file['member']} is not the pinned file")
            files[file["name"]] = data
    return files


if __name__ == "__main__":
    sys.exit(main())
