"""What the painter of previews is asked: a picture, and how it is to be painted. Imports nothing heavy, so that the
review page can ask.

On its way a request is one line of JSON and then the picture's own bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from restoration.errors import UsageError
from restoration.steps.parameters import Colorize

Share = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class OvalRequest(BaseModel):
    """The ellipse a picture ends at, as :meth:`restoration.photo.outline.oval.PictureOval.as_detail` puts it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    centre: tuple[Number, Number]
    axes: tuple[Number, Number]
    angle: Number


class CornerRequest(BaseModel):
    """The arc that cuts a corner, as :class:`restoration.photo.outline.corners.Corner` has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    x: Number
    y: Number
    wide: Number
    high: Number


Cut = CornerRequest | None


class PaintRequest(BaseModel):
    """How a picture is to be painted.

    ``picture_box`` says what borders take of the scan's top, right, bottom and left, as shares; ``picture_oval`` which
    ellipse the picture ends at, ``picture_corners`` which arcs cut its corners (top left, top right, bottom right,
    bottom left); None where it has none. ``turned`` is by how many degrees counterclockwise scan and picture were
    turned, None if nobody asked; places of hints are the scan's own, as it lies.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    parameters: Colorize
    picture_box: tuple[Share, Share, Share, Share] | None = None
    picture_oval: OvalRequest | None = None
    picture_corners: tuple[Cut, Cut, Cut, Cut] | None = None
    turned: Literal[0, 90, 180, 270] | None = None


def packed(request: PaintRequest, picture: bytes) -> bytes:
    """The request and its picture as they travel."""
    return request.model_dump_json().encode() + b"\n" + picture


def unpacked(body: bytes) -> tuple[PaintRequest, bytes]:
    """The request and its picture, out of what :func:`packed` returned.

    :raises UsageError: it is no request.
    """
    line, _, picture = body.partition(b"\n")
    try:
        return PaintRequest.model_validate_json(line), picture
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"]) or "it"
        raise UsageError(f"what was asked to paint is no request: {where}: {problem['msg']}") from error
