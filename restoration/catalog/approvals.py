"""A person's word that one exact state of a collection may be published: an event in the collection's chain."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from restoration.catalog.events import append_event
from restoration.catalog.values import clean_text
from restoration.errors import UsageError

EVENT_TYPE = "approval"

_FIND = sa.text("""
SELECT EXISTS (
    SELECT FROM event
    WHERE collection_id = :collection_id AND event_type = 'approval' AND outcome = 'success'
      AND detail ->> 'content_sha256' = :content_sha256)
""")


@dataclass(frozen=True)
class Approval:
    """Who approves, and why, in that person's own words.

    :raises UsageError: one of them is empty.
    """

    person: str
    words: str

    def __post_init__(self) -> None:
        if not self.person.strip() or not self.words.strip():
            raise UsageError("an approval names the person who gives it and says why, in that person's words")


def record_approval(
    conn: sa.Connection, collection_id: int, approval: Approval, *, content_sha256: str, photos: int
) -> int:
    """Append the approval to the collection's chain; returns the event's number.

    :param content_sha256: hash of all that would be published; the approval holds for nothing else.
    :param photos: how many photographs that is.
    """
    return append_event(
        conn,
        collection_id=collection_id,
        event_type=EVENT_TYPE,
        outcome="success",
        agent=clean_text(approval.person.strip()),
        detail={"words": approval.words.strip(), "content_sha256": content_sha256, "photos": photos},
    )


def is_approved(conn: sa.Connection, collection_id: int, content_sha256: str) -> bool:
    """Whether a person approved exactly this state of the collection."""
    names = {"collection_id": collection_id, "content_sha256": content_sha256}
    return bool(conn.execute(_FIND, names).scalar_one())
