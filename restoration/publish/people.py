"""What a published archive says of the people who decided or gave colours, and of single files in events of the whole.

An institution may name those who decided, with their words. Unless it says so (setting ``publish_names``), the archive
says that a person decided, what and when, and keeps the event's hashes: the chain of events goes on unbroken, and
whoever holds the catalog can prove what the withheld words were.

Those who know a colour need not be the institution's people, and are named by a setting of their own
(``name_hint_givers``), with what they know it from. Without it the archive says which colour was given, for what and on
what ground.

An event of the whole collection may name one scan, or the hash of one published file. It is published for ever, and the
photograph may be withdrawn tomorrow, so keys and hashes of single files stay in the catalog too.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from restoration.catalog.divisions import DIVIDED, TAKEN_BACK
from restoration.catalog.hints import ADDED, REMOVED

_HINTS = frozenset({ADDED, REMOVED})
_PERSONS = frozenset({"approval", "release", "review", "withdrawal", "removal", DIVIDED, TAKEN_BACK}) | _HINTS
_PROGRAMS = frozenset({"hints.csv", "recipe"})
"""Ways on which a program put on record what a list, or a recipe, says."""
SOMEBODY = "a person of the institution"

_PUBLIC = frozenset(
    {
        "arrangement",
        "boxes",
        "colour",
        "content_sha256",
        "decision",
        "division_id",
        "given_through",
        "ground",
        "hint_id",
        "lifted",
        "manifest_sha256",
        "option",
        "outline",
        "output_sha256",
        "photos",
        "radius",
        "reason",
        "restoration_id",
        "source_sha256",
        "version",
        "words_sha256",
    }
)
"""Details of a person's event that name nobody: hashes, numbers, and words of a closed vocabulary."""

_GIVERS_OWN = frozenset({"said_by", "source", "said_on"})
"""What of a hint names people, or may."""

_OF_ONE_FILE = frozenset({"actual", "expected", "first", "object_key"})
"""Details of a fixity check by which one photograph could be found."""


def is_persons(event: dict[str, Any]) -> bool:
    """Whether a person did what an event tells; a hint that was read from a list was put on record by a program, and so
    was a division by a recipe.
    """
    return event.get("type") in _PERSONS and (event.get("detail") or {}).get("given_through") not in _PROGRAMS


def public_event(event: dict[str, Any], *, names: bool, givers: bool = False) -> dict[str, Any]:
    """The event as it may be published; ``withheld`` names what was left out, and its hash is still that of all.

    :param names: whether people may be named.
    :param givers: whether those who gave colours may: whoever puts a hint on record may be who knows it.
    """
    allowed = names and (givers or event.get("type") not in _HINTS)
    if allowed or not is_persons(event):
        return event
    hidden = (event.get("detail") or {}).keys() - _PUBLIC
    return _without(event, hidden) | {"agent": SOMEBODY, "withheld": ["agent", *_named(hidden)]}


def public_collection_event(event: dict[str, Any], *, names: bool) -> dict[str, Any]:
    """The same of an event of the collection as a whole, which names no single file either."""
    told = public_event(event, names=names)
    hidden = (told.get("detail") or {}).keys() & _OF_ONE_FILE
    if told.get("type") != "fixity_check" or not hidden:
        return told
    return _without(told, hidden) | {"withheld": _named(hidden)}


def _without(event: dict[str, Any], hidden: Set[str]) -> dict[str, Any]:
    detail = event.get("detail") or {}
    return event | {"detail": {key: value for key, value in detail.items() if key not in hidden}}


def _named(hidden: Set[str]) -> list[str]:
    return sorted(f"detail.{key}" for key in hidden)


def public_review(review: dict[str, Any] | None, *, names: bool) -> dict[str, Any] | None:
    """The last review as it may be published: what was decided and when; by whom and why only with names."""
    if review is None or names:
        return review
    return {key: review.get(key) for key in ("decision", "decided_at")}


def public_source(source: dict[str, Any], *, names: bool) -> dict[str, Any]:
    """Facts of the scan as they may be published: who divided it is named only with names, unless a recipe did."""
    part = source.get("part")
    if not part or names or part.get("given_through") in _PROGRAMS:
        return source
    return source | {"part": {key: value for key, value in part.items() if key != "divided_by"}}


def public_hints(hints: list[dict[str, Any]], *, givers: bool) -> list[dict[str, Any]]:
    """Hints as they may be published: by whom, when and from what in words only with names."""
    return hints if givers else [{key: hint[key] for key in hint if key not in _GIVERS_OWN} for hint in hints]
