"""Damage of real photographs, marked by hand: strokes, polygons and dots in pixels of the file, with their kinds.

A marks file holds coordinates only, never a photograph; each photograph is named by its file and pinned by its SHA-256.
A pixel's centre has whole coordinates: ``[0, 0]`` is the middle of the first pixel. ``frame`` are polygons outside the
picture (mounts, film rebates, borders), ``unsure`` those where nobody could tell damage from drawing: neither counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.damage_kinds import DamageKind
from restoration.errors import UsageError

FORMAT = 1
SHAPES = {"stroke": 2, "polygon": 3, "dot": 1}
"""What a mark may be, and how many points it needs at least."""
LONGEST_SIDE = 65535

_FIXED = 4
"""Bits after the point: OpenCV draws to a sixteenth of a pixel."""
_SHA256 = re.compile(r"[0-9a-f]{64}")

Point = tuple[float, float]
Polygon = tuple[Point, ...]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class DamageMark:
    """One place: a ``stroke`` along its points, a filled ``polygon`` or a ``dot``; ``width`` in pixels."""

    kind: DamageKind
    shape: str
    points: Polygon
    width: float = 0.0


@dataclass(frozen=True)
class PhotoMarks:
    """Everything marked on one photograph. A photograph without damage has no ``marks``."""

    file: str
    sha256: str
    width: int
    height: int
    marks: tuple[DamageMark, ...] = ()
    frame: tuple[Polygon, ...] = ()
    unsure: tuple[Polygon, ...] = ()


def read_marks(path: Path) -> tuple[PhotoMarks, ...]:
    """The marks of every photograph in a file, in the file's order.

    :raises UsageError: it cannot be read, or is no marks file; the message says which photograph and which mark.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path} is no marks file: it is not JSON in UTF-8 ({error})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("photos"), list):
        raise UsageError(f'{path} is no marks file: it should hold "format": {FORMAT} and a list "photos"')
    photos = tuple(_photo(table, f"{path}, photograph {n}") for n, table in enumerate(content["photos"], 1))
    names = [photo.file for photo in photos]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{path} holds {', '.join(twice)} more than once; join their marks")
    return photos


def mask_of(marks: PhotoMarks, kinds: Collection[DamageKind]) -> Mask:
    """H x W: where damage of these kinds was marked. What is marked inside the frame is drawn too."""
    plane = np.zeros((marks.height, marks.width), np.uint8)
    for mark in marks.marks:
        if mark.kind in kinds:
            _draw(plane, mark)
    return plane > 0


def uncounted(marks: PhotoMarks) -> Mask:
    """H x W: what no score counts, because it is outside the picture or nobody could tell."""
    plane = np.zeros((marks.height, marks.width), np.uint8)
    for polygon in (*marks.frame, *marks.unsure):
        _fill(plane, polygon)
    return plane > 0


def _draw(plane: NDArray[np.uint8], mark: DamageMark) -> None:
    if mark.shape == "polygon":
        _fill(plane, mark.points)
        return
    # every pixel whose centre is at most half the width from the line, and never less than the line's own pixels
    radius = mark.width / 2
    for start, end in zip(mark.points, mark.points[1:] or mark.points, strict=False):
        _capsule(plane, np.array(start), np.array(end), radius)


def _capsule(plane: NDArray[np.uint8], start: NDArray[Any], end: NDArray[Any], radius: float) -> None:
    low = np.maximum(np.floor(np.minimum(start, end) - radius).astype(int), 0)
    high = np.ceil(np.maximum(start, end) + radius).astype(int) + 1
    rows, columns = slice(low[1], max(low[1], high[1])), slice(low[0], max(low[0], high[0]))
    part = plane[rows, columns]
    ys, xs = np.mgrid[low[1] : low[1] + part.shape[0], low[0] : low[0] + part.shape[1]]
    along = end - start
    length = float(along @ along)
    share = ((xs - start[0]) * along[0] + (ys - start[1]) * along[1]) / length if length else np.zeros(xs.shape)
    share = np.clip(share, 0, 1)
    distance = np.hypot(xs - start[0] - share * along[0], ys - start[1] - share * along[1])
    part[distance <= max(radius, 0.5)] = 1


def _fill(plane: NDArray[np.uint8], polygon: Polygon) -> None:
    corners = np.round(np.array(polygon) * (1 << _FIXED)).astype(np.int32)
    cv2.fillPoly(plane, [corners], 1, lineType=cv2.LINE_8, shift=_FIXED)


# -- reading ---------------------------------------------------------------------------------------------------------
def _photo(table: Any, where: str) -> PhotoMarks:
    values = _table(table, where)
    name, sha256 = values.get("file"), values.get("sha256")
    if not isinstance(name, str) or not name or "/" in name:
        raise UsageError(f'{where}: "file" should be the name of a file without folders, not {name!r}')
    where = f"{where} ({name})"
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise UsageError(f'{where}: "sha256" should be 64 hexadecimal digits in lower case, not {sha256!r}')
    width, height = (_side(values.get(side), f'{where}: "{side}"') for side in ("width", "height"))
    marks = _list(values.get("marks"), f'{where}: "marks"')
    outside = {
        key: tuple(
            _points(polygon, 3, (width, height), f'{where}: polygon {n} of "{key}"')
            for n, polygon in enumerate(_list(values.get(key, []), f'{where}: "{key}"'), 1)
        )
        for key in ("frame", "unsure")
    }
    read = tuple(_mark(mark, (width, height), f"{where}, mark {n}") for n, mark in enumerate(marks, 1))
    return PhotoMarks(name, sha256, width, height, read, outside["frame"], outside["unsure"])


def _mark(table: Any, size: tuple[int, int], where: str) -> DamageMark:
    values = _table(table, where)
    kind, shape = values.get("kind"), values.get("shape")
    if kind not in tuple(DamageKind):
        raise UsageError(f'{where}: "kind" should be one of {", ".join(DamageKind)}, not {kind!r}')
    if not isinstance(shape, str) or shape not in SHAPES:
        raise UsageError(f'{where}: "shape" should be one of {", ".join(SHAPES)}, not {shape!r}')
    points = _points(values.get("points"), SHAPES[shape], size, where)
    if shape == "dot" and len(points) != 1:
        raise UsageError(f"{where}: a dot has one point, not {len(points)}")
    if shape == "polygon":
        return DamageMark(DamageKind(kind), shape, points)
    width = values.get("width")
    if not _is_number(width) or not 0 < width <= max(size):
        raise UsageError(f'{where}: "width" should be above 0 and within the picture, not {width!r}')
    return DamageMark(DamageKind(kind), shape, points, float(width))


def _points(value: Any, least: int, size: tuple[int, int], where: str) -> Polygon:
    points = _list(value, f'{where}: "points"')
    if len(points) < least:
        raise UsageError(f"{where}: {len(points)} points are too few, at least {least} are needed")
    return tuple(_point(point, size, where) for point in points)


def _point(value: Any, size: tuple[int, int], where: str) -> Point:
    if not isinstance(value, list) or len(value) != 2 or not all(_is_number(item) for item in value):
        raise UsageError(f"{where}: a point should be [x, y] in pixels, not {value!r}")
    x, y = float(value[0]), float(value[1])
    if not (0 <= x <= size[0] and 0 <= y <= size[1]):
        raise UsageError(f"{where}: the point [{x:g}, {y:g}] is outside the picture of {size[0]} x {size[1]} pixels")
    return x, y


def _side(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LONGEST_SIDE:
        raise UsageError(f"{what} should be a whole number from 1 to {LONGEST_SIDE}, not {value!r}")
    return value


def _is_number(value: Any) -> TypeGuard[float]:
    # JSON as Python reads it also has NaN and infinities; comparing with the picture's size refuses those
    return isinstance(value, int | float) and not isinstance(value, bool)


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{where} should be a table of names and values, not {type(value).__name__}")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise UsageError(f"{what} should be a list, not {value!r}")
    return value
