"""Scans that show several photographs, made by code: prints on a scanner's bed, album pages, stereo cards.

What was laid down is known to the pixel, so that :mod:`restoration.photo.outline.several` can be held against it.
Pictures are H x W x 3 float32 sRGB in [0, 1]; the same seed makes the same scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.picture import FloatImage

Ground = Literal["white", "gray", "black", "paper", "card"]
"""A lid (white, gray, black), or an album's leaf (of paper, of black card)."""
Edge = Literal["plain", "white", "polaroid", "deckled"]

_TONES: dict[Ground, tuple[float, float, float]] = {
    "white": (0.96, 0.96, 0.95),
    "gray": (0.62, 0.62, 0.63),
    "black": (0.06, 0.06, 0.065),
    "paper": (0.80, 0.73, 0.60),
    "card": (0.16, 0.15, 0.145),
}
_PAPER = (0.93, 0.92, 0.88)
_ROOM = 1.04
"""A cell is so much wider than what lies in it."""


@dataclass(frozen=True)
class Place:
    """Where a print lies: centre, width, height in pixels; angle in degrees clockwise, -45..45."""

    x: float
    y: float
    width: float
    height: float
    angle: float


@dataclass(frozen=True)
class Bed:
    """How a scan is made: ground, turns up to ``tilt`` degrees, edges, ``gap`` in pixels, light and file."""

    ground: Ground = "white"
    tilt: float = 0.0
    edge: Edge = "plain"
    gap: int = 40
    flush: bool = False
    shading: float = 0.02
    grain: float = 0.008
    shadow: float = 0.25
    quality: int = 85
    corners: bool = False
    captions: bool = False


def laid_out(
    prints: Sequence[FloatImage], bed: Bed, seed: int, *, width: int = 1700, height: int = 1300
) -> tuple[FloatImage, tuple[Place, ...]]:
    """A scan of prints in rows, and where they lie.

    :param prints: 2 to 16 photographs; they are reduced or enlarged to sizes that are drawn.
    """
    rng = np.random.default_rng(seed)
    scan = _ground(bed, height, width, rng)
    places = []
    for cell, pixels in zip(_cells(len(prints), bed, width, height), prints, strict=True):
        angle = float(rng.uniform(-bed.tilt, bed.tilt)) if bed.tilt else 0.0
        sheet, shape = _sheet(pixels, bed.edge, rng)
        place = _placed(sheet.shape[:2], cell, angle, bed, rng)
        _lay(scan, sheet, shape, place, bed)
        if bed.corners:
            _mount_corners(scan, place, bed)
        if bed.captions:
            _caption(scan, place, bed, rng)
        places.append(place)
    return _scanned(scan, bed, rng), tuple(places)


def stereo_card(
    pixels: FloatImage, seed: int, *, gap: int = 0, arched: bool = False
) -> tuple[FloatImage, tuple[Place, ...]]:
    """A stereo card of two views of one photograph, shifted and slightly unlike, and where the two lie."""
    rng = np.random.default_rng(seed)
    height, width = 700, 1400
    tone = np.array([(0.78, 0.66, 0.45), (0.55, 0.53, 0.48), (0.85, 0.80, 0.70)][int(rng.integers(3))], np.float32)
    scan = np.full((height, width, 3), tone, np.float32)
    top, side = int(rng.integers(20, 60)), int(rng.integers(40, 110))
    wide, high = (width - 2 * side - gap) // 2, height - 2 * top
    places = []
    for view in range(2):
        shift = 0.012 * (1 if view else -1) * rng.uniform(0.4, 1.0)
        picture = _view(pixels, high, wide, shift, rng)
        left = side + view * (wide + gap)
        mask = _arch(high, wide) if arched else np.ones((high, wide), np.float32)
        area = scan[top : top + high, left : left + wide]
        area += mask[:, :, None] * (picture - area)
        places.append(Place(left + wide / 2, top + high / 2, wide, high, 0.0))
    return _scanned(scan, Bed(quality=int(rng.integers(70, 95))), rng), tuple(places)


def _view(pixels: FloatImage, high: int, wide: int, shift: float, rng: np.random.Generator) -> FloatImage:
    """One eye's view: the middle of the picture, nearer things (below) shifted by more, a little darker or lighter."""
    height, width = pixels.shape[:2]
    scale = max(high / height, wide / width) * 1.06
    grown = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
    off_y, off_x = (grown.shape[0] - high) / 2, (grown.shape[1] - wide) / 2
    near = 0.3 + 0.7 * y / high
    warped = cv2.remap(
        grown, x + off_x + shift * wide * near, y + off_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    gray = cv2.cvtColor(np.asarray(np.clip(warped, 0, 1), np.float32), cv2.COLOR_RGB2GRAY)[:, :, None]
    return np.asarray(gray * rng.uniform(0.9, 1.05) * np.array([1.0, 0.93, 0.82], np.float32), np.float32)


def _arch(high: int, wide: int) -> NDArray[np.float32]:
    mask = np.zeros((high, wide), np.float32)
    rise = wide // 5
    mask[rise:] = 1
    cv2.ellipse(mask, (wide // 2, rise), (wide // 2, rise), 0, 180, 360, 1.0, -1)
    return mask


def _ground(bed: Bed, height: int, width: int, rng: np.random.Generator) -> FloatImage:
    tone = np.array(_TONES[bed.ground], np.float32) + np.float32(rng.uniform(-0.03, 0.03))
    down, across = np.linspace(-0.5, 0.5, height)[:, None], np.linspace(-0.5, 0.5, width)[None, :]
    light = bed.shading * (rng.uniform(-1, 1) * down + rng.uniform(-1, 1) * across)
    plane = tone[None, None, :] + light[:, :, None].astype(np.float32)
    if bed.ground in {"paper", "card"}:
        fibre = rng.normal(0, 1, (height // 4, width // 4)).astype(np.float32)
        plane = plane + cv2.resize(cv2.GaussianBlur(fibre, (0, 0), 1.2), (width, height))[:, :, None] * np.float32(
            0.018
        )
    return np.asarray(plane, np.float32)


def _cells(count: int, bed: Bed, width: int, height: int) -> list[tuple[float, float, float, float]]:
    """Cells (left, top, width, height) in rows, ``gap`` pixels apart."""
    rows = max(1, round((count * height / width) ** 0.5))
    per_row = [count // rows + (row < count % rows) for row in range(rows)]
    margin = 0 if bed.flush else max(bed.gap, 24)
    high = (height - 2 * margin - bed.gap * (rows - 1)) / rows
    cells = []
    for row, columns in enumerate(per_row):
        wide = (width - 2 * margin - bed.gap * (columns - 1)) / columns
        cells += [(margin + c * (wide + bed.gap), margin + row * (high + bed.gap), wide, high) for c in range(columns)]
    return cells


def _sheet(pixels: FloatImage, edge: Edge, rng: np.random.Generator) -> tuple[FloatImage, NDArray[np.float32]]:
    """The print with its border, and its outline (1 inside)."""
    side = 700
    scale = side / max(pixels.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    body = np.clip(np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=how), np.float32), 0, 1)
    margin = round(side * float(rng.uniform(0.025, 0.06)))
    if edge == "plain":
        return body, np.ones(body.shape[:2], np.float32)
    foot = margin * 3 if edge == "polaroid" else margin
    sheet = cv2.copyMakeBorder(body, margin, foot, margin, margin, cv2.BORDER_CONSTANT, value=_PAPER)
    outline = np.ones(sheet.shape[:2], np.float32)
    if edge == "deckled":
        _deckle(outline, rng)
    return np.asarray(sheet, np.float32), outline


def _deckle(outline: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Teeth of a few pixels along all four edges, in place."""
    for _ in range(4):
        depth = (1.5 + 1.5 * np.sin(np.arange(outline.shape[1]) * 0.5) + rng.uniform(0, 1.5, outline.shape[1])).astype(
            int
        )
        for x, deep in enumerate(depth):
            outline[:deep, x] = 0
        outline = np.rot90(outline)


def _placed(
    shape: tuple[int, ...], cell: tuple[float, float, float, float], angle: float, bed: Bed, rng: np.random.Generator
) -> Place:
    left, top, wide, high = cell
    turn = np.deg2rad(abs(angle))
    across = shape[1] * np.cos(turn) + shape[0] * np.sin(turn)
    down = shape[1] * np.sin(turn) + shape[0] * np.cos(turn)
    tight = bed.gap < 20 or bed.flush
    scale = min(wide / across, high / down) * (1.0 if tight else float(rng.uniform(0.7, 0.97)))
    spare_x, spare_y = wide - across * scale, high - down * scale
    # tight rows share an edge, so that the gap is what was asked for
    shift_x, shift_y = (0.5, 0.5) if not bed.flush else (0.0, 0.0)
    if not tight:
        shift_x, shift_y = rng.uniform(0, 1), rng.uniform(0, 1)
    x, y = left + across * scale / 2 + spare_x * shift_x, top + down * scale / 2 + spare_y * shift_y
    return Place(float(x), float(y), shape[1] * scale, shape[0] * scale, angle)


def _lay(scan: FloatImage, sheet: FloatImage, outline: NDArray[np.float32], place: Place, bed: Bed) -> None:
    """The print on the scan, with its shadow on the ground, in place."""
    height, width = scan.shape[:2]
    scale = place.width / sheet.shape[1]
    turn = np.deg2rad(place.angle)
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    middle_x, middle_y = sheet.shape[1] / 2 - 0.5, sheet.shape[0] / 2 - 0.5
    affine = np.array(
        [
            [cos, -sin, place.x - 0.5 - cos * middle_x + sin * middle_y],
            [sin, cos, place.y - 0.5 - sin * middle_x - cos * middle_y],
        ]
    )
    if scale < 1:
        sheet = np.asarray(cv2.GaussianBlur(sheet, (0, 0), 0.4 / scale), np.float32)
    there = np.asarray(cv2.warpAffine(outline, affine, (width, height), flags=cv2.INTER_LINEAR), np.float32)
    body = cv2.warpAffine(sheet, affine, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if bed.shadow:
        cast = cv2.GaussianBlur(np.roll(there, (3, 3), (0, 1)), (0, 0), 2.5)
        scan *= 1 - np.float32(bed.shadow) * (cast * (1 - there))[:, :, None]
    scan += there[:, :, None] * (np.asarray(body, np.float32) - scan)


def _mount_corners(scan: FloatImage, place: Place, bed: Bed) -> None:
    """Photo corners: a triangle over each corner of the print, in place."""
    turn = np.deg2rad(place.angle)
    right, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    tone = (0.1, 0.1, 0.1) if bed.ground == "paper" else (0.35, 0.33, 0.3)
    length = 0.07 * max(place.width, place.height)
    for a in (-1, 1):
        for b in (-1, 1):
            tip = np.array([place.x, place.y]) + right * a * (place.width / 2 + 4) + down * b * (place.height / 2 + 4)
            triangle = np.array([tip, tip - right * a * length, tip - down * b * length])
            cv2.fillPoly(scan, [np.rint(triangle).astype(np.int32)], tone, cv2.LINE_8)


def _caption(scan: FloatImage, place: Place, bed: Bed, rng: np.random.Generator) -> None:
    """A hand's words under the print, in place."""
    tone = (0.15, 0.15, 0.2) if bed.ground in {"white", "paper", "gray"} else (0.8, 0.8, 0.78)
    words = ["Opa 1931", "am See", "Marie u. Karl", "Sommer"][int(rng.integers(4))]
    at = (int(place.x - place.width / 4), int(place.y + place.height / 2 + 24))
    cv2.putText(scan, words, at, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 0.7, tone, 1, cv2.LINE_AA)


def _scanned(scan: FloatImage, bed: Bed, rng: np.random.Generator) -> FloatImage:
    """Softened, with grain, through a JPEG file."""
    soft = cv2.GaussianBlur(scan, (0, 0), 0.6) + rng.normal(0, bed.grain, scan.shape).astype(np.float32)
    levels = np.rint(np.clip(soft, 0, 1) * 255).astype(np.uint8)
    coded = cv2.imencode(".jpg", levels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, bed.quality])[1]
    read = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(read[:, :, ::-1], np.float32) / np.float32(255)
