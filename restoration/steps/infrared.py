"""Infrared as evidence: what a scan's channel shows is damage for sure, wherever it lies; faces are no exception."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.damage_kinds import MASK_CODES, DamageKind
from restoration.photo import bands
from restoration.photo.infrared import dust_of
from restoration.photo.picture import FloatImage, Samples
from restoration.steps.judging import Marks
from restoration.steps.protocol import Frame

Codes = NDArray[np.uint8]

_LONG = 6.0
"""A mark whose squared diagonal is so many times its area is a scratch or a hair, else dust."""


def with_infrared(frame: Frame, marks: Marks, beyond: NDArray[np.bool_]) -> tuple[Marks, dict[str, Any]]:
    """The marks with those that the scan's infrared channel shows, and words for the record.

    ``infrared``: ``used``, ``silver`` (the picture itself is opaque to it), ``unlike`` (the channel is no infrared) or
    ``absent``.

    :param beyond: H x W, where the picture is not.
    """
    scan = frame.source
    if scan.extra is None or scan.extra.shape != scan.pixels.shape[:2]:
        return marks, {"infrared": "absent"}
    found = dust_of(*_of_size(scan.extra, scan.pixels, *marks.codes.shape))
    detail: dict[str, Any] = {"infrared": found.use}
    if found.use != "used":
        return marks, detail
    codes, regions = _kinds(found.marks & ~beyond)
    detail["infrared_share"] = round(float((codes > 0).mean()), 6)
    detail["infrared_only"] = round(float(((codes > 0) & (marks.codes == 0)).mean()), 6)
    detail["infrared_shift"] = [round(value, 2) for value in found.shift]
    counted = {kind: max(marks.regions.get(kind, 0), regions.get(kind, 0)) for kind in {**marks.regions, **regions}}
    # lettering lies on a print, not on film: what is opaque is none
    writing = marks.writing & (codes == 0)
    joined = np.where(marks.codes > 0, marks.codes, codes).astype(np.uint8)
    return replace(marks, codes=joined, writing=writing, regions=counted), detail


def _of_size(extra: Samples, pixels: FloatImage, height: int, width: int) -> tuple[Samples, FloatImage]:
    """Both at the size at which marks are looked for."""
    if extra.shape == (height, width):
        return extra, pixels
    of_one_kind: NDArray[Any] = extra
    return bands.resized(of_one_kind, width, height), bands.resized(pixels, width, height)


def _kinds(mask: NDArray[np.bool_]) -> tuple[Codes, dict[DamageKind, int]]:
    """Codes of marks by their shape, and how many there are of each kind."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    table = np.asarray(stats, np.float64)
    diagonal = table[:, cv2.CC_STAT_WIDTH] ** 2 + table[:, cv2.CC_STAT_HEIGHT] ** 2
    is_long = diagonal > _LONG * np.maximum(table[:, cv2.CC_STAT_AREA], 1)
    codes = np.where(is_long, MASK_CODES[DamageKind.SCRATCH], MASK_CODES[DamageKind.DUST]).astype(np.uint8)
    codes[0] = 0
    regions = {DamageKind.SCRATCH: int(is_long[1:].sum()), DamageKind.DUST: int((~is_long[1:]).sum())}
    return codes[np.asarray(labels)], {kind: number for kind, number in regions.items() if number}
