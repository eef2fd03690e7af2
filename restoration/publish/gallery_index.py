"""The gallery's index: what layout, filters and links need of every photograph, at some fifteen bytes each.

Columns instead of objects, because ten thousand photographs come in one file before anything is drawn: titles and
pictures come later, in small shards, as a visitor scrolls.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from restoration.errors import PhotoState, ReasonCode
from restoration.publish.photos import ArchivedPhoto

PHOTOS_PER_INDEX = 10_000

GROUPS = {
    "restored": "r",
    "awaiting": "a",
    "original": "o",
    "failed": "f",
    "left_out": "l",
    "pending": "p",
    "withdrawn": "w",
}
"""Groups that a visitor can filter by, with the letter that stands for each in the index."""

ALTERED, COLOURED, OWN_COLOURS, GRAY, FACES = (1 << bit for bit in range(5))
"""What is known of a picture, as bits; the browser reads the same ones."""

_FLAG_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"
_FAILED = frozenset({PhotoState.REJECTED, PhotoState.QUARANTINED})
_UNFINISHED = frozenset({PhotoState.PENDING, PhotoState.QUEUED, PhotoState.RESTORING})
_YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")


def group_of(photo: ArchivedPhoto) -> str:
    """Which of :data:`GROUPS` a photograph belongs to."""
    if photo.shown_as == "original":
        return "awaiting" if photo.reason == ReasonCode.AWAITING_REVIEW else "original"
    if photo.shown_as != "listed":
        return photo.shown_as
    state = photo.record.get("state")
    if state in _FAILED:
        return "failed"
    return "pending" if state in _UNFINISHED else "left_out"


def year_of(text: Any) -> int:
    """The first year that a date names (``about 1950``, ``1908-1961``), 0 where it names none."""
    found = _YEAR.search(str(text or ""))
    return int(found.group()) if found else 0


def size_of(photo: ArchivedPhoto) -> tuple[int, int] | None:
    """Width and height of the picture that is shown, in pixels of the result; None where there is no picture."""
    if photo.shown_as not in ("restored", "original"):
        return None
    output = photo.record["output"]
    width, height = output.get("width"), output.get("height")
    return (int(width), int(height)) if width and height else (1, 1)


def flags_of(photo: ArchivedPhoto) -> int:
    """What is known of the picture that is shown, as bits."""
    if size_of(photo) is None:
        return 0
    flags = _colours(photo)
    if photo.shown and photo.record.get("ai_altered"):
        flags |= ALTERED
    if photo.record.get("faces"):
        flags |= FACES
    return flags


def _colours(photo: ArchivedPhoto) -> int:
    steps = {step.get("step"): step for step in photo.record.get("steps") or []}
    coloured = steps.get("colorize") or {}
    kind = ((steps.get("triage") or {}).get("detail") or {}).get("kind")
    if photo.shown and coloured.get("status") == "applied":
        return COLOURED
    if kind == "colour" or coloured.get("reason") == ReasonCode.ALREADY_COLOUR:
        return OWN_COLOURS
    return GRAY if steps else 0


@dataclass
class IndexColumns:
    """Columns of up to :data:`PHOTOS_PER_INDEX` photographs, in the archive's order."""

    names: list[int] = field(default_factory=list)
    ratios: list[int] = field(default_factory=list)
    years: list[int] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def add(self, photo: ArchivedPhoto) -> None:
        """Note one photograph."""
        size = size_of(photo)
        self.names.append(photo.photo_id)
        self.ratios.append(max(1, round(100 * size[0] / size[1])) if size else 0)
        self.years.append(year_of((photo.record.get("dublin_core") or {}).get("date")))
        self.groups.append(GROUPS[group_of(photo)])
        self.flags.append(_FLAG_LETTERS[flags_of(photo)])

    @property
    def full(self) -> bool:
        """Whether the next photograph belongs to another file."""
        return len(self.names) >= PHOTOS_PER_INDEX

    def value(self) -> dict[str, Any]:
        """JSON-able. ``names`` holds each number's difference to the one before; ``ratios`` are width to height in
        percent, 0 where there is no picture; ``years`` are 0 where unknown; ``groups`` and ``flags`` have one letter a
        photograph.
        """
        return {
            "names": [number - before for number, before in zip(self.names, [0, *self.names], strict=False)],
            "ratios": self.ratios,
            "years": self.years,
            "groups": "".join(self.groups),
            "flags": "".join(self.flags),
        }
