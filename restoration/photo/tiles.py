"""Tiles of a picture, for viewers that zoom: one ZIP file with an IIIF Image API 3.0 pyramid, cut by libvips.

The same pixels give the same bytes: entries lie in a fixed order, uncompressed (JPEG does not get smaller), with one
fixed date. The address inside ``info.json`` is left empty, because it is not known before publication. Pixels are
read through, not copied: beside the ZIP itself memory does not grow with the picture.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restoration.errors import PhotoFailed, ReasonCode
from restoration.photo import bands
from restoration.photo.picture import FloatImage
from restoration.photo.pyramid import INFO, Pyramid, info_bytes, whole_path

QUALITY = 88
"""JPEG quality of the tiles."""
_SAVE = f"[Q={QUALITY},optimize_coding,keep=none]"
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)
_ROWS = 1024

Pixels = FloatImage | NDArray[np.uint8] | NDArray[np.uint16]


def tiles_zip(pixels: Pixels, side: int) -> bytes:
    """A stored ZIP with ``info.json`` and every file of the picture's :class:`~restoration.photo.pyramid.Pyramid`.

    Pictures are shown in 8 bits, in one channel where the three are equal.

    :param pixels: H x W x 3 sRGB: float32 in [0, 1], or uint8, or uint16.
    :param side: side of a tile in pixels.
    :raises PhotoFailed: encode_failed.
    """
    import pyvips

    # cached operations would keep whole pictures alive
    pyvips.cache_set_max(0)
    height, width = pixels.shape[:2]
    pyramid = Pyramid.of(width, height, side)
    try:
        files = _files(_image(pixels), pyramid)
    except pyvips.Error as error:
        raise PhotoFailed(f"libvips cannot cut this picture: {error}", reason=ReasonCode.ENCODE_FAILED) from error
    files[INFO] = info_bytes(pyramid.info(""))
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as archive:
        for path in (INFO, *pyramid.paths()):
            archive.writestr(zipfile.ZipInfo(path, _FIXED_DATE), files.pop(path))
    return raw.getvalue()


def _files(image: Any, pyramid: Pyramid) -> dict[str, bytes]:
    """Every file that the pyramid names, and perhaps more."""
    packed = image.dzsave_buffer(
        layout="iiif3", tile_size=pyramid.side, suffix=f".jpg{_SAVE}", basename="t", compression=0
    )
    files = {}
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        for name in archive.namelist():
            if name.endswith(".jpg"):
                files[name.removeprefix("t/")] = archive.read(name)
    del packed
    native = (pyramid.width, pyramid.height)
    largest = _whole(image, pyramid, pyramid.largest, files)
    files.setdefault(whole_path(None), largest)
    for size in pyramid.sizes:
        files.setdefault(whole_path(size), largest if size == native else _whole(image, pyramid, size, files))
    return files


def _whole(image: Any, pyramid: Pyramid, size: tuple[int, int], files: dict[str, bytes]) -> bytes:
    """The whole picture in a size as one file; a tile that is the same is taken."""
    if whole_path(size) in files:
        return files[whole_path(size)]
    if size != (pyramid.width, pyramid.height):
        image = image.thumbnail_image(size[0], height=size[1], size="force")
    data: bytes = image.write_to_buffer(f".jpg{_SAVE}")
    return data


def _image(pixels: Pixels) -> Any:
    """The pixels as libvips sees them: 8 bits, one or three channels; nothing is computed before it is asked for."""
    import pyvips

    height, width = pixels.shape[:2]
    kept: NDArray[Any] = pixels[:, :, :1] if _is_gray(pixels) else pixels
    if not kept.flags.c_contiguous:
        kept = bands.copied(kept)
    kind = {"float32": "float", "uint8": "uchar", "uint16": "ushort"}[kept.dtype.name]
    image = pyvips.Image.new_from_memory(kept.data, width, height, kept.shape[2], kind)
    scale = {"float": 255.0, "uchar": 1.0, "ushort": 255.0 / 65535.0}[kind]
    # a cast clips to the range of the type
    whole = (image * scale).rint().cast("uchar") if scale != 1.0 else image
    return whole.copy(interpretation="b-w" if kept.shape[2] == 1 else "srgb")


def _is_gray(pixels: Pixels) -> bool:
    """Whether the three channels are equal; a band of rows at a time, so that a coloured picture is known at once."""
    if bands.is_one_plane(pixels):
        return True
    for start in range(0, pixels.shape[0], _ROWS):
        rows = pixels[start : start + _ROWS]
        if not (np.array_equal(rows[..., 0], rows[..., 1]) and np.array_equal(rows[..., 0], rows[..., 2])):
            return False
    return True
