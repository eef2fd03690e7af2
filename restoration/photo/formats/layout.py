"""What the samples of a scan mean, in words that all formats share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.formats.texts import Written

Model = Literal["gray", "rgb", "cmyk", "cielab", "icclab", "ycbcr"]
"""``cielab``: a* and b* signed; ``icclab``: a* and b* with an offset, as ICC profiles have them."""

COLOURS: dict[Model, int] = {"gray": 1, "rgb": 3, "cmyk": 4, "cielab": 3, "icclab": 3, "ycbcr": 3}
"""Bands that are colour; all further ones are alpha or no part of the picture."""

_LEAST_DPI, _MOST_DPI = 1.0, 100_000.0


@dataclass(frozen=True)
class Layout:
    """How bands become a picture.

    ``alpha`` is the band that says how opaque a pixel is; None if no band does. ``white`` is the sample value of full
    light; 0 means the largest of the type (1 for floats). ``inverted``: 0 is white. ``ycbcr`` holds the luma weights
    of red and blue and the codes of black and white (TIFF 6.0, section 21). ``extra`` is a band that nothing is said
    of, perhaps infrared; None if there is none.
    """

    model: Model
    alpha: int | None = None
    premultiplied: bool = False
    white: int = 0
    inverted: bool = False
    ycbcr: tuple[float, ...] = ()
    extra: int | None = None


@dataclass(frozen=True)
class Resolution:
    """Pixels per inch along both axes; 0 if the file does not say, or says what no scanner can mean."""

    across: float = 0.0
    down: float = 0.0

    @classmethod
    def of(cls, across: float, down: float) -> Resolution:
        """Both axes, if both are credible."""
        credible = all(_LEAST_DPI <= axis <= _MOST_DPI for axis in (across, down))
        return cls(round(across, 2), round(down, 2)) if credible else cls()


@dataclass
class Facts:
    """What a file's own structure says, beside what libvips finds.

    ``profile`` is an ICC profile that stands for the file's colour where libvips finds none (or the wrong one).
    ``written`` is what people wrote into the file about the photograph. ``pages`` counts photographs: full-size pages.
    """

    resolution: Resolution = field(default_factory=Resolution)
    layout: Layout | None = None
    profile: bytes = b""
    orientation: int = 0
    pages: int = 1
    notes: list[str] = field(default_factory=list)
    written: Written = field(default_factory=Written)


def unsupported(what: str, remedy: str) -> PhotoRejected:
    """A refusal of a kind of file that is whole but not read: what it is, and what to do about it."""
    return PhotoRejected(f"{what} not read; {remedy}", reason=ReasonCode.UNSUPPORTED_FORMAT)
