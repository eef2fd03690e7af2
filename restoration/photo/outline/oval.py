"""Where an oval picture ends: card, mat or mask round an opening that is an ellipse, whole or cut by the scan's edge.

The card is nearly one tone (it may shade evenly from corner to corner, and carry grain), holds all four corners, and
ends in a step along most of one upright ellipse that fills most of the scan. A vignette that fades into its paper has
no step, and a plate, a hat or a halo does not fill the scan: they are part of the picture. Luma is H x W in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.boxes import Box
from restoration.photo.outline.ellipse import Ellipse, Mask, Plane, Points, in_scan, sampled

_SIDE = 512
"""Long side at which ovals are looked for; lengths below are in pixels of it."""
_LEAST_SIDE = 96
_SOFTNESS = 1.0
_CORNER = 0.015
"""Share of the long side that is looked at in each corner."""
_CORNERS_UNLIKE = 0.2
"""The corners' tones differ by no more; between them the card's tone is taken as a plane."""
_EVEN = 0.07
"""A pixel may be card that is no further from the card's tone;"""
_EVENER = 0.035
"""no further than this, where that does not tell: a picture of nearly the card's tone in a smooth card."""
_EVEN_SHARE = 0.9
"""Share of what lies outside that is within ``_EVEN`` of the card's tone; the rest is lettering, ornament, dirt."""
_EDGE = 3
_ROUNDS = 8
_NEAR = 1.5
"""A point of the opening's outline this near the ellipse lies on it: heads and plates are no such good ellipses."""
_ON_ELLIPSE = 0.92
"""Share of the ellipse along which the outline lies on it, of where the picture's tone is not the card's,"""
_BLANK = 4.0
"""which is looked at so far inside;"""
_SEEN = 0.5
"""the same share of all of it that is inside the scan,"""
_ROUND_ABOUT = 0.15
"""and of each quarter of it;"""
_ARC = 0.55
"""and the share of the whole ellipse that is inside the scan."""
_DIRECTIONS = 360
_STEP = 0.07
_STEP_SHARE = 0.75
"""Share of the ellipse at which the tone steps, of where it changes at all."""
_SHARP = 0.6
"""Share of the change across ``_FAR`` pixels to either side that happens within ``_CLOSE``, by the median."""
_CLOSE, _FAR = 2.0, 8.0
_LINES = range(3, 11)
"""A line printed round the opening lies so far outside of it."""
_GAP_SHARE = 0.6
"""Share of the ellipse along which there is card between such a line and the picture."""
_LEAST_SPAN = 0.62
"""The ellipse takes so much of the scan's width and of its height,"""
_LARGEST = 1.5
"""is at most so many times as wide or high as the scan,"""
_OFF_CENTRE = 0.15
_TURNED = 6.0
"""lies about its middle, and stands upright up to this angle in degrees (a circle may be turned as it likes)."""
_ROUND = 0.06


@dataclass(frozen=True)
class PictureOval:
    """The ellipse a picture ends at.

    ``x`` and ``y`` are its centre, as shares of the scan's width and height from the top left; ``wide`` and ``high``
    its two half axes, as shares of the scan's long side; ``angle`` the turn of the first of them from the horizontal,
    clockwise, in degrees, -45..45.
    """

    x: float
    y: float
    wide: float
    high: float
    angle: float = 0.0

    def reach(self, height: int, width: int) -> tuple[float, float]:
        """How far the ellipse goes from its centre across and down, in pixels of a scan of that size."""
        turn, side = np.deg2rad(self.angle), max(height, width)
        across = np.hypot(self.wide * np.cos(turn), self.high * np.sin(turn)) * side
        down = np.hypot(self.wide * np.sin(turn), self.high * np.cos(turn)) * side
        return float(across), float(down)

    def box(self, height: int, width: int) -> Box:
        """Rows and columns of a scan of that size that hold the ellipse."""
        across, down = self.reach(height, width)
        middle_x, middle_y = self.x * width, self.y * height
        rows = slice(max(0, int(middle_y - down)), min(height, int(np.ceil(middle_y + down))))
        return rows, slice(max(0, int(middle_x - across)), min(width, int(np.ceil(middle_x + across))))

    def inside(self, height: int, width: int) -> Mask:
        """Where the picture is, H x W, by the middles of pixels; nothing of that size but the answer is held."""
        where = np.zeros((height, width), bool)
        self.fill(where, self.box(height, width), value=True)
        return where

    def fill(self, where: Mask, box: Box, *, value: bool) -> None:
        """Set a mask of the scan (H x W) in place, inside the ellipse and a box of rows and columns alone."""
        rows, columns = box
        first, last = self._columns(where.shape[0], where.shape[1])
        starts, stops = np.maximum(first, columns.start), np.minimum(last, columns.stop)
        for row in range(rows.start, rows.stop):
            where[row, starts[row] : max(starts[row], stops[row])] = value

    def shrunk(self, share: float) -> PictureOval:
        """The ellipse with both half axes shorter by a share of the scan's long side."""
        return replace(self, wide=max(self.wide - share, 1e-4), high=max(self.high - share, 1e-4))

    def as_detail(self) -> dict[str, Any]:
        """Plain numbers: ``centre``, ``axes`` (half axes) and ``angle``, as above."""
        return {"centre": [self.x, self.y], "axes": [self.wide, self.high], "angle": self.angle}

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> PictureOval:
        """The ellipse that :meth:`as_detail` gave."""
        (x, y), (wide, high) = detail["centre"], detail["axes"]
        return cls(x, y, wide, high, detail["angle"])

    def _columns(self, height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First column inside and first one beyond it, of each row; the same where a row has none."""
        turn, side = np.deg2rad(self.angle), max(height, width)
        wide, high = self.wide * side, self.high * side
        y = np.arange(height) + 0.5 - self.y * height
        # the ellipse is a x^2 + 2 b x y + c y^2 = 1 about its centre
        a = (np.cos(turn) / wide) ** 2 + (np.sin(turn) / high) ** 2
        b = np.cos(turn) * np.sin(turn) * (1 / wide**2 - 1 / high**2)
        c = (np.sin(turn) / wide) ** 2 + (np.cos(turn) / high) ** 2
        under = (b * y) ** 2 - a * (c * y * y - 1)
        half = np.sqrt(np.maximum(under, 0)) / a
        middle = self.x * width - b * y / a
        first = np.clip(np.ceil(middle - half - 0.5), 0, width).astype(np.int64)
        last = np.clip(np.floor(middle + half - 0.5) + 1, 0, width).astype(np.int64)
        return first, np.where(under > 0, np.maximum(first, last), first)


def picture_oval(luma: Plane, box: Box | None = None) -> PictureOval | None:
    """The ellipse the picture ends at; None where it ends otherwise, or nowhere.

    :param luma: H x W, 0..1.
    :param box: rows and columns inside straight borders, where the card is looked for; None for all.
    """
    rows, columns = box or (slice(0, luma.shape[0]), slice(0, luma.shape[1]))
    found = _oval_of(luma[rows, columns])
    if found is None:
        return None
    (height, width), (high, wide) = luma.shape, (rows.stop - rows.start, columns.stop - columns.start)
    part = max(high, wide) / max(height, width)
    return PictureOval(
        round((columns.start + found.x * wide) / width, 5),
        round((rows.start + found.y * high) / height, 5),
        round(found.wide * part, 5),
        round(found.high * part, 5),
        round(found.angle, 3),
    )


def _oval_of(luma: Plane) -> PictureOval | None:
    scale = min(1.0, _SIDE / max(luma.shape))
    size = (max(1, round(luma.shape[1] * scale)), max(1, round(luma.shape[0] * scale)))
    if min(size) < _LEAST_SIDE:
        return None
    small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), _SOFTNESS), np.float32)
    away = _away_from_card(small)
    if away is None:
        return None
    found = (_opening(small, away * np.float32(_EVEN / tolerance)) for tolerance in (_EVEN, _EVENER))
    return next((_shares(one, small.shape) for one in found if one is not None), None)


def _opening(small: Plane, away: Plane) -> Ellipse | None:
    """The ellipse the card ends at; None where it ends otherwise.

    :param away: how far each pixel is from the card's tone; below ``_EVEN`` it may be card.
    """
    outline = _outline(away)
    ellipse = None if outline is None else _fitted(outline)
    if outline is None or ellipse is None or not _likely(ellipse, small.shape):
        return None
    if not (_covered(ellipse, outline, away) and _even(ellipse, away)):
        return None
    return _settled(ellipse, small, away)


def _away_from_card(small: Plane) -> Plane | None:
    """How far each pixel is from the card's tone, as the corners tell it; None where they do not agree."""
    height, width = small.shape
    patch = max(3, round(_CORNER * max(height, width)))
    ends = (slice(None, patch), slice(-patch, None))
    tones = np.array([np.median(small[rows, columns]) for rows in ends for columns in ends])
    if np.ptp(tones) > _CORNERS_UNLIKE:
        return None
    down, across = (tones[2:].sum() - tones[:2].sum()) / 2, (tones[1::2].sum() - tones[::2].sum()) / 2
    ramp_y = np.linspace(-0.5, 0.5, height)[:, None] * down
    tone = tones.mean() + ramp_y + np.linspace(-0.5, 0.5, width)[None, :] * across
    return np.asarray(np.abs(small - tone.astype(np.float32)), np.float32)


def _outline(away: Plane) -> Points | None:
    """The outline (N x 2) of what the card surrounds, where it is not the scan's own edge; None if there is none."""
    height, width = away.shape
    labels = np.asarray(cv2.connectedComponents((away < _EVEN).astype(np.uint8), connectivity=4)[1])
    corners = {int(labels[y, x]) for y in (_EDGE, height - 1 - _EDGE) for x in (_EDGE, width - 1 - _EDGE)} - {0}
    inner = (~np.isin(labels, list(corners))).astype(np.uint8)
    inner = np.asarray(cv2.morphologyEx(inner, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)), np.uint8)
    contours = cv2.findContours(inner, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    if not contours:
        return None
    points = np.asarray(max(contours, key=cv2.contourArea), np.float64)[:, 0]
    off_edge = (points >= _EDGE).all(axis=1) & (points < (width - _EDGE, height - _EDGE)).all(axis=1)
    return points[off_edge] if off_edge.sum() > _DIRECTIONS // 4 else None


def _fitted(outline: Points) -> Ellipse | None:
    """The ellipse most of the outline lies on, fitted again and again without what lies far from it.

    It starts from what lies outermost, since a backdrop of the card's own tone eats into the picture.
    """
    hull = np.asarray(cv2.convexHull(outline.astype(np.float32)))
    depth = [cv2.pointPolygonTest(hull, (float(x), float(y)), True) for x, y in outline]
    chosen = np.asarray(depth) < _NEAR
    ellipse = None
    for _ in range(_ROUNDS):
        if chosen.sum() < _DIRECTIONS // 8:
            return None
        ellipse = _fit(outline[chosen])
        if ellipse is None:
            return None
        distance = np.abs(ellipse.of(outline)[0])
        chosen = distance < max(_NEAR, 1.5 * float(np.median(distance[chosen])))
    return ellipse


def _fit(points: Points) -> Ellipse | None:
    """Direct least squares (Fitzgibbon et al. 1999), its axes named so that the first is the one across."""
    (x, y), (first, second), angle = cv2.fitEllipseDirect(points.astype(np.float32))
    if not (np.isfinite([x, y, first, second, angle]).all() and min(first, second) > 1):
        return None
    turn = (angle + 45) % 180 - 45
    if turn > 45:
        first, second, turn = second, first, turn - 90
    return Ellipse(x, y, first / 2, second / 2, float(np.deg2rad(turn)))


def _likely(ellipse: Ellipse, shape: tuple[int, ...]) -> bool:
    """Whether it is as large, as central and as upright as an opening."""
    size, centre = np.array([shape[1], shape[0]], np.float64), np.array([ellipse.x, ellipse.y])
    half = np.array([ellipse.wide, ellipse.high])
    spans = 2 * half / size
    seen = np.minimum(centre + half, size) - np.maximum(centre - half, 0)
    round_ = abs(ellipse.wide / ellipse.high - 1) < _ROUND
    upright = round_ or abs(np.rad2deg(ellipse.turn)) < _TURNED
    central = (np.abs(centre / size - 0.5) < _OFF_CENTRE).all()
    return bool(upright and central and (spans < _LARGEST).all() and (seen / size > _LEAST_SPAN).all())


def _angles() -> Points:
    return np.asarray((np.arange(_DIRECTIONS) + 0.5) * (2 * np.pi / _DIRECTIONS) - np.pi, np.float64)


def _covered(ellipse: Ellipse, outline: Points, away: Plane) -> bool:
    """Whether the outline lies on the ellipse wherever the picture's tone is not the card's, and on enough of it."""
    distance, angles = ellipse.of(outline)
    # outlines have a point a pixel: on the largest ellipse these are less than three directions apart
    hit = np.histogram(angles[np.abs(distance) < _NEAR], _DIRECTIONS // 3, (-np.pi, np.pi))[0].repeat(3) > 0
    places, normals = ellipse.at(_angles())
    held = in_scan(places, away.shape, _EDGE)
    blank = ~hit & (sampled(away, places - _BLANK * normals) < _EVEN)
    told = held & ~blank
    if held.mean() < _ARC or hit[held].mean() < _SEEN or hit[told].mean() < _ON_ELLIPSE:
        return False
    quarters = zip(np.split(hit, 4), np.split(held, 4), strict=True)
    return all(not own.any() or float(one[own].mean()) >= _ROUND_ABOUT for one, own in quarters)


def _even(ellipse: Ellipse, away: Plane) -> bool:
    """Whether what lies outside is of the card's tone."""
    height, width = away.shape
    oval = _shares(ellipse, away.shape)
    beyond = ~oval.shrunk(-_EDGE / max(height, width)).inside(height, width)
    return bool(beyond.any()) and float((away[beyond] < _EVEN).mean()) >= _EVEN_SHARE


def _settled(ellipse: Ellipse, small: Plane, away: Plane) -> Ellipse | None:
    """The ellipse at which the card steps to the picture; None where nothing steps.

    A line may be printed round the opening: then it is the innermost one beyond which there is card again.
    """
    # the outline is where the tone leaves the card's, about a pixel outside of the middle of the step
    cut = replace(ellipse, wide=ellipse.wide - 1, high=ellipse.high - 1)
    settled = cut if _steps(cut, small) else None
    for inwards in _LINES:
        smaller = replace(ellipse, wide=ellipse.wide - inwards, high=ellipse.high - inwards)
        if _card_beyond(smaller, away) and _steps(smaller, small):
            settled = smaller
    return settled


def _card_beyond(ellipse: Ellipse, away: Plane) -> bool:
    """Whether it is much more like the card outside than inside: a narrow gap takes some of its neighbours' tone."""
    places, normals = _held(ellipse, away.shape)
    outer, inner = (sampled(away, places + where * normals) for where in (_CLOSE, -_CLOSE - 1))
    return float((outer < inner / 2).mean()) >= _GAP_SHARE


def _steps(ellipse: Ellipse, small: Plane) -> bool:
    """Whether the tone steps along most of the ellipse, and at once: what fades is part of the picture."""
    places, normals = _held(ellipse, small.shape)
    close = np.abs(sampled(small, places + _CLOSE * normals) - sampled(small, places - _CLOSE * normals))
    far = np.abs(sampled(small, places + _CLOSE * 2 * normals) - sampled(small, places - _FAR * normals))
    told = np.maximum(close, far) > _STEP
    stepped = close > _STEP
    if float(told.mean()) < _SEEN or float(stepped[told].mean()) < _STEP_SHARE:
        return False
    return float(np.median(close[stepped] / np.maximum(far[stepped], 1e-3))) >= _SHARP


def _held(ellipse: Ellipse, shape: tuple[int, ...]) -> tuple[Points, Points]:
    """Points of the ellipse that lie in the scan, evenly by its parameter, and the normals there."""
    places, normals = ellipse.at(_angles())
    held = in_scan(places, shape, _CLOSE * 2)
    return places[held], normals[held]


def _shares(ellipse: Ellipse, shape: tuple[int, ...]) -> PictureOval:
    """An ellipse of the small picture as shares; pixels' middles lie half a pixel from their corners."""
    side = max(shape)
    centre = (ellipse.x + 0.5) / shape[1], (ellipse.y + 0.5) / shape[0]
    return PictureOval(*centre, ellipse.wide / side, ellipse.high / side, float(np.rad2deg(ellipse.turn)))
