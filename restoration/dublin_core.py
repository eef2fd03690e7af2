"""The fifteen elements of Dublin Core (ISO 15836-1), in the order of the standard, and how one holds several values."""

from __future__ import annotations

from collections.abc import Iterable

DUBLIN_CORE = (
    "title",
    "creator",
    "subject",
    "description",
    "publisher",
    "contributor",
    "date",
    "type",
    "format",
    "identifier",
    "source",
    "language",
    "relation",
    "coverage",
    "rights",
)

_BETWEEN = {"title": " / ", "description": "\n"}
"""What stands between values; titles in two languages are written so, and read so by the IIIF manifests."""


def joined(term: str, values: Iterable[str]) -> str:
    """All values of an element as one text: each once, in their order, with ``; `` between most of them."""
    return _BETWEEN.get(term, "; ").join(dict.fromkeys(values))
