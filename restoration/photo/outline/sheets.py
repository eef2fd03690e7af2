"""Rectangles that lie on an even ground: prints on a lid, a page, a card. Lengths are in pixels of a small copy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.outline.ground import Plane, reached

Mask = NDArray[np.bool_]
Points = NDArray[np.float64]

_LEAST = 0.055
"""Share of the long side that a print's short side takes at least."""
_OPENINGS = (0, 3, 7)
"""Sides of the squares by which hairs, corners and words are parted from prints; the first that does is taken."""
_LONGEST = 4.5
_OUT, _IN = (1.5, 2.5, 3.5, 5.0), (1.0, 2.0, 3.5, 5.0)
"""Distances from a side, in pixels, of which one shows ground outside, and one something else inside."""
_SEEN, _SEEN_SIDE = 0.8, 0.35
"""Share of a sheet's sides, and of each side, along which that is so."""
_EDGE = 4.0
"""A side so near the scan's own edge is not seen, and need not be;"""
_HIDDEN = 2
"""of so many sides at most."""
_FILLED = 0.6
"""Share of a sheet that is not of the ground's tone."""
_SMALLEST = 0.02
"""A sheet takes so much of the largest one's area at least."""
_TILED, _ONE_SIZE = 0.94, 1.08
"""Sheets that fill so much of the rectangle round them are of one size, the largest to the smallest, or one picture."""
_BESIDE, _LITTER = 12.0, 0.04
"""So far from all sheets no more than this share of the ground is hidden;"""
_SHOWN = 1.5
"""The tones of a print span so many tolerances: a window at night, a card or an envelope is of one."""
_LEFT_OVER = 0.2
"""and all that lies on it takes no more than this share of what the sheets take."""
_OCCUPIED = 0.3
"""A line of a piece belongs to its rectangle if so much of it is the piece's: words and corners stick out of it."""
_NARROW = 7
_NARROW_AWAY, _NARROW_STEP = 4.0, 3.0
"""A line of less than ``_NARROW`` pixels may be a gap that is no further from the ground than the first, and nearer to
it than both its sides by the second, in tolerances."""
_CAPPED = 8.0
_REACH = 5.0
_STEP = 0.8
"""A side is moved by so many pixels at most, to where the picture differs most from the ground (no more than
``_CAPPED`` tolerances count), if it steps there by so many."""
_LINE = 0.93
"""Share of a line across a sheet that is ground, from which it parts two prints."""


@dataclass(frozen=True)
class Sheet:
    """A rectangle: centre, sides, turn (degrees clockwise, -45..45), and the share of its sides that was seen."""

    x: float
    y: float
    width: float
    height: float
    angle: float
    seen: float = 0.0

    @property
    def area(self) -> float:
        """In square pixels."""
        return self.width * self.height

    def axes(self) -> tuple[Points, Points]:
        """Unit vectors along its width and along its height."""
        turn = np.deg2rad(self.angle)
        return np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])

    def holds(self, x: float, y: float) -> bool:
        """Whether a point is inside."""
        right, down = self.axes()
        away = np.array([x - self.x, y - self.y])
        return bool(abs(away @ right) < self.width / 2 and abs(away @ down) < self.height / 2)

    def as_box(self) -> tuple[tuple[float, float], tuple[float, float], float]:
        """As OpenCV names rotated rectangles."""
        return (self.x, self.y), (self.width, self.height), self.angle

    def cut(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """What a picture (H x W, or H x W x C) shows inside, turned straight."""
        wide, high = max(1, round(self.width)), max(1, round(self.height))
        right, down = self.axes()
        start = np.array([self.x - 0.5, self.y - 0.5]) - right * (wide - 1) / 2 - down * (high - 1) / 2
        affine = np.stack([right, down, start], axis=1)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpAffine(picture, affine, (wide, high), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
        )


def sheets_on(away: Plane) -> list[Sheet]:
    """The rectangles that lie on a ground; none if much else does.

    :param away: how far each pixel is from the ground's tone, below 1 where it may be ground.
    """
    away = _narrow_gaps(away)
    least = _LEAST * max(away.shape)
    there = ~reached(away)
    found = _outermost(
        [sheet for piece in _pieces(there, least) for sheet in _sheets_of(piece, away, least, _OPENINGS)]
    )
    taken = sum(sheet.area for sheet in found)
    if float(there.sum()) - taken > _LEFT_OVER * taken or _littered(there, found) or _crossed(found):
        return []
    return found


def _littered(there: Mask, sheets: list[Sheet]) -> bool:
    """Whether much lies on the ground away from the sheets, as it does on a lawn or round the windows of a house."""
    near = np.zeros(there.shape, np.uint8)
    for sheet in sheets:
        beside = replace(sheet, width=sheet.width + 2 * _BESIDE, height=sheet.height + 2 * _BESIDE)
        cv2.fillPoly(near, [np.rint(cv2.boxPoints(beside.as_box())).astype(np.int32)], 1)
    far = near == 0
    return float((there & far).sum()) > _LITTER * float(far.sum())


def _crossed(sheets: list[Sheet]) -> bool:
    """Whether sheets are one picture that something crosses: together a rectangle, not of one size as frames are."""
    if len(sheets) < 2:
        return False
    corners = np.concatenate([cv2.boxPoints(sheet.as_box()) for sheet in sheets])
    (_, _), (width, height), _ = cv2.minAreaRect(corners)
    areas = [sheet.area for sheet in sheets]
    return sum(areas) > _TILED * width * height and max(areas) > _ONE_SIZE * min(areas)


def _narrow_gaps(away: Plane) -> Plane:
    """``away`` with narrow lines that are nearly ground as ground: a gap of two pixels takes tone from both prints."""
    capped = np.minimum(away, _CAPPED)
    closed = cv2.morphologyEx(capped, cv2.MORPH_CLOSE, np.ones((_NARROW, _NARROW), np.uint8))
    gaps = (away > 1) & (away < _NARROW_AWAY) & (closed - capped > _NARROW_STEP)
    return np.where(gaps, np.float32(0.99), away)


def _outermost(sheets: list[Sheet]) -> list[Sheet]:
    """The sheets without those that lie inside another, or are tiny beside the largest."""
    kept: list[Sheet] = []
    least = _SMALLEST * max((sheet.area for sheet in sheets), default=0.0)
    for sheet in sorted(sheets, key=lambda one: -one.area):
        if sheet.area >= least and not any(other.holds(sheet.x, sheet.y) for other in kept):
            kept.append(sheet)
    return kept


def _pieces(there: Mask, least: float) -> Iterator[Mask]:
    """Connected pieces (H x W each) of a mask that are wide and high enough for a print."""
    labels, stats = (
        np.asarray(a) for a in cv2.connectedComponentsWithStats(there.astype(np.uint8), connectivity=4)[1:3]
    )
    for number, (_, _, width, height, area) in enumerate(stats[1:], start=1):
        if min(width, height) >= least and area >= least * least / 2:
            yield np.asarray(labels == number, np.bool_)


def _sheets_of(piece: Mask, away: Plane, least: float, openings: tuple[int, ...]) -> list[Sheet]:
    """The sheets that a piece is: itself, or what is left of it without hairs, words and corners, or parts of it."""
    side, rest = openings[0], openings[1:]
    found: list[Sheet] = []
    for part in [piece] if not side else list(_pieces(_opened(piece, side), least)):
        halves = _parted(part, away, least)
        both = [_sheets_of(half, away, least, openings) for half in halves] if len(halves) > 1 else []
        if both and all(both):
            found += [sheet for sheets in both for sheet in sheets]
            continue
        sheet = _judged(_settled(_rectangle(part), away), away)
        if sheet is not None:
            found.append(sheet)
        elif rest:
            found += _sheets_of(part, away, least, rest)
    return found


def _opened(piece: Mask, side: int) -> Mask:
    opened = cv2.morphologyEx(piece.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    return np.asarray(opened, np.uint8) > 0


def _rectangle(piece: Mask) -> Sheet:
    """The smallest rectangle round a piece, without what sticks out of it."""
    contours = cv2.findContours(piece.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    (x, y), (width, height), angle = cv2.minAreaRect(max(contours, key=cv2.contourArea))
    while abs(angle) > 45:
        width, height, angle = height, width, float(angle - np.copysign(90.0, angle))
    # outlines go through the middles of pixels
    round_about = Sheet(x + 0.5, y + 0.5, width + 1, height + 1, angle)
    inside = round_about.cut(piece.astype(np.float32))
    for axis in (0, 1):
        held = np.flatnonzero(inside.mean(axis=axis) > _OCCUPIED)
        if len(held) and (held[0] > 1 or held[-1] < inside.shape[1 - axis] - 2):
            round_about = _band(round_about, axis, float(held[0]), float(held[-1] + 1))
    return round_about


def _parted(piece: Mask, away: Plane, least: float) -> list[Mask]:
    """The pieces on both sides of the clearest gap that goes through a piece; the piece alone if there is none."""
    sheet = _rectangle(piece)
    inside = sheet.cut(away)
    for axis in (0, 1):
        line = _gap(inside if axis == 0 else inside.T, least)
        if line is not None:
            band = cv2.boxPoints(_band(sheet, axis, *line).as_box())
            rest = piece.astype(np.uint8)
            cv2.fillPoly(rest, [np.rint(band - 0.5).astype(np.int32)], 0)
            return list(_pieces(rest > 0, least))
    return [piece]


def _gap(plane: Plane, least: float) -> tuple[float, float] | None:
    """Where the clearest gap that goes through a plane from top to bottom starts and ends; None if none does."""
    width = plane.shape[1]
    inner = slice(int(least), width - int(least))
    if inner.stop <= inner.start:
        return None
    share = (plane < 1).mean(axis=0)
    at = int(np.argmax(share[inner])) + inner.start
    return (at, at + 1.0) if share[at] >= _LINE else None


def _band(sheet: Sheet, axis: int, start: float, stop: float) -> Sheet:
    """The part of a sheet between two places along its width (axis 0) or height (axis 1)."""
    direction = sheet.axes()[axis]
    whole = sheet.width if axis == 0 else sheet.height
    middle = (start + stop - whole) / 2
    x, y = sheet.x + middle * direction[0], sheet.y + middle * direction[1]
    sides = {"width" if axis == 0 else "height": float(stop - start)}
    return replace(sheet, x=float(x), y=float(y), **sides)


def _settled(sheet: Sheet, away: Plane) -> Sheet:
    """The sheet with each side where it steps most: a shadow beside a print is none of it."""
    shown = np.minimum(away, _CAPPED).astype(np.float32)
    moves = []
    for number in range(4):
        places, normal = _side(sheet, number)
        offsets = np.arange(-_REACH, _REACH + 0.1, 0.5)
        lines = np.stack([_between(shown, places + offset * normal) for offset in offsets])
        steps = np.median(lines[:-2] - lines[2:], axis=1)
        moves.append(float(offsets[1:-1][int(np.argmax(steps))]) if steps.max() > _STEP else 0.0)
    top, right, bottom, left = moves
    across, down = sheet.axes()
    middle = np.array([sheet.x, sheet.y]) + across * (right - left) / 2 + down * (bottom - top) / 2
    width, height = sheet.width + left + right, sheet.height + top + bottom
    return replace(sheet, x=float(middle[0]), y=float(middle[1]), width=width, height=height)


def _judged(sheet: Sheet, away: Plane) -> Sheet | None:
    """The sheet with the share of its sides that was seen; None if it is no print."""
    if max(sheet.width, sheet.height) > _LONGEST * min(sheet.width, sheet.height):
        return None
    inside = sheet.cut(away)
    shown = float(np.ptp(np.percentile(inside[::2, ::2], [5, 95])))
    if float((inside >= 1).mean()) < _FILLED or shown < _SHOWN:
        return None
    sides = [_side_seen(sheet, number, away) for number in range(4)]
    told = [side for side in sides if side is not None]
    if len(told) < 4 - _HIDDEN or min(told) < _SEEN_SIDE or float(np.mean(told)) < _SEEN:
        return None
    return replace(sheet, seen=float(np.mean(told)))


def _side(sheet: Sheet, number: int) -> tuple[Points, Points]:
    """Points (N x 2) along a side (top, right, bottom, left), and the unit normal outwards."""
    right, down = sheet.axes()
    normal, along, reach, length = (
        (-down, right, sheet.height / 2, sheet.width),
        (right, down, sheet.width / 2, sheet.height),
        (down, right, sheet.height / 2, sheet.width),
        (-right, down, sheet.width / 2, sheet.height),
    )[number]
    count = max(8, round(length))
    steps = ((np.arange(count) + 0.5) / count - 0.5) * (length - 4)
    # the middle of the first pixel lies half a pixel from the edge
    return np.array([sheet.x - 0.5, sheet.y - 0.5]) + reach * normal + steps[:, None] * along, normal


def _side_seen(sheet: Sheet, number: int, away: Plane) -> float | None:
    """Share of a side with ground outside and something else inside; None of a side that is the scan's own edge."""
    places, normal = _side(sheet, number)
    size = np.array([away.shape[1], away.shape[0]])
    at_edge = ((places < _EDGE) | (places > size - 1 - _EDGE)).any(axis=1)
    if at_edge.mean() > 0.5:
        return None
    outside = np.min([_at(away, places + distance * normal) for distance in _OUT], axis=0) < 1
    inside = np.max([_at(away, places - distance * normal) for distance in _IN], axis=0) >= 1
    return float((outside & inside)[~at_edge].mean())


def _at(plane: Plane, places: Points) -> Points:
    across = np.clip(np.rint(places[:, 0]).astype(np.intp), 0, plane.shape[1] - 1)
    down = np.clip(np.rint(places[:, 1]).astype(np.intp), 0, plane.shape[0] - 1)
    return np.asarray(plane[down, across], np.float64)


def _between(plane: Plane, places: Points) -> Points:
    """The plane's values between its pixels (N)."""
    across, down = places.astype(np.float32).T[:, :, None]
    values = cv2.remap(plane, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values, np.float64)[:, 0]
