"""Colours of a photograph that people gave: the catalog's record of hints, as provenance, labels and pages need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from restoration.colour_hints import HintGround
from restoration.colour_words import ColourWord, colour_word
from restoration.publish.filled import Box

Point = tuple[float, float]


@dataclass(frozen=True)
class GivenColour:
    """One hint that the restoration was painted by.

    ``place`` is a point, about which a dab of ``radius`` (a share of the longer side) is meant, or the corners of an
    area; x and y are shares of the picture's width and height. ``what`` has that colour, and may be empty. ``said_by``
    and ``source``, the ground in words, are empty unless they may be published.
    """

    hint_id: int
    place: tuple[Point, ...]
    radius: float
    colour: str
    what: str
    ground: HintGround
    added_at: str
    said_by: str = ""
    source: str = ""
    said_on: str = ""

    @property
    def word(self) -> ColourWord:
        """The colour in one word."""
        return colour_word(self.colour)

    @property
    def where(self) -> str:
        """The place as people write it: ``0.42,0.61``, and for an area all corners."""
        return "; ".join(f"{x:g},{y:g}" for x, y in self.place)

    def box(self, width: int, height: int) -> Box:
        """The box round its place in a picture of that many pixels: left, top, width and height as shares."""
        beside, below = (0.0, 0.0)
        if len(self.place) == 1:
            beside, below = (self.radius * max(width, height) / side for side in (width, height))
        left, top = (max(0.0, min(point[axis] for point in self.place) - (beside, below)[axis]) for axis in (0, 1))
        right, bottom = (min(1.0, max(point[axis] for point in self.place) + (beside, below)[axis]) for axis in (0, 1))
        return left, top, right - left, bottom - top

    def facts(self) -> dict[str, Any]:
        """As provenance tells it: every fact that there is."""
        told = {**vars(self), "place": [list(point) for point in self.place], "word": str(self.word)}
        return {name: value for name, value in told.items() if value != ""}


def given_of(record: dict[str, Any]) -> tuple[GivenColour, ...]:
    """The colours that people gave and the restoration was painted by, in the order in which they were given."""
    return tuple(_given(hint) for hint in record.get("hints") or [])


def _given(hint: dict[str, Any]) -> GivenColour:
    place = tuple((float(x), float(y)) for x, y in hint["place"])
    return GivenColour(**{**hint, "place": place, "ground": HintGround(hint["ground"])})
