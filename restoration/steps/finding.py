"""Faces wherever they are: in scans that lie on their side or upside down, on tilted heads, and tiny in huge scans.

A detector looks at a picture as it lies, once, at its working size. That is all for a plain portrait. More looks follow
only where the first one leaves a reason for them:

* Faces that are tilted, of an impossible shape, or all of them weak, are looked at again close up, turned upright and
  by the three quarter turns from there; the surest answer gives the landmarks. A detector may well find an upside-down
  face, but it then takes the chin for the forehead.
* Where no face is sure even so, the whole picture is looked at in its three other positions, then between them.
* A picture much larger than the working size, whose faces are small or not found, is looked at in overlapping tiles.

Answers are mapped back to the picture as it lies, a face found twice is kept once, and everything is deterministic.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.models.nets.detection import Detection, detection, suppress
from restoration.steps.alignment import Matrix, moved

log = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]
Points = NDArray[np.float32]

SURE = 0.75
"""A well-posed face of this score ends the search. Of 60 old portraits CenterFace scores 57 higher; turned by quarters,
it takes some of them for upright faces, but never with more than 0.70."""
FOUND = 0.7
"""Where no face has this score even close up, the picture's other positions are tried."""
TURNED_CONFIDENCE = 0.6
"""Lowest score of a face in a turned picture: three more looks are three more chances to be wrong."""
TILT = 25.0
"""Degrees from upright beyond which landmarks are told better from a turned copy."""
OVERLAP = 0.3
CLOSE_UP = 256
CLOSE_UP_SHARE = 0.4
"""Side of a close-up in pixels, and what part of it the face takes."""
QUARTERS = (90, 180, 270)
DIAGONALS = (45, 135, 225, 315)
GROUP_SIDE = 1024
SEARCH_SIDE = 512
"""Long side at which a group is looked at in its other positions, and a picture in which no face is sure: most of these
have none, and should not cost much.
"""
AGREEING = 0.8
"""Share of a group's faces that must lie one way for that to be the picture's way."""
TILE_FACTOR = 2
"""Tiles show a huge picture at up to this many of its pixels for each one of the detector's."""
TILE_OVERLAP = 0.2
HUGE = 2.5
"""Pictures whose long side is this many times the detector's working side are tiled."""
LARGE_FACE = 0.1
"""Share of the long side above which faces are large: a portrait needs no tiles."""
FEW = 3
"""Faces that make no group yet."""
BEYOND = (128, 128, 128)
"""What turned copies show beyond the picture's edge."""


class Detector(Protocol):
    """What finds faces in a picture as it lies, best first: H x W x 3 uint8 RGB and the lowest score, 0..1."""

    max_side: int
    max_faces: int

    def __call__(self, image: Pixels, confidence: float, /) -> list[Detection]:
        """All faces, in the picture's pixels."""


@dataclass(frozen=True)
class Found:
    """Faces, best first, and how many weaker ones were found beyond what the detector's entry allows."""

    faces: list[Detection]
    left_out: int = 0


def find_faces(detector: Detector, pixels: Pixels, confidence: float) -> Found:
    """All faces of a picture, each once, best first, landmarks in the face's own order whatever way it lies.

    :param pixels: H x W x 3 RGB, 0..255.
    :param confidence: lowest score, 0..1.
    """
    faces = _as_it_lies(detector, pixels, confidence)
    lowest = max(confidence, TURNED_CONFIDENCE)
    if len(faces) > FEW and not _is_sure(faces, 0):
        # of a group, three more looks cost less than close-ups of every face
        faces = _once([*faces, *_turned(detector, pixels, QUARTERS, GROUP_SIDE, lowest)])
    faces = _settled(detector, pixels, faces, confidence)
    for angles in (QUARTERS, DIAGONALS):
        if any(face.confidence >= FOUND and plausible(face.landmarks) for face in faces):
            break
        turned = _turned(detector, pixels, angles, SEARCH_SIDE, lowest)
        if len(turned) > FEW:
            turned = _turned(detector, pixels, angles, GROUP_SIDE, lowest)
        faces = _once([*faces, *_settled(detector, pixels, turned, lowest)])
    left_out = max(0, len(faces) - detector.max_faces)
    if left_out:
        log.warning("%d faces found; the %d surest are kept", len(faces), detector.max_faces)
    return Found(faces[: detector.max_faces], left_out)


def plausible(landmarks: Points) -> bool:
    """Whether five landmarks may be those of a face, whatever way it lies.

    In the face's own frame the eyes are above the nose and the mouth, and both pairs are in order from left to right;
    they are not on one line. Profiles pass, mirrored and inverted faces do not.
    """
    points = landmarks.astype(np.float64)
    eyes, mouth = points[1] - points[0], points[4] - points[3]
    down = points[3:].mean(axis=0) - points[:2].mean(axis=0)
    axis = _down(landmarks)
    length = float(np.hypot(*down))
    if length == 0 or not np.isfinite(points).all() or not axis.any():
        return False
    across = np.array([axis[1], -axis[0]])
    nose = float((points[2] - points[:2].mean(axis=0)) @ axis) / length
    return bool(
        down @ axis > 0.5 * length
        and 0.08 * length < eyes @ across < 3 * length
        and -0.05 * length < mouth @ across < 3 * length
        and 0 < nose < 1.1
    )


def roll(landmarks: Points) -> float:
    """By how much a face is turned clockwise from upright, in degrees, -180..180."""
    x, y = _down(landmarks)
    return float(np.degrees(np.arctan2(-x, y)))


def _down(landmarks: Points) -> NDArray[np.float64]:
    """Unit vector from the forehead to the chin; zero where eyes and mouth contradict each other."""
    points = landmarks.astype(np.float64)
    eyes, mouth = points[1] - points[0], points[3:].mean(axis=0) - points[:2].mean(axis=0)
    both = mouth + np.array([-eyes[1], eyes[0]])
    length = float(np.hypot(*both))
    return both / length if length > 1e-6 else np.zeros(2)


# -- the picture as it lies ------------------------------------------------------------------------------------------
def _as_it_lies(detector: Detector, pixels: Pixels, confidence: float) -> list[Detection]:
    faces = detector(pixels, confidence)
    long_side = max(pixels.shape[:2])
    if long_side <= HUGE * detector.max_side or _is_portrait(faces, long_side):
        return faces
    for left, top, tile in _tiles(pixels, TILE_FACTOR * detector.max_side):
        for face in detector(tile, confidence):
            if not _is_cut(face, left, top, tile, pixels):
                faces.append(_shifted(face, left, top))
    return _once(faces)


def _is_portrait(faces: Sequence[Detection], long_side: int) -> bool:
    """A few faces, all of them large."""
    return 0 < len(faces) <= FEW and all(max(face.box[2:]) > LARGE_FACE * long_side for face in faces)


def _tiles(pixels: Pixels, side: int) -> Iterator[tuple[int, int, Pixels]]:
    """Left, top and pixels (no copy) of tiles of at most ``side`` that overlap by a fifth and cover the picture."""
    height, width = pixels.shape[:2]
    for top in _starts(height, side):
        for left in _starts(width, side):
            yield left, top, pixels[top : top + side, left : left + side]


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (side * (1 - TILE_OVERLAP)))) + 1
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def _is_cut(face: Detection, left: int, top: int, tile: Pixels, pixels: Pixels) -> bool:
    """Whether the face ends at an edge of the tile that is not the picture's: a neighbour shows it whole."""
    x, y, w, h = face.box
    height, width = tile.shape[:2]
    within = (left > 0, top > 0, left + width < pixels.shape[1], top + height < pixels.shape[0])
    return any(inner and gap < 3 for inner, gap in zip(within, (x, y, width - x - w, height - y - h), strict=True))


def _shifted(face: Detection, left: int, top: int) -> Detection:
    x, y, w, h = face.box
    marks = face.landmarks + np.array([left, top], np.float32)
    return Detection((x + left, y + top, w, h), face.confidence, marks)


# -- turned copies ---------------------------------------------------------------------------------------------------
def _settled(detector: Detector, pixels: Pixels, faces: list[Detection], confidence: float) -> list[Detection]:
    """The same faces, the doubtful ones as they look close up and upright."""
    way = _way(faces)
    known = _is_sure(faces, way) or _agree(faces, way)
    return _once(
        [face if known and _lies(face, way) else _close_up(detector, pixels, face, confidence) for face in faces]
    )


def _way(faces: Sequence[Detection]) -> float:
    """Which way a picture's faces lie: for a few 0, as they should; for a group the quarter turn most of them have."""
    if len(faces) <= FEW:
        return 0.0
    return max((0.0, 90.0, 180.0, 270.0), key=lambda way: sum(f.confidence for f in faces if _lies(f, way, 45.0)))


def _is_sure(faces: Sequence[Detection], way: float) -> bool:
    return any(face.confidence >= SURE and _lies(face, way) for face in faces)


def _agree(faces: Sequence[Detection], way: float) -> bool:
    return len(faces) > FEW and sum(_lies(face, way) for face in faces) >= AGREEING * len(faces)


def _lies(face: Detection, way: float, tilt: float = TILT) -> bool:
    """Whether a face is well posed, and turned by ``way`` degrees, give or take ``tilt``."""
    apart = (roll(face.landmarks) - way + 180) % 360 - 180
    return plausible(face.landmarks) and abs(apart) <= tilt


def _close_up(detector: Detector, pixels: Pixels, face: Detection, confidence: float) -> Detection:
    """The surest of four looks at one face, turned upright and by quarter turns, then looked at as that one found it.

    The face as it is where none of them finds it.
    """
    start = roll(face.landmarks)
    looks = [_turned_look(detector, pixels, face, start + turn, confidence) for turn in (0, 90, 180, 270)]
    found = [look for look in looks if look is not None]
    if not found:
        return face
    best = max(found, key=lambda look: look.confidence)
    return _turned_look(detector, pixels, best, roll(best.landmarks), confidence) or best


def _turned_look(
    detector: Detector, pixels: Pixels, face: Detection, angle: float, confidence: float
) -> Detection | None:
    """The face as found in a close-up that is turned so that a face of that roll is upright; None where it is not."""
    x, y, w, h = face.box
    scale = CLOSE_UP * CLOSE_UP_SHARE / max(w, h)
    matrix = _upright(x + w / 2, y + h / 2, angle, scale)
    for seen in detector(_copy(pixels, matrix, scale), confidence):
        back = _mapped(seen, matrix, pixels)
        if _lies(seen, 0, 45) and len(suppress(_corners([face, back]), np.ones(2, np.float32), OVERLAP)) == 1:
            return back
    return None


def _upright(x: float, y: float, angle: float, scale: float) -> Matrix:
    """Matrix that takes the picture to a close-up round (x, y), turned back by ``angle`` degrees and scaled."""
    turn = scale * _rotation(angle)
    shift = CLOSE_UP / 2 - turn @ np.array([x, y])
    return np.column_stack([turn, shift])


def _copy(pixels: Pixels, matrix: Matrix, scale: float) -> Pixels:
    """The close-up, CLOSE_UP x CLOSE_UP; large faces are shrunk by area first, so that grain does not alias."""
    back = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
    corners = moved(back, np.array([(0, 0), (CLOSE_UP, 0), (0, CLOSE_UP), (CLOSE_UP, CLOSE_UP)], np.float64))
    height, width = pixels.shape[:2]
    left, top = (int(v) for v in np.clip(np.floor(corners.min(axis=0)) - 2, 0, (width - 1, height - 1)))
    right, bottom = (int(v) for v in np.clip(np.ceil(corners.max(axis=0)) + 2, (left + 1, top + 1), (width, height)))
    part = pixels[top:bottom, left:right]
    factor = min(1.0, scale)
    if factor < 1:
        size = tuple(max(1, round(side * factor)) for side in part.shape[1::-1])
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    local = matrix @ np.array([[1 / factor, 0, left], [0, 1 / factor, top], [0, 0, 1]])
    size = (CLOSE_UP, CLOSE_UP)
    copy = cv2.warpAffine(part, local, size, flags=cv2.INTER_LINEAR, borderValue=BEYOND)
    return np.asarray(copy, np.uint8)


def _turned(detector: Detector, pixels: Pixels, angles: Sequence[int], side: int, confidence: float) -> list[Detection]:
    """Well-posed faces of the picture turned back by several angles in degrees, mapped to how it lies."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    small = pixels
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    shrink = np.diag([small.shape[1] / width, small.shape[0] / height, 1])
    faces = []
    for angle in angles:
        matrix, canvas = _turn(small.shape[1], small.shape[0], angle)
        copy = cv2.warpAffine(small, matrix, canvas, flags=cv2.INTER_LINEAR, borderValue=BEYOND)
        seen = detector(np.asarray(copy, np.uint8), confidence)
        faces += [_mapped(face, matrix @ shrink, pixels) for face in seen if plausible(face.landmarks)]
    return _once(faces)


def _turn(width: int, height: int, angle: float) -> tuple[Matrix, tuple[int, int]]:
    """Matrix that turns a picture back by ``angle`` degrees, and the width and height that then hold all of it."""
    turn = _rotation(angle)
    canvas = np.ceil(np.abs(turn) @ np.array([width, height]) - 1e-6)
    # pixels are counted from their centres: the first is half a pixel from the edge
    shift = (canvas - 1) / 2 - turn @ ((np.array([width, height]) - 1) / 2)
    return np.column_stack([turn, shift]), (int(canvas[0]), int(canvas[1]))


def _rotation(angle: float) -> NDArray[np.float64]:
    """2 x 2 matrix that makes a face upright which is turned clockwise by ``angle`` degrees."""
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.array([[cosine, sine], [-sine, cosine]])


def _mapped(face: Detection, matrix: Matrix, pixels: Pixels) -> Detection:
    """A face found in a turned copy, as it lies in the picture.

    The box keeps its size and goes with its centre; between quarter turns its sides go over into each other.
    """
    back = np.asarray(cv2.invertAffineTransform(np.ascontiguousarray(matrix)), np.float64)
    x, y, w, h = face.box
    centre = moved(back, np.array([[x + w / 2, y + h / 2]]))[0]
    cosine, sine = abs(back[0, 0]), abs(back[0, 1])
    scale = float(np.hypot(cosine, sine))
    upright, lying = (cosine / scale) ** 2, (sine / scale) ** 2
    size = scale * np.array([w * upright + h * lying, h * upright + w * lying])
    box = np.concatenate([centre - size / 2, centre + size / 2]).astype(np.float32)
    marks = moved(back, face.landmarks.astype(np.float64)).astype(np.float32)
    return detection(box, face.confidence, marks, pixels.shape[1], pixels.shape[0])


# -- one face, one answer --------------------------------------------------------------------------------------------
def _once(faces: Sequence[Detection]) -> list[Detection]:
    """Best first, and of those that lie on one another only the best."""
    if not faces:
        return []
    scores = np.array([face.confidence for face in faces], np.float32)
    return [faces[i] for i in suppress(_corners(faces), scores, OVERLAP)]


def _corners(faces: Sequence[Detection]) -> NDArray[np.float32]:
    boxes = np.array([face.box for face in faces], np.float32)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
