"""Where photographs are that are cut out of a scan: the box of each, as numbers, as text, and as part of its identity.

A box is written as text in one way only, since a photograph's content is identified by it
(:func:`restoration.names.page_sha256`), and since the catalog holds a photograph to its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from restoration.errors import UsageError

GivenThrough = Literal["triage", "boxes", "recipe"]
"""Who says where they are: a person who took what triage had found, a person who gave boxes, or a run's recipe."""

Arrangement = Literal["", "prints_on_bed", "album_page", "stereo_card"]
"""How photographs lie on a scan; empty if nobody said."""

MOST_PARTS = 99
"""Photographs into which a scan may be divided."""
FIRST_CUT = 1_000_000
"""Photographs that are cut out of a page have such part numbers: this, 1,000 for each page, and their own number."""
MOST_NUMBERS = 999
"""Numbers that photographs of one page may get, of all decisions together."""
SURE = 0.95
"""Confidence of the least sure photograph from which a recipe may divide a scan without a person: of 60 beds made by
code 34 reached it, none with a wrong box; from 0.9 on 2 of 40 had one."""
_LEAST_UNASKED = 3
"""A run divides a scan of so many photographs or more; what shows two may be one thing."""
_LARGEST = 1.5
"""A side, as a share of the scan's long side: no more than its diagonal."""
_SMALLEST = 0.002
_DIGITS, _ANGLE_DIGITS = 5, 2


@dataclass(frozen=True)
class PartBox:
    """One photograph of a scan, in numbers that are rounded as they are written.

    ``x`` and ``y`` are its centre, as shares of the upright scan's width and height from the top left; ``width`` and
    ``height`` its sides, as shares of the scan's long side; ``angle`` its turn from upright, clockwise, in degrees.
    """

    x: float
    y: float
    width: float
    height: float
    angle: float = 0.0

    @property
    def text(self) -> str:
        """The five numbers with spaces between, the shares with five decimals and the angle with two."""
        shares = (self.x, self.y, self.width, self.height)
        return " ".join([*(f"{share:.{_DIGITS}f}" for share in shares), f"{self.angle:.{_ANGLE_DIGITS}f}"])


def make_box(x: float, y: float, width: float, height: float, angle: float = 0.0) -> PartBox:
    """The box of these numbers, rounded.

    :raises UsageError: its centre is not on the scan, a side is no size, or the angle is beyond a half turn.
    """
    numbers = (x, y, width, height, angle)
    sizes = _SMALLEST <= width <= _LARGEST and _SMALLEST <= height <= _LARGEST
    if not all(map(math.isfinite, numbers)) or not (0 <= x <= 1 and 0 <= y <= 1 and sizes and -180 < angle <= 180):
        said = ", ".join(f"{number:g}" for number in numbers)
        raise UsageError(
            f"no box of a photograph: {said}; write centre (0 to 1), sides ({_SMALLEST} to {_LARGEST} of the long side)"
            " and angle (degrees, above -180 to 180)"
        )
    # adding 0 makes -0 a plain 0
    x, y, width, height = (round(number, _DIGITS) + 0.0 for number in numbers[:4])
    return PartBox(x, y, width, height, round(angle, _ANGLE_DIGITS) + 0.0)


def read_box(text: str) -> PartBox:
    """The box that :attr:`PartBox.text` wrote.

    :raises UsageError: it is not written so.
    """
    try:
        box = make_box(*map(float, text.split(" ")))
    except (ValueError, TypeError) as error:
        raise UsageError(f"no box of a photograph: {text!r}") from error
    if box.text != text:
        raise UsageError(f"no box of a photograph: {text!r}; it is to be written {box.text!r}")
    return box


@dataclass(frozen=True)
class Layout:
    """How many photographs lie where on one scan, in the order in which they are to be numbered."""

    boxes: tuple[PartBox, ...]
    arrangement: Arrangement = ""


def make_layout(boxes: Iterable[PartBox], arrangement: str = "") -> Layout:
    """A layout that a scan may be divided by.

    :raises UsageError: there are none or too many boxes, one is there twice, or there is no such arrangement.
    """
    some = tuple(boxes)
    if arrangement not in get_args(Arrangement):
        raise UsageError(f"there is no arrangement {arrangement!r}")
    if not 1 <= len(some) <= MOST_PARTS:
        raise UsageError(f"a scan is divided into 1 to {MOST_PARTS} photographs, not {len(some)}")
    if len(set(some)) < len(some):
        raise UsageError("the same box is there twice")
    return Layout(some, arrangement)  # type: ignore[arg-type]  # looked up above


def layout_of_detail(detail: Mapping[str, Any]) -> Layout | None:
    """What triage's detail says (``arrangement``, ``photographs``); None if it says nothing of several photographs.

    :raises UsageError: it says it in another form.
    """
    parts = detail.get("photographs")
    if not parts:
        return None
    if not isinstance(parts, Sequence):
        raise UsageError(f"no list of photographs: {parts!r}")
    try:
        boxes = [make_box(*map(float, (*part["centre"], *part["size"], part["angle"]))) for part in parts]
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"no place of a photograph: {error!r}") from error
    return make_layout(boxes, str(detail.get("arrangement", "")))


def sure_layout(detail: Mapping[str, Any]) -> Layout | None:
    """What triage's detail says, if a run may divide the scan by it without a person; None otherwise.

    Every photograph must be sure, and there must be three or more of them on a scanner's lid: two pictures may be one
    thing (a memorial card with its names, a diptych, a stereo card), and what is written on a page between them would
    be lost.
    """
    photographs = detail.get("photographs")
    parts = photographs if isinstance(photographs, list) else []
    least = min((float(part.get("confidence", 0)) for part in parts), default=0.0)
    if least < SURE or len(parts) < _LEAST_UNASKED or detail.get("arrangement") != "prints_on_bed":
        return None
    return layout_of_detail(detail)


def read_boxes(path: Path) -> dict[str, Layout]:
    """How scans are to be divided, by the sha256 of their content, as a ``parts.json`` says (``restoration split``
    writes one, :mod:`restoration.engine.splitting`).

    :raises UsageError: it is no such file.
    """
    try:
        scans = json.loads(path.read_text(encoding="utf-8"))["scans"]
        told = {scan["sha256"]: {"arrangement": scan["arrangement"], "photographs": scan["parts"]} for scan in scans}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no record of parts: {error}") from error
    layouts = {digest: layout_of_detail(detail) for digest, detail in told.items()}
    return {digest: layout for digest, layout in layouts.items() if layout is not None}


def part_number(page: int, number: int) -> int:
    """``photo.part`` of the ``number``-th photograph that was cut out of a page."""
    return FIRST_CUT + 1000 * page + number
