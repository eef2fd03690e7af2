"""A person's word that one exact state of a collection may be published, or may not: events in the collection's chain.

The last word about a content counts: an approval ends where somebody refuses the same content later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from restoration.catalog.events import EventOutcome, append_event
from restoration.catalog.values import clean_text
from restoration.errors import UsageError

EVENT_TYPE = "approval"
ASKER = "approval request"
"""Agent of what no person said."""

_FIND = sa.text("""
SELECT outcome = 'success' FROM event
WHERE collection_id = :collection_id AND event_type = 'approval' AND outcome IN ('success', 'failure')
  AND detail ->> 'content_sha256' = :content_sha256
ORDER BY seq DESC LIMIT 1
""")

_STATES = sa.text("""
SELECT state::text AS state, coalesce(reason::text, '') AS reason, count(*) AS photos
FROM photo WHERE collection_id = :collection_id AND current GROUP BY 1, 2 ORDER BY 1, 2
""")

_SHOWN = sa.text("""
SELECT count(*) FILTER (WHERE state IN ('restored', 'needs_review')) AS photos,
       count(*) FILTER (WHERE state <> 'skipped') AS of
FROM photo WHERE collection_id = :collection_id AND current
""")

# All that a publication could show but the decisions, cheaper than the hash of the content.
_MARK = sa.text("""
SELECT concat_ws(' ', c.updated_at, count(p.photo_id),
                 sum(CAST(hashtextextended(concat_ws(
                     '|', p.photo_id, p.restoration_id, p.state, p.reason, p.dublin_core, p.scan -> 'embedded',
                     p.content_sha256
                 ), 0) AS numeric)),
                 (SELECT concat_ws(' ', count(*), count(w.lifted_at)) FROM withdrawal AS w
                  WHERE w.collection_id = c.collection_id)) AS photos,
       (SELECT count(*) FROM review AS v JOIN photo AS q USING (photo_id)
        WHERE q.collection_id = c.collection_id) AS reviews
FROM collection AS c LEFT JOIN photo AS p ON p.collection_id = c.collection_id AND p.current
WHERE c.collection_id = :collection_id GROUP BY c.collection_id
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


@dataclass(frozen=True)
class Mark:
    """Where a collection stands: equal ``photos`` mean that nothing changed but decisions, which ``reviews`` counts."""

    photos: str
    reviews: int


def record_approval(
    conn: sa.Connection,
    collection_id: int,
    approval: Approval,
    *,
    content_sha256: str,
    photos: int,
    run_id: UUID | None = None,
    option: str | None = None,
) -> int:
    """Append the approval to the collection's chain; returns the event's number.

    :param content_sha256: hash of all that would be published; the approval holds for nothing else.
    :param photos: how many photographs that is.
    :param option: the answer that was chosen, where there was a choice.
    """
    detail: dict[str, Any] = {"words": approval.words.strip(), "content_sha256": content_sha256, "photos": photos}
    if option is not None:
        detail["option"] = option
    return _append(conn, collection_id, "success", approval.person, detail, run_id)


def record_refusal(
    conn: sa.Connection, collection_id: int, refusal: Approval, *, content_sha256: str, run_id: UUID | None = None
) -> int:
    """Append that a person said no to exactly this content; an earlier approval of it ends."""
    detail = {"words": refusal.words.strip(), "content_sha256": content_sha256}
    return _append(conn, collection_id, "failure", refusal.person, detail, run_id)


def record_unanswered(
    conn: sa.Connection, collection_id: int, *, content_sha256: str, hours: int, run_id: UUID | None = None
) -> int:
    """Append that nobody answered in time whether this content may be published; it may not, then."""
    detail = {"words": f"nobody answered within {hours} hours", "content_sha256": content_sha256, "hours": hours}
    return _append(conn, collection_id, "warning", ASKER, detail, run_id)


def _append(
    conn: sa.Connection,
    collection_id: int,
    outcome: EventOutcome,
    agent: str,
    detail: Mapping[str, Any],
    run_id: UUID | None,
) -> int:
    return append_event(
        conn,
        collection_id=collection_id,
        event_type=EVENT_TYPE,
        outcome=outcome,
        agent=clean_text(agent.strip()),
        run_id=run_id,
        detail=detail,
    )


def is_approved(conn: sa.Connection, collection_id: int, content_sha256: str) -> bool:
    """Whether a person approved exactly this state of the collection, and nobody refused it since."""
    names = {"collection_id": collection_id, "content_sha256": content_sha256}
    return bool(conn.execute(_FIND, names).scalar())


def mark(conn: sa.Connection, collection_id: int) -> Mark:
    """Where the collection stands now."""
    return Mark(**conn.execute(_MARK, {"collection_id": collection_id}).one()._mapping)


def shown_counts(conn: sa.Connection, collection_id: int) -> tuple[int, int]:
    """Current photographs that came through, restored or to be decided about, and all that are not left out on
    purpose.
    """
    row = conn.execute(_SHOWN, {"collection_id": collection_id}).one()
    return int(row.photos), int(row.of)


def state_counts(conn: sa.Connection, collection_id: int) -> list[tuple[str, str, int]]:
    """Current photographs by state and reason (empty where there is none)."""
    return [(r.state, r.reason, r.photos) for r in conn.execute(_STATES, {"collection_id": collection_id})]
