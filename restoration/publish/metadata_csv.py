"""``metadata.csv``: Dublin Core, state and hashes, one row a photograph, safe to open in a spreadsheet.

UTF-8 with a byte order mark, because Excel takes anything else for the machine's own code page and spoils names.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from restoration.dublin_core import DUBLIN_CORE
from restoration.publish.cut_out import cut_out_of
from restoration.publish.filled import filled_of
from restoration.publish.photos import ArchivedPhoto
from restoration.spreadsheet import neutralise

FACTS = (
    "id",
    "filename",
    "state",
    "reason",
    "shown_as",
    "why_not_restored",
    "ai_altered",
    "restored_file",
    "restored_sha256",
    "unlabelled_sha256",
    "original_uri",
    "original_sha256",
    "recipe",
    "recipe_sha256",
    "filled_share",
    "filled_kinds",
    "mask_file",
    "original_page",
    "original_box",
)


def write_metadata(photos: Iterable[ArchivedPhoto], path: Path, *, rights: str) -> None:
    """Write the file. The collection's rights statement stands in for photographs without one of their own."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file, lineterminator="\r\n")
        rows.writerow([*FACTS, *(f"dc:{term}" for term in DUBLIN_CORE)])
        for photo in photos:
            rows.writerow([neutralise(cell) for cell in _row(photo, rights)])


def _row(photo: ArchivedPhoto, rights: str) -> list[str]:
    record = photo.record
    source, output, recipe = (record.get(part) or {} for part in ("source", "output", "recipe"))
    terms: dict[str, Any] = {"rights": rights, **(record.get("dublin_core") or {})}
    facts = (
        photo.name,
        record.get("object_key"),
        record.get("state"),
        record.get("reason"),
        photo.shown_as,
        photo.reason,
        "yes" if photo.shown and record.get("ai_altered") else "no" if photo.shown else "",
        photo.output_path,
        output.get("sha256") if photo.shown else "",
        output.get("unlabelled_sha256", output.get("sha256")) if photo.shown else "",
        source.get("uri"),
        source.get("sha256"),
        recipe.get("name"),
        recipe.get("sha256"),
        *_filled(photo),
        source.get("page"),
        cut.where if (cut := cut_out_of(record)) else "",
    )
    return [_text(value) for value in (*facts, *(terms.get(term) for term in DUBLIN_CORE))]


def _filled(photo: ArchivedPhoto) -> tuple[Any, str, str | None]:
    """How much of the picture that is shown was filled, of which damage, and where that is drawn."""
    if not photo.shown:
        return None, "", None
    kinds = " ".join(area.kind for area in filled_of(photo.record).areas)
    return photo.record.get("filled_share"), kinds, photo.mask_path


def _text(value: Any) -> str:
    return "" if value is None else str(value)
