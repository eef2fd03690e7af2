"""What of a photograph a computer filled: the catalog's record of damage, as labels, pages and manifests need it.

Only inventions count here. Stains that were corrected in tone and lettering that was only reported are in the record
too, and are not filled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from restoration.damage_kinds import FILLED_KINDS, DamageKind, Mending

_FILLING = {str(Mending.SURROUNDINGS): False, str(Mending.NET): True}
"""Ways of mending that fill, and whether a trained model did it."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class FilledArea:
    """All filled places of one kind: their share of the picture (0..1), and who filled most of them.

    ``box`` is round all of them: left, top, width and height as shares of the picture's width and height.
    """

    kind: DamageKind
    share: float
    by_net: bool
    model: str | None
    box: Box


@dataclass(frozen=True)
class Filled:
    """What was filled of one picture: its share (0..1), and the kinds of damage, the largest first.

    Stains whose tone was corrected are not among them: nothing is filled there.
    """

    share: float
    areas: tuple[FilledArea, ...] = ()

    @property
    def by_net(self) -> bool:
        """Whether a trained model filled any of it."""
        return any(area.by_net for area in self.areas)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models that filled, once each."""
        return tuple(dict.fromkeys(area.model for area in self.areas if area.by_net and area.model))

    def __bool__(self) -> bool:
        return self.share > 0


def filled_of(record: dict[str, Any]) -> Filled:
    """What the catalog's record says was filled; nothing where nobody recorded that."""
    share = float(record.get("filled_share") or 0)
    damage = record.get("damage") or []
    if not share or not record.get("mask"):
        return Filled(0.0)
    return Filled(share, tuple(_areas(damage, record["output"])))


def _areas(damage: Iterable[dict[str, Any]], output: dict[str, Any]) -> Iterable[FilledArea]:
    for found in damage:
        kind, share = DamageKind(found["kind"]), float(found["mended_share"])
        if kind in FILLED_KINDS and found["mending"] in _FILLING and share > 0:
            yield FilledArea(
                kind, share, _FILLING[found["mending"]], found.get("model"), _box(found.get("box"), output)
            )


def _box(box: list[int] | None, output: dict[str, Any]) -> Box:
    """As shares of the picture; the whole picture where the catalog has no box."""
    if box is None:
        return 0.0, 0.0, 1.0, 1.0
    width, height = int(output["width"]), int(output["height"])
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height
