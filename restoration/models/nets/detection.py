"""What every face detector answers with, and the geometry they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NESTED_SHARE = 0.7
"""A box that lies within another by more than this share of itself is a part of the same face."""

Faces = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""N boxes (x1, y1, x2, y2), N scores, N x 5 x 2 landmarks."""


@dataclass(frozen=True)
class Detection:
    """One face in pixels of the picture that was given (origin top left): box x, y, width, height; 5 x 2 landmarks.

    Landmarks are eyes, nose and mouth corners; of two, the one on the left of an upright face comes first.
    """

    box: tuple[float, float, float, float]
    confidence: float
    landmarks: NDArray[np.float32]


def suppress(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], overlap: float, nested: float = NESTED_SHARE
) -> list[int]:
    """Indices of the boxes that are left, best first, when those overlapping a better one are dropped (greedy NMS).

    So are boxes that lie within a better one, or round it: parts of a large face look like faces at another size.
    Equal scores keep their order, so the answer is always the same.

    :param boxes: N x 4: x1, y1, x2, y2.
    :param scores: N.
    :param overlap: intersection over union from which on two boxes are one face.
    :param nested: intersection over the smaller box beyond which they are; 1 to leave boxes within boxes alone.
    """
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.clip(high - low, 0, None).prod(axis=1)
        apart = shared / (area[best] + area[rest] - shared) < overlap
        inside = shared / np.minimum(area[best], area[rest]) > nested
        order = rest[apart & ~inside]
    return kept


def joined(found: list[Faces]) -> Faces:
    """Answers of several looks at one picture, one after the other."""
    boxes, scores, points = (np.concatenate(part) for part in zip(*found, strict=True))
    return boxes, scores, points


def detection(
    box: NDArray[np.float32], score: float, points: NDArray[np.float32], width: int, height: int
) -> Detection:
    """A box (x1, y1, x2, y2) as a detection: cut at the picture's edges and never empty."""
    limit = np.array([width, height], np.float32)
    low = np.clip(box[:2], 0, limit - 1)
    high = np.clip(box[2:], low + 1, limit)
    x, y, w, h = (round(float(v), 2) for v in (*low, *(high - low)))
    return Detection((x, y, w, h), min(1.0, max(0.0, score)), points)
