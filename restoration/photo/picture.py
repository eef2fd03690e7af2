"""The photograph in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8] | NDArray[np.uint16]
"""H x W, as the scanner stored them."""

FloatImage = NDArray[np.float32]
"""H x W x 3 float32, sRGB-encoded (IEC 61966-2-1 transfer curve), nominal range [0, 1], RGB order.

Of a large gray picture the three channels are one plane (:func:`restoration.photo.bands.gray`), not to be written to.
"""


@dataclass(frozen=True)
class ScanInfo:
    """Facts of the file a photograph was decoded from.

    ``bits`` is the depth that is kept to the end: 8, or 16 where any channel of the file holds more than 8 bits.
    ``page`` of ``pages``: which of the file's photographs it is, from 1; thumbnails and smaller copies do not count.
    ``channels`` is the file's own count (1 gray, 3 RGB, 4 CMYK or RGBA). ``dpi`` is pixels per inch along the file's
    own rows, before it is turned upright, ``dpi_down`` along its columns; both are 0 if the file does not say.
    ``cut`` says where on its page a photograph was cut out, if it is not the whole page
    (:func:`restoration.photo.outline.cutting.cut_picture`).
    ``metadata`` holds texts of the file, and under ``notes`` what the decoder left out, or took another way than the
    file says. ``embedded`` is what people wrote into the file about the photograph, by Dublin Core element, and
    ``embedded_from`` the source of each: XMP, IPTC, EXIF or PNG.
    """

    format: str
    width: int
    height: int
    bits: Literal[8, 16]
    channels: int
    page: int = 1
    pages: int = 1
    dpi: float = 0.0
    dpi_down: float = 0.0
    icc: str = ""
    orientation: int = 1
    metadata: dict[str, Any] = field(default_factory=dict)
    embedded: dict[str, str] = field(default_factory=dict)
    embedded_from: dict[str, str] = field(default_factory=dict)
    cut: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """Pixels with the facts of the scan they came from. Never changed in place; steps return a new one.

    ``extra`` is a further channel of which the file does not say what it is, of the scan's own size: perhaps infrared
    (:mod:`restoration.photo.infrared`). None if there is none.
    """

    pixels: FloatImage
    info: ScanInfo
    extra: Samples | None = None

    def with_pixels(self, pixels: FloatImage) -> Picture:
        """The same scan with other pixels (shape may change when a step upscales)."""
        if pixels.strides[2] != 0:  # a plane that is seen three times stays one
            pixels = np.ascontiguousarray(pixels, dtype=np.float32)
        return replace(self, pixels=pixels)

    @property
    def height(self) -> int:
        """Rows of the current pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of the current pixels."""
        return int(self.pixels.shape[1])
