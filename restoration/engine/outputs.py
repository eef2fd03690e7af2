"""Where a folder's restored photographs go: names that never collide, files that are never half written."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from restoration.errors import StorageError, UsageError
from restoration.not_scans import is_system_folder
from restoration.photo.magic import RAW_SUFFIXES

READ_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jls", ".png", ".tif", ".tiff", ".webp", ".bmp"),
        *(".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc", ".jph", ".jhc", ".jxl"),
        *(".heic", ".heif", ".hif", ".avif"),
    }
)
REFUSED_SUFFIXES = RAW_SUFFIXES | frozenset({".gif", ".svg", ".eps", ".pdf", ".psd", ".jxr", ".exr", ".hdr"})
"""Formats that are no scans this project reads; such files are reported as rejected, not passed over in silence."""

MASKS = "masks"
"""Folder, in the output folder, for masks: where a computer filled the picture of the same name."""

ACCESS = "access"
"""Folder, in the output folder, for access copies."""

_LONGEST_NAME = 200
"""Bytes; file systems allow 255, and a temporary name needs some."""


class Found(NamedTuple):
    """``photographs``: files named like pictures, as sorted relative POSIX paths; how many files are ``others``, and
    how many ``links`` lead to folders. These are not followed: they may lead round in a circle, or to the same scans.
    """

    photographs: list[str]
    others: int
    links: int


def find_photographs(folder: Path, leave_out: Path) -> Found:
    """Every file under ``folder`` that is named like a picture, and what was left out.

    Hidden files and folders, systems' own folders (:mod:`restoration.not_scans`), and everything under ``leave_out``
    (an output folder inside the input) are passed over.

    :raises StorageError: a folder cannot be read.
    """
    found: list[str] = []
    others = links = 0
    for root, folders, files in os.walk(folder, onerror=_unreadable):
        here = Path(root)
        folders[:] = sorted(f for f in folders if not _passed_over(here / f, leave_out))
        links += sum((here / name).is_symlink() for name in folders)
        for name in files:
            if name.startswith("."):
                continue
            if PurePosixPath(name).suffix.lower() in READ_SUFFIXES | REFUSED_SUFFIXES:
                found.append((here / name).relative_to(folder).as_posix())
            else:
                others += 1
    return Found(sorted(found), others, links)


def _unreadable(error: OSError) -> None:
    raise StorageError(f"cannot read the folder {error.filename}: {error.strerror}") from error


def _passed_over(folder: Path, leave_out: Path) -> bool:
    hidden = folder.name.startswith(".") or is_system_folder(folder.name)
    return hidden or folder.resolve() == leave_out.resolve()


def keep_out(source: Path, target: Path, *paths: Mapping[str, str]) -> None:
    """Make sure that no result lies among the scans, if their folder is one in the output folder.

    :param paths: where results go, relative to ``target``.
    :raises UsageError: one of these folders is the scans' own, or lies in it.
    """
    scans, results = source.resolve(), target.resolve()
    nested = results.is_relative_to(scans)  # such a folder is left out when photographs are looked for
    for folder in sorted({(target / path).parent for mapping in paths for path in mapping.values()}):
        place = folder.resolve()
        if place.is_relative_to(scans) and not (nested and place.is_relative_to(results)):
            raise UsageError(f"results would be written to {folder}, among the scans; choose another output folder")


def assign_outputs(sources: Iterable[str], previous: Mapping[str, str], ending: str = ".png") -> dict[str, str]:
    """An output path for each source, all different even where letter case and Unicode form do not count.

    ``photo.jpg`` gives ``photo.png``; where that is taken, ``photo.jpg.png``; where that is taken too, a name with part
    of the source path's hash. What an earlier run chose (``previous``: source to output) stays, if it has ``ending``.
    """
    sources = sorted(sources)
    chosen: dict[str, str] = {}
    taken: set[str] = set()
    for source in (*(s for s in sources if s in previous), *(s for s in sources if s not in previous)):
        earlier = (previous[source],) if previous.get(source, "").endswith(ending) else ()
        candidates = (*earlier, *_candidates(source, ending))
        output = next(c for c in candidates if _key(c) not in taken)
        taken.add(_key(output))
        chosen[source] = output
    return chosen


def taken_names(*paths: Mapping[str, str]) -> set[str]:
    """What :func:`page_output` and :func:`page_beside` keep clear of, and add to."""
    return {_key(path) for mapping in paths for path in mapping.values()}


def page_output(source: str, label: str, file_output: str, taken: set[str], ending: str = ".png") -> str:
    """An output path for a further photograph of a file: ``album-p2.png`` beside ``album.png``, ``bed-1.png`` for what
    was cut out of ``bed.tif``; another where that is taken.

    :param source: path of the file.
    :param label: which photograph it is (``p2``, ``1``, ``p2-1``).
    :param file_output: output path of its first photograph.
    """
    digest = hashlib.sha256(os.fsencode(source)).hexdigest()[:16]
    first, own = PurePosixPath(file_output), PurePosixPath(source)
    short = own.stem.encode("utf-8", "ignore")[:100].decode("utf-8", "ignore")
    stems = [stem for stem in (first.stem, own.name) if len(os.fsencode(stem)) + 16 <= _LONGEST_NAME]
    names = (first.with_name(f"{stem}-{label}{ending}") for stem in (*stems, f"{short}~{digest}"))
    output = next(str(name) for name in names if _key(str(name)) not in taken)
    taken.add(_key(output))
    return output


def page_beside(folder: str, output: str, ending: str, taken: set[str]) -> str:
    """A path for what lies beside a further page's output (its mask, its access copy), by that of the output."""
    path = f"{folder}/{PurePosixPath(output).with_suffix(ending)}"
    while _key(path) in taken:
        path = f"{folder}/{path}"
    taken.add(_key(path))
    return path


def assign_masks(outputs: Mapping[str, str]) -> dict[str, str]:
    """A path for each source's mask, by that of its output: ``masks/photo.png``; never the path of another output."""
    return _beside(MASKS, outputs, ".png")


def assign_access(outputs: Mapping[str, str], ending: str) -> dict[str, str]:
    """A path for each source's access copy, by that of its output: ``access/photo.jpg``; never that of an output."""
    return _beside(ACCESS, outputs, ending)


def _beside(folder: str, outputs: Mapping[str, str], ending: str) -> dict[str, str]:
    taken = {_key(output) for output in outputs.values()}
    chosen: dict[str, str] = {}
    for source in sorted(outputs):
        path = f"{folder}/{PurePosixPath(outputs[source]).with_suffix(ending)}"
        while _key(path) in taken:
            path = f"{folder}/{path}"
        taken.add(_key(path))
        chosen[source] = path
    return chosen


def _candidates(source: str, ending: str) -> tuple[str, str, str]:
    path = PurePosixPath(source)
    digest = hashlib.sha256(os.fsencode(source)).hexdigest()
    plain, full = path.with_suffix(ending), path.with_name(path.name + ending)
    stem = path.stem.encode("utf-8", "ignore")[:100].decode("utf-8", "ignore")
    hashed = path.with_name(f"{stem}~{digest[:16]}{ending}")
    long = len(os.fsencode(full.name)) > _LONGEST_NAME
    return (str(hashed),) * 3 if long else (str(plain), str(full), str(hashed))


def _key(path: str) -> str:
    """Equal for paths that some file system would take for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that its name never stands for half of it.

    :raises StorageError: the file system refused.
    """
    part = path.with_name(f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_and_rename(part, path, data)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error}") from error


def _write_and_rename(part: Path, path: Path, data: bytes) -> None:
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
