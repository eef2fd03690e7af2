"""What a published archive says of the people who decided about it.

An institution may name them, with their words. Unless it says so (setting ``publish_names``), the archive says that a
person decided, what and when, and keeps the event's hashes: the chain of events goes on unbroken, and whoever holds the
catalog can prove what the withheld words were.
"""

from __future__ import annotations

from typing import Any

PERSONS_EVENTS = frozenset({"approval", "review", "withdrawal", "removal"})
SOMEBODY = "a person of the institution"

_PUBLIC = frozenset(
    {
        "content_sha256",
        "decision",
        "lifted",
        "manifest_sha256",
        "option",
        "output_sha256",
        "photos",
        "reason",
        "restoration_id",
        "source_sha256",
        "version",
    }
)
"""Details of a person's event that name nobody: hashes, numbers, and words of a closed vocabulary."""


def public_event(event: dict[str, Any], *, names: bool) -> dict[str, Any]:
    """The event as it may be published; ``withheld`` names what was left out, and its hash is still that of all.

    :param names: whether people may be named.
    """
    if names or event.get("type") not in PERSONS_EVENTS:
        return event
    detail = event.get("detail") or {}
    kept = {key: value for key, value in detail.items() if key in _PUBLIC}
    withheld = ["agent", *sorted(f"detail.{key}" for key in detail.keys() - kept.keys())]
    return event | {"agent": SOMEBODY, "detail": kept, "withheld": withheld}


def public_review(review: dict[str, Any] | None, *, names: bool) -> dict[str, Any] | None:
    """The last review as it may be published: what was decided and when; by whom and why only with names."""
    if review is None or names:
        return review
    return {key: review.get(key) for key in ("decision", "decided_at")}
