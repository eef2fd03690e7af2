"""An ellipse in a picture: its points, how far others lie from it, and what the picture shows along it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Points = NDArray[np.float64]
"""N x 2: across, down."""


@dataclass(frozen=True)
class Ellipse:
    """In pixels of the small picture: centre, half axes, turn of the first of them (radians)."""

    x: float
    y: float
    wide: float
    high: float
    turn: float

    def at(self, angles: Points) -> tuple[Points, Points]:
        """Points of the ellipse (N x 2) at such angles of its parameter, and the unit normals there, outwards."""
        turned = np.array([[np.cos(self.turn), np.sin(self.turn)], [-np.sin(self.turn), np.cos(self.turn)]])
        circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        normals = (circle / (self.wide, self.high)) @ turned
        places = (circle * (self.wide, self.high)) @ turned + (self.x, self.y)
        return places, normals / np.linalg.norm(normals, axis=1, keepdims=True)

    def of(self, points: Points) -> tuple[Points, Points]:
        """How far points lie outside (N, pixels, negative inside, to first order), and the angle of each (N)."""
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        away = (points - (self.x, self.y)) @ np.array([[cos, -sin], [sin, cos]])
        scaled = away / (self.wide, self.high)
        length = np.linalg.norm(scaled, axis=1)
        slope = np.linalg.norm(scaled / (self.wide, self.high), axis=1)
        distance = (length * length - 1) / np.maximum(2 * slope, 1e-9)
        return distance, np.arctan2(scaled[:, 1], scaled[:, 0])


def in_scan(places: Points, shape: tuple[int, ...], margin: float) -> Mask:
    """Which points (N x 2) lie in a picture of that shape, by a margin in pixels."""
    low = (places >= margin).all(axis=1)
    return np.asarray(low & (places < (shape[1] - margin, shape[0] - margin)).all(axis=1), np.bool_)


def sampled(plane: Plane, places: Points) -> Points:
    """The plane's values between its pixels (N)."""
    across, down = places.astype(np.float32).T[:, :, None]
    return np.asarray(cv2.remap(plane, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float64)[
        :, 0
    ]
