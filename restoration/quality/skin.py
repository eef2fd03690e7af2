"""Skin of the people in a photograph: where it is, how it is coloured, and which group of the ITA scale it belongs to.

Faces come from a detector that sees the gray picture, so that the mask never depends on the colours that are judged.
All colours are CIELAB (D65, 2 degrees); masks are H x W booleans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Lab = NDArray[np.float32]
"""H x W x 3: L* 0..100, a*, b*."""

ItaGroup = Literal["very light", "light", "intermediate", "tan", "brown", "dark"]

ITA_GROUPS: tuple[tuple[ItaGroup, float], ...] = (
    ("very light", 55.0),
    ("light", 41.0),
    ("intermediate", 28.0),
    ("tan", 10.0),
    ("brown", -30.0),
    ("dark", -90.0),
)
"""Groups of Chardon, Cretois and Hourseau (1991), as extended by Del Bino: each holds angles above its number."""

BLUE_CHROMA = 18.0
BLUE_HUES = (-140.0, -40.0)
"""Degrees of atan2(b*, a*) between which skin looks blue, green-blue or purple: no healthy skin lies there."""
MIN_PIXELS = 48
"""A mask of fewer pixels says nothing about skin."""

_ACROSS, _DOWN = 0.40, 0.48
_EYE_RADIUS = 0.24
_MOUTH_DEPTH = 0.45
_TRUE_CHROMA = (4.0, 60.0)
_TRUE_HUES = (5.0, 95.0)
_TRUE_LIGHTNESS = (12.0, 97.0)


@dataclass(frozen=True)
class Face:
    """One detected face in pixels: ``box`` is x, y, width, height; ``landmarks`` 5 x 2 (eyes, nose, mouth corners)."""

    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]

    @property
    def area(self) -> float:
        """Pixels of the box."""
        return self.box[2] * self.box[3]


def face_mask(shape: tuple[int, int], faces: Sequence[Face]) -> Mask:
    """The union of an ellipse inside every face's box (0.80 of its width, 0.96 of its height)."""
    found = np.zeros(shape, np.bool_)
    for face in faces:
        found |= _ellipse(shape, face)
    return found


def skin_mask(shape: tuple[int, int], faces: Sequence[Face]) -> Mask:
    """The face ellipses without eyes and mouth, which are not of the colour of skin."""
    found = face_mask(shape, faces)
    for face in faces:
        found &= ~_features(shape, face)
    return found


def true_skin(lab: Lab, mask: Mask) -> Mask:
    """The part of ``mask`` that a colour photograph shows as skin: hair, glasses and backdrop are left out.

    Human skin under any usual light has a hue between red and yellow (5 to 95 degrees) and a chroma of 4 to 60.
    """
    hue = np.degrees(np.arctan2(lab[:, :, 2], lab[:, :, 1]))
    chroma = np.hypot(lab[:, :, 1], lab[:, :, 2])
    lightness = lab[:, :, 0]
    inside = [
        (values >= low) & (values <= high)
        for values, (low, high) in ((hue, _TRUE_HUES), (chroma, _TRUE_CHROMA), (lightness, _TRUE_LIGHTNESS))
    ]
    return np.asarray(mask & inside[0] & inside[1] & inside[2], np.bool_)


def skin_blue(lab: Lab, mask: Mask) -> float:
    """Share of the mask's pixels that are plainly blue, 0..1: chroma > 18 and hue between -140 and -40 degrees.

    :raises ValueError: the mask is empty.
    """
    a, b = lab[:, :, 1][mask], lab[:, :, 2][mask]
    if not a.size:
        raise ValueError("skin_blue needs at least one pixel of skin")
    hue = np.degrees(np.arctan2(b, a))
    blue = (np.hypot(a, b) > BLUE_CHROMA) & (hue > BLUE_HUES[0]) & (hue < BLUE_HUES[1])
    return float(blue.mean())


def typology_angle(lab: Lab, mask: Mask) -> float:
    """Individual typology angle in degrees, ``atan2(L* - 50, b*)`` of the median skin colour (Chardon et al. 1991).

    It is that of the photograph, not of the person: light and exposure move it.

    :raises ValueError: the mask is empty.
    """
    pixels = lab[mask]
    if not pixels.size:
        raise ValueError("the typology angle needs at least one pixel of skin")
    lightness, _, b = np.median(pixels.astype(np.float64), axis=0)
    return float(np.degrees(np.arctan2(lightness - 50.0, b)))


def ita_group(angle: float) -> ItaGroup:
    """The group of an angle in degrees: the first of :data:`ITA_GROUPS` that the angle lies above."""
    return next((name for name, above in ITA_GROUPS if angle > above), "dark")


def _ellipse(shape: tuple[int, int], face: Face) -> Mask:
    x, y, width, height = face.box
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    across = (columns + 0.5 - (x + width / 2)) / max(_ACROSS * width, 1e-6)
    down = (rows + 0.5 - (y + height / 2)) / max(_DOWN * height, 1e-6)
    return np.asarray(across * across + down * down <= 1.0, np.bool_)


def _features(shape: tuple[int, int], face: Face) -> Mask:
    """Discs round the eyes and an ellipse round the mouth, sized by the distance of the eyes."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    eyes, mouth = face.landmarks[:2].astype(np.float64), face.landmarks[3:5].astype(np.float64)
    apart = max(float(np.hypot(*(eyes[1] - eyes[0]))), 1e-6)
    found = np.zeros(shape, np.bool_)
    for x, y in eyes:
        found |= (columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2 <= (_EYE_RADIUS * apart) ** 2
    middle, wide = mouth.mean(axis=0), max(float(np.hypot(*(mouth[1] - mouth[0]))) * 0.6, 1e-6)
    across, down = (columns + 0.5 - middle[0]) / wide, (rows + 0.5 - middle[1]) / (wide * _MOUTH_DEPTH)
    return np.asarray(found | (across * across + down * down <= 1.0), np.bool_)
