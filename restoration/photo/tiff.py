"""Pictures to TIFF for the archive: 8 or 16 bits, Deflate, with profile, resolution and XMP. Same pixels, same bytes.

libvips takes rows as it writes them, so beyond the pixels themselves memory holds the file and a few strips.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from restoration.errors import PhotoFailed, ReasonCode
from restoration.photo.encode import to_integers, upright_dpi, xmp_packet
from restoration.photo.formats.icc import SRGB_CURVE, SRGB_PRIMARIES, made_gray_profile, made_profile
from restoration.photo.picture import FloatImage, Picture

if TYPE_CHECKING:
    import pyvips

UNKNOWN_DPI = 72.0
"""What formats that must say a resolution say if it is not known (Exif 2.3, XResolution)."""

_ROWS = 256
_MM_PER_INCH = 25.4
_RESOLUTION, _UNIT = (282, 283), 296
"""Tags (TIFF 6.0, section 8); the former's values are rationals and lie elsewhere, the latter's in its entry."""


def encode_tiff(picture: Picture, *, software: str, ai_altered: bool) -> bytes:
    """TIFF of a picture: 8 or 16 bits by ``info.bits``, one channel if the three are equal, Deflate with a predictor.

    Carries an ICC profile (sRGB, or gray with sRGB's curve), the scan's resolution along both axes (if it is not known,
    1 without a unit: pixels are square), and XMP as PNG has it. Values are those of the PNG.

    :param software: name and version of the program, for xmp:CreatorTool.
    :param ai_altered: whether a trained model put content into the picture.
    :raises PhotoFailed: encode_failed.
    """
    import pyvips

    image = described(picture, software=software, ai_altered=ai_altered)
    try:
        data: bytes = image.tiffsave_buffer(compression="deflate", predictor="horizontal", resunit="inch")
    except pyvips.Error as error:
        raise PhotoFailed(f"libvips cannot encode this picture: {error}", reason=ReasonCode.ENCODE_FAILED) from error
    return data if min(upright_dpi(picture.info)) > 0 else without_unit(data)


def described(
    picture: Picture, *, software: str, ai_altered: bool, bits: int = 0, gray_as_gray: bool = True
) -> pyvips.Image:
    """The picture as libvips sees it, rounded as PNG is, with profile, resolution and XMP for whatever is written.

    :param bits: 8 for a copy of fewer bits; 0 for those of the scan.
    :param gray_as_gray: one channel if the three are equal.
    """
    import pyvips

    bits = bits or picture.info.bits
    gray = gray_as_gray and _is_gray(picture.pixels, bits)
    whole = to_integers(picture.pixels[:, :, :1] if gray else picture.pixels, 8 if bits == 8 else 16)
    image = pyvips.Image.new_from_array(whole, interpretation=_meaning(gray, bits))
    across, down = ((axis or UNKNOWN_DPI) / _MM_PER_INCH for axis in upright_dpi(picture.info))
    image = image.copy(xres=across, yres=down)
    name = "sRGB gray" if gray else "sRGB"
    profile = made_gray_profile(name, SRGB_CURVE) if gray else made_profile(name, SRGB_PRIMARIES, SRGB_CURVE)
    for key, blob in (("icc-profile-data", profile), ("xmp-data", xmp_packet(software, ai_altered))):
        image.set_type(pyvips.GValue.blob_type, key, blob)
    return image


def without_unit(data: bytes) -> bytes:
    """A TIFF of libvips with a resolution of 1 x 1 without a unit: nothing is known but that pixels are square."""
    order: Any = "little" if data[:2] == b"II" else "big"
    start = int.from_bytes(data[4:8], order)
    changed = bytearray(data)
    for entry in range(start + 2, start + 2 + 12 * int.from_bytes(data[start : start + 2], order), 12):
        tag, value = (int.from_bytes(data[entry + at : entry + at + size], order) for at, size in ((0, 2), (8, 4)))
        if tag in _RESOLUTION:
            changed[value : value + 8] = 2 * (1).to_bytes(4, order)
        elif tag == _UNIT:
            changed[entry + 8 : entry + 10] = (1).to_bytes(2, order)
    return bytes(changed)


def _meaning(gray: bool, bits: int) -> str:
    if gray:
        return "b-w" if bits == 8 else "grey16"
    return "srgb" if bits == 8 else "rgb16"


def _is_gray(pixels: FloatImage, bits: int) -> bool:
    """Whether the three channels are equal once they are rounded; a band of rows at a time."""
    for start in range(0, pixels.shape[0], _ROWS):
        rows = to_integers(pixels[start : start + _ROWS], 8 if bits == 8 else 16)
        if not (np.array_equal(rows[..., 0], rows[..., 1]) and np.array_equal(rows[..., 0], rows[..., 2])):
            return False
    return True
