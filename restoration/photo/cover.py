"""A mask over a picture that may have more pixels than the mask: marks of a large scan are found at half its size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restoration.photo.boxes import Box

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Cover:
    """A mask (h x w) over a picture of ``height`` x ``width``, whose every pixel asks the nearest one of the mask."""

    mask: Mask
    height: int
    width: int

    @property
    def scale(self) -> float:
        """Pixels of the picture for one of the mask; 1 if it has the picture's size."""
        return float(max(self.height / self.mask.shape[0], self.width / self.mask.shape[1]))

    @property
    def whole(self) -> bool:
        """Whether the mask has the picture's size."""
        return self.mask.shape == (self.height, self.width)

    def of(self, mask: Mask) -> Cover:
        """Another mask of that size over the same picture."""
        return Cover(mask, self.height, self.width)

    def at(self, box: Box) -> Mask:
        """What the mask says of a box of the picture."""
        if self.whole:
            return self.mask[box]
        rows, columns = (
            np.arange(part.start, part.stop) * small // full
            for part, small, full in zip(box, self.mask.shape, (self.height, self.width), strict=True)
        )
        return np.asarray(self.mask[rows][:, columns], np.bool_)

    def box_of(self, box: Box) -> Box:
        """The box of the picture that a box of the mask covers."""
        if self.whole:
            return box
        rows, columns = (
            slice(-(-part.start * full // small), -(-part.stop * full // small))
            for part, small, full in zip(box, self.mask.shape, (self.height, self.width), strict=True)
        )
        return rows, columns
