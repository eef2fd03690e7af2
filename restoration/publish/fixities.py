"""What was learnt of the copied files while they were staged, kept on disk beside the photographs they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from restoration.fixity import Fixity
from restoration.publish.photos import ArchivedPhoto, Payload


class StagedPhoto(NamedTuple):
    """A photograph and its files in the archive, by their paths; no files where none is shown."""

    photo: ArchivedPhoto
    files: dict[str, Fixity]


class FixityLog:
    """One line a copied file, in the order of the photographs; memory does not grow with them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, staged: Iterable[tuple[Payload, Fixity]]) -> Iterator[tuple[Payload, Fixity]]:
        """Pass the files on, and write down what they are."""
        with self._path.open("w", encoding="ascii") as lines:
            for payload, fixity in staged:
                lines.write(f"{fixity.sha256} {fixity.sha512} {fixity.size}\n")
                yield payload, fixity

    def beside(self, photos: Iterable[ArchivedPhoto]) -> Iterator[StagedPhoto]:
        """The photographs with their files; they must be those whose payloads were kept, in the same order."""
        with self._path.open(encoding="ascii") as lines:
            for photo in photos:
                yield StagedPhoto(photo, {payload.path: _fixity(next(lines)) for payload in photo.payloads()})


def _fixity(line: str) -> Fixity:
    sha256, sha512, size = line.split()
    return Fixity(sha256, sha512, int(size))
