"""The JSON of colours that people give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from restoration.catalog.hints import KnownHint, NewHint
from restoration.colour_hints import MOST_HINTS, ColourHint, HintGround
from restoration.review.signin import clean_name

MOST_AT_ONCE = 16
LONGEST_SUBJECT, LONGEST_SOURCE, LONGEST_DATE = 200, 1000, 100

_Corner = tuple[float, float]


class Hint(BaseModel):
    """A colour that holds for a photograph. ``outline``: one point, or the corners of an area, as shares of the scan's
    width and height from the top left; ``radius``: how far a point reaches, as a share of the longer side. ``shown``:
    whether the restored picture was painted by it; ``scan``: key of the scan that it was given for, which may be
    another one with the same bytes.
    """

    hint_id: int
    outline: list[_Corner]
    radius: float
    colour: str
    subject: str
    ground: HintGround
    source: str
    said_by: str
    said_on: str
    given_through: str
    added_by: str
    added_at: datetime
    shown: bool
    scan: str

    @classmethod
    def of(cls, known: KnownHint) -> Hint:
        """The hint as the catalog knows it."""
        return cls(
            hint_id=known.hint_id,
            outline=list(known.hint.outline),
            radius=known.hint.radius,
            colour=known.hint.colour,
            subject=known.subject,
            ground=known.ground,
            source=known.source,
            said_by=known.said_by,
            said_on=known.said_on,
            given_through=known.given_through,
            added_by=known.added_by,
            added_at=known.added_at,
            shown=known.shown,
            scan=known.object_key,
        )


class GivenHint(ColourHint):
    """A colour at a place, with what has it, who says so and from what; words may be left empty, names not."""

    ground: HintGround
    said_by: str
    subject: Annotated[str, Field(max_length=LONGEST_SUBJECT)] = ""
    source: Annotated[str, Field(max_length=LONGEST_SOURCE)] = ""
    said_on: Annotated[str, Field(max_length=LONGEST_DATE)] = ""

    def new(self) -> NewHint:
        """The hint as the catalog takes it.

        :raises Refusal: 400: nobody says so, or the name is too long.
        """
        return NewHint(
            hint=ColourHint(outline=self.outline, colour=self.colour, radius=self.radius),
            ground=self.ground,
            said_by=clean_name(self.said_by),
            subject=self.subject,
            source=self.source,
            said_on=self.said_on,
        )


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class GiveRequest(_Request):
    """Colours to put on record."""

    hints: Annotated[list[GivenHint], Field(min_length=1, max_length=MOST_AT_ONCE)]


class TakeBackRequest(_Request):
    """Why a hint no longer holds; may be empty."""

    reason: Annotated[str, Field(max_length=LONGEST_SOURCE)] = ""


class PreviewRequest(_Request):
    """Places and colours to try, beside those that hold."""

    hints: Annotated[list[ColourHint], Field(max_length=MOST_HINTS)]


class Hints(BaseModel):
    """The colours that hold for a photograph now."""

    hints: list[Hint]


class Colour(BaseModel):
    """A colour, and what had it when it was last given."""

    model_config = ConfigDict(from_attributes=True)
    colour: str
    subject: str


class Colours(BaseModel):
    """Colours that were given before, the last one first."""

    colours: list[Colour]


class Ready(BaseModel):
    """Whether previews are to be had."""

    previews: bool
