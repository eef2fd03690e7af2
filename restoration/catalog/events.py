"""Events: append-only facts in PREMIS words, hash-chained per collection by the database itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from restoration.catalog.values import to_json

EventOutcome = Literal["success", "warning", "failure"]

FIRST = "0" * 64
"""prev_sha256 of the first event of a chain, and the head of an empty one."""

_FETCH_ROWS = 5000

# fmt: off
_APPEND = sa.text("""
INSERT INTO event (collection_id, event_type, outcome, agent, run_id, photo_id, restoration_id, publication_id, detail)
VALUES (:collection_id, :event_type, :outcome, :agent, :run_id, :photo_id, :restoration_id, :publication_id,
        CAST(:detail AS jsonb))
RETURNING seq
""")
# fmt: on

# asks views only, so that the auditor role can verify
_NAME = sa.text("SELECT name FROM collection WHERE collection_id = :collection_id")
_HEAD = sa.text("SELECT sha256 FROM event_head WHERE collection_id = :collection_id")
_AUDIT_HEAD = sa.text("SELECT seq, sha256 FROM audit.chain_head WHERE collection = :collection")
_AUDIT_EVENTS = sa.text("""
SELECT seq, prev_sha256, sha256, canonical FROM audit.event
WHERE collection = :collection AND seq <= :last ORDER BY seq
""")
_BEYOND = sa.text("SELECT min(seq) FROM audit.event WHERE collection = :collection AND seq > :last")
_PUBLISHED = sa.text("""
SELECT p.version, p.chain_head FROM audit.publication p
WHERE p.collection = :collection AND p.chain_head IS NOT NULL ORDER BY p.version
""")


@dataclass(frozen=True)
class ChainReport:
    """Whether a collection's chain of events is whole; else the first bad number and what is wrong with it."""

    ok: bool
    length: int
    first_bad_seq: int | None
    problem: str


def append_event(
    conn: sa.Connection,
    *,
    collection_id: int,
    event_type: str,
    outcome: EventOutcome,
    agent: str,
    run_id: UUID | None = None,
    photo_id: int | None = None,
    restoration_id: int | None = None,
    publication_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Append one event; returns its number.

    Do it last in a transaction: the end of the collection's chain is locked from here to the commit.
    """
    values = {
        "collection_id": collection_id,
        "event_type": event_type,
        "outcome": outcome,
        "agent": agent,
        "run_id": run_id,
        "photo_id": photo_id,
        "restoration_id": restoration_id,
        "publication_id": publication_id,
        "detail": to_json(detail or {}),
    }
    return int(conn.execute(_APPEND, values).scalar_one())


def chain_head(conn: sa.Connection, collection_id: int) -> str:
    """sha256 of the last event of a collection, 64 zeros where there is none."""
    return str(conn.execute(_HEAD, {"collection_id": collection_id}).scalar() or FIRST)


def verify_chain(conn: sa.Connection, collection_id: int) -> ChainReport:
    """Recompute a collection's whole chain; see :func:`verify_chain_of`."""
    name = conn.execute(_NAME, {"collection_id": collection_id}).scalar_one()
    return verify_chain_of(conn, str(name))


def verify_chain_of(conn: sa.Connection, collection: str) -> ChainReport:
    """Recompute a collection's whole chain of events, by the collection's name. The auditor role may do this.

    Finds changed, removed, inserted and reordered events; a tail that was cut off (the head is kept apart, and every
    publication carries the head of its time); and events that do not go through the chain. The hashes are computed
    here, not by the database. Events that are appended meanwhile are left out.
    """
    head = conn.execute(_AUDIT_HEAD, {"collection": collection}).one()
    names = {"collection": collection, "last": head.seq}
    published = {row.chain_head: row.version for row in conn.execute(_PUBLISHED, {"collection": collection})}
    # an archive that was published before the first event carries the empty head
    published.pop(FIRST, None)
    previous, count = FIRST, 0
    # options of the statement: those of a connection would stay with it
    options = {"stream_results": True, "yield_per": _FETCH_ROWS}
    with conn.execute(_AUDIT_EVENTS, names, execution_options=options) as rows:
        for row in rows:
            problem = _link_problem(row, count + 1, previous)
            if problem:
                return ChainReport(False, count, count + 1, problem)
            previous, count = row.sha256, count + 1
            published.pop(previous, None)
    if count < head.seq:
        return ChainReport(False, count, count + 1, f"the last {head.seq - count} events are gone")
    if previous != head.sha256:
        return ChainReport(False, count, count, "the last event is not the one that the chain's head names")
    return _outside_problem(conn, names, count, published)


def _link_problem(row: sa.Row[Any], expected: int, previous: str) -> str:
    """What is wrong with one event at its place, empty where nothing is."""
    if row.seq != expected:
        return f"event {expected} is gone" if row.seq > expected else f"event {row.seq} is there twice"
    if row.prev_sha256 != previous:
        return "it does not follow the event before it"
    if hashlib.sha256(row.canonical.encode()).hexdigest() != row.sha256:
        return "its contents are not what its hash says: it was changed"
    return ""


def _outside_problem(
    conn: sa.Connection, names: Mapping[str, Any], count: int, published: Mapping[str, int]
) -> ChainReport:
    """What else may be wrong once the chain itself is whole."""
    if published:
        version = min(published.values())
        text = f"publication v{version:04d} carries a chain head that is not in the chain: its history was rewritten"
        return ChainReport(False, count, None, text)
    now = conn.execute(_AUDIT_HEAD, {"collection": names["collection"]}).one()
    beyond = conn.execute(_BEYOND, names).scalar()
    if beyond is not None and beyond > now.seq:
        return ChainReport(False, count, int(beyond), "it lies beyond the chain's head: the head was moved back")
    return ChainReport(True, count, None, "")
