"""The picture's own place, as triage noted it: what lies outside is neither mended, graded nor coloured.

That is a box, and in an oval mount the ellipse in it: an ellipse is five numbers, and a mask where one is needed. A
mount of another colour than the print is a mask from the start.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from restoration.photo import bands
from restoration.photo.boxes import Box
from restoration.photo.outline.frame import PictureBox
from restoration.photo.outline.oval import PictureOval
from restoration.photo.picture import FloatImage
from restoration.steps.protocol import Frame


def own_oval(frame: Frame) -> PictureOval | None:
    """The ellipse the picture ends at; None where triage noted none, or did not run."""
    detail = frame.notes.get("triage", {}).get("picture_oval")
    return PictureOval.from_detail(detail) if detail else None


def own_box(frame: Frame) -> Box:
    """Rows and columns of the picture itself; all of them where triage noted no border, or did not run.

    Of an oval picture they hold the ellipse, and card in their corners (:func:`outside`).
    """
    height, width = frame.picture.height, frame.picture.width
    shares = frame.notes.get("triage", {}).get("picture_box", ())
    rows, columns = PictureBox(*shares).inside(height, width)
    oval = own_oval(frame)
    if oval is None:
        return rows, columns
    of_oval = oval.box(height, width)
    return _common(rows, of_oval[0]), _common(columns, of_oval[1])


def _common(one: slice, other: slice) -> slice:
    return slice(max(one.start, other.start), min(one.stop, other.stop))


def outside(frame: Frame) -> NDArray[np.bool_]:
    """Where the picture is not, H x W."""
    beyond = bands.empty((frame.picture.height, frame.picture.width), bool)
    beyond[:] = True
    oval = own_oval(frame)
    if oval is None:
        beyond[own_box(frame)] = False
    else:
        oval.fill(beyond, own_box(frame), value=False)
    mount = _mount(frame)
    if mount is not None:
        beyond |= mount
    return beyond


def with_mount(frame: Frame, pixels: FloatImage) -> FloatImage:
    """``pixels`` (H x W x 3), of what the frame shows, with a mount of another colour as it was scanned."""
    mount = _mount(frame)
    if mount is None:
        return pixels
    whole = bands.empty(pixels.shape)
    for rows in bands.bands(pixels):
        whole[rows] = np.where(mount[rows, :, None], frame.source.pixels[rows], pixels[rows])
    return whole


def _mount(frame: Frame) -> NDArray[np.bool_] | None:
    """The mount, as long as the picture has the scan's size."""
    same = frame.mount is not None and frame.mount.shape == (frame.picture.height, frame.picture.width)
    return frame.mount if same else None


def own_values(frame: Frame, plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values of a plane (H x W) inside the picture: its box as it is; in a row, if ellipse or mount matter."""
    values = plane[own_box(frame)]
    whole = own_oval(frame) is None and _mount(frame) is None
    return values if whole else values[~outside(frame)[own_box(frame)]]


def kept_outside(frame: Frame, pixels: FloatImage) -> FloatImage:
    """``pixels`` (H x W x 3), of what the frame shows, with all that lies outside an oval as the frame shows it."""
    if pixels is frame.picture.pixels or own_oval(frame) is None:
        return pixels
    kept, beyond = bands.copied(pixels), outside(frame)
    for rows in bands.bands(pixels):
        np.copyto(kept[rows], frame.picture.pixels[rows], where=beyond[rows, :, None])
    return kept
