"""Pictures and files for the tests of the photo room, made by code from photographs that packages carry."""

from __future__ import annotations

import io
import struct
import zlib
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image

from restoration.photo.colour import luminance_y
from restoration.photo.picture import FloatImage, Picture, ScanInfo


@lru_cache(maxsize=8)
def photograph(name: str) -> FloatImage:
    """A colour photograph, H x W x 3 float32 in [0, 1]: astronaut, chelsea, coffee (scikit-image), china, flower."""
    if name in {"china", "flower"}:
        from sklearn.datasets import load_sample_image

        pixels = load_sample_image(f"{name}.jpg")
    else:
        from skimage import data

        pixels = getattr(data, name)()
    return np.ascontiguousarray(pixels[:, :, :3], np.float32) / np.float32(255)


def gray(pixels: FloatImage) -> FloatImage:
    """The same photograph with three equal channels."""
    return np.repeat(luminance_y(pixels)[:, :, None], 3, axis=2)


def smaller(pixels: FloatImage, side: int) -> FloatImage:
    scale = side / max(pixels.shape)
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)


def picture(pixels: FloatImage, *, bits: int = 8, dpi: float = 0.0) -> Picture:
    height, width = pixels.shape[:2]
    return Picture(pixels, ScanInfo("png", width, height, bits, 3, dpi=dpi))


def integers(pixels: FloatImage) -> np.ndarray:
    return np.rint(pixels * 255).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bomb(side: int) -> bytes:
    """A PNG of ``side`` x ``side`` zero pixels (1 bit gray), a few KiB long."""
    row = b"\0" * (1 + side // 8)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(200)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
