"""Where model files are, and whether they are the files the registry pins. No torch, no network.

Downloads live in :mod:`restoration.models.pull`, so that neither the engine nor a step can reach a network.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from restoration.errors import ModelError, ReasonCode
from restoration.models.registry import ModelEntry
from restoration.settings import Settings, get_settings

REGISTRY_FILE = Path(__file__).with_name("registry.toml")
_CHUNK = 4 * 1024 * 1024


class _EntryData(BaseModel):
    """One ``[[models]]`` table: validates types, refuses unknown names."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.+-]{0,62}$")
    version: str = Field(min_length=1)
    architecture: str = Field(min_length=1)
    task: str = Field(pattern=r"^(colorize|detect|restore-face|identity|upscale)$")
    source: str = Field(pattern=r"^(packaged:.|carried:[^/]+/.|url:https?://.|s3://[^/]+/.|file:.)")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    licence: str = Field(min_length=1)
    training_data: str
    colour_space: str
    precision: list[str] = ["fp32"]
    non_commercial: bool = False
    parameters: int = 0
    options: dict[str, Any] = {}

    def entry(self) -> ModelEntry:
        """As the frozen entry that steps and the catalog see."""
        data = self.model_dump()
        data["precision"] = tuple(self.precision)
        data["options"] = tuple(sorted((key, _frozen(value)) for key, value in self.options.items()))
        return ModelEntry(**data)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


@dataclass(frozen=True)
class Registry:
    """All entries by name, and the folders their files are looked for in."""

    entries: dict[str, ModelEntry]
    folder: Path
    model_dir: Path
    _verified: dict[tuple[str, int, int], str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, path: Path | None = None, *, settings: Settings | None = None) -> Registry:
        """Read the registry that ships with the project, or another file of the same form.

        Relative ``packaged:`` and ``file:`` sources are looked up beside the file.

        :raises ModelError: unreadable or malformed file, naming the entry and the field.
        """
        path = path or REGISTRY_FILE
        model_dir = (settings or get_settings()).model_dir.expanduser()
        entries: dict[str, ModelEntry] = {}
        for table in _read_tables(path):
            entry = _parse_entry(table, path)
            if entry.name in entries:
                raise ModelError(f"{path.name} names {entry.name!r} twice", reason=ReasonCode.MODEL_CORRUPT)
            entries[entry.name] = entry
        return cls(entries=entries, folder=path.parent, model_dir=model_dir)

    def __iter__(self) -> Iterator[ModelEntry]:
        return iter(self.entries.values())

    def entry(self, name: str) -> ModelEntry:
        """The entry of that name.

        :raises ModelError: unknown name (MODEL_UNKNOWN), with the names there are.
        """
        try:
            return self.entries[name]
        except KeyError:
            known = ", ".join(sorted(self.entries)) or "none"
            raise ModelError(
                f"there is no model {name!r}; the registry has {known}", reason=ReasonCode.MODEL_UNKNOWN
            ) from None

    def location(self, entry: ModelEntry) -> Path | None:
        """Where the entry's file belongs on this machine, present or not; None if its distribution is not installed."""
        rest = entry.source.split(":", 1)[1]
        if entry.source_kind in {"packaged", "file"}:
            return self.folder / Path(rest).expanduser()
        if entry.source_kind == "carried":
            return _carried(rest)
        return self.model_dir / f"{entry.sha256}{PurePosixPath(rest).suffix}"

    def available(self, name: str) -> bool:
        """Whether the model's file is on this machine. Its hash is checked when it is loaded.

        :raises ModelError: unknown name.
        """
        path = self.location(self.entry(name))
        return path is not None and path.is_file()

    def find(self, entry: ModelEntry) -> Path:
        """The entry's file, not yet verified.

        :raises ModelError: it is not on this machine (MODEL_MISSING), with the cure.
        """
        path = self.location(entry)
        if path is None or not path.is_file():
            raise ModelError(f"the file of model {entry.name!r} is not on this machine; {_cure(entry)}")
        return path

    def verify(self, entry: ModelEntry) -> Path:
        """The entry's file, after checking its sha256 (once per process and file state).

        :raises ModelError: missing (MODEL_MISSING), or not the pinned file (MODEL_CORRUPT).
        """
        path = self.find(entry)
        stat = path.stat()
        key = (str(path), stat.st_size, stat.st_mtime_ns)
        if key not in self._verified:
            self._verified[key] = file_sha256(path)
        if self._verified[key] != entry.sha256:
            raise ModelError(
                f"{path} is not the file pinned for model {entry.name!r}: sha256 is {self._verified[key]}, "
                f"pinned is {entry.sha256}; {_cure(entry)}",
                reason=ReasonCode.MODEL_CORRUPT,
            )
        return path


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes, lower-case hexadecimal, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _read_tables(path: Path) -> list[dict[str, Any]]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("models", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"cannot read the model registry {path}: {error}", reason=ReasonCode.MODEL_CORRUPT) from error
    return list(tables)


def _parse_entry(table: dict[str, Any], path: Path) -> ModelEntry:
    try:
        return _EntryData(**table).entry()
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise ModelError(
            f"{path.name}, model {table.get('name', '?')!r}, {where}: {problem['msg']}", reason=ReasonCode.MODEL_CORRUPT
        ) from error


def _carried(rest: str) -> Path | None:
    distribution, inside = rest.split("/", 1)
    try:
        return Path(str(importlib.metadata.distribution(distribution).locate_file(inside)))
    except importlib.metadata.PackageNotFoundError:
        return None


def _cure(entry: ModelEntry) -> str:
    if entry.source_kind in {"url", "s3"}:
        return f"fetch it with: restoration models pull {entry.name}"
    if entry.source_kind == "carried":
        return f"reinstall the Python package {entry.source.split(':', 1)[1].split('/', 1)[0]!r}"
    return f"its source is {entry.source}; reinstall this project or put the file there"
