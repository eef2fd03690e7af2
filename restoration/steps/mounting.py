"""What a gray or toned print lies on, if that is of another colour: it keeps it when the print is made neutral."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.colour import rgb_to_lab
from restoration.photo.outline.frame import PictureBox
from restoration.photo.outline.opening import Opening
from restoration.photo.picture import FloatImage
from restoration.steps.measure import at_long_side

TintCurve = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""L* (N) to a*b* (N x 2) of a print of one ink."""
Border = tuple[float, float, float, float]
"""Shares of height (top, bottom) and width (left, right) that are not the photograph: top, right, bottom, left."""

OTHER_COLOUR = 8.0
"""A pixel is of another colour than the print if it lies further from the print's tint curve, in a*b* units."""
_SIDE = 256
_MOUNT_SMOOTHING = 1 / 512
"""Sigma of the smoothing by which a mount is told from its print, as a share of the long side."""
_TINTS = 1001
"""Places of L* at which a tint curve is looked up."""
_ROWS = 256
LEAST_MOUNT = 0.02
"""Share of the scan from which a mount is one."""


def mount_of(
    pixels: FloatImage, curve: TintCurve, border: Border, box: PictureBox, opening: Opening | None
) -> NDArray[np.bool_] | None:
    """Where a print lies on something of another colour, H x W: outside the picture, and off the print's tint curve.

    None where there is no such thing: yellowed edges are the print's own. A small copy says so at little cost.
    """
    table = np.asarray(curve(np.arange(_TINTS) / (_TINTS - 1) * 100), np.float32)
    small = _off_tint(at_long_side(pixels, _SIDE), table, border, box, opening)
    if small.mean() < LEAST_MOUNT:
        return None
    return _off_tint(pixels, table, border, box, opening)


def _off_tint(
    pixels: FloatImage, table: NDArray[np.float32], border: Border, box: PictureBox, opening: Opening | None
) -> NDArray[np.bool_]:
    """Where pixels outside the picture, H x W, are not of the print's a*, b* (``table``, by L*), row by row."""
    height, width = pixels.shape[:2]
    beyond = ~inside_of(pixels, box, opening)
    top, right, bottom, left = (round(share * side) for share, side in zip(border, (height, width) * 2, strict=True))
    beyond[:top], beyond[height - bottom :], beyond[:, :left], beyond[:, width - right :] = True, True, True, True
    smooth = np.asarray(cv2.GaussianBlur(pixels, (0, 0), max(0.5, _MOUNT_SMOOTHING * max(height, width))), np.float32)
    for start in range(0, height, _ROWS):
        rows = slice(start, start + _ROWS)
        lab = rgb_to_lab(smooth[rows])
        of_print = table[np.clip(np.rint(lab[:, :, 0] * ((_TINTS - 1) / 100)), 0, _TINTS - 1).astype(np.intp)]
        beyond[rows] &= np.hypot(*np.moveaxis(lab[:, :, 1:] - of_print, 2, 0)) > OTHER_COLOUR
    return beyond


def inside_of(pixels: FloatImage, box: PictureBox, opening: Opening | None) -> NDArray[np.bool_]:
    """Where the picture itself is, H x W."""
    height, width = pixels.shape[:2]
    inside = np.zeros((height, width), bool)
    if opening is None:
        inside[box.inside(height, width)] = True
    else:
        opening.fill(inside, box.inside(height, width), value=True)
    return inside
