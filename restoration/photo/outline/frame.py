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
_ROUNDS = 3
_LEAST_INSIDE = 64


@dataclass(frozen=True)
class PictureBox:
    """What borders take of each side: shares of the height (top, bottom) and of the width (right, left), 0..0.45."""

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
    top = right = bottom = left = 0
    # a white border in a black one, a print that takes half of a bed: what is found is left off, and looked again
    for number in range(_ROUNDS):
        inside = small[top : size[1] - bottom, left : size[0] - right]
        if min(inside.shape) < _LEAST_INSIDE:
            break
        more_left, more_right = _depth(inside.T), _depth(inside.T[::-1])
        # what lies above and below is judged between the side borders alone
        between = inside[:, more_left : inside.shape[1] - more_right]
        more_top, more_bottom = _depth(between), _depth(between[::-1])
        pair = (more_left and more_right) or (more_top and more_bottom)
        # behind a border an even strip on one side is sky, backdrop or floor
        if not (pair or (number == 0 and (more_left or more_right or more_top or more_bottom))):
            break
        top, bottom, left, right = top + more_top, bottom + more_bottom, left + more_left, right + more_right
    return PictureBox(*(round(n / side, 4) for n, side in zip((top, right, bottom, left), size[::-1] * 2, strict=True)))


def _depth(lines: Plane) -> int:
    """How many lines, from the first on, are a border; 0 where there is none."""
    count = len(lines)
    tone = float(np.median(lines[: max(1, round(count * _LEAST))]))
    even = (np.abs(lines - np.float32(tone)) < _EVEN).mean(axis=1) >= _EVEN_SHARE
    # a soft edge belongs to neither side: lines that are no border any more end it
    deepest = round(count * _DEEPEST)
    depth = int(np.argmin(even[: deepest + 1])) if not even[: deepest + 1].all() else 0
    if depth < max(1, round(count * _LEAST)) or depth + _REACH >= count:
        return 0
    after = np.abs(lines[depth : depth + _REACH + 1] - np.float32(tone)).max(axis=0)
    if float((after > _STEP).mean()) < _STEP_SHARE:
        return 0
    return depth + 1
