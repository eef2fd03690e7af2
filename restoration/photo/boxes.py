"""Parts of a picture: boxes (rows and columns) that hold what a mask marks, so that work follows the damage."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Box = tuple[slice, slice]


def places(mask: Mask, cell: int = 0) -> list[Box]:
    """Boxes that hold all of a mask: of its connected places, or (with ``cell``) of its parts on a grid."""
    if cell:
        return [box for box in _grid(mask.shape[0], mask.shape[1], cell) if mask[box].any()]
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return [
        (slice(int(top), int(top + height)), slice(int(left), int(left + width)))
        for left, top, width, height, _ in np.asarray(stats)[1:]
    ]


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
