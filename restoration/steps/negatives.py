"""Negatives scanned as they are: noticed by the faces in them, and turned into positives only if a recipe says so.

Neither darkness nor an orange mask tells a negative: snow and night scenes look like one, and sunsets are as orange as
colour film. Faces do tell: a detector finds them more surely in the inverted picture, and their eyes, darker
than the cheeks on any skin, are lighter.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.models.nets.detection import Detection
from restoration.photo import bands
from restoration.photo.density import BLACK, ENDS, PAPER, density_of, light_of
from restoration.photo.picture import FloatImage
from restoration.steps.finding import Detector, plausible

_SIDE = 512
"""Long side at which faces are looked for, in pixels."""
_LOWEST = 0.5
_SURE = 0.75
_PATCH = 0.14
"""Radius of what is measured at eyes and cheeks, as a share of the distance between the eyes."""
_RANGE = (1, 99)
_LIGHTER = 10.0
"""By how much (0..255) eyes must be lighter than cheeks. On positives they are some 40 darker, unless glasses shine."""
_CLEARLY = 1.2
"""The inverted picture must have this many times the evidence of faces that the scan has. Film has 1.3 to 3 times, two
positives of 410 have 1.2, and the eyes of these are dark."""

_LEAST_LIGHT = 1e-4


def is_negative(detector: Detector, gray: NDArray[np.uint8]) -> bool:
    """Whether a picture is a negative: only if the faces in it say so; without faces nobody knows.

    :param gray: H x W, 0..255, as scanned.
    """
    scale = min(1.0, _SIDE / max(gray.shape))
    size = tuple(max(1, round(side * scale)) for side in gray.shape)
    small = _stretched(np.asarray(cv2.resize(gray, size[::-1], interpolation=cv2.INTER_AREA), np.uint8))
    inverted = _faces(detector, 255 - small)
    sure = [face for face in inverted if face.confidence >= _SURE]
    if not sure or np.median([eyes_lighter(small, face) for face in sure]) < _LIGHTER:
        return False
    return _evidence(inverted) > _CLEARLY * _evidence(_faces(detector, small))


def eyes_lighter(gray: NDArray[np.uint8], face: Detection) -> float:
    """By how much a face's eyes are lighter than its cheeks, on average (0..255; below 0 on positives)."""
    left, right, _, left_mouth, right_mouth = face.landmarks.astype(np.float64)
    radius = max(1.0, _PATCH * float(np.hypot(*(right - left))))
    cheeks = [(eye + mouth) / 2 for eye, mouth in ((left, left_mouth), (right, right_mouth))]
    return float(
        np.mean([_mean_at(gray, eye, radius) for eye in (left, right)])
        - np.mean([_mean_at(gray, cheek, radius) for cheek in cheeks])
    )


def positive_of(pixels: FloatImage) -> FloatImage:
    """The positive of a negative (H x W x 3 sRGB in [0, 1]): what let the least light through becomes white.

    Densities are turned round channel by channel, which takes an orange mask out too.
    """
    densities = density_of(bands.sampled(pixels), least_light=_LEAST_LIGHT)
    clear, dense = np.percentile(densities.reshape(-1, 3), ENDS, axis=0).astype(np.float32)
    # of one plane one channel is enough
    channels = slice(0, 1) if bands.is_one_plane(pixels) else slice(0, 3)
    out = bands.empty((*pixels.shape[:2], channels.stop))
    for rows in bands.bands(pixels):
        densities = density_of(pixels[rows], least_light=_LEAST_LIGHT)
        share = (dense - densities) / np.maximum(dense - clear, np.float32(0.3))
        out[rows] = light_of(np.float32(PAPER) + share * np.float32(BLACK - PAPER))[:, :, channels]
    return out if channels.stop == 3 else bands.gray(out[:, :, 0])


def _stretched(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The whole range of brightness for what may be thin film."""
    low, high = np.percentile(gray, _RANGE)
    whole = (gray.astype(np.float32) - low) * (255 / max(high - low, 1.0))
    return np.asarray(np.rint(np.clip(whole, 0, 255)), np.uint8)


def _faces(detector: Detector, gray: NDArray[np.uint8]) -> list[Detection]:
    picture = np.repeat(gray[:, :, None], 3, axis=2)
    return [face for face in detector(picture, _LOWEST) if plausible(face.landmarks)]


def _evidence(faces: list[Detection]) -> float:
    return float(sum((face.confidence - _LOWEST) ** 2 for face in faces))


def _mean_at(gray: NDArray[np.uint8], centre: NDArray[np.float64], radius: float) -> float:
    height, width = gray.shape
    x, y = np.clip(np.rint(centre), 0, [width - 1, height - 1]).astype(int)
    reach = max(1, round(radius))
    return float(gray[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1].mean())
