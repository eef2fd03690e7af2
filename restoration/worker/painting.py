"""A preview of a restored photograph, painted anew: the colorizer's own step over a small picture.

Light and dark of the restored preview are kept and its colours thrown away, so what is seen is what a run makes of the
same recipe and hints, up to size and to what faces and enlarging do after the colours.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from restoration.engine.paint_request import PaintRequest
from restoration.errors import PhotoRejected, ReasonCode
from restoration.models.registry import Models
from restoration.photo.encode import preview_jpeg
from restoration.photo.picture import FloatImage, Picture, ScanInfo
from restoration.steps import colorize
from restoration.steps.protocol import Frame

LONGEST_SIDE = 1280
"""Longer pictures are made smaller first: a preview is to come within two seconds on two cores."""

_NAME = "preview"


def painted(request: PaintRequest, picture: bytes, models: Models) -> bytes:
    """JPEG of the picture as its recipe's colorizer paints it.

    :param picture: JPEG of the restored picture; scans themselves never come here, so it is decoded in this process.
    :raises PhotoRejected: it is no JPEG.
    :raises ModelError: the colorizer is missing, or takes no hints.
    """
    shown = Picture(pixels := _read(picture), ScanInfo("JPEG", pixels.shape[1], pixels.shape[0], 8, 3))
    frame = Frame(_NAME, shown, shown, notes={"triage": _triage(request)})
    outcome = colorize.Step().apply(frame, request.parameters, models)
    return preview_jpeg(outcome.picture.pixels, LONGEST_SIDE)


def _read(picture: bytes) -> FloatImage:
    if not picture.startswith(b"\xff\xd8\xff"):
        raise PhotoRejected("the picture to paint is no JPEG", reason=ReasonCode.UNSUPPORTED_FORMAT)
    decoded = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise PhotoRejected("the picture to paint cannot be read", reason=ReasonCode.CORRUPT)
    height, width = decoded.shape[:2]
    if (scale := LONGEST_SIDE / max(height, width)) < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        decoded = cv2.resize(decoded, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(decoded[:, :, ::-1]).astype(np.float32) / np.float32(255)


def _triage(request: PaintRequest) -> dict[str, Any]:
    """What triage noted of the scan, as far as it matters here."""
    notes: dict[str, Any] = {}
    if request.picture_box is not None:
        notes["picture_box"] = request.picture_box
    if request.picture_oval is not None:
        notes["picture_oval"] = request.picture_oval.model_dump()
    if request.turned is not None:
        notes |= {"upright": "output", "turned": request.turned}
    if request.picture_corners is not None:
        notes["picture_corners"] = request.model_dump()["picture_corners"]
    return notes
