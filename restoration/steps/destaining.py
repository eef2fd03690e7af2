"""Stains taken out of a gray or toned print before it is made neutral: afterwards nothing tells them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.damage_kinds import MASK_CODES, DamageKind, Mending
from restoration.photo import bands
from restoration.photo.picture import FloatImage
from restoration.photo.stains import Stains, stains_of, without_stains
from restoration.steps.finding import Detector
from restoration.steps.mounting import LEAST_MOUNT
from restoration.steps.protocol import DamageRecord, StepOutcome

Mask = NDArray[np.bool_]

_CONFIDENCE = 0.5
_OF_A_FACE = 0.03
"""Share of a face's box from which a stain lies on it."""
_OF_THE_PRINT = 0.3
"""A stain goes on into what is taken for a mount if so much of it lies in the print."""


@dataclass(frozen=True)
class Destained:
    """The print (H x W x 3) without its stains, where they were (mask codes, H x W), what is recorded of them, and the
    mount (of the size it was given in) without what is a stain.
    """

    pixels: FloatImage
    mask: NDArray[np.uint8]
    record: DamageRecord
    mount: Mask | None

    def as_detail(self) -> dict[str, Any]:
        """Plain numbers for the step's record."""
        return {"stains": self.record.regions, "stain_share": self.record.found_share}


def destained(pixels: FloatImage, seen: FloatImage, within: Mask, mount: Mask | None) -> Destained | None:
    """The print without its stains; None if there are none that are sure.

    :param pixels: H x W x 3 sRGB in [0, 1], a print of one ink in the colours of the scan.
    :param seen: the same, or a smaller copy, in which stains are looked for.
    :param within: where the picture is, of ``seen``'s size.
    :param mount: where something of another colour lies along its edges, of ``seen``'s size: card, or a stain that
        reaches the edge.
    """
    stains = stains_of(seen, within if mount is None else within & ~mount)
    if stains is None:
        return None
    if mount is not None:
        stains = _followed(stains, stains_of(seen, within))
        mount = mount & ~bands.enlarged(stains.visible, *mount.shape)
        # what is left of a stain in the print's darkest places is no mount either
        mount = mount if mount.mean() >= LEAST_MOUNT else None
    share = round(float(stains.visible.mean()), 6)
    codes = np.where(stains.visible, MASK_CODES[DamageKind.STAIN], 0).astype(np.uint8)
    record = DamageRecord(DamageKind.STAIN, share, share, stains.patches, Mending.TONE)
    return Destained(without_stains(pixels, stains), bands.enlarged(codes, *pixels.shape[:2]), record, mount)


def stain_on_a_face(outcome: StepOutcome, detector: Detector) -> bool:
    """Whether stains that were taken off lay on a face: it may have been tinted by hand, so a person must look.

    The print may lie on its side or upside down, in which detectors see no faces: all four positions are asked.
    """
    if outcome.mask is None:
        return False
    seen = bands.as_bytes(bands.overview(outcome.picture.pixels))
    stained = bands.enlarged(outcome.mask, *seen.shape[:2]) > 0
    return any(
        _lies_on_a_face(np.ascontiguousarray(np.rot90(seen, turn)), np.rot90(stained, turn), detector)
        for turn in range(4)
    )


def _lies_on_a_face(seen: NDArray[np.uint8], stained: NDArray[np.bool_], detector: Detector) -> bool:
    for face in detector(seen, _CONFIDENCE):
        x, y, wide, high = (round(value) for value in face.box)
        inside = stained[max(0, y) : max(0, y + high), max(0, x) : max(0, x + wide)]
        if inside.size and float(inside.mean()) > _OF_A_FACE:
            return True
    return False


def _followed(inner: Stains, outer: Stains | None) -> Stains:
    """Stains of the print, to where they end."""
    if outer is None:
        return inner
    count, numbered = cv2.connectedComponents((outer.excess > 0).astype(np.uint8), connectivity=8)
    labels = np.asarray(numbered)
    shared = np.bincount(labels[inner.excess > 0], minlength=count) / np.bincount(labels.ravel(), minlength=count)
    kept = (shared >= _OF_THE_PRINT)[labels] & (labels > 0)
    excess, green = (
        np.maximum(own, all_of * kept) for own, all_of in ((inner.excess, outer.excess), (inner.green, outer.green))
    )
    return Stains(np.asarray(excess, np.float32), np.asarray(green, np.float32), inner.patches)
