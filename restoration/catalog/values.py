"""Values on their way into Postgres: scans bring metadata that text columns and jsonb refuse."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping
from typing import Any


def clean_text(text: str) -> str:
    """The text without what Postgres refuses: NUL becomes U+FFFD, lone surrogates become ``?``."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


_JOINERS = frozenset("\u200c\u200d")
"""Persian and Indic words need them; they reach no further than their neighbours."""


def clean_words(text: str) -> str:
    """What a person wrote on one line, for pages and labels: without control characters and such as turn the reading
    direction or cannot be seen, spaces made one. Empty if nothing remains that can be read.
    """
    kept = "".join(
        " " if character.isspace() else character
        for character in clean_text(text)
        if character.isspace() or character in _JOINERS or unicodedata.category(character) not in {"Cc", "Cf", "Co"}
    )
    words = " ".join(kept.split())
    return words if any(character.isalnum() for character in words) else ""


def to_json(value: Any) -> str:
    """JSON that jsonb accepts: clean text, numbers that are not finite as null, anything unknown as its text."""
    return json.dumps(_clean(value), ensure_ascii=False, allow_nan=False)


def _clean(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {clean_text(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    return clean_text(str(value))
