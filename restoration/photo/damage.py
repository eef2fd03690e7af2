"""Finding scratches, cracks, creases and specks in a scan, classically.

Candidates are narrow marks brighter (top-hat) or darker (black-hat) than what lies on both sides of them, in one scale
of the scan's own size. Each connected candidate is described by a dozen numbers: how long, thin and straight it is, how
much it stands out from its own ring of neighbours, how uniform that ring is, how sharp its edges are, how near it is to
paper white or black. A logistic function of these and their products, fitted on damage made by code, decides. Hair,
spectacles, collars, lettering and halftone are what it was taught to leave alone. It prefers missing a mark to eating
an eye: marks that run into busy texture, and most dark ones, are left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo import bands
from restoration.photo.damage_weights import MEAN, SCALE, WEIGHTS

Mask = NDArray[np.bool_]
Polarity = Literal["bright", "dark"]

FEATURES = (
    "log_length",
    "log_width",
    "log_elongation",
    "straightness",
    "log_contrast",
    "log_contrast_to_ring_spread",
    "log_contrast_to_ring_texture",
    "log_ring_spread",
    "extremity",
    "edge_of_scan",
    "log_edge_sharpness",
    "excess_over_neighbours",
    "log_contrast_to_wide_texture",
    "width_variation",
)
_WORK_SIDE = 1024
_ELEMENT_SHARE = 0.018
_LOWEST_CONTRAST = 14.0
_TEXTURE_FACTOR = 2.5
_HYSTERESIS = 0.6
_RING = 0.006
_FRAME = 0.015
_SENSITIVITY_CURVE = 0.69
"""Puts the least likelihood at the default sensitivity of 0.5 to 0.38: there no clean photograph of 45 loses 0.2 %."""
_SMALLEST = 200
"""Scans with a shorter long side are not searched: at that size an eye is as small as a speck."""


@dataclass(frozen=True)
class Candidates:
    """Connected marks of one polarity: a label image (0 is none), areas in pixels and features (N x len(FEATURES))."""

    labels: NDArray[np.int32]
    areas: NDArray[np.float64]
    features: NDArray[np.float64]


def working_plane(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Luma (H x W, 0..1) as 0..255 at a long side of 1024 pixels at most."""
    scale = _WORK_SIDE / max(luma.shape)
    plane = luma
    if scale < 1 and bands.is_large(luma):
        height, width = (max(1, round(side * scale)) for side in luma.shape)
        plane = bands.resized(luma, width, height)
    elif scale < 1:
        plane = np.asarray(cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(plane * np.float32(255), np.float32)


@dataclass(frozen=True)
class Response:
    """What stands out of a plane of the working size (``plane``, luma, 0..255): bright marks, dark marks, and how much
    of both there is all round.
    """

    plane: NDArray[np.float32]
    bright: NDArray[np.float32]
    dark: NDArray[np.float32]
    both: NDArray[np.float32]
    texture: NDArray[np.float32]

    @classmethod
    def of(cls, plane: NDArray[np.float32]) -> Response:
        """:param plane: H x W luma, 0..255, at the working size."""
        side = max(plane.shape)
        size = max(5, int(side * _ELEMENT_SHARE) | 1)
        element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        bright = np.asarray(cv2.morphologyEx(plane, cv2.MORPH_TOPHAT, element), np.float32)
        dark = np.asarray(cv2.morphologyEx(plane, cv2.MORPH_BLACKHAT, element), np.float32)
        both = bright + dark
        return cls(plane, bright, dark, both, np.asarray(cv2.GaussianBlur(both, (0, 0), side * 0.02), np.float32))


def find_candidates(seen: Response, polarity: Polarity) -> Candidates:
    """Candidate marks of one polarity with their features."""
    response = seen.bright if polarity == "bright" else seen.dark
    strong = np.maximum(_LOWEST_CONTRAST, _TEXTURE_FACTOR * 0.5 * seen.texture)
    labels = _connected(response, strong)
    # From here on a dark mark is a bright one on the negative.
    plane = seen.plane if polarity == "bright" else np.float32(255) - seen.plane
    return _described(plane, response, seen.both, seen.texture, labels)


def _connected(response: NDArray[np.float32], strong: NDArray[np.float32]) -> NDArray[np.int32]:
    """Label image of marks that are weak everywhere and strong somewhere, numbered without gaps."""
    weak = (response > strong * _HYSTERESIS).astype(np.uint8)
    count, labels = cv2.connectedComponents(weak, connectivity=8)
    keep = np.zeros(count, bool)
    keep[np.unique(labels[response > strong])] = True
    keep[0] = False
    number = np.zeros(count, np.int32)
    number[keep] = np.arange(1, keep.sum() + 1)
    return np.asarray(number[labels], np.int32)


def _described(
    plane: NDArray[np.float32],
    response: NDArray[np.float32],
    texture: NDArray[np.float32],
    wide_texture: NDArray[np.float32],
    labels: NDArray[np.int32],
) -> Candidates:
    side = max(plane.shape)
    count = int(labels.max()) + 1
    marks = _Labelled(labels, count)
    area = marks.sums()
    depth = np.asarray(cv2.distanceTransform((labels > 0).astype(np.uint8), cv2.DIST_L2, 3), np.float64)
    width = np.maximum(1.0, 4 * marks.sums(depth) / area - 1)
    length = area / width
    extent = _extent(labels, count, area)
    contrast = marks.sums(response) / area
    value = marks.sums(plane) / area
    ring = _Labelled(_ring(labels, max(2, round(side * _RING))), count)
    ring_area = np.maximum(ring.sums(), 1)
    ring_mean = ring.sums(plane) / ring_area
    ring_spread = np.sqrt(np.maximum(ring.sums(plane * plane) / ring_area - ring_mean**2, 0)) + 2
    ring_texture = ring.sums(texture) / ring_area + 2
    extremity = (value - np.percentile(plane, 99.5)) / 64
    deviation = np.sqrt(np.maximum(marks.sums(depth * depth) / area - (marks.sums(depth) / area) ** 2, 0))
    features = [
        np.log(length / side),
        np.log(width / side),
        np.log(length / width),
        np.minimum(extent / length, 1.5),
        np.log(contrast),
        np.log(contrast / ring_spread),
        np.log(contrast / ring_texture),
        np.log(ring_spread),
        np.clip(extremity, -3, 1),
        _touches_edge(labels, count),
        np.log((marks.sums(_gradient(plane)) / area + 1) / contrast),
        np.clip((value - marks.sums(_highest_round(plane, labels)) / area) / contrast, -3, 3),
        np.log(contrast / (marks.sums(wide_texture) / area + 2)),
        deviation / width,
    ]
    return Candidates(labels, area[1:], np.stack(features, axis=1)[1:])


class _Labelled:
    """Sums over each label of an image; only labelled pixels are looked at, since they are few.

    Label 0 is what is not marked: its sums are 1, and mean nothing.
    """

    def __init__(self, labels: NDArray[np.int32], count: int) -> None:
        self._places = np.flatnonzero(labels)
        self._labels, self._count = labels.ravel()[self._places], count

    def sums(self, values: NDArray[np.floating] | None = None) -> NDArray[np.float64]:
        """Sum of ``values`` (ones if None) over each label, label 0 first."""
        weights = None if values is None else values.ravel()[self._places]
        found = np.asarray(np.bincount(self._labels, weights, minlength=self._count), np.float64)
        found[0] = 1
        return found


def _extent(labels: NDArray[np.int32], count: int, area: NDArray[np.float64]) -> NDArray[np.float64]:
    """Length of the straight bar that has the same second moment along its main axis."""
    y, x = np.nonzero(labels)
    which = labels[y, x]
    sums = [
        np.bincount(which, values, minlength=count) / np.maximum(area, 1)
        for values in (x, y, np.square(x, dtype=float), np.square(y, dtype=float), x.astype(float) * y)
    ]
    mean_x, mean_y, xx, yy, xy = sums
    xx, yy, xy = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
    largest = (xx + yy) / 2 + np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    return np.sqrt(np.maximum(12 * largest + 1, 1))


def _ring(labels: NDArray[np.int32], reach: int) -> NDArray[np.int32]:
    """Labels of the pixels between 1 and 1 + ``reach`` pixels away from a mark (of two marks the later one)."""
    numbers = labels.astype(np.float32)
    near = cv2.dilate(numbers, np.ones((3, 3), np.uint8))
    size = 2 * (reach + 1) + 1
    far = np.asarray(cv2.dilate(numbers, np.ones((size, size), np.uint8)), np.int32)
    return np.where(np.asarray(near) > 0, 0, far).astype(np.int32)


def _gradient(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Steepest change of luma to a neighbour, per pixel: marks on a print have sharper edges than what is in it."""
    return np.asarray(cv2.morphologyEx(plane, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.float32)


def _highest_round(plane: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """Highest luma near each pixel that belongs to no mark (nor to a mark's soft edge)."""
    marked = cv2.dilate((labels > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    size = max(7, int(max(plane.shape) * 0.03) | 1)
    unmarked = np.where(np.asarray(marked) > 0, np.float32(0), plane)
    return np.asarray(cv2.dilate(unmarked, np.ones((size, size), np.uint8)), np.float32)


def _touches_edge(labels: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    border = np.concatenate([labels[:2].ravel(), labels[-2:].ravel(), labels[:, :2].ravel(), labels[:, -2:].ravel()])
    touches = np.zeros(count)
    touches[np.unique(border)] = 1.0
    return touches


@dataclass(frozen=True)
class Damage:
    """Damaged pixels of a scan, at the working size, by kind."""

    scratches: Mask
    creases: Mask
    spots: Mask

    @property
    def whole(self) -> Mask:
        """All damaged pixels."""
        return np.asarray(self.scratches | self.creases | self.spots, np.bool_)

    def shares(self) -> dict[str, float]:
        """Share of the picture by kind, and of all together under ``damage``."""
        kinds = {"scratches": self.scratches, "creases": self.creases, "spots": self.spots, "damage": self.whole}
        return {name: round(float(mask.mean()), 6) for name, mask in kinds.items()}


def find_damage(luma: NDArray[np.float32], sensitivity: float) -> Damage:
    """Damaged pixels of a scan at the working size (long side of 1024 pixels at most).

    :param luma: H x W, 0..1.
    :param sensitivity: 0 finds nothing, 0.5 as much as clean photographs allow, 1 every candidate.
    """
    plane = working_plane(luma)
    masks = [np.zeros(plane.shape, bool) for _ in range(3)]
    if max(plane.shape) < _SMALLEST:
        return Damage(*masks)
    seen = Response.of(plane)
    polarities: tuple[Polarity, ...] = ("bright", "dark")
    for polarity in polarities:
        candidates = find_candidates(seen, polarity)
        if not len(candidates.areas):
            continue
        chosen = likelihood(candidates.features, polarity) > 1 - sensitivity**_SENSITIVITY_CURVE
        if polarity == "bright" and sensitivity > 0:
            chosen |= _is_crack_network(candidates.features)
        chosen &= ~_is_frame(candidates)
        kind = np.where(chosen, _kind(candidates.features), -1)
        painted = np.concatenate([[-1], kind])[candidates.labels]
        for number, mask in enumerate(masks):
            mask |= painted == number
    return Damage(*masks)


def likelihood(features: NDArray[np.float64], polarity: Polarity) -> NDArray[np.float64]:
    """How likely each candidate is damage, 0..1: logistic in the features and their products."""
    scaled = (features - np.array(MEAN[polarity])) / np.array(SCALE[polarity])
    first, second = np.triu_indices(scaled.shape[1])
    terms = np.concatenate([np.ones((len(scaled), 1)), scaled, scaled[:, first] * scaled[:, second]], axis=1)
    return np.asarray(1 / (1 + np.exp(-np.clip(terms @ np.array(WEIGHTS[polarity]), -30, 30))), np.float64)


def _kind(features: NDArray[np.float64]) -> NDArray[np.int64]:
    """0 scratch, 1 crease (longer than two fifths of the scan), 2 spot (less than three times as long as wide)."""
    length, elongation = np.exp(features[:, 0]), np.exp(features[:, 2])
    return np.where(elongation < 3, 2, np.where(length > 0.4, 1, 0)).astype(np.int64)


def _is_crack_network(features: NDArray[np.float64]) -> Mask:
    """Cracks that have grown together: longer than 0.7 of the scan, tangled, standing out, coming in from its edge.

    Damage made by code has none of these, so the fitted weights know nothing of them.
    """
    column = {name: features[:, place] for place, name in enumerate(FEATURES)}
    tangled = (column["log_length"] > np.log(0.7)) & (column["straightness"] < 0.5) & (column["edge_of_scan"] > 0)
    stands_out = (column["log_contrast_to_ring_spread"] > 0.6) & (column["excess_over_neighbours"] > 0.4)
    return np.asarray(tangled & stands_out & (column["log_contrast_to_wide_texture"] > 0.4), np.bool_)


def _is_frame(candidates: Candidates) -> Mask:
    """Marks that lie mostly in the outermost 1.5 %: the mount or the scanner's bed, nothing to repair."""
    height, width = candidates.labels.shape
    inner = candidates.labels.copy()
    margin = max(2, round(max(height, width) * _FRAME))
    outer = np.ones((height, width), bool)
    outer[margin:-margin, margin:-margin] = False
    inner[~outer] = 0
    share = np.bincount(inner.ravel(), minlength=len(candidates.areas) + 1)[1:] / candidates.areas
    return np.asarray(share > 0.5, np.bool_)
