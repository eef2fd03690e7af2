"""Manifests of a bag (RFC 8493): hash and path of every file, once with sha256 and once with sha512.

*Payload manifests* (``manifest-*.txt``) name the files under ``data/``; *tag manifests* (``tagmanifest-*.txt``) name
all others, the payload manifests among them. So the sha256 of ``tagmanifest-sha256.txt`` stands for the whole bag.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from restoration.errors import PublicationError
from restoration.fixity import Fixity
from restoration.publish.layout import PAYLOAD, TAG, is_safe_path, manifest_name

DIGITS = {"sha256": 64, "sha512": 128}
"""Algorithm to the length of its hash in hexadecimal."""


class ManifestEntry(NamedTuple):
    """One file: both hashes in lower-case hexadecimal, path relative to the bag."""

    sha256: str
    sha512: str
    path: str


class ManifestWriter:
    """Writes both manifests of one kind line by line to a folder, and counts files and bytes."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.paths = {algorithm: folder / manifest_name(kind, algorithm) for algorithm in DIGITS}
        self.files = self.bytes = 0
        self._kind = kind
        self._open = {a: path.open("w", encoding="ascii", newline="\n") for a, path in self.paths.items()}

    def __enter__(self) -> ManifestWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for file in self._open.values():
            file.close()

    def add(self, path: str, fixity: Fixity) -> None:
        """Add one file. :raises PublicationError: a path that is not safe everywhere, or of the other kind."""
        if not is_path_of(self._kind, path):
            raise PublicationError(f"{path!r} can't be the path of a file in a {self._kind}")
        self._open["sha256"].write(f"{fixity.sha256}  {path}\n")
        self._open["sha512"].write(f"{fixity.sha512}  {path}\n")
        self.files += 1
        self.bytes += fixity.size


def is_path_of(kind: str, path: str) -> bool:
    """Whether a manifest of this kind may name such a path."""
    return is_safe_path(path) and path.startswith("data/") == (kind == PAYLOAD) and not path.startswith(f"{TAG}-")


def read_manifest(folder: Path, kind: str, algorithm: str) -> Iterator[tuple[str, str]]:
    """Hash and path of every entry of one manifest.

    :raises PublicationError: a line that is no entry (a file cut short ends in one), or a path that leaves the bag.
    :raises OSError: there is no such file.
    """
    name = manifest_name(kind, algorithm)
    with (folder / name).open(encoding="ascii", errors="replace", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            digest, _, path = line.rstrip("\n").partition("  ")
            hexadecimal = len(digest) == DIGITS[algorithm] and set(digest) <= set("0123456789abcdef")
            if not line.endswith("\n") or not hexadecimal or not is_path_of(kind, path):
                raise PublicationError(f"line {number} of {name} is not 'hash  path' with a safe path")
            yield digest, path


def read_manifests(folder: Path, kind: str) -> Iterator[ManifestEntry]:
    """The entries of both manifests of one kind, side by side; the publisher writes them in the same order.

    :raises PublicationError: as :func:`read_manifest`, or the two do not name the same files.
    :raises OSError: one of them is missing.
    """
    pairs = zip(read_manifest(folder, kind, "sha256"), read_manifest(folder, kind, "sha512"), strict=True)
    try:
        for (sha256, path), (sha512, other) in pairs:
            if path != other:
                raise PublicationError(f"{manifest_name(kind, 'sha512')} names {other!r} where {path!r} should stand")
            yield ManifestEntry(sha256, sha512, path)
    except ValueError as error:
        raise PublicationError(f"the two {kind}s do not name the same number of files") from error
