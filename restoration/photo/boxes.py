"""Parts of a picture: boxes (rows and columns) that hold what a mask marks, so that work follows the damage."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo import bands

Mask = NDArray[np.bool_]
Box = tuple[slice, slice]


def places(mask: Mask, cell: int = 0) -> list[Box]:
    """Boxes that hold all of a mask: of its connected places, or (with ``cell``) of its parts on a grid."""
    if cell:
        return [box for box in _grid(mask.shape[0], mask.shape[1], cell) if mask[box].any()]
    return [
        (slice(int(top), int(top + height)), slice(int(left), int(left + width)))
        for left, top, width, height, _ in numbered(mask)[1][1:]
    ]


def numbered(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Number of the connected place (8 neighbours) of each pixel, H x W, 0 where the mask is not; and, a row for each
    number, left, top, width, height and area of its box.
    """
    labels = bands.empty(mask.shape, np.int32)
    _, found, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), labels, connectivity=8)
    return np.asarray(found, np.int32), np.asarray(stats, np.int32)


def _grid(height: int, width: int, cell: int) -> list[Box]:
    return [
        (slice(top, min(height, top + cell)), slice(left, min(width, left + cell)))
        for top in range(0, height, cell)
        for left in range(0, width, cell)
    ]


def grown(box: Box, margin: int, shape: tuple[int, ...]) -> Box:
    """The box with a margin on each side, as far as the picture goes."""
    rows, columns = box
    return (
        slice(max(0, rows.start - margin), min(shape[0], rows.stop + margin)),
        slice(max(0, columns.start - margin), min(shape[1], columns.stop + margin)),
    )


def inside(box: Box, around: Box, shape: tuple[int, ...]) -> Mask:
    """Where in ``around`` the box is."""
    where = np.zeros(shape, bool)
    rows, columns = box
    top, left = around[0].start, around[1].start
    where[max(0, rows.start - top) : max(0, rows.stop - top), columns.start - left : columns.stop - left] = True
    return where
