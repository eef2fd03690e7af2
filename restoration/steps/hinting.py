"""Colours that people gave, told to a net and kept at their places.

A dab is told to the net, which carries its colour as far as the thing seems to go, a dress or a lawn. What the net then
paints at the dab itself still lies a little off what was said; the rest is put right there and fades out around it, so
that "the dress was blue" holds whatever the net thinks. An area says itself how far it goes: it is painted, up to the
edges that the scan has near its outline, and the net is not told, which would carry the colour beyond.

Planes are at the colorizer's working size, H x W; chroma is CIELAB a* and b*, H x W x 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.colour_hints import ColourHint
from restoration.photo.colour import rgb_to_lab, upsample_chroma

Plane = NDArray[np.float32]
Chroma = NDArray[np.float32]

_DAB = 2
"""Pixels to each side of a dab's middle, at least one and at most this: dabs of 1 to 9 pixels were trained on."""
_FADES = 2.5
"""A dab's correction fades out within so many times its radius."""
_ONE_TONE = 12.0
"""And it stops where L* differs from that of its middle by much more than this: colour crosses no edge."""
_SNAP = 4
"""So many pixels to both sides of an area's outline belong to it or not as the scan's edges say."""
_SPREAD = 0.5
"""How much of the net's own shading stays in an area: 0 would be one flat colour."""


def chroma_of(colour: str) -> tuple[float, float]:
    """a* and b* of ``#rrggbb``."""
    rgb = np.array([[[int(colour[at : at + 2], 16) for at in (1, 3, 5)]]], np.float32) / np.float32(255)
    lab = rgb_to_lab(rgb)[0, 0]
    return float(lab[1]), float(lab[2])


def told(hints: Sequence[ColourHint], guide: Plane) -> NDArray[np.float32]:
    """What a net is told: 3 x H x W, a* and b* where a dab says so, and 1 there. Later hints win.

    :param guide: H x W, L* at the working size.
    """
    height, width = guide.shape
    planes = np.zeros((3, height, width), np.float32)
    for hint in (one for one in hints if not one.is_area):
        a, b = chroma_of(hint.colour)
        x, y = _pixel(hint.outline[0], height, width)
        reach = max(1, min(_DAB, round(hint.radius * max(height, width))))
        rows, columns = slice(max(0, y - reach), y + reach + 1), slice(max(0, x - reach), x + reach + 1)
        planes[:, rows, columns] = np.array([a, b, 1], np.float32)[:, None, None]
    return planes


def _pixel(point: tuple[float, float], height: int, width: int) -> tuple[int, int]:
    return min(width - 1, int(point[0] * width)), min(height - 1, int(point[1] * height))


def _filled(hint: ColourHint, height: int, width: int) -> NDArray[np.uint8]:
    """1 inside an area, H x W; of the thinnest area its line remains."""
    inside = np.zeros((height, width), np.uint8)
    corners = np.array([_pixel(point, height, width) for point in hint.outline], np.int32)
    cv2.fillPoly(inside, [corners], 1)
    return inside


def settled(chroma: Chroma, hints: Sequence[ColourHint], guide: Plane) -> tuple[Chroma, Plane]:
    """The chroma with every hint seen to at its place, and how far each pixel is known now, 0..1."""
    out, known = chroma.copy(), np.zeros(guide.shape, np.float32)
    for hint in hints:
        weight = _weight(hint, guide)
        said = np.array(chroma_of(hint.colour), np.float32)
        total = float(weight.sum())
        if total <= 0:
            continue
        mean = (out * weight[:, :, None]).sum(axis=(0, 1)) / np.float32(total)
        spread = np.float32(_SPREAD if hint.is_area else 0.0)
        out += weight[:, :, None] * (said + spread * (out - mean) - out)
        known = np.maximum(known, weight)
    return out, known


def _snapped(inside: NDArray[np.uint8], guide: Plane) -> Plane:
    """An area (1 inside) whose outline follows the edges of L* that are near it, 0..1."""
    plane = inside.astype(np.float32)
    guided = upsample_chroma(np.dstack([plane, plane]), guide, guide, radius=_SNAP)[:, :, 0]
    core = cv2.erode(inside, np.ones((2 * _SNAP + 1,) * 2, np.uint8))
    core = core if core.any() else inside  # of a narrow area nothing may be lost
    near = cv2.dilate(inside, np.ones((2 * _SNAP + 1,) * 2, np.uint8)) > 0
    return np.asarray(np.where(near, np.maximum(np.clip(guided, 0, 1), core), 0), np.float32)


def _weight(hint: ColourHint, guide: Plane) -> Plane:
    """How far a hint's word goes at each pixel, 0..1."""
    height, width = guide.shape
    if hint.is_area:
        return _snapped(_filled(hint, height, width), guide)
    x, y = _pixel(hint.outline[0], height, width)
    radius = max(1.0, hint.radius * max(height, width))
    rows, columns = np.ogrid[0:height, 0:width]
    squared = ((columns - x) ** 2 + (rows - y) ** 2) / np.float32((_FADES * radius / 2) ** 2)
    unlike = ((guide - guide[y, x]) / np.float32(_ONE_TONE)) ** 2
    weight = np.asarray(np.exp(-(squared + unlike) / 2), np.float32)
    weight[weight < 0.01] = 0
    return weight
