"""Contrast-limited adaptive histogram equalisation (Zuiderveld, Graphics Gems IV, 1994) of a plane of floats.

OpenCV's takes a histogram of 65,536 bins at 16 bits. Most of them hold nothing or one pixel then, so that what the
limit cuts off is spread over the lower bins alone: light tones fall together, how much depends on size and depth of a
scan. Here the histogram is coarse, and its sum is interpolated, so that no two values fall together and the depth of a
scan tells nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from restoration.photo import bands

Plane = NDArray[np.float32]

_BINS = 64
"""About 4 levels of 8 bits each: each bin is filled, whether a scan has 8 bits or 16."""


def equalised(plane: Plane, *, most: float, tiles: int, limit: float) -> Plane:
    """The plane with its contrast raised where a tile holds few tones, at the full depth of its values.

    :param plane: H x W, 0..``most``; what lies beyond is taken for the end.
    :param tiles: tiles in each direction; fewer where the plane has fewer rows or columns.
    :param limit: a bin counts no more than so many times the mean of all: no slope of a curve is steeper than twice it.
    :returns: H x W, 0..``most``; never falling with the value at any one place.
    """
    rows, columns = _edges(plane.shape[0], tiles), _edges(plane.shape[1], tiles)
    curves = np.stack(
        [
            np.stack([_curve(plane[top:end, left:right], most, limit) for left, right in _pairs(columns)])
            for top, end in _pairs(rows)
        ]
    )
    above, below, share_down = _between(rows)
    left, right, share = _between(columns)
    out = bands.empty(plane.shape)
    for row in range(plane.shape[0]):
        curve = curves[above[row]] * (1 - share_down[row]) + curves[below[row]] * share_down[row]
        place = np.clip(plane[row] * np.float32(_BINS / most), 0, _BINS)
        low = np.minimum(place.astype(np.intp), _BINS - 1)
        part = place - low
        one, other = (curve[t, low] * (1 - part) + curve[t, low + 1] * part for t in (left, right))
        out[row] = (one * (1 - share) + other * share) * np.float32(most)
    return out


def _edges(length: int, tiles: int) -> NDArray[np.intp]:
    """Where tiles begin, and where the last one ends."""
    return np.linspace(0, length, min(tiles, length) + 1).astype(np.intp)


def _pairs(edges: NDArray[np.intp]) -> list[tuple[int, int]]:
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _curve(tile: Plane, most: float, limit: float) -> NDArray[np.float32]:
    """Cumulated share of the pixels at the ends of the bins, 0 to 1, none of them above the limit."""
    bins = np.clip(tile * np.float32(_BINS / most), 0, _BINS - 1).astype(np.intp)
    counts = np.bincount(bins.ravel(), minlength=_BINS) / tile.size
    capped = np.minimum(counts, limit / _BINS)
    capped += (1 - capped.sum()) / _BINS
    return np.concatenate([[0], np.cumsum(capped)]).astype(np.float32)


def _between(edges: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each row (or column): the tile before, the tile after, and how far it lies from the one to the other."""
    centres = (edges[:-1] + edges[1:] - 1) / 2
    place = np.interp(np.arange(edges[-1]), centres, np.arange(centres.size))
    before = np.minimum(place.astype(np.intp), max(0, centres.size - 2))
    after = np.minimum(before + 1, centres.size - 1)
    return before, after, (place - before).astype(np.float32)
