"""What triage did to a photograph, by the catalog's record of its step: as labels, credentials and pages need it."""

from __future__ import annotations

from typing import Any, Literal

from restoration.damage_kinds import Mending

Deed = Literal["inverted", "cast", "stains", "upside down", "sideways"]
"""The negative was made a positive; a colour cast was removed; stains were brought to the tone of what surrounds
them; a print that lay so was turned upright.
"""


def turned_of(record: dict[str, Any]) -> int:
    """By how many degrees counterclockwise scan and result were turned, so that they are shown upright; 0 if not."""
    return int(_detail(record).get("turned") or 0)


def deeds_of(record: dict[str, Any]) -> tuple[Deed, ...]:
    """What triage changed, in order; nothing if it changed nothing or was not part of the recipe."""
    step = _step(record)
    if step.get("status") != "applied":
        return ()
    detail = step.get("detail") or {}
    deeds: list[Deed] = ["inverted"] if detail.get("negative") == "inverted" else []
    # a record of before prints were turned says nothing of casts: all that was done to a positive was to remove one
    if detail.get("cast_removed", not deeds):
        deeds.append("cast")
    if any(found.get("mending") == Mending.TONE and found.get("mended_share") for found in record.get("damage") or []):
        deeds.append("stains")
    if turn := turned_of(record):
        deeds.append("upside down" if turn == 180 else "sideways")
    return tuple(deeds)


def _step(record: dict[str, Any]) -> dict[str, Any]:
    return next((step for step in record.get("steps") or [] if step.get("step") == "triage"), {})


def _detail(record: dict[str, Any]) -> dict[str, Any]:
    return _step(record).get("detail") or {}
