"""Where an arched picture ends, or one with rounded corners: card, mat or mask in two neighbouring corners or in all.

In each such corner the card is one tone, and ends in a sharp step on a quarter of an upright ellipse that runs from one
edge into the next. Corners of one opening are alike. A backdrop ends in no such curve, a vignette in no step, and what
a single corner shows tells nothing: they are part of the picture. Luma is H x W in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.boxes import Box
from restoration.photo.outline.ellipse import Ellipse, Mask, Plane, Points, sampled

_SIDE = 512
"""Long side at which corners are looked for; lengths below are in pixels of it, unless they are shares."""
_LEAST_SIDE = 96
_SOFTNESS = 1.0
_PATCH = 4
_EVEN = (0.07, 0.035)
"""A pixel may be card that is no further from the corner's tone; the second for a picture of nearly the card's tone."""
_WINDOW = 0.6
"""Share of both sides in which a corner's card lies."""
_LEAST_RADIUS = 0.04
"""Share of the long side that an arc takes along either edge at least."""
_TANGENT = 0.03
"""An arc runs into the edges: it misses them by this share of the long side at most."""
_NEAR = 1.5
_FROM_EDGE = 3
_ON_ARC = 0.85
"""Share of the arc on which the card's outline lies,"""
_FILLED = 0.92
"""and of what lies outside it that is card;"""
_SPILLED = 0.06
"""card that lies inside the arc takes at most this share of what lies outside."""
_STEP = 0.07
_STEP_SHARE = 0.75
_SHARP = 0.6
"""Share of the change across ``_FAR`` pixels to either side that happens within ``_CLOSE``, by the median."""
_CLOSE, _FAR = 2.0, 8.0
_ALIKE, _ALIKE_PIXELS = 1.15, 6.0
"""Half axes of an opening's corners are alike up to this factor, and to so many pixels more,"""
_TONES_UNLIKE = 0.15
"""and their tones up to this difference."""
_ROUNDS = 6
_DIRECTIONS = 90
_TOGETHER = ((0, 1, 2, 3), (0, 1, 2), (1, 2, 3), (2, 3, 0), (3, 0, 1), (0, 1), (1, 2), (2, 3), (3, 0))
"""Corners that may be those of one opening. Of four a picture of the card's tone may hide one."""
_FLIPS = ((1, 1), (1, -1), (-1, -1), (-1, 1))
"""Down and across: what brings the top left, top right, bottom right and bottom left corner to the top left."""


@dataclass(frozen=True)
class Corner:
    """The arc that cuts a corner: ``x``, ``y`` its centre as shares of the scan's width and height from the corner,
    ``wide``, ``high`` its half axes as shares of the scan's long side.
    """

    x: float
    y: float
    wide: float
    high: float

    def cut(self, height: int, width: int) -> NDArray[np.float64]:
        """How far the card reaches in from the side, in pixels, of each row from the corner on."""
        side = max(height, width)
        centre_x, centre_y = self.x * width, self.y * height
        down = (centre_y - np.arange(height) - 0.5) / (self.high * side)
        arc = centre_x - self.wide * side * np.sqrt(np.clip(1 - down * down, 0, 1))
        return np.asarray(np.where(down > 0, np.maximum(arc, 0), 0), np.float64)


@dataclass(frozen=True)
class PictureCorners:
    """What card takes of a picture's corners: top left, top right, bottom right, bottom left; None where nothing."""

    corners: tuple[Corner | None, Corner | None, Corner | None, Corner | None]

    def box(self, height: int, width: int) -> Box:
        """Rows and columns of a scan of that size that hold the picture: all of them."""
        return slice(0, height), slice(0, width)

    def inside(self, height: int, width: int) -> Mask:
        """Where the picture is, H x W, by the middles of pixels."""
        where = np.zeros((height, width), bool)
        self.fill(where, self.box(height, width), value=True)
        return where

    def fill(self, where: Mask, box: Box, *, value: bool) -> None:
        """Set a mask of the scan (H x W) in place, inside the picture and a box of rows and columns alone."""
        rows, columns = box
        height, width = where.shape
        left, right = np.zeros(height), np.zeros(height)
        for corner, (down, across) in zip(self.corners, _FLIPS, strict=True):
            if corner is not None:
                cut = corner.cut(height, width)[::down]
                np.maximum(left, cut, out=left) if across > 0 else np.maximum(right, cut, out=right)
        first = np.maximum(np.ceil(left - 0.5).astype(np.int64), columns.start)
        last = np.minimum(np.floor(width - right - 0.5).astype(np.int64) + 1, columns.stop)
        for row in range(rows.start, rows.stop):
            where[row, first[row] : max(first[row], last[row])] = value

    def shrunk(self, share: float) -> PictureCorners:
        """The picture with its arcs further in by a share of the scan's long side."""
        top_left, top_right, bottom_right, bottom_left = (
            None if one is None else replace(one, wide=max(one.wide - share, 1e-4), high=max(one.high - share, 1e-4))
            for one in self.corners
        )
        return PictureCorners((top_left, top_right, bottom_right, bottom_left))

    def as_detail(self) -> list[dict[str, float] | None]:
        """Plain numbers: ``x``, ``y``, ``wide`` and ``high`` of each corner, as above, None where nothing is cut."""
        return [
            None if one is None else {"x": one.x, "y": one.y, "wide": one.wide, "high": one.high}
            for one in self.corners
        ]

    @classmethod
    def from_detail(cls, detail: list[Mapping[str, Any] | None]) -> PictureCorners:
        """The corners that :meth:`as_detail` gave."""
        top_left, top_right, bottom_right, bottom_left = (None if one is None else Corner(**one) for one in detail)
        return cls((top_left, top_right, bottom_right, bottom_left))


@dataclass(frozen=True)
class _Found:
    """An arc in pixels of the small picture, from its corner, and the card's tone."""

    arc: Ellipse
    tone: float


def picture_corners(luma: Plane, box: Box | None = None) -> PictureCorners | None:
    """The corners that card takes of a picture; None if it takes none, or only what tells nothing.

    :param luma: H x W, 0..1.
    :param box: rows and columns inside straight borders, where the card is looked for; None for all.
    """
    rows, columns = box or (slice(0, luma.shape[0]), slice(0, luma.shape[1]))
    own = luma[rows, columns]
    scale = min(1.0, _SIDE / max(own.shape))
    size = (max(1, round(own.shape[1] * scale)), max(1, round(own.shape[0] * scale)))
    if min(size) < _LEAST_SIDE:
        return None
    small = np.asarray(cv2.resize(own, size, interpolation=cv2.INTER_AREA), np.float32)
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), _SOFTNESS), np.float32)
    found = _alike([_corner(np.ascontiguousarray(small[::down, ::across])) for down, across in _FLIPS])
    if found is None:
        return None
    margins = (rows.start, columns.start, luma.shape[0] - rows.stop, luma.shape[1] - columns.stop)
    told = [
        None if one is None else _shares(one.arc, flip, scale, margins, luma.shape)
        for one, flip in zip(found, _FLIPS, strict=True)
    ]
    return PictureCorners((told[0], told[1], told[2], told[3]))


def _alike(found: list[_Found | None]) -> list[_Found | None] | None:
    """The corners of one opening, as many as show it, two neighbours at least; None if there are none."""
    for chosen in _TOGETHER:
        some = [one for number in chosen if (one := found[number]) is not None]
        if len(some) == len(chosen) and _of_one_opening(some):
            return [found[number] if number in chosen else None for number in range(4)]
    return None


def _of_one_opening(found: list[_Found]) -> bool:
    for values in ([one.arc.wide for one in found], [one.arc.high for one in found]):
        if max(values) > _ALIKE * min(values) + _ALIKE_PIXELS:
            return False
    tones = [one.tone for one in found]
    return max(tones) - min(tones) <= _TONES_UNLIKE


def _corner(small: Plane) -> _Found | None:
    """The arc that cuts the top left corner; None if there is none."""
    window = small[: int(_WINDOW * small.shape[0]), : int(_WINDOW * small.shape[1])]
    tone = float(np.median(window[:_PATCH, :_PATCH]))
    away = np.abs(window - np.float32(tone))
    for even in _EVEN:
        card = _card(away < even)
        arc = None if card is None else _arc(card, max(small.shape))
        if card is not None and arc is not None and _fits(arc, card) and _steps(arc, small):
            # the outline is where the tone leaves the card's, about a pixel outside of the middle of the step
            return _Found(replace(arc, wide=arc.wide - 1, high=arc.high - 1), tone)
    return None


def _card(even: Mask) -> Mask | None:
    """What is connected with the corner, its holes filled (lettering); None if it is nothing, or goes on and on."""
    labels = np.asarray(cv2.connectedComponents(even.astype(np.uint8), connectivity=4)[1])
    if not labels[1, 1]:
        return None
    card = (labels == labels[1, 1]).astype(np.uint8)
    if card[-1].any() or card[:, -1].any():
        return None
    contours = cv2.findContours(card, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    cv2.drawContours(card, contours, -1, 1, cv2.FILLED)
    return np.asarray(card > 0, np.bool_)


def _arc(card: Mask, side: int) -> Ellipse | None:
    """The upright ellipse on which the card ends, fitted again and again without what lies far from it."""
    contours = cv2.findContours(card.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    points = np.asarray(max(contours, key=cv2.contourArea), np.float64)[:, 0]
    points = points[(points >= 2).all(axis=1)]
    chosen, arc = np.ones(len(points), bool), None
    for _ in range(_ROUNDS):
        if chosen.sum() < _LEAST_RADIUS * side:
            return None
        arc = _upright(points[chosen])
        if arc is None or not _likely(arc, side):
            return None
        distance = np.abs(arc.of(points)[0])
        chosen = distance < max(_NEAR, 1.5 * float(np.median(distance[chosen])))
    return arc


def _upright(points: Points) -> Ellipse | None:
    """Least squares of a x^2 + b y^2 + c x + d y = 1; None if that is no ellipse."""
    scale = float(points.max())
    x, y = (points / scale).T
    (a, b, c, d), *_ = np.linalg.lstsq(np.stack([x * x, y * y, x, y], axis=1), np.ones(len(points)), rcond=None)
    if a == 0 or b == 0 or a * b <= 0:
        return None
    centre_x, centre_y = -c / (2 * a), -d / (2 * b)
    size = 1 + a * centre_x**2 + b * centre_y**2
    if size / a <= 0:
        return None
    return Ellipse(centre_x * scale, centre_y * scale, np.sqrt(size / a) * scale, np.sqrt(size / b) * scale, 0.0)


def _likely(arc: Ellipse, side: int) -> bool:
    """Whether it is large enough, and runs into both edges."""
    large = min(arc.x, arc.y, arc.wide, arc.high) >= _LEAST_RADIUS * side
    misses = max(abs(arc.x - arc.wide), abs(arc.y - arc.high))
    return bool(large and misses <= _TANGENT * side)


def _fits(arc: Ellipse, card: Mask) -> bool:
    """Whether the card is what lies outside the arc, and ends on it."""
    height, width = card.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    corner = (x < arc.x) & (y < arc.y)
    distance = np.full(card.shape, -np.inf)
    distance[corner] = arc.of(np.stack([x[corner], y[corner]], axis=1))[0]
    beyond = distance > 1
    if not beyond.any() or card[beyond].mean() < _FILLED:
        return False
    if (card & (distance < -_NEAR)).sum() > _SPILLED * beyond.sum():
        return False
    contours = cv2.findContours(card.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    points = np.concatenate([np.asarray(one, np.float64)[:, 0] for one in contours])
    away, angles = arc.of(points)
    hit = np.histogram(angles[np.abs(away) < _NEAR], _DIRECTIONS // 3, (-np.pi, -np.pi / 2))[0].repeat(3) > 0
    # where the arc runs into an edge no card is left between them
    held = (arc.at(_directions())[0] >= _FROM_EDGE).all(axis=1)
    return bool(held.any()) and float(hit[held].mean()) >= _ON_ARC


def _directions() -> Points:
    """Angles of the quarter that cuts the corner, evenly."""
    return np.asarray((np.arange(_DIRECTIONS) + 0.5) * (np.pi / 2 / _DIRECTIONS) - np.pi, np.float64)


def _steps(arc: Ellipse, small: Plane) -> bool:
    """Whether the tone steps along most of the arc, and at once."""
    places, normals = arc.at(_directions())
    held = (places >= _CLOSE * 2).all(axis=1)
    places, normals = places[held] - normals[held], normals[held]
    close = np.abs(sampled(small, places + _CLOSE * normals) - sampled(small, places - _CLOSE * normals))
    far = np.abs(sampled(small, places + _CLOSE * 2 * normals) - sampled(small, places - _FAR * normals))
    stepped = close > _STEP
    if not len(close) or float(stepped.mean()) < _STEP_SHARE:
        return False
    return float(np.median(close[stepped] / np.maximum(far[stepped], 1e-3))) >= _SHARP


def _shares(
    arc: Ellipse, flip: tuple[int, int], scale: float, margins: tuple[int, int, int, int], shape: tuple[int, ...]
) -> Corner:
    """An arc of the small picture as shares of the scan, from its corner. Margins: pixels, top, left, bottom, right."""
    top = margins[0] if flip[0] > 0 else margins[2]
    left = margins[1] if flip[1] > 0 else margins[3]
    side = max(shape)
    x, y = ((place + 0.5) / scale for place in (arc.x, arc.y))
    return Corner(
        round(float(left + x) / shape[1], 5),
        round(float(top + y) / shape[0], 5),
        round(float(arc.wide / scale) / side, 5),
        round(float(arc.high / scale) / side, 5),
    )
