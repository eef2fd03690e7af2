"""Colours that somebody knows: where in a photograph, which colour, and on what ground.

A hint says "the dress was blue": a place of the scan, a colour, who says so and from what they know it. Place and
colour are what a colorizer is told (:class:`ColourHint`), and part of the recipe a photograph is restored with; the
rest is what people are told about it (:class:`HintGround` and the words in the catalog).

Only the hue and strength of the colour count: lightness stays the scan's own.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from restoration.errors import UsageError

Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Point = tuple[Share, Share]
"""x from the left and y from the top of the upright scan, as shares of its width and height."""

MOST_POINTS = 64
MOST_HINTS = 64
"""More hints a photograph are refused: from there on somebody paints by hand, which is another craft."""
LEAST_CORNERS = 3
SMALLEST_RADIUS, LARGEST_RADIUS = 0.002, 0.05
_LEAST_AREA = 1e-5
"""As a share of the picture: on a scan of 3000 pixels a square of ten."""
_DIGITS = 5


class HintGround(StrEnum):
    """From what somebody knows a colour. Mirrors the SQL type ``hint_ground``."""

    MEMORY = "memory"
    """Somebody remembers it."""
    WRITING = "writing"
    """A letter, a diary, a caption, a bill."""
    OBJECT = "object"
    """The thing itself is still there: a garment, a house, a medal."""
    PHOTOGRAPH = "photograph"
    """A colour photograph or a painting shows it."""
    RULE = "rule"
    """It was prescribed: uniforms, flags, school and club colours, liveries."""


class ColourHint(BaseModel):
    """A colour at a place.

    ``outline`` is one point, about which a dab of ``radius`` (a share of the longer side) is meant, or the three and
    more corners of an area. ``colour`` is sRGB as ``#rrggbb``, lower case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    outline: tuple[Point, ...]
    colour: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
    radius: Annotated[float, Field(ge=SMALLEST_RADIUS, le=LARGEST_RADIUS)] = 0.008

    @field_validator("outline")
    @classmethod
    def _is_point_or_area(cls, outline: tuple[Point, ...]) -> tuple[Point, ...]:
        if len(outline) != 1 and not LEAST_CORNERS <= len(outline) <= MOST_POINTS:
            raise ValueError(f"a place is one point, or an area of {LEAST_CORNERS} to {MOST_POINTS} corners")
        rounded = tuple((round(x, _DIGITS), round(y, _DIGITS)) for x, y in outline)
        if len(rounded) > 1 and _area(rounded) < _LEAST_AREA:
            raise ValueError("the corners enclose no area; give them in their order round it, or a single point")
        return rounded

    @field_validator("radius")
    @classmethod
    def _is_rounded(cls, radius: float) -> float:
        return round(radius, _DIGITS)

    @property
    def is_area(self) -> bool:
        """Whether it speaks of an area, not of a dab."""
        return len(self.outline) > 1


def turned_hint(hint: ColourHint, turn: int) -> ColourHint:
    """The hint as it lies in a picture that was turned counterclockwise by 0, 90, 180 or 270 degrees."""
    outline = turned_place(hint.outline, turn)
    return hint if outline is hint.outline else hint.model_copy(update={"outline": outline})


def turned_place(place: tuple[Point, ...], turn: int) -> tuple[Point, ...]:
    """Points as they lie in a picture that was turned counterclockwise by 0, 90, 180 or 270 degrees."""
    for _ in range(turn % 360 // 90):
        place = tuple((y, round(1 - x, _DIGITS)) for x, y in place)
    return place


def _area(corners: tuple[Point, ...]) -> float:
    """Area of a polygon, by the shoelace formula."""
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, (*corners[1:], corners[0]), strict=True))) / 2


_NUMBER = r"([0-9]+(?:\.[0-9]+)?)\s*(%?)"
_PAIR = re.compile(rf"\s*{_NUMBER}\s*,\s*{_NUMBER}\s*")


def parse_place(text: str) -> tuple[Point, ...]:
    """Read a place as people write it: ``0.42,0.61`` or ``42%,61%``; corners of an area are separated by ``;``.

    :raises UsageError: it is no point, or lies outside the photograph.
    """
    points = []
    for part in text.split(";"):
        found = _PAIR.fullmatch(part)
        if not found:
            raise UsageError(
                f"{text!r} is no place; write x,y as shares of width and height (0.42,0.61 or 42%,61%), "
                "and the corners of an area with ; between them"
            )
        x, x_percent, y, y_percent = found.groups()
        points.append((float(x) / (100 if x_percent else 1), float(y) / (100 if y_percent else 1)))
    if any(value > 1 for point in points for value in point):
        raise UsageError(f"the place {text!r} lies outside the photograph; shares go from 0 to 1")
    return tuple(points)


def parse_colour(text: str) -> str:
    """Read ``#3B5BA9`` or ``3b5ba9`` as ``#3b5ba9``.

    :raises UsageError: it is no colour.
    """
    word = text.strip().lower().removeprefix("#")
    if not re.fullmatch(r"[0-9a-f]{6}", word):
        raise UsageError(f"{text!r} is no colour; write red, green and blue as #rrggbb, for instance #3b5ba9")
    return "#" + word


def parse_ground(text: str) -> HintGround:
    """Read from what somebody knows a colour.

    :raises UsageError: it is none of the five words.
    """
    try:
        return HintGround(text.strip().lower())
    except ValueError as error:
        raise UsageError(f"{text!r} is no ground; it is memory, writing, object, photograph or rule") from error


def make_hint(place: tuple[Point, ...], colour: str, radius: float | None = None) -> ColourHint:
    """A hint from parts that are already read.

    :raises UsageError: naming what is wrong with them.
    """
    try:
        if radius is None:
            return ColourHint(outline=place, colour=colour)
        return ColourHint(outline=place, colour=colour, radius=radius)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise UsageError(f"the hint's {where} is wrong: {problem['msg'].removeprefix('Value error, ')}") from error
