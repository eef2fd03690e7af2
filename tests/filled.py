"""A photograph of which parts were filled: what the catalog's record says of it, and its mask."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from restoration.damage_kinds import MASK_CODES, DamageKind
from restoration.names import output_key
from restoration.photo.masks import encode_mask

INPAINTER = {
    "name": "house-inpainter",
    "version": "1",
    "architecture": "inpainter",
    "weights_sha256": "1a" * 32,
    "licence": "CC0-1.0",
}
SCRATCH = {
    "kind": "scratch",
    "found_share": 0.014,
    "mended_share": 0.0125,
    "regions": 3,
    "mending": "surroundings",
    "model": None,
}
HOLE = {
    "kind": "hole",
    "found_share": 0.02,
    "mended_share": 0.02,
    "regions": 1,
    "mending": "net",
    "model": INPAINTER["name"],
}
STAIN = {
    "kind": "stain",
    "found_share": 0.1,
    "mended_share": 0.1,
    "regions": 1,
    "mending": "tone",
    "model": None,
    "box": [0, 0, 4, 4],
}
WRITING = {
    "kind": "writing",
    "found_share": 0.01,
    "mended_share": 0.0,
    "regions": 2,
    "mending": "none",
    "model": None,
    "box": None,
}


def filled_mask(height: int = 30, width: int = 40, seed: int = 0) -> np.ndarray:
    """A scratch across the picture and a hole in a corner; another seed moves the scratch."""
    mask = np.zeros((height, width), np.uint8)
    mask[height // 3 + seed % 5, width // 8 : -width // 8] = MASK_CODES[DamageKind.SCRATCH]
    mask[-height // 5 :, -width // 5 :] = MASK_CODES[DamageKind.HOLE]
    return mask


def filled_png(height: int = 30, width: int = 40, seed: int = 0) -> bytes:
    """The same as the file that the engine makes."""
    return encode_mask(filled_mask(height, width, seed))


def filled_record(*, net: bool = True, width: int = 40, height: int = 30, data: bytes | None = None) -> dict[str, Any]:
    """What the catalog's record says beside ``output``: 3.3 % filled by a net, or 1.3 % without one."""
    scratch = SCRATCH | {"box": [width // 8, height // 3, width - 2 * (width // 8), 1]}
    hole = HOLE | {"box": [width - width // 5, height - height // 5, width // 5, height // 5]}
    sha256 = hashlib.sha256(data or filled_png(height, width)).hexdigest()
    return {
        "mask": output_key(sha256, "png"),
        "filled_share": 0.0325 if net else 0.0125,
        "damage": [STAIN, *([hole] if net else []), scratch, WRITING],
    }
