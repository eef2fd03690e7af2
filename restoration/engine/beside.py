"""Files that lie beside a folder's results, one a photograph at most: masks, access copies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from restoration.engine.outputs import write_atomically


@dataclass(frozen=True)
class Beside:
    """One kind of such files. ``kind`` is its key in the record, ``paths`` are by source, relative to ``target``."""

    kind: str
    words: str
    target: Path
    paths: dict[str, str] = field(default_factory=dict)

    def refusal(self, source: str, line: Mapping[str, Any]) -> str:
        """Why the file's place cannot be used; empty if it is free, or holds what the record says."""
        if source not in self.paths:
            return ""
        path = self.target / self.paths[source]
        if not path.exists() or line.get(f"{self.kind}_sha256") == hashlib.sha256(path.read_bytes()).hexdigest():
            return ""
        return f"{path} is there already and is no {self.words} of this source; --overwrite replaces it"

    def is_gone(self, line: Mapping[str, Any]) -> bool:
        """Whether the record speaks of a file that is no longer there; older records speak of none."""
        return bool(line.get(self.kind)) and not (self.target / line[self.kind]).exists()

    def write(self, source: str, data: bytes | None, line: Mapping[str, Any]) -> None:
        """Write the file; without ``data`` remove the one that an earlier run left, if the record speaks of it.

        :raises StorageError: the file system refused.
        """
        if data is not None:
            write_atomically(self.target / self.paths[source], data)
        elif line.get(self.kind) and line[self.kind] == self.paths.get(source):
            (self.target / self.paths[source]).unlink(missing_ok=True)

    def facts(self, source: str, data: bytes | None) -> dict[str, str | None]:
        """What the record says of it."""
        if data is None:
            return {self.kind: None, f"{self.kind}_sha256": None}
        return {self.kind: self.paths[source], f"{self.kind}_sha256": hashlib.sha256(data).hexdigest()}
