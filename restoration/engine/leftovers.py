"""What earlier runs made in a folder, and no scan leads to any more.

A recipe that asks for another format gives a photograph another file; a file that was replaced, or is no longer
divided, has other photographs. What was made before is told, and removed if results may be replaced: nobody can say
what it is a picture of once its line in the record is another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration.errors import StorageError

if TYPE_CHECKING:
    from restoration.engine.folder import Item

_KINDS = ("output", "mask", "access")
Record = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Leftover:
    """A file, relative to the output folder, and the photograph that it was made of."""

    path: str
    source: str


def find_leftovers(earlier: Record, items: Mapping[str, Item], target: Path) -> list[Leftover]:
    """Files of the record's earlier lines that this run's photographs do not have, sorted by path.

    Nothing is said of photographs whose file is gone or failed this time, nor of a file whose content is not the one
    that the record speaks of.
    """
    had = {path for item in items.values() for path in _paths(item.record or {}).values()}
    found = []
    for source, line in earlier.items():
        if not _is_settled(source, line, items):
            continue
        for kind, path in _paths(line).items():
            if path not in had and _is_as_recorded(target / path, line.get(f"{kind}_sha256")):
                found.append(Leftover(path, source))
    return sorted(found, key=lambda one: one.path)


def remove_leftovers(leftovers: list[Leftover], target: Path) -> None:
    """Remove the files. :raises StorageError: the file system refused."""
    for leftover in leftovers:
        try:
            (target / leftover.path).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot remove {target / leftover.path}: {error}") from error


def superseded(earlier: Record, items: Mapping[str, Item]) -> set[str]:
    """Photographs of the record whose file was read this time and has them no longer."""
    return {source for source, line in earlier.items() if source not in items and _is_settled(source, line, items)}


def _is_settled(source: str, line: Mapping[str, Any], items: Mapping[str, Item]) -> bool:
    """Whether this run says what has become of a photograph: it did not fail, or its file no longer has it."""
    if source in items:
        return not items[source].failed
    file = line.get("file")
    of_file = [item for name, item in items.items() if name == file or (item.record or {}).get("file") == file]
    return bool(of_file) and not any(item.failed for item in of_file)


def _paths(line: Mapping[str, Any]) -> dict[str, str]:
    return {kind: line[kind] for kind in _KINDS if line.get(kind)}


def _is_as_recorded(path: Path, sha256: Any) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
