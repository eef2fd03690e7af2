"""Scans that show several photographs, parted into files of their own, with a record by which that can be done again.

A part keeps the samples, the profile, the resolution and the embedded words of its scan. ``parts.json`` names each
scan by its sha256 and says where each part was, so that the same boxes, or corrected ones, can be cut again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from restoration import __version__
from restoration.engine.outputs import find_photographs, write_atomically
from restoration.errors import PhotoRejected, ReasonCode, StorageError, UsageError
from restoration.names import page_sha256
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

    ``source`` is the name of the photograph: that of its file, ``album.tif#2`` of a further page. ``problem`` is why it
    could not be read; empty otherwise.
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
    file: str = ""
    page: int = 1


@dataclass(frozen=True)
class Splitting:
    """Parts a scan, or a folder of them, into another folder.

    :param given: what is on which scan, by the scan's sha256 (a further page's is :func:`page_sha256`), instead of what
        is found there.
    :param max_pages: photographs that one file may hold.
    """

    source: Path
    target: Path
    decoder: Decoder
    by: str = ""
    given: Mapping[str, Found] | None = None
    max_pages: int = 500

    def plan(self) -> Iterator[tuple[Parting, Picture | None]]:
        """What is on each scan, page by page, and its pixels (None of one that cannot be read); nothing is written.

        :raises UsageError: there is no such file or folder.
        """
        taken: set[str] = set()
        for name in self._scans():
            data = self._read(name)
            count = max(1, self.decoder.pages(data, name))
            for page in range(1, min(count, self.max_pages) + 1):
                yield self._planned(name, data, page, taken)
            if count > self.max_pages:
                most = f"{self.max_pages} are allowed (RESTORATION_MAX_PAGES)"
                text = f"has {count} pages, and {most}: the others were not read"
                error = PhotoRejected(text, reason=ReasonCode.TOO_LARGE, photo=name)
                yield Parting(f"{name}#{self.max_pages + 1}", problem=str(error)), None

    def _planned(self, file: str, data: bytes, page: int, taken: set[str]) -> tuple[Parting, Picture | None]:
        name = file if page == 1 else f"{file}#{page}"
        try:
            picture = self.decoder.decode(data, file, page)
        except PhotoRejected as error:
            text = str(error) if page == 1 else f"page {page} of {error}"
            return Parting(name, problem=text), None
        digest = page_sha256(hashlib.sha256(data).hexdigest(), page)
        found = self.given.get(digest) if self.given is not None else photographs_on(picture.pixels)
        parting = Parting(name, digest, picture.width, picture.height, file=file, page=page)
        return (parting if found is None else _parted(parting, picture, found, taken)), picture

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
        data = self._read(parting.file)
        if page_sha256(hashlib.sha256(data).hexdigest(), parting.page) != parting.sha256:
            raise UsageError(f"{parting.file} was changed while it was being split; start again")
        paths = [self.target / name for name in parting.names]
        there = [path for path in paths if path.exists()]
        if there:
            raise UsageError(f"{there[0]} exists already; nothing is written over")
        told = []
        found = parting.found
        assert found is not None  # noqa: S101 - for the type checker: only what was found has parts
        for path, name, box, part in zip(paths, parting.names, parting.boxes, found.parts, strict=True):
            place = (box.x, box.y, box.width, box.height, box.angle)
            file = self.decoder.cut(data, parting.file, place, parting.page)
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
        return find_photographs(self.source, self.target).photographs

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


def _parted(parting: Parting, picture: Picture, found: Found, taken: set[str]) -> Parting:
    names = _names(parting.file, parting.page, len(found.parts), taken)
    boxes = tuple(pixel_box(part, parting.height, parting.width) for part in found.parts)
    return replace(parting, found=found, names=names, boxes=boxes, embedded=picture.info.embedded)


def _names(file: str, page: int, count: int, taken: set[str]) -> tuple[str, ...]:
    """``scan-1.tif`` and so on, ``scan-p2-1.tif`` of page 2; ``scan.jpg-1.tif`` if another scan's parts have these."""
    path = PurePosixPath(file)
    which = "" if page == 1 else f"-p{page}"
    for stem in (path.stem, path.name):
        names = tuple(path.with_name(f"{stem}{which}-{number}.tif").as_posix() for number in range(1, count + 1))
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
    page = {} if parting.page == 1 else {"file": parting.file, "page": parting.page}
    return {"source": parting.source, "sha256": parting.sha256, **page, **size, "arrangement": arrangement, **words}
