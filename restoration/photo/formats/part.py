"""A part of a scan as a TIFF file of its own: the scan's samples, profile, resolution, XMP and IPTC."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pyvips

_ON_ITS_SIDE = frozenset({5, 6, 7, 8})
_INCH = 25.4
_PROFILE = "icc-profile-data"
_DESCRIPTION = "image-description"


def with_facts(image: pyvips.Image, profile: bytes, facts: dict[str, Any]) -> pyvips.Image:
    """The upright scan with what its file said, whichever way it said so.

    :param profile: that of the file, if libvips did not see it; empty otherwise.
    """
    across, down = facts["dpi"], facts["dpi_down"] or facts["dpi"]
    if facts["orientation"] in _ON_ITS_SIDE:
        across, down = down, across
    # pixels per millimetre; libvips writes 1 of them where a file said nothing, which is no scanner's
    said = image.copy(xres=across / _INCH, yres=down / _INCH) if across else image.copy()
    if profile and not said.get_typeof(_PROFILE):
        said.set_type(pyvips.GValue.blob_type, _PROFILE, profile)
    words = facts["metadata"].get("ImageDescription", "")
    if words and not said.get_typeof(_DESCRIPTION):
        said.set_type(pyvips.GValue.gstr_type, _DESCRIPTION, words)
    return said


def write_part(image: pyvips.Image, part: Sequence[float], target: int) -> None:
    """Write a part of an upright scan to a descriptor, losslessly.

    :param part: the middle (x, y), whole width and height in pixels, and the turn in degrees clockwise.
    :raises pyvips.Error: a straight part does not lie inside the scan.
    """
    x, y, width, height, angle = part
    piece = _turned(image, x, y, int(width), int(height), angle) if angle else _straight(image, x, y, width, height)
    piece.tiffsave_target(
        pyvips.Target.new_to_descriptor(target), compression="deflate", predictor="horizontal", keep="all"
    )


def _straight(image: pyvips.Image, x: float, y: float, width: float, height: float) -> pyvips.Image:
    return image.crop(round(x - width / 2), round(y - height / 2), int(width), int(height))


def _turned(image: pyvips.Image, x: float, y: float, width: int, height: int, angle: float) -> pyvips.Image:
    """Turned straight about its middle. Places are of the pixels' middles, the first being 0."""
    turn = math.radians(angle)
    cos, sin = math.cos(turn), math.sin(turn)
    middle_x, middle_y = x - 0.5, y - 0.5
    return image.copy_memory().affine(
        [cos, sin, -sin, cos],
        interpolate=pyvips.Interpolate.new("bicubic"),
        oarea=[0, 0, width, height],
        odx=(width - 1) / 2 - cos * middle_x - sin * middle_y,
        ody=(height - 1) / 2 + sin * middle_x - cos * middle_y,
        extend="copy",
    )
