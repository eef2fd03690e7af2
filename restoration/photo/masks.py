"""Masks: which pixels of a picture a computer mended, and of what kind the damage was.

A mask is H x W uint8 with the codes of :data:`restoration.damage_kinds.MASK_CODES`, 0 where the scan's own pixels are.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.damage_kinds import FILLED_KINDS, MASK_CODES, DamageKind
from restoration.errors import PhotoFailed, ReasonCode
from restoration.photo import bands

MaskCodes = NDArray[np.uint8]


def join_masks(earlier: MaskCodes | None, later: MaskCodes | None) -> MaskCodes | None:
    """Both masks in one; where both say something, the later one counts. None if there is neither."""
    if earlier is None or later is None:
        return later if earlier is None else earlier
    return np.where(later > 0, later, earlier).astype(np.uint8)


def mask_of_size(mask: MaskCodes, height: int, width: int) -> MaskCodes:
    """The mask of a picture that was enlarged or reduced since; codes are never mixed."""
    if mask.shape == (height, width):
        return mask
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def filled_share(mask: MaskCodes) -> float:
    """Share of the picture that was invented, 0..1: what was filled, not what only changed its tone."""
    codes = [MASK_CODES[kind] for kind in sorted(FILLED_KINDS)]
    filled = sum(int(np.isin(mask[rows], codes).sum()) for rows in bands.bands(mask))
    return round(filled / mask.size, 6)


_SEEN_SIDE = 1600
"""Long side at which places are told apart."""
_LONG = 0.25
"""A place as long as this share of the long side is a scratch, a crease or a torn edge: nothing else looks like one."""
_DAMAGED = 0.01
"""Where more than this share was filled, the photograph is damaged for sure, and a single place likely is too."""


def doubtful_fill(mask: MaskCodes) -> float:
    """Share of a hardly damaged picture, 0..1, of the largest place that was filled and is no long mark: it may have
    been a thing. 0 if there is none, or if the picture is damaged all over.
    """
    codes = [MASK_CODES[kind] for kind in sorted(FILLED_KINDS)]
    scale = min(1.0, _SEEN_SIDE / max(mask.shape))
    height, width = (max(1, round(side * scale)) for side in mask.shape)
    seen = mask_of_size(mask, height, width)
    filled = np.isin(seen, codes).astype(np.uint8)
    _, _, places, _ = cv2.connectedComponentsWithStats(filled, connectivity=8)
    longest = np.maximum(places[1:, cv2.CC_STAT_WIDTH], places[1:, cv2.CC_STAT_HEIGHT])
    if int(places[1:, cv2.CC_STAT_AREA].sum()) > _DAMAGED * seen.size:
        return 0.0
    areas = places[1:, cv2.CC_STAT_AREA][longest < _LONG * max(seen.shape)]
    return float(areas.max(initial=0)) / seen.size


def boxes_by_kind(mask: MaskCodes) -> dict[DamageKind, tuple[int, int, int, int]]:
    """The box (x, y, width, height) round all places of each kind that the mask holds, in pixels of the mask."""
    boxes = {}
    for kind, code in MASK_CODES.items():
        x, y, width, height = cv2.boundingRect((mask == code).view(np.uint8))
        if width:
            boxes[kind] = (x, y, width, height)
    return boxes


def encode_mask(mask: MaskCodes) -> bytes:
    """The mask as a gray PNG of 8 bits; the same mask always gives the same bytes.

    :raises PhotoFailed: OpenCV could not encode it.
    """
    done, data = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise PhotoFailed(f"a mask of {mask.shape} could not be encoded as PNG", reason=ReasonCode.ENCODE_FAILED)
    return bytes(data)


def decode_mask(data: bytes) -> MaskCodes:
    """The mask again from what :func:`encode_mask` wrote.

    :raises ValueError: no gray PNG of 8 bits.
    """
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.ndim != 2 or found.dtype != np.uint8:
        raise ValueError("a mask is a gray PNG of 8 bits, and this is none")
    return np.asarray(found, np.uint8)
