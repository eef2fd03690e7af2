"""From how likely each pixel is damaged to what is mended: whole marks, of one kind each, and none that is history.

A mark is a connected place that is likely everywhere and very likely somewhere. Lettering is reported and left. Small
marks inside an eye or a mouth must be sure, since a highlight in a pupil looks like a speck; a scratch across a face is
none of that. Many spots that are alike are snow, lamps or lace until somebody has looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.damage_kinds import FILLED_KINDS, MASK_CODES, DamageKind
from restoration.models.nets.detection import Detection
from restoration.photo.boxes import numbered
from restoration.steps.searching import Found

Mask = NDArray[np.bool_]
Codes = NDArray[np.uint8]

KINDS = tuple(DamageKind)
_WORN_SHARE = 0.006
_WORN_LOGITS = 4.0
"""A print of which so much is surely damaged is judged again, by so many logits less. This and what follows was settled
on held-out photographs, for less than a thousandth of a whole photograph changed (docs/repair.md).
"""
_POSSIBLE = 0.2
"""How likely, in the mean, the net must think a mark that was found by its shape, unless the print is worn."""
_LOW_SHARE = 0.26
"""A mark goes on as far as pixels are at least this share as likely as its surest must be."""
_EYE = 0.36
_MOUTH = 0.30
"""Radii of what is protected round each eye and mouth corner, as shares of the distance between the eyes."""
_SURE_IN_FACE = 0.92
_SMALL_IN_FACE = 0.15
"""Marks with an area below this share of the squared distance between the eyes are small for that face."""
_LONG_IN_FACE = 0.8
"""Longer than this share of the distance between the eyes is no light in a pupil, no lid and no lip."""
_THIN_IN_FACE = 4.0
_GAP_IN_FACE = 0.15
"""A piece whose squared diagonal is so many times its area is thin; if a mark that is kept lies within this share of
the distance between the eyes, it is a scratch that goes on across an eye.
"""
_EDGE_OF_REACH = 2.0
_ALIKE = ((40, 0.45), (8, 0.15))
"""So many spots whose areas (as logarithms; half of them, as a deviation) spread by less than this are alike: snow and
leaves, or a string of lamps. In 175 trials with damage no spots were, and in no whole photograph of 88.
"""
_ALIKE_LONG = 2.2
_QUARTILES = 1.349
"""Quartiles of a normal distribution lie so many deviations apart."""
_FACE_SHARE = 0.25
_PART_SHARE = 0.4
"""A hole that takes so much of a face, or of an eye or mouth, takes what nobody can know."""
_OVAL_SPAN = 0.6
_OVAL_AREA = 0.15
_OVAL_OFF = 0.025
"""An oval spans so much of both sides and takes at most so much of its box; half of it is off an ellipse by less than
this share of its axes."""
_WRITING = 0.5


@dataclass(frozen=True)
class Marks:
    """What was found, H x W: codes of :data:`MASK_CODES` where something is to be filled, lettering apart.

    ``regions`` counts the marks of each kind. ``alike``: spots were left because there are many of one look.
    """

    codes: Codes
    writing: Mask
    regions: dict[DamageKind, int]
    alike: bool = False

    @property
    def mask(self) -> Mask:
        """All that is to be filled."""
        return np.asarray(self.codes > 0, np.bool_)

    def share(self, kind: DamageKind) -> float:
        """Share of the picture, 0..1."""
        if kind is DamageKind.WRITING:
            return float(self.writing.mean())
        # stains are not filled, and have no code: they cannot be told from nothing
        return float((self.codes == MASK_CODES[kind]).mean()) if kind in FILLED_KINDS else 0.0


def least_likelihood(sensitivity: float, *, worn: bool = False) -> float:
    """How likely a mark must be somewhere, 0..1: nearly everything counts at sensitivity 1, 0.997 is asked at 0.5, and
    nothing counts at 0.

    :param worn: of a print that is surely damaged elsewhere; less is asked then, 0.85 at 0.5.
    """
    least = float(np.clip(1 - sensitivity**8.3, 0.05, 1.01)) if sensitivity else 1.01
    if least >= 1 or not worn:
        return least
    logit = np.log(least / (1 - least)) - _WORN_LOGITS
    return float(1 / (1 + np.exp(-logit)))


def decide(found: Found, shapes: Codes, sensitivity: float, faces: Sequence[Detection]) -> Marks:
    """All marks of a scan: the net's, and those found by their shape of which the net thinks anything.

    A print that is surely damaged in one place likely is in others, and one without any is likely whole: where what is
    sure takes more than ``_WORN_SHARE`` of the scan, everything is judged again by a lower measure. If many spots are
    alike it is not: they are likely no damage, and say nothing of the rest.

    :param shapes: H x W codes of :data:`MASK_CODES` of what :func:`restoration.photo.damage.find_damage` found.
    :param faces: faces of the scan, whose eyes and mouths are protected.
    """
    sure = joined(judge(found, sensitivity, faces), shapes, found, faces)
    if sure.alike or float(sure.mask.mean()) <= _WORN_SHARE:
        return sure
    return joined(judge(found, sensitivity, faces, worn=True), shapes, found, faces, worn=True)


def judge(found: Found, sensitivity: float, faces: Sequence[Detection], *, worn: bool = False) -> Marks:
    """Decide about every mark of the net.

    :param faces: faces of the scan, whose eyes and mouths are protected.
    """
    labels, stats = numbered(found.likely > 255 * least_likelihood(sensitivity, worn=worn) * _LOW_SHARE)
    table = _Table(labels, stats, found)
    keep = table.surest > 255 * least_likelihood(sensitivity, worn=worn)
    written = keep & (table.writing > _WRITING)
    keep &= ~written & ~_printed_ovals(table, keep)
    keep &= ~_in_face_parts(table, faces) | _going_on(table, keep, faces)
    alike = _alike(table, keep)
    if alike.any():
        keep &= ~alike
    kinds = np.where(keep, table.kind, -1)
    codes = np.zeros(table.count, np.uint8)
    for number, kind in enumerate(KINDS):
        if kind in FILLED_KINDS:
            codes[kinds == number] = MASK_CODES[kind]
    regions = {kind: int((kinds == number).sum()) for number, kind in enumerate(KINDS) if kind in FILLED_KINDS}
    # kinds are told from each other where something is wrong, and mean nothing elsewhere: lettering counts where it was
    # taken for a mark
    writing = np.asarray(written[labels], np.bool_)
    regions[DamageKind.WRITING] = int(written.sum())
    return Marks(_grown(codes[labels]), writing, regions, bool(alike.any()))


def joined(marks: Marks, shapes: Codes, found: Found, faces: Sequence[Detection], *, worn: bool = False) -> Marks:
    """The net's marks, and of those that were found by their shape the ones that the net thinks possible.

    :param shapes: H x W codes of :data:`MASK_CODES` of what :func:`restoration.photo.damage.find_damage` found.
    """
    labels, stats = numbered(shapes > 0)
    table = _Table(labels, stats, found)
    keep = (table.mean > (0 if worn else _POSSIBLE)) & (table.writing <= _WRITING) & ~_in_face_parts(table, faces)
    keep[0] = False
    if marks.alike:
        keep &= ~_round(table)
    keep &= ~_printed_ovals(table, keep)
    added = np.where(keep[labels] & (marks.codes == 0), shapes, 0).astype(np.uint8)
    regions = dict(marks.regions)
    for kind, code in MASK_CODES.items():
        if (added == code).any():
            regions[kind] = regions.get(kind, 0) + _pieces(added == code)
    return replace(marks, codes=np.maximum(marks.codes, added), regions=regions)


def _grown(codes: Codes) -> Codes:
    """Each mark wider by a pixel: its soft edge would stay as a thin line round what was filled."""
    wider = cv2.dilate(codes, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    return np.where(codes > 0, codes, np.asarray(wider, np.uint8)).astype(np.uint8)


class _Table:
    """Facts of every connected place, by its label; label 0 is what is not marked.

    Only marked pixels are looked at: they are few, and sums over a whole scan of a hundred megapixels would take
    gigabytes.
    """

    def __init__(self, labels: NDArray[np.int32], stats: NDArray[np.int32], found: Found) -> None:
        places, count = np.flatnonzero(labels), len(stats)
        flat = labels.ravel()[places]
        likely = found.likely.ravel()[places]
        self.labels, self.count = labels, count
        self.area = np.maximum(stats[:, cv2.CC_STAT_AREA].astype(np.float64), 1)
        self.width = stats[:, cv2.CC_STAT_WIDTH].astype(np.float64)
        self.height = stats[:, cv2.CC_STAT_HEIGHT].astype(np.float64)
        self.surest = np.zeros(count)
        np.maximum.at(self.surest, flat, likely)
        self.mean = np.bincount(flat, likely, count) / self.area / 255
        self.writing = np.bincount(flat, found.writing.ravel()[places], count) / self.area / 255
        self.kind = self._kinds(flat, likely, found.kind.ravel()[places])

    def _kinds(self, flat: NDArray[np.int32], likely: Codes, kind: Codes) -> NDArray[np.int64]:
        """The likeliest kind that is filled, by the votes of the place's pixels."""
        votes = np.zeros((len(KINDS), self.count))
        for number, name in enumerate(KINDS):
            if name in FILLED_KINDS:
                votes[number] = np.bincount(flat, (kind == number) * likely, self.count)
        return np.asarray(votes.argmax(axis=0), np.int64)

    def inside(self, where: Mask) -> NDArray[np.float64]:
        """Share of each place that lies in ``where``."""
        return np.bincount(self.labels[where], minlength=self.count) / self.area


def _in_face_parts(table: _Table, faces: Sequence[Detection]) -> Mask:
    """Small marks, not sure ones, that lie mostly in an eye or a mouth."""
    doubtful = np.zeros(table.count, bool)
    for face in faces:
        parts = face_parts(face, (table.labels.shape[0], table.labels.shape[1]))
        unit = eye_distance(face)
        small = (table.area < _SMALL_IN_FACE * unit**2) & (np.hypot(table.width, table.height) < _LONG_IN_FACE * unit)
        doubtful |= small & (table.mean < _SURE_IN_FACE) & (table.inside(parts) > 0.5)
    return doubtful


def _going_on(table: _Table, keep: Mask, faces: Sequence[Detection]) -> Mask:
    """Thin pieces in a face beside a mark that is kept, and is in no eye or mouth itself."""
    thin = keep & (table.width**2 + table.height**2 > _THIN_IN_FACE * table.area)
    anchors = keep & ~_in_face_parts(table, faces)
    beside = np.zeros(table.count, bool)
    for face in faces:
        x, y, width, height = (round(value) for value in face.box)
        labels = table.labels[max(0, y) : y + height, max(0, x) : x + width]
        reach = max(3, round(_GAP_IN_FACE * eye_distance(face)))
        if labels.size:
            beside |= _within(labels, anchors, thin & ~beside, reach)
    return np.asarray(thin & beside, np.bool_)


def _within(labels: NDArray[np.int32], anchors: Mask, asked: Mask, reach: int) -> Mask:
    """Which of the labels that are asked for come within ``reach`` pixels of an anchor (an ellipse, as OpenCV has it).

    The distance says so at once, but of those at its very edge: the ellipse costs its whole area for each pixel.
    """
    seeds = anchors[labels]
    found = np.zeros(len(anchors), bool)
    if not seeds.any():
        return found
    away = np.asarray(cv2.distanceTransform((~seeds).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)
    found[labels[away <= reach - _EDGE_OF_REACH]] = True
    doubtful = np.zeros(len(anchors), bool)
    doubtful[labels[away <= reach + _EDGE_OF_REACH]] = True
    if (doubtful & ~found & asked).any():
        element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        found[labels[np.asarray(cv2.dilate(seeds.astype(np.uint8), element)) > 0]] = True
    return found


def eye_distance(face: Detection) -> float:
    """Pixels between the eyes."""
    return float(np.hypot(*(face.landmarks[1] - face.landmarks[0])))


def face_parts(face: Detection, shape: tuple[int, int], *, scale: float = 1.0) -> Mask:
    """Eyes and mouth of a face: discs round them, H x W."""
    canvas = np.zeros(shape, np.uint8)
    unit = eye_distance(face) * scale
    for number, point in enumerate(face.landmarks):
        if number != 2:  # the nose is plain skin
            radius = max(1, round(unit * (_EYE if number < 2 else _MOUTH)))
            cv2.circle(canvas, (round(float(point[0])), round(float(point[1]))), radius, 1, -1)
    return np.asarray(canvas > 0, np.bool_)


def _printed_ovals(table: _Table, keep: Mask) -> Mask:
    """Lines round the picture, printed or cut, that are no damage: large marks that follow an ellipse."""
    height, width = table.labels.shape
    large = keep & (table.width > _OVAL_SPAN * width) & (table.height > _OVAL_SPAN * height)
    large &= table.area < _OVAL_AREA * table.width * table.height
    ovals = np.zeros(table.count, bool)
    for number in np.flatnonzero(large):
        ovals[number] = _follows_an_ellipse(np.argwhere(table.labels == number)[:, ::-1])
    return ovals


def _follows_an_ellipse(points: NDArray[np.int64]) -> bool:
    """Whether most of the points (x, y) lie on one ellipse."""
    (x, y), axes, angle = cv2.fitEllipse(points.astype(np.float32))
    if min(axes) <= 0:
        return False
    turn = np.deg2rad(angle)
    away = points - np.array([x, y])
    along = away @ np.array([np.cos(turn), np.sin(turn)]) / (axes[0] / 2)
    across = away @ np.array([-np.sin(turn), np.cos(turn)]) / (axes[1] / 2)
    return bool(np.median(np.abs(np.hypot(along, across) - 1)) < 2 * _OVAL_OFF)


def _alike(table: _Table, keep: Mask) -> Mask:
    """Spots of whatever kind that are many and alike; nothing if they are few, or of every size as dust is."""
    spots = np.asarray(keep & _round(table), np.bool_)
    low, high = np.percentile(np.log(table.area[spots]), [25, 75]) if spots.any() else (0.0, 0.0)
    spread = float(high - low) / _QUARTILES
    alike = any(int(spots.sum()) >= count and spread < most for count, most in _ALIKE)
    return spots if alike else np.zeros(table.count, bool)


def _round(table: _Table) -> Mask:
    """Places that are as long as wide, or nearly so."""
    long = np.maximum(table.width, table.height) / np.maximum(1, np.minimum(table.width, table.height))
    return np.asarray((long < _ALIKE_LONG) & (table.area >= 4), np.bool_)


def lost_face_parts(holes: Mask, faces: Sequence[Detection]) -> list[Detection]:
    """Faces of which holes take an eye, the mouth, or more than a quarter."""
    return [face for face in faces if _is_lost(holes, face)]


def _is_lost(holes: Mask, face: Detection) -> bool:
    x, y, width, height = (round(value) for value in face.box)
    if holes[max(0, y) : y + height, max(0, x) : x + width].sum() > _FACE_SHARE * width * height:
        return True
    shape = (holes.shape[0], holes.shape[1])
    for points in (face.landmarks[:1], face.landmarks[1:2], face.landmarks[3:]):
        middle = points.mean(axis=0)
        canvas = np.zeros(shape, np.uint8)
        radius = max(1, round(0.2 * eye_distance(face)))
        cv2.circle(canvas, (round(float(middle[0])), round(float(middle[1]))), radius, 1, -1)
        part = canvas > 0
        if part.any() and holes[part].mean() > _PART_SHARE:
            return True
    return False


def _pieces(mask: Mask) -> int:
    if not mask.any():
        return 0
    return int(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0]) - 1
