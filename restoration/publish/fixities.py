"""What was learnt of the published pictures while they were staged, kept on disk beside the photographs.

A published picture is a labelled copy of one in the restored bucket, so its hash is another. Everything that the
archive says of its own files speaks of the published ones; the hash before the labels is kept as what they were made
from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from restoration.fixity import Fixity
from restoration.publish import layout
from restoration.publish.photos import ArchivedPhoto, Payload


class StagedFile(NamedTuple):
    """One published picture.

    ``ingredient`` says how its content credentials name the scan: ``read`` from the scan's bytes, or by its facts alone
    and why (``gone``, ``changed``, ``unreadable``); None where no credentials were written.
    """

    fixity: Fixity
    ingredient: str | None = None


class StagedPhoto(NamedTuple):
    """A photograph and its files in the archive, by their paths; no files where none is shown."""

    photo: ArchivedPhoto
    files: dict[str, Fixity]


class FixityLog:
    """One line a picture, in the order of the photographs; memory does not grow with them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, staged: Iterable[tuple[Payload, StagedFile]]) -> Iterator[tuple[Payload, Fixity]]:
        """Pass the files on, and write down what they are."""
        with self._path.open("w", encoding="ascii") as lines:
            for payload, file in staged:
                lines.write(json.dumps([*file.fixity, file.ingredient]) + "\n")
                yield payload, file.fixity

    def beside(self, photos: Iterable[ArchivedPhoto]) -> Iterator[StagedPhoto]:
        """The photographs with their files; they must be those whose payloads were kept, in the same order.

        ``record`` speaks of the published file (:meth:`published`).
        """
        for photo, files in self._read(photos):
            yield StagedPhoto(_published(photo, files), {path: file.fixity for path, file in files.items()})

    def published(self, photos: Iterable[ArchivedPhoto]) -> Iterator[ArchivedPhoto]:
        """The same photographs, but what ``record`` says of ``output`` is true of the published file.

        ``output.sha256`` and ``output.bytes`` are the published file's; ``output.unlabelled_sha256`` is the restored
        file's, before labels were written into it. ``mask_file`` says the same of the mask, where there is one, and
        ``access`` of the copy for everyday use.
        ``record.credentials`` says how content credentials name the scan.
        """
        for staged in self.beside(photos):
            yield staged.photo

    def _read(self, photos: Iterable[ArchivedPhoto]) -> Iterator[tuple[ArchivedPhoto, dict[str, StagedFile]]]:
        with self._path.open(encoding="ascii") as lines:
            for photo in photos:
                yield photo, {payload.path: _file(next(lines)) for payload in photo.payloads()}


def _file(line: str) -> StagedFile:
    sha256, sha512, size, ingredient = json.loads(line)
    return StagedFile(Fixity(sha256, sha512, size), ingredient)


def _published(photo: ArchivedPhoto, files: dict[str, StagedFile]) -> ArchivedPhoto:
    record: dict[str, Any] = dict(photo.record)
    named = [file.ingredient for file in files.values() if file.ingredient]
    if named:
        record["credentials"] = {"original": named[0]}
    if photo.output_path is not None:
        output, fixity = record["output"], files[photo.output_path].fixity
        restored = {"unlabelled_sha256": output["sha256"]}
        record["output"] = {**output, **restored, "sha256": fixity.sha256, "bytes": fixity.size}
    if photo.access_path is not None:
        access, fixity = record["access"], files[photo.access_path].fixity
        facts = {"unlabelled_sha256": access["sha256"], "sha256": fixity.sha256, "bytes": fixity.size}
        record["access"] = {**access, "file": photo.access_path, **facts}
    if photo.mask_path is not None:
        fixity = files[photo.mask_path].fixity
        unlabelled = layout.sha256_of_key(record["mask"])
        facts = {"sha256": fixity.sha256, "bytes": fixity.size, "unlabelled_sha256": unlabelled}
        record["mask_file"] = {"file": photo.mask_path, **facts}
    return replace(photo, record=record)
