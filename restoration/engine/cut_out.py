"""Pictures for the engine: whole pages, and what is cut out of one, which is decoded once for neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restoration.divisions import read_box
from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.outline.cutting import cut_picture
from restoration.photo.outline.several import Part

if TYPE_CHECKING:
    from restoration.engine.outcome import Scan
    from restoration.photo.decode import Decoder
    from restoration.photo.picture import Picture


class PictureReader:
    """Decodes scans. A page of which parts are asked for is kept until something else is, and no longer."""

    def __init__(self, decoder: Decoder, min_side: int) -> None:
        self._decoder = decoder
        self._min_side = min_side
        self._last: tuple[tuple[str, int], Picture] | None = None

    def picture(self, scan: Scan) -> Picture:
        """The scan's page, or what its box holds of it. ``scan.file_sha256`` must be known.

        :raises PhotoRejected: as :meth:`restoration.photo.decode.Decoder.decode`; too_small if the box is.
        :raises UsageError: its box is none.
        :raises EnvironmentProblem: the decoding process cannot be started at all.
        """
        page = self._page(scan)
        if not scan.box:
            return page
        box = read_box(scan.box)
        part = cut_picture(page, Part(box.x, box.y, box.width, box.height, box.angle))
        if min(part.width, part.height) < self._min_side:
            raise PhotoRejected(
                f"it is {part.width} x {part.height} pixels of its scan; its shorter side must be {self._min_side} at "
                "least (RESTORATION_MIN_SIDE); divide the scan by other boxes",
                reason=ReasonCode.TOO_SMALL,
                photo=scan.name,
            )
        return part

    def forget(self) -> None:
        """Give back the memory of a kept page."""
        self._last = None

    def _page(self, scan: Scan) -> Picture:
        key = scan.file_sha256, scan.page
        if self._last is not None and self._last[0] == key and scan.box:
            return self._last[1]
        self._last = None
        picture = self._decoder.decode(scan.data, scan.name, scan.page)
        if scan.box:
            self._last = key, picture
        return picture
