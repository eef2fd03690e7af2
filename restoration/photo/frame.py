"""Where the picture ends: mounts, film rebates and scanner beds along the edges are outside it.

A border is as good as one tone from end to end, starts at the edge, and ends in a step along most of its length. A
plain backdrop is as even, but ends where the person begins: it is part of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_SIDE = 512
"""Long side at which borders are looked for."""
_EVEN = 0.07
_EVEN_SHARE = 0.82
"""Share of a line that lies within ``_EVEN`` of the border's tone; the rest is numbers, notches, dirt."""
_STEP = 0.06
_STEP_SHARE = 0.6
"""Share of the last line along which the tone steps to the picture's."""
_REACH = 3
_DEEPEST = 0.25
_LEAST = 0.004
"""Share of the side that a border takes at most, and at least."""


@dataclass(frozen=True)
class PictureBox:
    """What borders take of each side: shares of the height (top, bottom) and of the width (right, left), 0..0.25."""

    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    left: float = 0.0

    def inside(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of the picture itself, of a scan of that size."""
        rows = slice(round(self.top * height), height - round(self.bottom * height))
        return rows, slice(round(self.left * width), width - round(self.right * width))

    @property
    def whole(self) -> bool:
        """Whether there is no border."""
        return not (self.top or self.right or self.bottom or self.left)


def picture_box(luma: Plane) -> PictureBox:
    """The picture's own box.

    :param luma: H x W, 0..1.
    """
    scale = min(1.0, _SIDE / max(luma.shape))
    size = (max(1, round(luma.shape[1] * scale)), max(1, round(luma.shape[0] * scale)))
    small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)
    left, right = _depth(small.T), _depth(small.T[::-1])
    # what lies above and below is judged between the side borders alone
    between = small[:, round(left * size[0]) : size[0] - round(right * size[0])]
    return PictureBox(_depth(between), right, _depth(between[::-1]), left)


def _depth(lines: Plane) -> float:
    """Share of the lines, from the first on, that are a border; 0 where there is none."""
    count = len(lines)
    tone = float(np.median(lines[: max(1, round(count * _LEAST))]))
    even = (np.abs(lines - np.float32(tone)) < _EVEN).mean(axis=1) >= _EVEN_SHARE
    # a soft edge belongs to neither side: lines that are no border any more end it
    deepest = round(count * _DEEPEST)
    depth = int(np.argmin(even[: deepest + 1])) if not even[: deepest + 1].all() else 0
    if depth < max(1, round(count * _LEAST)) or depth + _REACH >= count:
        return 0.0
    after = np.abs(lines[depth : depth + _REACH + 1] - np.float32(tone)).max(axis=0)
    if float((after > _STEP).mean()) < _STEP_SHARE:
        return 0.0
    return round((depth + 1) / count, 4)
