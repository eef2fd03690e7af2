"""A registry of one's own beside the shipped one: entries are added and removed, all or nothing.

The file named by ``RESTORATION_MODEL_REGISTRY`` is written anew under a lock: a temporary file beside it, flushed to
the disk, takes its place in one rename. Whatever fails before that leaves the old bytes. Comments are not kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from restoration.errors import ModelError, ReasonCode, UsageError
from restoration.models.atomic import locked, replace_file
from restoration.models.entries import read_entries, toml_text
from restoration.models.files import REGISTRY_FILE, Registry, check_own, own_registry_path
from restoration.models.loading import check_file, require_architecture
from restoration.models.registry import ModelEntry
from restoration.settings import Settings

_HEADER = "# Kept by `restoration models add` and `restoration models remove`; comments are lost when they write.\n\n"
_LOCAL = frozenset({"file", "carried"})

Entries = dict[str, ModelEntry]


@dataclass(frozen=True)
class Added:
    """Names by what became of them: written anew, or found there with the same content already."""

    new: tuple[str, ...]
    known: tuple[str, ...]


def add(file: Path, settings: Settings) -> Added:
    """Merge all entries of a registry file into one's own; none of them, if one is wrong.

    Files that are on this machine are hashed and held against their architecture. Relative ``file:`` sources become
    absolute. An entry that is there already with the same content is left as it is.

    :raises ModelError: a malformed entry, a name that the project ships or that has another content, an unknown
        architecture, a file that is missing, not the pinned one or not its architecture's.
    :raises SettingsError: no registry of one's own is set.
    """
    own = own_registry_path(settings)
    wanted = {name: _absolute(entry, file.resolve().parent) for name, entry in read_entries(file).items()}
    if not wanted:
        raise ModelError(f"{file.name} has no [[models]] table", reason=ReasonCode.MODEL_CORRUPT)
    check_own(wanted, read_entries(REGISTRY_FILE), file)
    _check_files(wanted, settings)
    with _locked(own):
        there = _read(own)
        for name, entry in wanted.items():
            if name in there and there[name] != entry:
                raise ModelError(
                    f"{own} already has {name!r} (version {there[name].version}) with another content; remove it "
                    f"first with: restoration models remove {name}",
                    reason=ReasonCode.MODEL_CORRUPT,
                )
        new = tuple(name for name in wanted if name not in there)
        if new:
            _write(own, {**there, **wanted})
    return Added(new, tuple(name for name in wanted if name not in new))


def remove(name: str, settings: Settings) -> Path:
    """Take an entry out of one's own registry; its weights stay where they are. Returns the registry's path.

    :raises UsageError: it is a shipped model's name.
    :raises ModelError: no such entry (MODEL_UNKNOWN), or the registry cannot be read.
    :raises SettingsError: no registry of one's own is set.
    """
    own = own_registry_path(settings)
    with _locked(own):
        there = _read(own)
        if name not in there:
            if name in read_entries(REGISTRY_FILE):
                raise UsageError(f"{name!r} ships with this project and cannot be removed; recipes need not name it")
            known = ", ".join(there) or "none"
            raise ModelError(f"{own} has no model {name!r}; it has {known}", reason=ReasonCode.MODEL_UNKNOWN)
        _write(own, {key: entry for key, entry in there.items() if key != name})
    return own


def _absolute(entry: ModelEntry, folder: Path) -> ModelEntry:
    if entry.source_kind != "file":
        return entry
    return replace(entry, source=f"file:{folder / Path(entry.source.removeprefix('file:')).expanduser()}")


def _check_files(wanted: Entries, settings: Settings) -> None:
    """What can be checked now is checked now; what is still to be pulled is checked then, by its hash."""
    registry = Registry(wanted, Path("/"), settings.model_dir.expanduser())
    for name, entry in wanted.items():
        require_architecture(entry)
        if entry.source_kind in _LOCAL or registry.available(name):
            check_file(registry, entry)


def _read(own: Path) -> Entries:
    return read_entries(own) if own.exists() else {}


def _write(own: Path, entries: Entries) -> None:
    replace_file(own, (_HEADER + toml_text(entries)).encode())


@contextmanager
def _locked(own: Path) -> Iterator[None]:
    """Alone with the registry: another process waits. The lock's file stays, because removing it would let two in."""
    with locked(own.with_name(f".{own.name}.lock")):
        yield
