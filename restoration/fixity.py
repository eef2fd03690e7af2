"""sha256, sha512 and size of the same bytes, computed in one reading."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

CHUNK_BYTES = 1 << 20


class Fixity(NamedTuple):
    """Both hashes in lower-case hexadecimal, and the number of bytes."""

    sha256: str
    sha512: str
    size: int


class FixityHasher:
    """Takes bytes in pieces; memory does not grow with them."""

    def __init__(self) -> None:
        self._sha256, self._sha512, self._size = hashlib.sha256(), hashlib.sha512(), 0

    def update(self, chunk: bytes) -> None:
        """Take the next piece."""
        self._sha256.update(chunk)
        self._sha512.update(chunk)
        self._size += len(chunk)

    def fixity(self) -> Fixity:
        """Of everything so far."""
        return Fixity(self._sha256.hexdigest(), self._sha512.hexdigest(), self._size)


def fixity_of_bytes(data: bytes) -> Fixity:
    """Of bytes in memory."""
    hasher = FixityHasher()
    hasher.update(data)
    return hasher.fixity()


def fixity_of_file(path: Path) -> Fixity:
    """Of a file on disk. :raises OSError: it cannot be read."""
    hasher = FixityHasher()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.fixity()
