"""Which way up a print lies, told by the faces in it, else by a net that is sure of it.

Colorizers know the world upright: upside down, skin becomes cloth and floors become skies. The copy that a colorizer
sees is turned; the result stays as the scan lies, unless a recipe wants it upright (:class:`Triage`, ``upright``).

Faces rule: where one is found for sure, in whichever position, the net is not asked. It sees the picture in its four
positions, and what it says counts only if it is all but certain: skies are weak evidence, as snow, water, sand and
backdrops look the same in gray, and a photograph that is right must stay as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, cast, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.models.buckets import run_in_buckets
from restoration.models.nets.detection import Detection
from restoration.models.registry import Models
from restoration.photo import bands
from restoration.photo.colour import gray_from_lightness
from restoration.photo.picture import Picture, Samples
from restoration.steps.finding import TURNED_CONFIDENCE, Detector, plausible, roll
from restoration.steps.protocol import Frame

Turn = Literal[0, 90, 180, 270]
"""Degrees, counterclockwise."""
Witness = Literal["", "faces", "picture"]
"""What told that a print is turned: faces in it, or the picture as a whole, by the net; nothing if it lies upright."""

TURNS: tuple[Turn, ...] = get_args(Turn)
T = TypeVar("T", bound=np.generic)
Plane = NDArray[np.float32]

SIDE = 512
"""Long side at which faces are looked for, in pixels."""
NET_SIDE = 224
"""Sides of the square that the net sees: shape tells nothing, as it is lost."""
SURE = 0.92
"""Probability from which the net is believed; see the card of the net."""
LONGEST = 2.2
"""Pictures of longer shapes than this to 1 are not shown to the net: squeezed into a square they look like nothing that
it has seen (three separations on one plate were turned for sure)."""
_LOWEST = 0.5
_UPRIGHT = 45.0
"""Degrees of roll up to which a face speaks for the way in which it was found."""
_CLEARLY = 2.0
"""A turn must have this many times the evidence of the picture as it lies."""
_TONES = (1, 99)
"""Percentiles of a picture's tones that become black and white: faded prints are to look like others."""
_LEAST_RANGE = 0.05


@dataclass(frozen=True)
class WayUp:
    """By how much a picture must be turned counterclockwise to be upright, what told so, and how surely (0..1)."""

    turn: Turn = 0
    witness: Witness = ""
    sure: float = 1.0

    def as_detail(self) -> dict[str, Any]:
        """As a step's detail keeps it: ``turned`` (degrees counterclockwise), ``told_by``, of the net how surely."""
        detail: dict[str, Any] = {"turned": self.turn, "told_by": self.witness}
        return detail | ({"turn_sure": round(self.sure, 4)} if self.witness == "picture" else {})


LIES_RIGHT = WayUp()


def of_scan(frame: Frame) -> int:
    """By how many degrees counterclockwise a step turned the photograph itself, scan and result, 0..359."""
    return int(frame.notes.get("triage", {}).get("turned", 0))


def turned(plane: NDArray[T], turn: int) -> NDArray[T]:
    """The plane or picture (H x W or H x W x C), turned counterclockwise by ``turn``, one of :data:`TURNS`.

    Of a large gray picture the result is one plane too; a large one is turned by bands, in a file of its own.
    """
    if not bands.is_large(plane):
        return np.ascontiguousarray(np.rot90(plane, turn // 90))
    if bands.is_one_plane(plane):
        return bands.gray(turned(plane[:, :, 0], turn))
    return bands.copied(np.rot90(plane, turn // 90))


def turned_back(plane: NDArray[T], turn: int) -> NDArray[T]:
    """What :func:`turned` turned by ``turn``, as it was."""
    return turned(plane, -turn % 360)


def turned_picture(picture: Picture, turn: int) -> Picture:
    """The picture turned counterclockwise, with its further channel and its resolution; itself if ``turn`` is 0."""
    if not turn:
        return picture
    info, extra = picture.info, picture.extra
    if turn % 180:
        info = replace(info, dpi=info.dpi_down or info.dpi, dpi_down=info.dpi)
    beside = None if extra is None else cast(Samples, turned(extra, turn))
    return Picture(turned(picture.pixels, turn), info, beside)


def way_up(luminance: Plane, detector: str, net: str, models: Models) -> WayUp:
    """Which way up a picture lies; as it should, unless faces or the net say otherwise for sure.

    :param luminance: H x W, L* (0..100).
    :param detector: registry name of the face detector; empty to look for no faces.
    :param net: registry name of the net that is asked if no face is found for sure; empty to ask none.
    :raises ModelError: one of them is missing or broken.
    """
    if not detector and not net:
        return LIES_RIGHT
    seen = bands.overview(luminance)
    scale = min(1.0, SIDE / max(seen.shape))
    height, width = (max(1, round(side * scale)) for side in seen.shape)
    small = np.asarray(cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    gray = gray_from_lightness(small)[:, :, 0]
    if detector:
        turn = turn_of_faces(models.load(detector), np.rint(gray * np.float32(255)).astype(np.uint8))
        if turn is not None:
            return WayUp(turn, "faces" if turn else "")
    long = max(gray.shape) > LONGEST * min(gray.shape)
    return _by_net(gray, net, models) if net and not long else LIES_RIGHT


def turn_of_faces(detector: Detector, gray: NDArray[np.uint8]) -> Turn | None:
    """By how much a picture must be turned for its faces to be upright, 0 unless that is clear; None without any that
    is sure.

    All four positions are looked at whatever the first one shows, so that a print and the same print turned see the
    same four pictures.

    :param gray: H x W, 0..255, its long side at most :data:`SIDE`.
    """
    picture = np.repeat(gray[:, :, None], 3, axis=2)
    faces = {turn: _upright(detector(turned(picture, turn), _LOWEST)) for turn in TURNS}
    best = max(TURNS, key=lambda turn: (_evidence(faces[turn]), -turn))
    if max((face.confidence for found in faces.values() for face in found), default=0.0) < TURNED_CONFIDENCE:
        return None
    surest = max((face.confidence for face in faces[best]), default=0.0)
    clear = surest >= TURNED_CONFIDENCE and _evidence(faces[best]) > _CLEARLY * _evidence(faces[0])
    return best if clear else 0


def _upright(faces: list[Detection]) -> list[Detection]:
    return [face for face in faces if plausible(face.landmarks) and abs(roll(face.landmarks)) <= _UPRIGHT]


def _evidence(faces: list[Detection]) -> float:
    """Sum of squares of what the scores have above the lowest: one sure face weighs more than several weak ones."""
    return float(sum((face.confidence - _LOWEST) ** 2 for face in faces))


def net_input(gray: Plane) -> Plane:
    """What the net sees of a picture (H x W, sRGB-encoded, [0, 1]): :data:`NET_SIDE` squared, [-1, 1]."""
    method = cv2.INTER_AREA if min(gray.shape) > NET_SIDE else cv2.INTER_LINEAR
    small = cv2.resize(gray, (NET_SIDE, NET_SIDE), interpolation=method)
    low, high = np.percentile(small, _TONES)
    return np.asarray(np.clip((small - low) / max(high - low, _LEAST_RANGE), 0, 1) * 2 - 1, np.float32)


def probabilities(gray: Plane, net: Any, device: str) -> NDArray[np.float64]:
    """How likely each of :data:`TURNS` makes a picture (H x W, sRGB-encoded, [0, 1]) upright, by the net."""
    import torch

    positions = [turned(net_input(gray), turn) for turn in TURNS]
    views = [view for one in positions for view in (one, np.ascontiguousarray(one[:, ::-1]))]
    inputs = [torch.from_numpy(view[None]) for view in views]
    scores = np.array([float(one) for one in run_in_buckets(net, inputs, device)]).reshape(len(TURNS), 2).mean(axis=1)
    likely = np.exp(scores - scores.max())
    return np.asarray(likely / likely.sum(), np.float64)


def _by_net(gray: Plane, name: str, models: Models) -> WayUp:
    likely = probabilities(gray, models.load(name), models.device)
    best = TURNS[int(likely.argmax())]
    sure = float(likely.max())
    return WayUp(best, "picture", sure) if best and sure >= SURE else LIES_RIGHT
