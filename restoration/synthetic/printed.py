"""Newsprint made by code: a photograph printed through a dot screen and scanned again, with the photograph as truth.

Amplitude-modulated screens: at two to four times the scan's resolution each ink is on or off, as the tone lies above or
below a rotated cosine cell whose values are spread evenly, so that the mean of a patch keeps the picture's tone
(Ulichney, Digital Halftoning, 1987). A scanner then averages the fine grid to pixels and blurs a little. Pictures are
H x W x 3 float32 sRGB in [0, 1]; tone is taken as it is encoded.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restoration.photo.colour import luminance_y
from restoration.photo.picture import FloatImage

Plane = NDArray[np.float32]

CMYK_ANGLES = (15.0, 75.0, 0.0, 45.0)
"""Usual angles of cyan, magenta, yellow and black, in degrees from the horizontal."""
_LEVELS = 4096
_BLACK_SHARE = 0.7
"""How much of what the three colours have in common is printed black instead."""


@dataclass(frozen=True)
class Press:
    """How a picture is printed and scanned.

    ``pitch`` is the distance of dots in pixels of the scan, ``angle`` the turn of the (black) screen in degrees,
    ``strength`` the share of the dots in the result (1 is ink on paper), ``blur`` the scanner's softness (standard
    deviation in pixels), ``noise`` that of its noise (0..1), ``colour`` whether four inks are used.
    """

    pitch: float = 5.0
    angle: float = 45.0
    strength: float = 1.0
    blur: float = 0.6
    noise: float = 0.01
    supersample: int = 3
    colour: bool = False


def printed(picture: FloatImage, press: Press, seed: int = 0) -> FloatImage:
    """The scan of a print of the picture; the same arguments give the same pixels. Gray unless ``press.colour``."""
    inks = _inks(picture) if press.colour else [(1 - luminance_y(picture), press.angle)]
    dots = [_screened(ink, press, angle) for ink, angle in inks]
    scan = _on_paper(dots)
    truth = picture if press.colour else np.repeat(luminance_y(picture)[:, :, None], 3, axis=2)
    scan = truth * np.float32(1 - press.strength) + scan * np.float32(press.strength)
    if press.blur > 0:
        scan = np.asarray(cv2.GaussianBlur(scan, (0, 0), press.blur), np.float32)
    noise = np.random.default_rng(seed).normal(0, press.noise, (*picture.shape[:2], 1)).astype(np.float32)
    return np.asarray(np.clip(scan + noise, 0, 1), np.float32)


def _inks(picture: FloatImage) -> list[tuple[Plane, float]]:
    """Cyan, magenta, yellow and black (0 none, 1 full), each with the angle of its screen."""
    colours = 1 - picture
    black = colours.min(axis=2) * np.float32(_BLACK_SHARE)
    rest = (colours - black[:, :, None]) / np.maximum(1 - black[:, :, None], np.float32(1e-3))
    planes = [*np.moveaxis(rest, 2, 0), black]
    return [(np.ascontiguousarray(plane), angle) for plane, angle in zip(planes, CMYK_ANGLES, strict=True)]


def _on_paper(dots: list[Plane]) -> FloatImage:
    """Light that the paper throws back through the inks: each ink takes its share."""
    if len(dots) == 1:
        return np.repeat((1 - dots[0])[:, :, None], 3, axis=2)
    *colours, black = dots
    return np.stack([(1 - colour) * (1 - black) for colour in colours], axis=2).astype(np.float32)


def _screened(ink: Plane, press: Press, angle: float) -> Plane:
    """Share of each pixel that the ink's dots cover."""
    height, width = ink.shape
    fine = press.supersample
    large = cv2.resize(ink, (width * fine, height * fine), interpolation=cv2.INTER_LINEAR)
    turn = np.deg2rad(angle)
    rows = np.arange(height * fine, dtype=np.float32)[:, None] / np.float32(fine)
    columns = np.arange(width * fine, dtype=np.float32)[None, :] / np.float32(fine)
    wave = np.float32(2 * np.pi / press.pitch)
    along = np.cos(wave * (columns * np.float32(np.cos(turn)) + rows * np.float32(np.sin(turn))))
    across = np.cos(wave * (rows * np.float32(np.cos(turn)) - columns * np.float32(np.sin(turn))))
    cell = np.asarray((along + across) / 2, np.float32)
    covered = (np.asarray(large, np.float32) > _evenly(cell)).astype(np.float32)
    return np.asarray(cv2.resize(covered, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _evenly(cell: Plane) -> Plane:
    """A cosine cell (-1..1) as thresholds 0..1 that occur equally often."""
    phase = np.linspace(0, np.pi, 257)
    values = np.sort(((np.cos(phase)[:, None] + np.cos(phase)[None, :]) / 2).ravel())
    ranks = np.searchsorted(values, np.linspace(-1, 1, _LEVELS)) / values.size
    place = np.clip((cell + 1) * ((_LEVELS - 1) / 2), 0, _LEVELS - 1).astype(np.int32)
    return np.asarray(ranks[place], np.float32)
