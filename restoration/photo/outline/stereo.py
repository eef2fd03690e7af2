"""The two halves of a stereo card: two views of one thing, side by side on one card, told by how alike they are.

A stereo pair shows the same thing twice, shifted by nearly half a card, and shifted alike everywhere but for a little
parallax. Colonnades and rows of windows repeat too, but not all of them at one distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.outline.ground import Plane
from restoration.photo.picture import FloatImage

_WIDTH = 256
_HIGH_PASS, _HIGH_PASS_SIDE = 6.0, 37
_PATCH = (0.2, 0.8), (0.16, 0.38)
"""Rows and columns, as shares, of the left half that are looked for in the right one."""
_SHIFT = (0.36, 0.54)
"""Share of the width by which the halves lie apart."""
_DOWN = 0.05
_LIKE = 0.45
"""Normalised correlation of the whole patch, from which the halves may be two views,"""
_PARALLAX = 0.03
_BLOCKS = (4, 4)
_LIKE_BLOCK, _LIKE_BLOCKS = 0.5, 0.8
"""and of each of its blocks, within so much of the same shift, of so many of those that show anything."""
_SHOWS = 0.008
"""Deviation of a block's detail from which it shows something."""
_LEAST_SHOWN = 0.5
_EVEN = 0.05


@dataclass(frozen=True)
class Halves:
    """Where the two views are, in pixels of what was looked at: rows, columns of each, and their likeness (0..1)."""

    rows: tuple[float, float]
    columns: tuple[tuple[float, float], tuple[float, float]]
    likeness: float


def halves_of(card: FloatImage) -> Halves | None:
    """The two views of a stereo card; None if it shows no such pair.

    :param card: H x W x 3 float32 sRGB in [0, 1], wider than high.
    """
    scale = min(1.0, _WIDTH / card.shape[1])
    luma = cv2.cvtColor(card, cv2.COLOR_RGB2GRAY)
    size = (max(1, round(card.shape[1] * scale)), max(1, round(card.shape[0] * scale)))
    small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)
    # along the rows alone: horizons, shelves and lawns are alike at any distance
    detail = np.asarray(small - cv2.GaussianBlur(small, (_HIGH_PASS_SIDE, 1), _HIGH_PASS), np.float32)
    match = _shift(detail)
    if match is None:
        return None
    shift, likeness = match
    rows, columns = _extent(small, shift)
    return Halves(
        (rows[0] / scale, rows[1] / scale),
        ((columns[0][0] / scale, columns[0][1] / scale), (columns[1][0] / scale, columns[1][1] / scale)),
        likeness,
    )


def _shift(detail: Plane) -> tuple[float, float] | None:
    """By how many columns the right view lies from the left one, and how alike they are; None if they are not."""
    height, width = detail.shape
    rows, columns = (slice(round(a * side), round(b * side)) for (a, b), side in zip(_PATCH, detail.shape, strict=True))
    patch = detail[rows, columns]
    deep = max(1, round(_DOWN * height))
    first, last = columns.start + round(_SHIFT[0] * width), columns.stop + round(_SHIFT[1] * width)
    field = detail[rows.start - deep : rows.stop + deep, first : min(last, width)]
    if patch.std() < _SHOWS or field.shape[1] <= patch.shape[1]:
        return None
    scores = np.asarray(cv2.matchTemplate(field, patch, cv2.TM_CCOEFF_NORMED))
    _, best, _, (across, down) = cv2.minMaxLoc(scores)
    if best < _LIKE:
        return None
    shift = first + across - columns.start
    share = _blocks_alike(detail, rows, columns, shift, down - deep)
    return (float(shift), float(min(1.0, best))) if share >= _LIKE_BLOCKS else None


def _blocks_alike(detail: Plane, rows: slice, columns: slice, shift: int, down: int) -> float:
    """Share of the patch's blocks that show something and are found again at that shift, but for some parallax."""
    slack = max(2, round(_PARALLAX * detail.shape[1]))
    found = []
    ys = np.linspace(rows.start, rows.stop, _BLOCKS[0] + 1).astype(int)
    xs = np.linspace(columns.start, columns.stop, _BLOCKS[1] + 1).astype(int)
    for top, bottom in pairwise(ys):
        for left, right in pairwise(xs):
            block = detail[top:bottom, left:right]
            if block.std() < _SHOWS:
                continue
            start_y, start_x = max(0, top + down - 2), left + shift - slack
            field = detail[start_y : bottom + down + 2, max(0, start_x) : right + shift + slack]
            if field.shape[0] < block.shape[0] or field.shape[1] < block.shape[1]:
                continue
            found.append(float(cv2.matchTemplate(field, block, cv2.TM_CCOEFF_NORMED).max()) >= _LIKE_BLOCK)
    if len(found) < _LEAST_SHOWN * _BLOCKS[0] * _BLOCKS[1]:
        return 0.0
    return float(np.mean(found))


def _extent(small: Plane, shift: float) -> tuple[tuple[float, float], tuple[tuple[float, float], tuple[float, float]]]:
    """Rows of the views, and columns of each: the card's plain margins are left off, what lies between is halved."""
    height, width = small.shape
    left, right = _margin(small.T), width - _margin(small.T[::-1])
    between = small[:, left:right]
    top, bottom = _margin(between), height - _margin(between[::-1])
    # both views are as wide as they lie apart, less what is between them
    seam = (left + right) / 2
    gap = _gap(small[top:bottom], round(seam))
    wide = min(shift, seam - left, right - seam)
    return (top, bottom), ((max(left, seam - wide), seam - gap), (seam + gap, min(right, seam + wide)))


def _margin(lines: NDArray[np.float32]) -> int:
    """How many lines from the first on are plain card."""
    tone = float(np.median(lines[:3]))
    plain = (np.abs(lines - np.float32(tone)) < _EVEN).mean(axis=1) > 0.8
    most = len(lines) // 4
    return int(np.argmin(plain[:most])) if not plain[:most].all() else 0


def _gap(lines: Plane, seam: int) -> float:
    """Half the width of a plain strip at the seam; 0 if the views touch."""
    plain = lines.std(axis=0) < _EVEN / 2
    if not plain[seam]:
        return 0.0
    reach = max(1, lines.shape[1] // 20)
    right = int(np.argmin(plain[seam : seam + reach])) or reach
    left = int(np.argmin(plain[seam::-1][:reach])) or reach
    return float(min(left, right))
