"""Small pictures by name: the same name gives the same bytes, another name other ones."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np


def pixels(name: str, height: int = 30, width: int = 40) -> np.ndarray:
    """Noise that belongs to the name: height x width x 3, uint8."""
    seed = int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:8], "big")
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(name: str, extension: str) -> bytes:
    """The picture of that name as a file of any format that OpenCV writes."""
    return cv2.imencode(f".{extension}", pixels(name))[1].tobytes()


def png(name: str) -> bytes:
    """As PNG."""
    return encoded(name, "png")


def jpeg(name: str) -> bytes:
    """As JPEG."""
    return encoded(name, "jpg")
