"""The picture's own place, as triage noted it: what lies outside is neither mended, graded nor coloured.

That is a box, and in a mount with an oval, an arch or rounded corners what that leaves of it: a few numbers, and a mask
where one is needed. A mount of another colour than the print is a mask from the start.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from restoration.photo import bands
from restoration.photo.boxes import Box
from restoration.photo.outline.frame import PictureBox
from restoration.photo.outline.opening import Opening, opening_from_detail
from restoration.photo.picture import FloatImage
from restoration.steps.protocol import Frame


def own_opening(frame: Frame) -> Opening | None:
    """The oval, arch or rounded corners the picture ends at; None where triage noted none, or did not run."""
    return opening_from_detail(frame.notes.get("triage", {}))


def own_box(frame: Frame) -> Box:
    """Rows and columns of the picture itself; all of them where triage noted no border, or did not run.

    Of an oval picture, or one with rounded corners, they hold card in their corners too (:func:`outside`).
    """
    height, width = frame.picture.height, frame.picture.width
    shares = frame.notes.get("triage", {}).get("picture_box", ())
    rows, columns = PictureBox(*shares).inside(height, width)
    opening = own_opening(frame)
    if opening is None:
        return rows, columns
    of_opening = opening.box(height, width)
    return _common(rows, of_opening[0]), _common(columns, of_opening[1])


def _common(one: slice, other: slice) -> slice:
    return slice(max(one.start, other.start), min(one.stop, other.stop))


def outside(frame: Frame) -> NDArray[np.bool_]:
    """Where the picture is not, H x W."""
    beyond = bands.empty((frame.picture.height, frame.picture.width), bool)
    beyond[:] = True
    opening = own_opening(frame)
    if opening is None:
        beyond[own_box(frame)] = False
    else:
        opening.fill(beyond, own_box(frame), value=False)
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
    """Values of a plane (H x W) inside the picture: its box as it is; in a row, if an opening or a mount matter."""
    values = plane[own_box(frame)]
    whole = own_opening(frame) is None and _mount(frame) is None
    return values if whole else values[~outside(frame)[own_box(frame)]]


def kept_outside(frame: Frame, pixels: FloatImage) -> FloatImage:
    """``pixels`` (H x W x 3), of what the frame shows, with all that lies outside an opening as the frame shows it."""
    if pixels is frame.picture.pixels or own_opening(frame) is None:
        return pixels
    kept, beyond = bands.copied(pixels), outside(frame)
    for rows in bands.bands(pixels):
        np.copyto(kept[rows], frame.picture.pixels[rows], where=beyond[rows, :, None])
    return kept
