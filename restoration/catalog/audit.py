"""The audit cookbook: named questions in sql/queries, asked with bound parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True)
class AuditQuery:
    """One named question: the first comment line of its file, and its SQL."""

    name: str
    question: str
    sql: str


def list_queries() -> list[AuditQuery]:
    """All questions, by name."""
    raise NotImplementedError


def run_query(conn: sa.Connection, name: str, collection: str | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Ask one question; returns column names and rows."""
    raise NotImplementedError
