"""Frequencies taken out of a plane by Gaussian notches, in overlapping windows, up to its very edge.

Beyond the edge nothing is known. A picture may be mirrored there, and most of it goes on well enough; dots may not:
they would turn back out of step, and a wave that jumps is no longer at its frequency. So what the notches took out is
carried on beyond the edge by steps of its own lattice, the rest is mirrored, and the edge is filtered again.

Planes are H x W float32 in [0, 1]; frequencies are in cycles a pixel, as (down, across).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.boxes import Box

Plane = NDArray[np.float32]
Vector = tuple[float, float]
"""A frequency: cycles a pixel down and across."""

WINDOW = 128
"""Side of a window, pixels."""
_HOP = WINDOW // 2
_BATCH = 64
_RIM = 32
"""Depth of the rim that is filtered again, and of what it is carried on by: narrow notches see no farther."""
_STRIP = 160
"""Depth of what is filtered for that: its inner end is mirrored, so far away that the rim does not see it."""
_PIECE = 256
_IN_STEP = 5
"""What is carried on comes from so far inside at least: nearer to the edge the first pass is wrong."""
_LEAST_STEP = 6.0
_ORDERS = range(-8, 9)


@dataclass(frozen=True)
class Notch:
    """A frequency to be taken out, with its opposite, and the standard deviation of the notch in cycles a pixel."""

    frequency: Vector
    width: float


def filter_plane(
    plane: NDArray[np.float32], notches: Sequence[Notch], bases: tuple[Vector, Vector], out: NDArray[np.float32]
) -> None:
    """Filter a plane (H x W) into ``out``; memory beyond that does not grow with its area.

    :param bases: the two frequencies of the lattice by which dots are carried on beyond the edge.
    """
    gains = _gains(notches)
    _filter_windows(plane, gains, out)
    if not notches:
        return
    steps = _lattice_steps(bases)
    for rim, seen in _rims(*plane.shape):
        again = _filtered_strip(plane[seen], out[seen], gains, steps)
        out[rim] = again[tuple(slice(r.start - s.start, r.stop - s.start) for r, s in zip(rim, seen, strict=True))]


def _rims(height: int, width: int) -> Iterator[tuple[Box, Box]]:
    """Pieces of the rim, rows and columns, and for each what is filtered to get it."""
    for axis, (depth, length) in enumerate(((height, width), (width, height))):
        for first in range(0, length, _PIECE):
            along = slice(first, min(length, first + _PIECE))
            wider = slice(max(0, along.start - _STRIP + _RIM), min(length, along.stop + _STRIP - _RIM))
            for rim, strip in (
                (slice(0, min(depth, _RIM)), slice(0, min(depth, _STRIP))),
                (slice(max(0, depth - _RIM), depth), slice(max(0, depth - _STRIP), depth)),
            ):
                yield ((along, rim), (wider, strip)) if axis else ((rim, along), (strip, wider))


def _filtered_strip(plane: Plane, clean: Plane, gains: Plane, steps: NDArray[np.float64]) -> Plane:
    """A strip filtered with its dots carried on beyond all its edges.

    :param clean: the same strip as it was filtered with mirrored edges.
    """
    height, width = plane.shape
    down, across = (np.arange(-_RIM, length + _RIM) for length in plane.shape)
    beyond = clean[_mirrored(down, height)][:, _mirrored(across, width)]
    beyond += _carried_on(plane - clean, down, across, steps)
    inner = (slice(_RIM, _RIM + height), slice(_RIM, _RIM + width))
    beyond[inner] = plane
    again = np.empty_like(beyond)
    _filter_windows(beyond, gains, again)
    return again[inner]


def _carried_on(dots: Plane, down: NDArray[np.int64], across: NDArray[np.int64], steps: NDArray[np.float64]) -> Plane:
    """Dots at rows and columns beyond the edges too: those that lie whole steps of the lattice further inside."""
    y, x = (np.asarray(plane, np.float32) for plane in np.meshgrid(down, across, indexing="ij"))
    for axis, length in enumerate(dots.shape):
        for outwards, edge in ((1, length - 1), (-1, 0)):
            step = _step_out(steps, axis, outwards)
            far = ((y, x)[axis] - edge) * outwards
            count = np.where(far > 0, np.ceil((far + _IN_STEP) / abs(step[axis])), 0)
            y, x = y - count * step[0], x - count * step[1]
    return np.asarray(cv2.remap(dots, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), np.float32)


def _lattice_steps(bases: tuple[Vector, Vector]) -> NDArray[np.float64]:
    """Shifts (N x 2, down and across) by which a lattice of these frequencies comes to lie on itself."""
    orders = np.array([order for order in product(_ORDERS, repeat=2) if any(order)], np.float64)
    return np.asarray(orders @ np.linalg.inv(np.array(bases, np.float64)).T, np.float64)


def _step_out(steps: NDArray[np.float64], axis: int, outwards: int) -> NDArray[np.float32]:
    """The shortest step that leads outwards by some pixels, the straighter the better."""
    out, aside = steps[:, axis] * outwards, np.abs(steps[:, 1 - axis])
    return np.asarray(steps[np.argmin(np.where(out >= _LEAST_STEP, out + 2 * aside, np.inf))], np.float32)


def hann(side: int) -> Plane:
    """Periodic Hann window, side x side: shifted by half its side it adds up to 1."""
    one = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(side) / side)).astype(np.float32)
    return np.asarray(np.outer(one, one), np.float32)


def _gains(notches: Sequence[Notch]) -> Plane:
    """What is kept of each frequency of a window (half plane, as ``rfft2`` has it): 0 at a peak, 1 far from all."""
    down, across = np.meshgrid(np.fft.fftfreq(WINDOW), np.fft.rfftfreq(WINDOW), indexing="ij")
    kept = np.ones(down.shape)
    for notch in notches:
        for y, x in (notch.frequency, (-notch.frequency[0], -notch.frequency[1])):
            # frequencies repeat after one cycle a pixel
            far_y, far_x = (down - y + 0.5) % 1 - 0.5, (across - x + 0.5) % 1 - 0.5
            kept *= 1 - np.exp(-(far_y**2 + far_x**2) / (2 * notch.width**2))
    kept[0, 0] = 1
    return kept.astype(np.float32)


def _filter_windows(plane: NDArray[np.float32], gains: Plane, out: NDArray[np.float32]) -> None:
    """Filter a plane (H x W) into ``out``, one row of windows after another.

    Windows are tapered by the root of a Hann window before and after, so that halves of neighbours add up to 1.
    """
    height, width = plane.shape
    taper = np.sqrt(hann(WINDOW))
    rows, columns = -(-height // _HOP) + 1, -(-width // _HOP) + 1
    strip = np.zeros((WINDOW, (columns + 1) * _HOP), np.float32)
    across = _mirrored(np.arange(strip.shape[1]) - _HOP, width)
    for row in range(rows):
        top = (row - 1) * _HOP
        source = plane[_mirrored(np.arange(top, top + WINDOW), height)][:, across]
        for first in range(0, columns, _BATCH):
            last = min(columns, first + _BATCH)
            stack = np.stack([source[:, c * _HOP : c * _HOP + WINDOW] * taper for c in range(first, last)])
            clean = np.fft.irfft2(np.fft.rfft2(stack) * gains, s=(WINDOW, WINDOW)) * taper
            for c, window in zip(range(first, last), clean, strict=True):
                strip[:, c * _HOP : c * _HOP + WINDOW] += window
        if row:  # the upper half has both its windows now
            end = min(height, top + _HOP)
            out[top:end] = strip[: end - top, _HOP : _HOP + width]
        strip[:_HOP] = strip[_HOP:]
        strip[_HOP:] = 0


def _mirrored(index: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Indices beyond either end, reflected about it as often as needed."""
    period = 2 * length
    folded = index % period
    return np.asarray(np.where(folded < length, folded, period - 1 - folded), np.int64)
