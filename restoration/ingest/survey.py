"""What lies in a folder of scans, as an ingest would see it, before anything is sent: nothing is decoded.

The same rules decide as in the bucket: which files are photographs, whose names are refused, what the columns of
``metadata.csv`` become. Beside that the first bytes of each scan are looked at, so that what is no picture, or a format
that is not read, is told by name while its giver is at hand.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from restoration.errors import PhotoRejected, ReasonCode, StorageError, UsageError
from restoration.ingest.hints_csv import HintsReport, read_hints
from restoration.ingest.names import HINTS_NAME, SIDECAR_NAME, NameCheck, ignored_kind
from restoration.ingest.sidecar import SidecarReport, read_sidecar
from restoration.ingest.tables import TableReport
from restoration.photo.magic import identify

_HEAD = 4096
"""Bytes by which a format is known."""
_BACKSLASH = "the name has a backslash, which S3 may take for a folder, and is not sent; rename the file"
_NO_TEXT = "the name is not UTF-8 and is not sent; rename the file (convmv names a whole folder anew)"


@dataclass(frozen=True)
class RefusedFile:
    """A file that would not be restored. One whose name S3 cannot have is not even sent."""

    name: str
    reason: ReasonCode
    detail: str


@dataclass
class Survey:
    """What was found. Names are relative to the folder, with slashes.

    ``others`` counts files that are no scans, by kind; ``elsewhere`` are files that were left out because they, or a
    folder above them, are links that lead out of the folder.
    """

    photographs: list[str] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    elsewhere: list[str] = field(default_factory=list)
    bytes: int = 0
    metadata: SidecarReport = field(default_factory=SidecarReport)
    hints: HintsReport = field(default_factory=HintsReport)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON output."""
        return {
            "photographs": len(self.photographs),
            "bytes": self.bytes,
            "refused": [vars(one) for one in self.refused],
            "others": dict(self.others),
            "elsewhere": self.elsewhere,
            "metadata": self.metadata.to_dict() if self.metadata.found else None,
            "hints": self.hints.to_dict() if self.hints.found else None,
        }


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder that is not hidden, by name; links that lead out of the folder are left out.

    :raises UsageError: there is no such folder, or nothing is in it.
    """
    files, _ = _files_and_links(folder)
    if not files:
        raise UsageError(f"{folder} holds no files; give the folder that holds the photographs")
    return files


def survey(folder: Path, *, max_bytes: int) -> tuple[Survey, list[Path]]:
    """Look through a folder; also returns the files that are to be sent, refused ones among them.

    Those are sent too: the catalog then knows of them, with their reason, until somebody brings a better file. Only
    what has a name that S3 cannot have is not.

    :param max_bytes: larger scans are refused (setting ``max_object_bytes``).
    :raises UsageError: there is no such folder, or no photograph is in it.
    :raises StorageError: a file or folder cannot be read.
    """
    files, links = _files_and_links(folder)
    found = Survey(elsewhere=[_shown(path.relative_to(folder).as_posix()) for path in links])
    check, names, sent = NameCheck(""), [], []
    for path in files:
        name = path.relative_to(folder).as_posix()
        unsendable = _unsendable(name)
        if unsendable:
            found.refused.append(RefusedFile(_shown(name), ReasonCode.UNSAFE_NAME, unsendable))
            continue
        sent.append(path)
        size = _size(path)
        kind = ignored_kind(name, "", size)
        if kind is not None:
            found.others[kind] += 1
            continue
        names.append(name)
        found.bytes += size
        refused = _refusal(path, name, size, check, max_bytes)
        if refused is None:
            found.photographs.append(name)
        else:
            found.refused.append(refused)
    if not names:
        raise UsageError(_nothing(folder, found, len(files)))
    _read_tables(folder, names, found)
    return found, sent


def _unsendable(name: str) -> str:
    """Why there can be no object of that name; empty if there can. Python has stand-ins (surrogates) for bytes that are
    no UTF-8; some stores take a backslash for a slash, so that one scan would take another one's place.
    """
    if any("\ud800" <= character <= "\udfff" for character in name):
        return _NO_TEXT
    return _BACKSLASH if "\\" in name else ""


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


def _nothing(folder: Path, found: Survey, count: int) -> str:
    more = f"; links that lead out of it were not followed ({found.elsewhere[0]})" if found.elsewhere else ""
    return f"{folder} holds no photographs (of {count} files none may be one{more})"


def _files_and_links(folder: Path) -> tuple[list[Path], list[Path]]:
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; give the folder that holds the photographs")
    root = folder.resolve()
    try:
        # links are not followed by rglob; one to a folder is an entry of its own
        entries = [path for path in sorted(folder.rglob("*")) if not _is_hidden(path, folder)]
        inside = [path for path in entries if path.is_file() and path.resolve().is_relative_to(root)]
        outside = [path for path in entries if path.is_symlink() and not path.resolve().is_relative_to(root)]
    except OSError as error:
        raise StorageError(f"cannot read the folder {error.filename}: {error.strerror}") from error
    return inside, outside


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _refusal(path: Path, name: str, size: int, check: NameCheck, max_bytes: int) -> RefusedFile | None:
    refusal = check.refusal(name)
    if refusal is not None:
        return RefusedFile(name, refusal.reason, refusal.detail)
    if size > max_bytes:
        text = f"{size} bytes, more than the {max_bytes} that settings allow (RESTORATION_MAX_OBJECT_BYTES)"
        return RefusedFile(name, ReasonCode.TOO_LARGE, text)
    try:
        identify(_head(path), name)
    except PhotoRejected as error:
        return RefusedFile(name, error.reason, error.message)
    return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_HEAD)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error


def _read_tables(folder: Path, names: list[str], found: Survey) -> None:
    metadata, hints = folder / SIDECAR_NAME, folder / HINTS_NAME
    if metadata.is_file():
        _, found.metadata = read_sidecar(metadata.read_bytes(), names, "")
    if hints.is_file():
        _, found.hints = read_hints(hints.read_bytes(), names, "")


def problems(report: TableReport) -> list[str]:
    """What of a table cannot be used, in words, a line each."""
    lines = [f"line {one.row}: {one.detail}" if one.row else one.detail for one in report.problems]
    unsaid = report.counts.total() - len(report.problems)
    return [*lines, f"and {unsaid} more"] if unsaid > 0 else lines
