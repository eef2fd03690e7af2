"""Scans that show several photographs, parted into files of their own, with a record by which that can be done again.

A part keeps the samples, the profile, the resolution and the embedded words of its scan. ``parts.json`` names each
scan by its sha256 and says where each part was, so that the same boxes, or corrected ones, can be cut again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from restoration import __version__
from restoration.engine.outputs import find_photographs, write_atomically
from restoration.errors import PhotoRejected, StorageError, UsageError
from restoration.photo.outline.cutting import PixelBox, pixel_box
from restoration.photo.outline.several import Found, photographs_on

if TYPE_CHECKING:
    from restoration.photo.decode import Decoder
    from restoration.photo.picture import Picture

RECORD = "parts.json"
SHEETS = "sheets"


@dataclass(frozen=True)
class Parting:
    """What was found on one scan: the parts' names and boxes; ``found`` is None of a scan that shows one photograph.

    ``problem`` is why the scan could not be read; empty otherwise.
    """

    source: str
    sha256: str = ""
    width: int = 0
    height: int = 0
    found: Found | None = None
    names: tuple[str, ...] = ()
    boxes: tuple[PixelBox, ...] = ()
    embedded: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Splitting:
    """Parts a scan, or a folder of them, into another folder.

    :param given: what is on which scan, by the scan's sha256, instead of what is found there.
    """

    source: Path
    target: Path
    decoder: Decoder
    by: str = ""
    given: Mapping[str, Found] | None = None

    def plan(self) -> Iterator[tuple[Parting, Picture | None]]:
        """What is on each scan, and its pixels (None of one that cannot be read); nothing is written.

        :raises UsageError: there is no such file or folder.
        """
        taken: set[str] = set()
        for name in self._scans():
            data = self._read(name)
            try:
                picture = self.decoder.decode(data, name)
            except PhotoRejected as error:
                yield Parting(name, problem=str(error)), None
                continue
            digest = hashlib.sha256(data).hexdigest()
            found = self.given.get(digest) if self.given is not None else photographs_on(picture.pixels)
            yield _parting(name, digest, picture, found, taken), picture

    def check(self) -> None:
        """Make sure that nothing that is there already would be written over.

        :raises UsageError: the target holds a record, or lies where the scans lie.
        """
        if (self.target / RECORD).exists():
            raise UsageError(f"{self.target / RECORD} exists already; split into another folder")
        if self.source.is_dir() and self.source.resolve() == self.target.resolve():
            raise UsageError("the parts must go into another folder than the scans")

    def write(self, parting: Parting) -> list[dict[str, Any]]:
        """Write the parts of one scan; what the record says of them.

        :raises UsageError: one of the files exists already, or the scan was changed meanwhile.
        :raises StorageError: the file system refused.
        """
        data = self._read(parting.source)
        if hashlib.sha256(data).hexdigest() != parting.sha256:
            raise UsageError(f"{parting.source} was changed while it was being split; start again")
        paths = [self.target / name for name in parting.names]
        there = [path for path in paths if path.exists()]
        if there:
            raise UsageError(f"{there[0]} exists already; nothing is written over")
        told = []
        found = parting.found
        assert found is not None  # noqa: S101 - for the type checker: only what was found has parts
        for path, name, box, part in zip(paths, parting.names, parting.boxes, found.parts, strict=True):
            file = self.decoder.cut(data, parting.source, (box.x, box.y, box.width, box.height, box.angle))
            write_atomically(path, file)
            told.append(_told(name, file, box) | part.as_detail())
        return told

    def record(self, written: list[tuple[Parting, list[dict[str, Any]]]]) -> None:
        """Write ``parts.json``: which scans were parted how, by which program, and who asked.

        :raises StorageError: the file system refused.
        """
        scans = [_scan_told(parting) | {"parts": parts} for parting, parts in written]
        body = {"software": f"archive-restoration {__version__}", "asked_by": self.by, "scans": scans}
        text = json.dumps(body, ensure_ascii=False, indent=1) + "\n"
        write_atomically(self.target / RECORD, text.encode())

    def _scans(self) -> list[str]:
        if self.source.is_file():
            return [self.source.name]
        if not self.source.is_dir():
            raise UsageError(f"there is no file or folder {self.source}")
        return find_photographs(self.source, self.target)[0]

    def _read(self, name: str) -> bytes:
        path = self.source if self.source.is_file() else self.source / name
        try:
            return path.read_bytes()
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error}") from error


def read_record(path: Path) -> dict[str, Found]:
    """What is on which scan, by the scan's sha256, as a ``parts.json`` says: written here, or corrected by a person.

    :raises UsageError: it is no such record.
    """
    try:
        scans = json.loads(path.read_text(encoding="utf-8"))["scans"]
        told = {scan["sha256"]: {"arrangement": scan["arrangement"], "photographs": scan["parts"]} for scan in scans}
        found = {digest: Found.from_detail(detail) for digest, detail in told.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no record of parts: {error}") from error
    return {digest: one for digest, one in found.items() if one is not None}


def sheet(picture: Picture, parting: Parting) -> bytes:
    """A small JPEG of a scan with its parts drawn and numbered, for a person to look at."""
    import cv2
    import numpy as np

    from restoration.photo.encode import preview_jpeg

    scale = min(1.0, 1200 / max(picture.height, picture.width))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    small = np.ascontiguousarray(cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA))
    for number, part in enumerate(parting.found.parts if parting.found else (), start=1):
        corners = part.corners(size[1], size[0])
        outline = np.rint(corners).astype(np.int32)
        cv2.polylines(small, [outline], True, (1.0, 1.0, 1.0), 5, cv2.LINE_AA)
        cv2.polylines(small, [outline], True, (0.85, 0.0, 0.1), 2, cv2.LINE_AA)
        at = (int(corners[:, 0].mean()) - 12, int(corners[:, 1].mean()) + 12)
        cv2.putText(small, str(number), at, cv2.FONT_HERSHEY_SIMPLEX, 1.4, (1.0, 1.0, 1.0), 7, cv2.LINE_AA)
        cv2.putText(small, str(number), at, cv2.FONT_HERSHEY_SIMPLEX, 1.4, (0.85, 0.0, 0.1), 3, cv2.LINE_AA)
    return preview_jpeg(np.asarray(small, np.float32), 1200)


def _parting(name: str, digest: str, picture: Picture, found: Found | None, taken: set[str]) -> Parting:
    height, width = picture.height, picture.width
    if found is None:
        return Parting(name, digest, width, height)
    names = _names(name, len(found.parts), taken)
    boxes = tuple(pixel_box(part, height, width) for part in found.parts)
    return Parting(name, digest, width, height, found, names, boxes, picture.info.embedded)


def _names(source: str, count: int, taken: set[str]) -> tuple[str, ...]:
    """``scan-1.tif`` and so on; ``scan.jpg-1.tif`` if another scan's parts have these names."""
    path = PurePosixPath(source)
    for stem in (path.stem, path.name):
        names = tuple(path.with_name(f"{stem}-{number}.tif").as_posix() for number in range(1, count + 1))
        if not taken & {name.casefold() for name in names}:
            break
    taken |= {name.casefold() for name in names}
    return names


def _told(name: str, file: bytes, box: PixelBox) -> dict[str, Any]:
    """What the record says of one part: its file, and its place in pixels of the upright scan."""
    pixels = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
    return {
        "file": name,
        "sha256": hashlib.sha256(file).hexdigest(),
        "pixels": pixels,
        "resampled": "turned straight, bicubic" if box.resampled else "no",
    }


def _scan_told(parting: Parting) -> dict[str, Any]:
    arrangement = parting.found.arrangement if parting.found else ""
    size = {"width": parting.width, "height": parting.height}
    words = {"embedded": dict(parting.embedded)} if parting.embedded else {}
    return {"source": parting.source, "sha256": parting.sha256, **size, "arrangement": arrangement, **words}
