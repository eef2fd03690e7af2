"""Several photographs on one scan: prints on a scanner's bed, the prints of an album's leaf, a stereo card's halves.

A photograph of things that look so (windows, framed pictures on a wall, pages) must not be cut. So every part must be
a rectangle whose sides step from an even ground to something that is none, the ground must reach the scan's edges,
and little else may lie on it. A copy of 800 pixels is looked at; nothing here changes a scan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.outline.ground import Plane, away_from_ground, reached
from restoration.photo.outline.sheets import Sheet, sheets_on
from restoration.photo.outline.stereo import Halves, halves_of
from restoration.photo.picture import FloatImage

Arrangement = Literal["prints_on_bed", "album_page", "stereo_card"]
ARRANGEMENTS: tuple[Arrangement, ...] = get_args(Arrangement)

_SIDE = 800
"""Long side at which parts are looked for."""
_LEAST_SIDE = 120
_MOST_PARTS = 40
_PAGE = 0.4
"""A single sheet of this share of the scan may be a page or a card that photographs are on."""
_UPRIGHT = 0.4
"""Degrees of turn below which a part counts as upright: a pixel in 143."""
_CARD_ASPECT = (1.35, 2.6)
_LID = 0.035
"""Colour (largest less smallest channel) of the ground up to which it may be a lid;"""
_LIGHT, _DARK = 0.5, 0.11
"""of such a luma from which, or up to which, it is one, if it has no colour."""


@dataclass(frozen=True)
class Part:
    """One photograph of a scan.

    ``x`` and ``y`` are its centre, as shares of the scan's width and height from the top left; ``width`` and ``height``
    its sides, as shares of the scan's long side; ``angle`` its turn from upright, clockwise, in degrees, -45..45, 0 if
    it lies straight. ``confidence`` is the share of its outline that was seen (a stereo half: the likeness of the two).
    """

    x: float
    y: float
    width: float
    height: float
    angle: float = 0.0
    confidence: float = 1.0

    def corners(self, height: int, width: int) -> NDArray[np.float64]:
        """Its corners (4 x 2: across, down) in pixels of a scan of that size: top left, and on clockwise."""
        side, turn = max(height, width), np.deg2rad(self.angle)
        right = np.array([np.cos(turn), np.sin(turn)]) * self.width * side / 2
        down = np.array([-np.sin(turn), np.cos(turn)]) * self.height * side / 2
        middle = np.array([self.x * width, self.y * height])
        return np.array([middle - right - down, middle + right - down, middle + right + down, middle - right + down])

    def as_detail(self) -> dict[str, Any]:
        """Plain numbers: ``centre``, ``size``, ``angle`` and ``confidence``, as above."""
        size = [round(self.width, 5), round(self.height, 5)]
        centre = [round(self.x, 5), round(self.y, 5)]
        return {"centre": centre, "size": size, "angle": round(self.angle, 2), "confidence": round(self.confidence, 3)}

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> Part:
        """The part that :meth:`as_detail` told.

        :raises ValueError: it holds something else.
        """
        try:
            (x, y), (width, height) = detail["centre"], detail["size"]
            values = (x, y, width, height, detail["angle"], detail.get("confidence", 1.0))
            return cls(*(float(value) for value in values))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no part of a scan: {detail!r}") from error


@dataclass(frozen=True)
class Found:
    """How photographs are arranged on a scan, and the two or more of them, row by row as they are read."""

    arrangement: Arrangement
    parts: tuple[Part, ...]

    @property
    def confidence(self) -> float:
        """That of the least sure part."""
        return min(part.confidence for part in self.parts)

    def as_detail(self) -> dict[str, Any]:
        """Plain numbers and words: ``arrangement``, and ``photographs`` as :meth:`Part.as_detail` tells them."""
        return {"arrangement": self.arrangement, "photographs": [part.as_detail() for part in self.parts]}

    @classmethod
    def from_detail(cls, detail: Mapping[str, Any]) -> Found | None:
        """What :meth:`as_detail` told; None if there is nothing of it in ``detail``.

        :raises ValueError: it holds something else.
        """
        if "photographs" not in detail:
            return None
        if detail.get("arrangement") not in ARRANGEMENTS:
            raise ValueError(f"no arrangement of photographs: {detail.get('arrangement')!r}")
        return cls(detail["arrangement"], tuple(Part.from_detail(part) for part in detail["photographs"]))


def photographs_on(pixels: FloatImage) -> Found | None:
    """The photographs on a scan; None if it shows one, or nobody can tell.

    :param pixels: H x W x 3 float32 sRGB in [0, 1], of any size.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if min(size) < _LEAST_SIDE:
        return None
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)
    return _found(small, inside=False)


def _found(small: FloatImage, *, inside: bool) -> Found | None:
    """What is on a small scan, or on a page that lies on one (``inside``)."""
    away = away_from_ground(small)
    sheets = [] if away is None else sheets_on(away)
    if away is not None and 2 <= len(sheets) <= _MOST_PARTS:
        arrangement: Arrangement = "album_page" if inside or not _is_lid(small, away) else "prints_on_bed"
        if len(sheets) == 2 and _alike(small, sheets):
            arrangement = "stereo_card"
        return Found(arrangement, tuple(_part(sheet, small.shape) for sheet in _in_order(sheets)))
    if len(sheets) == 1 and not inside and sheets[0].area >= _PAGE * small.shape[0] * small.shape[1]:
        return _on_page(small, sheets[0])
    return _stereo(small, None)


def _on_page(small: FloatImage, page: Sheet) -> Found | None:
    """What is on a page or card that lies alone on a bed."""
    card = page.cut(small)
    if min(card.shape[:2]) < _LEAST_SIDE:
        return None
    stereo = _stereo(small, page)
    if stereo is not None:
        return stereo
    found = _found(card, inside=True)
    if found is None:
        return None
    return Found(found.arrangement, tuple(_carried(part, card.shape, page, small.shape) for part in found.parts))


def _stereo(small: FloatImage, card: Sheet | None) -> Found | None:
    """The halves of a stereo card that is the scan, or a sheet on it."""
    pixels = small if card is None else card.cut(small)
    height, width = pixels.shape[:2]
    if not _CARD_ASPECT[0] <= width / height <= _CARD_ASPECT[1]:
        return None
    halves = halves_of(pixels)
    if halves is None:
        return None
    parts = tuple(_half(halves, side, pixels.shape) for side in (0, 1))
    if card is not None:
        parts = tuple(_carried(part, pixels.shape, card, small.shape) for part in parts)
    return Found("stereo_card", parts)


def _half(halves: Halves, side: int, shape: tuple[int, ...]) -> Part:
    left, right = halves.columns[side]
    top, bottom = halves.rows
    longest = max(shape[:2])
    middle = ((left + right) / 2 / shape[1], (top + bottom) / 2 / shape[0])
    return Part(*middle, (right - left) / longest, (bottom - top) / longest, 0.0, halves.likeness)


def _part(sheet: Sheet, shape: tuple[int, ...]) -> Part:
    longest = max(shape[:2])
    if abs(sheet.angle) >= _UPRIGHT:
        size = (sheet.width / longest, sheet.height / longest)
        return Part(sheet.x / shape[1], sheet.y / shape[0], *size, sheet.angle, sheet.seen)
    return Part(sheet.x / shape[1], sheet.y / shape[0], sheet.width / longest, sheet.height / longest, 0.0, sheet.seen)


def _carried(part: Part, of: tuple[int, ...], page: Sheet, shape: tuple[int, ...]) -> Part:
    """A part of a page, as a part of the scan the page is on."""
    across, down = (part.x - 0.5) * of[1], (part.y - 0.5) * of[0]
    turn = np.deg2rad(page.angle)
    x = page.x + across * np.cos(turn) - down * np.sin(turn)
    y = page.y + across * np.sin(turn) + down * np.cos(turn)
    scale = max(of[:2]) / max(shape[:2])
    angle = part.angle + page.angle
    size = (part.width * scale, part.height * scale)
    return Part(
        float(x / shape[1]), float(y / shape[0]), *size, 0.0 if abs(angle) < _UPRIGHT else angle, part.confidence
    )


def _is_lid(small: FloatImage, away: Plane) -> bool:
    """Whether the ground is a scanner's lid rather than a leaf: without colour, and white, light gray or black."""
    tone = np.median(small[::4, ::4][reached(away)[::4, ::4]], axis=0)
    luma = float(tone @ np.array([0.2126, 0.7152, 0.0722]))
    return float(np.ptp(tone)) < _LID and (luma > _LIGHT or luma < _DARK)


def _alike(small: FloatImage, sheets: list[Sheet]) -> bool:
    """Whether two sheets are the two views of a stereo card: side by side, of one size, and showing the same."""
    first, second = sorted(sheets, key=lambda sheet: sheet.x)
    if abs(first.y - second.y) > 0.05 * first.height or abs(first.width / second.width - 1) > 0.1:
        return False
    if abs(first.height / second.height - 1) > 0.1 or second.x - first.x > 1.4 * first.width:
        return False
    pair = np.hstack([first.cut(small), cv2.resize(second.cut(small), first.cut(small).shape[1::-1])])
    return halves_of(np.asarray(pair, np.float32)) is not None


def _in_order(sheets: list[Sheet]) -> list[Sheet]:
    """Row by row from the top, each from the left, as prints on a page are read."""
    rows: list[list[Sheet]] = []
    for sheet in sorted(sheets, key=lambda one: one.y):
        if rows and sheet.y < np.mean([one.y for one in rows[-1]]) + 0.5 * min(one.height for one in rows[-1]):
            rows[-1].append(sheet)
        else:
            rows.append([sheet])
    return [sheet for row in rows for sheet in sorted(row, key=lambda one: one.x)]
