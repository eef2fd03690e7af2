"""The models that made what an archive shows: their weight hashes, rights and cards.

A model of the shipped registry that has a card in ``docs/model-cards`` is told from others by the hash of its weights,
and its card goes into the archive as it is. Of any other model the catalog's facts are written in the form of a card.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from restoration.models.entries import read_entries
from restoration.models.files import REGISTRY_FILE
from restoration.publish import layout
from restoration.publish.photos import ArchivedPhoto

FACTS = ("name", "version", "architecture", "weights_sha256", "licence", "source", "training_data")


def models_used(photos: Iterable[ArchivedPhoto]) -> list[dict[str, Any]]:
    """Every model that made a shown picture, by name, with its facts and ``photos``, how many it had a part in."""
    found: dict[str, dict[str, Any]] = {}
    for photo in photos:
        for model in photo.record.get("models") or [] if photo.shown else []:
            facts = {name: model.get(name) for name in FACTS}
            found.setdefault(model["weights_sha256"], facts | {"photos": 0})["photos"] += 1
    return sorted(found.values(), key=lambda facts: (str(facts["name"]), facts["weights_sha256"]))


def model_files(used: Iterable[dict[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """``models.json`` and a card for each model, by their paths in the archive."""
    written, listed = shipped_cards(), []
    for facts in used:
        path = card_path(facts)
        card = written.get(facts["weights_sha256"])
        yield path, card.read_bytes() if card else plain_card(facts).encode()
        listed.append(facts | {"card": path})
    text = json.dumps({"models": listed}, ensure_ascii=False, indent=1)
    yield layout.MODELS, text.encode() + b"\n"


def card_path(facts: dict[str, Any]) -> str:
    """Where a model's card lies: name and version for people, the beginning of the hash so that no two meet."""
    words = re.sub(r"[^A-Za-z0-9._]+", "-", f"{facts['name']}-{facts['version']}").strip("-.")[:80]
    return f"data/models/{words}-{facts['weights_sha256'][:12]}.md"


def shipped_cards() -> dict[str, Path]:
    """Cards that come with the project, by the hash of the weights they speak of."""
    places = [
        Path(__file__).parents[2] / "docs" / "model-cards",
        Path(sys.prefix, "share", "restoration", "model-cards"),
    ]
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        return {}
    cards = {e.sha256: folder / f"{e.name}-{e.version}.md" for e in read_entries(REGISTRY_FILE).values()}
    return {sha256: card for sha256, card in cards.items() if card.is_file()}


def plain_card(facts: dict[str, Any]) -> str:
    """The catalog's facts of a model, as a card."""
    rows = [
        ("Version", facts["version"]),
        ("Architecture", facts["architecture"]),
        ("sha256 of the weights", facts["weights_sha256"]),
        ("Licence", facts["licence"]),
        ("Source", facts["source"]),
        ("Training data", facts["training_data"]),
    ]
    lines = [f"* {label}: {' '.join(str(value).split()) or 'not known'}" for label, value in rows if value is not None]
    note = "Written from the catalog's record of the model, because no card of its makers came with it."
    return f"# {' '.join(str(facts['name']).split())}\n\n{note}\n\n" + "\n".join(lines) + "\n"
