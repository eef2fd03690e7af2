"""What comes out of a recipe beside the picture's looks: the master's format, and a copy for everybody's use."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MasterFormat = Literal["png", "tiff"]
AccessFormat = Literal["", "jpeg", "webp"]


class OutputRules(BaseModel):
    """The ``[output]`` table of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: MasterFormat = Field(
        default="png", description="Format of the restored master: png, or tiff (Deflate, with its colour profile)."
    )
    access: AccessFormat = Field(
        default="", description="Format of a lossy copy of the master for everyday use: jpeg or webp; empty for none."
    )
    access_quality: Annotated[int, Field(ge=1, le=100)] = Field(
        default=90, description="Quality of that copy, as its format counts it."
    )
    access_side: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=0, description="Its longer side in pixels, never enlarged; 0 for the master's own size."
    )
