"""Which way up a print lies, told by the faces in it, so that its colours do not depend on how it lay on the scanner.

Colorizers know the world upright: upside down, skin becomes cloth and floors become skies. Only the copy that a
colorizer sees is turned; the scan and the result stay as they are. Without faces a picture counts as upright: skies are
no evidence, as snow, water, sand and backdrops look the same in gray.
"""

from __future__ import annotations

from typing import Literal, TypeVar, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.models.nets.detection import Detection
from restoration.steps.finding import TURNED_CONFIDENCE, Detector, plausible, roll

Turn = Literal[0, 90, 180, 270]
"""Degrees, counterclockwise."""

TURNS: tuple[Turn, ...] = get_args(Turn)
T = TypeVar("T", bound=np.generic)

SIDE = 512
"""Long side at which faces are looked for, in pixels."""
_LOWEST = 0.5
_UPRIGHT = 45.0
"""Degrees of roll up to which a face speaks for the way in which it was found."""
_CLEARLY = 2.0
"""A turn must have this many times the evidence of the picture as it lies."""


def turned(plane: NDArray[T], turn: Turn) -> NDArray[T]:
    """The plane or picture (H x W or H x W x C), turned counterclockwise by ``turn``."""
    return np.ascontiguousarray(np.rot90(plane, turn // 90))


def turned_back(plane: NDArray[T], turn: Turn) -> NDArray[T]:
    """What :func:`turned` turned by ``turn``, as it was."""
    return np.ascontiguousarray(np.rot90(plane, -(turn // 90)))


def turn_to_upright(detector: Detector, gray: NDArray[np.uint8]) -> Turn:
    """By how much a picture must be turned for its faces to be upright; 0 unless that is clear.

    All four positions are looked at whatever the first one shows, so that a print and the same print turned see the
    same four pictures.

    :param gray: H x W, 0..255.
    """
    scale = min(1.0, SIDE / max(gray.shape))
    size = tuple(max(1, round(side * scale)) for side in gray.shape)
    small = np.asarray(cv2.resize(gray, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    picture = np.repeat(small[:, :, None], 3, axis=2)
    faces = {turn: _upright(detector(turned(picture, turn), _LOWEST)) for turn in TURNS}
    best = max(TURNS, key=lambda turn: (_evidence(faces[turn]), -turn))
    surest = max((face.confidence for face in faces[best]), default=0.0)
    clear = surest >= TURNED_CONFIDENCE and _evidence(faces[best]) > _CLEARLY * _evidence(faces[0])
    return best if clear else 0


def _upright(faces: list[Detection]) -> list[Detection]:
    return [face for face in faces if plausible(face.landmarks) and abs(roll(face.landmarks)) <= _UPRIGHT]


def _evidence(faces: list[Detection]) -> float:
    """Sum of squares of what the scores have above the lowest: one sure face weighs more than several weak ones."""
    return float(sum((face.confidence - _LOWEST) ** 2 for face in faces))
