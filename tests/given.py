"""A photograph that was painted by colours which people gave: what the catalog's record says of it."""

from __future__ import annotations

from typing import Any

DRESS = {
    "hint_id": 12,
    "place": [[0.42, 0.61]],
    "radius": 0.01,
    "colour": "#3b5ba9",
    "what": "the dress",
    "ground": "writing",
    "source": "her letter of May 1931",
    "said_by": "Ada's daughter",
    "said_on": "1998",
    "added_at": "2026-11-21T04:00:00+00:00",
}
LAWN = DRESS | {
    "hint_id": 13,
    "place": [[0.1, 0.8], [0.6, 0.8], [0.5, 1.0]],
    "colour": "#3f6b35",
    "what": "",
    "ground": "memory",
    "source": "",
    "said_by": "Eve <b>",
    "said_on": "",
}
COLORIZED = {
    "ordinal": 1,
    "step": "colorize",
    "status": "applied",
    "model": "hinted-colorizer",
    "parameters": {},
    "detail": {"hints": 2, "unsure_share": 0.2},
}


def given_record(*hints: dict[str, Any], unsure: float = 0.2) -> dict[str, Any]:
    """What the catalog's record says beside ``output``, names and all."""
    step = COLORIZED | {"detail": {"hints": len(hints or (1, 2)), "unsure_share": unsure}}
    return {"variant": "hinted", "hints": list(hints or (DRESS, LAWN)), "ai_altered": True, "steps": [step]}


def unnamed(hint: dict[str, Any]) -> dict[str, Any]:
    """The hint without what names people."""
    return {key: value for key, value in hint.items() if key not in {"said_by", "source", "said_on"}}
