"""Names and numbers of an evaluation as text: no bytes that hide, no digits that mean nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from restoration.evaluate.scoring import rounded


def plain(name: str) -> str:
    """A file name as text: bytes that are no UTF-8 and control characters become visible escapes."""
    text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def json_bytes(value: Any) -> bytes:
    """JSON in UTF-8; floats of nine significant digits."""
    return (json.dumps(_rounded(value), ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_rounded(item) for item in value]
    return value
