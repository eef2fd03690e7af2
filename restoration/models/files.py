"""Where model files are, and whether they are the files the registry pins. No torch, no network.

Downloads live in :mod:`restoration.models.pull`, so that neither the engine nor a step can reach a network.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from restoration.errors import ModelError, ModelRetired, ReasonCode, SettingsError
from restoration.models.entries import read_entries
from restoration.models.registry import ModelEntry
from restoration.settings import Settings, get_settings

REGISTRY_FILE = Path(__file__).with_name("registry.toml")
_CHUNK = 4 * 1024 * 1024


@dataclass(frozen=True)
class Registry:
    """All entries by name, and the folders their files are looked for in.

    ``own`` is the user's registry file beside the shipped one (setting ``RESTORATION_MODEL_REGISTRY``), whether it is
    there yet or not; ``own_names`` are the models that came from it.
    """

    entries: Mapping[str, ModelEntry]
    folder: Path
    model_dir: Path
    own: Path | None = None
    own_names: frozenset[str] = frozenset()
    _verified: dict[tuple[str, int, int], str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, path: Path | None = None, *, settings: Settings | None = None) -> Registry:
        """Read the registry that ships, or another file of the same form, and the user's own beside it.

        Relative ``packaged:`` and ``file:`` sources are looked up beside the file that holds the entry.

        :raises ModelError: unreadable or malformed file, naming the entry and the field; or the user's own file has a
            name that the shipped one has.
        """
        path = path or REGISTRY_FILE
        settings = settings or get_settings()
        shipped = read_entries(path)
        own = settings.model_registry.expanduser() if settings.model_registry else None
        # a file that is not there is one to which nothing was added yet; what is missing then is said by entry()
        added = read_entries(own) if own and own.exists() else {}
        if own:
            check_own(added, shipped, own)
        return cls({**shipped, **added}, path.parent, settings.model_dir.expanduser(), own, frozenset(added))

    def __iter__(self) -> Iterator[ModelEntry]:
        return iter(self.entries.values())

    def entry(self, name: str) -> ModelEntry:
        """The entry of that name, retired or not.

        :raises ModelError: unknown name (MODEL_UNKNOWN), with the names there are.
        """
        try:
            return self.entries[name]
        except KeyError:
            known = ", ".join(sorted(self.entries)) or "none"
            absent = f"; your own, {self.own}, is not there" if self.own and not self.own.exists() else ""
            raise ModelError(
                f"there is no model {name!r}; the registry has {known}{absent}", reason=ReasonCode.MODEL_UNKNOWN
            ) from None

    def entry_for_run(self, name: str) -> ModelEntry:
        """The entry of that name, for new work.

        :raises ModelError: unknown name (MODEL_UNKNOWN).
        :raises ModelRetired: it may not be used for new work; with the reason.
        """
        entry = self.entry(name)
        if entry.retired:
            raise ModelRetired(
                f"model {name!r} {entry.version} was retired: {entry.retired}; name its successor in the recipe "
                "(what it made stays as it is)"
            )
        return entry

    def location(self, entry: ModelEntry) -> Path | None:
        """Where the entry's file belongs on this machine, present or not; None if its distribution is not installed."""
        rest = entry.source.split(":", 1)[1]
        if entry.source_kind in {"packaged", "file"}:
            folder = self.own.parent if self.own and entry.name in self.own_names else self.folder
            return folder / Path(rest).expanduser()
        if entry.source_kind == "carried":
            return _carried(rest)
        return self.model_dir / f"{entry.sha256}{PurePosixPath(rest.split('?')[0]).suffix}"

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


def check_own(added: Mapping[str, ModelEntry], shipped: Mapping[str, ModelEntry], own: Path) -> None:
    """Refuse a registry of one's own that would change what a shipped name means, or that ships nothing itself.

    :raises ModelError: such a name, or a ``packaged:`` source (MODEL_CORRUPT).
    """
    for name, entry in added.items():
        if name in shipped:
            raise ModelError(
                f"{own.name} has a model {name!r}, which this project ships (version {shipped[name].version}); records "
                f"would not tell the two apart: give yours another name, such as {name}-{entry.version}",
                reason=ReasonCode.MODEL_CORRUPT,
            )
        if entry.source_kind == "packaged":
            raise ModelError(
                f"{own.name}, model {name!r}, source: packaged: is for models that this project ships; write file:",
                reason=ReasonCode.MODEL_CORRUPT,
            )


def own_registry_path(settings: Settings) -> Path:
    """The user's own registry file, which may not be there yet.

    :raises SettingsError: the setting is empty.
    """
    if settings.model_registry is None:
        raise SettingsError("set RESTORATION_MODEL_REGISTRY to the file that your own models are to be kept in")
    return settings.model_registry.expanduser()


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes, lower-case hexadecimal, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


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
