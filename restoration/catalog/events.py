"""Events: append-only facts in PREMIS words, hash-chained per collection by the database itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

EventOutcome = Literal["success", "warning", "failure"]


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
    """Append one event; returns its number. Do it last in a transaction: the chain is locked until the end of it."""
    raise NotImplementedError


def chain_head(conn: sa.Connection, collection_id: int) -> str:
    """sha256 of the last event of a collection, 64 zeros where there is none."""
    raise NotImplementedError


def verify_chain(conn: sa.Connection, collection_id: int) -> ChainReport:
    """Recompute a collection's whole chain."""
    raise NotImplementedError
