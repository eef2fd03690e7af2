"""A photograph that was cut out of a scan of several: the catalog's record of it, as labels and provenance need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_SAID_BY = {
    "triage": "a person, as the program had found it",
    "boxes": "a person, who drew the box",
    "recipe": "the program, as its recipe says",
}


@dataclass(frozen=True)
class CutOut:
    """Where on its page a photograph was, and who said so.

    ``box``: centre across and down (shares of the page's width and height), width and height (shares of its long side),
    turn in degrees clockwise. ``place`` of ``of``: which of the page's photographs it is. ``by`` is empty if nobody may
    be named.
    """

    place: int
    of: int
    box: tuple[float, ...]
    resampled: bool
    said_by: str
    by: str
    at: str

    @property
    def where(self) -> str:
        """The box in words."""
        x, y, width, height, angle = self.box
        turned = f"; turned straight by {-angle:g} degrees (bicubic)" if self.resampled else ""
        return f"centre {x:g}, {y:g} of width and height; {width:g} x {height:g} of the long side{turned}"

    @property
    def decided(self) -> str:
        """Who divided the scan, and when."""
        name = f" ({self.by})" if self.by else ""
        return f"by {self.said_by}{name}, {self.at}"


def cut_out_of(record: dict[str, Any]) -> CutOut | None:
    """Where a photograph was cut out; None if it is the whole of its page."""
    part = (record.get("source") or {}).get("part")
    if not part:
        return None
    return CutOut(
        place=int(part["place"]),
        of=int(part["of"]),
        box=tuple(float(number) for number in part["box"]),
        resampled=bool(part.get("resampled")),
        said_by=_SAID_BY.get(str(part.get("given_through")), "a person"),
        by=str(part.get("divided_by") or ""),
        at=str(part.get("divided_at") or ""),
    )
