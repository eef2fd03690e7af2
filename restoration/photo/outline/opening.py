"""What a picture ends at inside its straight borders, if that is a curve: an oval, an arch, rounded corners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from restoration.photo.boxes import Box
from restoration.photo.outline.corners import PictureCorners, picture_corners
from restoration.photo.outline.ellipse import Plane
from restoration.photo.outline.oval import PictureOval, picture_oval

Opening = PictureOval | PictureCorners

_OVAL, _CORNERS = "picture_oval", "picture_corners"


def picture_opening(luma: Plane, box: Box) -> Opening | None:
    """The curve a picture ends at; None if it ends straight.

    :param luma: H x W, 0..1.
    :param box: rows and columns inside straight borders.
    """
    return picture_oval(luma, box) or picture_corners(luma, box)


def opening_as_detail(opening: Opening) -> dict[str, Any]:
    """The opening by the name under which it is on record."""
    return {_OVAL if isinstance(opening, PictureOval) else _CORNERS: opening.as_detail()}


def opening_from_detail(detail: Mapping[str, Any]) -> Opening | None:
    """The opening that :func:`opening_as_detail` put into a record; None if there is none."""
    if oval := detail.get(_OVAL):
        return PictureOval.from_detail(oval)
    if corners := detail.get(_CORNERS):
        return PictureCorners.from_detail(corners)
    return None
