"""The list of every file of a version with its sha256, in the format of ``sha256sum``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from restoration.errors import PublicationError
from restoration.publish.layout import is_safe_path


class ManifestEntry(NamedTuple):
    """One file: hash in lower-case hexadecimal, path relative to the version's prefix."""

    sha256: str
    path: str


class ManifestWriter:
    """Writes a manifest line by line to a file on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries = 0
        self._file = path.open("w", encoding="ascii", newline="\n")

    def __enter__(self) -> ManifestWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()

    def add(self, path: str, sha256: str) -> None:
        """Add one file. :raises PublicationError: a path that would not be safe everywhere."""
        if not is_safe_path(path):
            raise PublicationError(f"{path!r} can't be the path of a file in an archive")
        self._file.write(f"{sha256}  {path}\n")
        self.entries += 1


def read_manifest(path: Path) -> Iterator[ManifestEntry]:
    """The entries of a manifest on disk.

    :raises PublicationError: a line that is no entry, or a path that leaves the archive.
    """
    with path.open(encoding="ascii", errors="replace", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            sha256, separator, name = line.rstrip("\n").partition("  ")
            if len(sha256) != 64 or not separator or not is_safe_path(name):
                raise PublicationError(f"line {number} of the manifest is not 'sha256  path' with a safe path")
            yield ManifestEntry(sha256, name)


def file_sha256(path: Path) -> str:
    """sha256 of a file on disk, lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
