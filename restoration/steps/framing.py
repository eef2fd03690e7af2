"""The picture's own box, as triage noted it: what lies outside is neither mended, graded nor coloured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from restoration.photo.boxes import Box
from restoration.photo.frame import PictureBox
from restoration.steps.protocol import Frame


def own_box(frame: Frame) -> Box:
    """Rows and columns of the picture itself; all of them where triage noted no border, or did not run."""
    shares = frame.notes.get("triage", {}).get("picture_box", ())
    return PictureBox(*shares).inside(frame.picture.height, frame.picture.width)


def outside(frame: Frame) -> NDArray[np.bool_]:
    """Where the picture is not, H x W."""
    beyond = np.ones((frame.picture.height, frame.picture.width), bool)
    beyond[own_box(frame)] = False
    return beyond
