"""Colours of a photograph that people gave: the catalog's record of hints, as provenance, labels and pages need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from restoration.colour_hints import HintGround, turned_place
from restoration.colour_words import ColourWord, colour_word
from restoration.publish.filled import Box
from restoration.publish.triaged import turned_of

Point = tuple[float, float]


@dataclass(frozen=True)
class GivenColour:
    """One hint that the restoration was painted by.

    ``place`` is a point, about which a dab of ``radius`` (a share of the longer side) is meant, or the corners of an
    area; x and y are shares of the scan's width and height, as it lies. ``what`` has that colour, and may be empty.
    ``said_by`` and ``source``, the ground in words, are empty unless they may be published. ``turned`` is by how many
    degrees counterclockwise the picture was turned against the scan.
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
    turned: int = 0

    @property
    def word(self) -> ColourWord:
        """The colour in one word."""
        return colour_word(self.colour)

    @property
    def where(self) -> str:
        """The place as people write it: ``0.42,0.61``, and for an area all corners."""
        return "; ".join(f"{x:g},{y:g}" for x, y in self.place)

    def box(self, width: int, height: int) -> Box:
        """The box round its place in the restored picture, of that many pixels: left, top, width, height as shares."""
        place = turned_place(self.place, self.turned)
        beside, below = (0.0, 0.0)
        if len(place) == 1:
            beside, below = (self.radius * max(width, height) / side for side in (width, height))
        left, top = (max(0.0, min(point[axis] for point in place) - (beside, below)[axis]) for axis in (0, 1))
        right, bottom = (min(1.0, max(point[axis] for point in place) + (beside, below)[axis]) for axis in (0, 1))
        return left, top, right - left, bottom - top

    def facts(self) -> dict[str, Any]:
        """As provenance tells it: every fact that there is."""
        told = {**vars(self), "place": [list(point) for point in self.place], "word": str(self.word)}
        return {name: value for name, value in told.items() if value != "" and (name, value) != ("turned", 0)}


def given_of(record: dict[str, Any]) -> tuple[GivenColour, ...]:
    """The colours that people gave and the restoration was painted by, in the order in which they were given."""
    return tuple(_given(hint, turned_of(record)) for hint in record.get("hints") or [])


def _given(hint: dict[str, Any], turned: int) -> GivenColour:
    place = tuple((float(x), float(y)) for x, y in hint["place"])
    return GivenColour(**{**hint, "place": place, "ground": HintGround(hint["ground"]), "turned": turned})
