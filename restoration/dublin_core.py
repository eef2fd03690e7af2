"""The fifteen elements of Dublin Core (ISO 15836-1), in the order of the standard."""

from __future__ import annotations

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
