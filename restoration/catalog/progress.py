"""How a run stands and what came out of it, for people who wait for it at a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from restoration.errors import INFRASTRUCTURE_REASONS

Table = tuple[list[str], list[tuple[Any, ...]]]

_PROGRESS = sa.text("""
SELECT bp.state::text AS state, count(*) AS photos, count(*) FILTER (WHERE bp.finished_at IS NOT NULL) AS finished
FROM batch AS b
JOIN batch_photo AS bp USING (batch_id)
WHERE b.run_id = :run_id
GROUP BY bp.state
""")

_OUTCOME = sa.text("""
SELECT count(DISTINCT bp.restoration_id) FILTER (WHERE r.first_run_id = b.run_id) AS restored,
       count(bp.restoration_id) AS finished,
       count(*) AS planned
FROM batch AS b
JOIN batch_photo AS bp USING (batch_id)
LEFT JOIN restoration AS r ON r.restoration_id = bp.restoration_id
WHERE b.run_id = :run_id
""")

_LOST = sa.text("""
SELECT bp.reason::text AS reason, count(*) AS photos
FROM batch AS b JOIN batch_photo AS bp USING (batch_id)
WHERE b.run_id = :run_id AND bp.state = 'quarantined' AND bp.reason::text = ANY(:reasons)
GROUP BY 1 ORDER BY 1
""")

VIEWS = ("photo", "collection", "failure")
"""Views of schema ``audit`` that are shown when a run has ended."""


@dataclass(frozen=True)
class RunProgress:
    """Photographs of a run: how many there are, how many are finished, and how many in each state."""

    photos: int = 0
    finished: int = 0
    states: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RunOutcome:
    """Photographs of a run: planned, restored by it, and linked to the restoration of equal bytes made before."""

    planned: int
    restored: int
    linked: int


def run_progress(conn: sa.Connection, run_id: UUID) -> RunProgress:
    """How far a run is; all zero while nothing is planned."""
    rows = conn.execute(_PROGRESS, {"run_id": run_id}).all()
    return RunProgress(
        photos=sum(row.photos for row in rows),
        finished=sum(row.finished for row in rows),
        states={row.state: row.photos for row in rows},
    )


def run_state(conn: sa.Connection, run_id: UUID) -> str | None:
    """State of a run; None where the catalog has no such run."""
    state = conn.execute(sa.text("SELECT state::text FROM run WHERE run_id = :run_id"), {"run_id": run_id}).scalar()
    return None if state is None else str(state)


def lost_to_infrastructure(conn: sa.Connection, run_id: UUID) -> dict[str, int]:
    """Photographs that a run gave up for what was not their own, by reason."""
    reasons = sorted(INFRASTRUCTURE_REASONS)
    return {row.reason: int(row.photos) for row in conn.execute(_LOST, {"run_id": run_id, "reasons": reasons})}


def run_outcome(conn: sa.Connection, run_id: UUID) -> RunOutcome:
    """What a run did itself, and what it found done."""
    row = conn.execute(_OUTCOME, {"run_id": run_id}).one()
    return RunOutcome(planned=row.planned, restored=row.restored, linked=row.finished - row.restored)


def audit_rows(conn: sa.Connection, view: str, collection: str) -> Table:
    """The rows of an audit view that speak of one collection: column names and rows.

    :param view: one of :data:`VIEWS`.
    :raises KeyError: another view.
    """
    statement = {name: sa.text(f"SELECT * FROM audit.{name} WHERE collection = :collection") for name in VIEWS}[view]  # noqa: S608 - names are constants
    result = conn.execute(statement, {"collection": collection})
    return list(result.keys()), [tuple(row) for row in result]
