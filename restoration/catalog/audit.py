"""The audit cookbook: named questions in sql/queries, asked with bound parameters, in read-only transactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from restoration.catalog.files import sql_dir
from restoration.errors import UsageError


@dataclass(frozen=True)
class AuditQuery:
    """One named question: the first comment line of its file, and its SQL."""

    name: str
    question: str
    sql: str


def list_queries() -> list[AuditQuery]:
    """All questions, by name."""
    found = []
    for path in sorted((sql_dir() / "queries").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        found.append(AuditQuery(path.stem, text.splitlines()[0].removeprefix("--").strip(), text))
    return found


def run_query(conn: sa.Connection, name: str, collection: str | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Ask one question of one collection, or of all where ``collection`` is None.

    :returns: column names, and rows.
    :raises UsageError: there is no such question or collection.
    """
    queries = {query.name: query for query in list_queries()}
    if name not in queries:
        raise UsageError(f"there is no audit question {name!r}; there are {', '.join(queries)}")
    if not conn.in_transaction():
        conn.execute(sa.text("SET TRANSACTION READ ONLY"))
    check_collection(conn, collection)
    result = conn.execute(sa.text(queries[name].sql), {"collection": collection})
    return list(result.keys()), [tuple(row) for row in result]


def check_collection(conn: sa.Connection, name: str | None) -> None:
    """Make sure that a collection exists, with the auditor's rights.

    :raises UsageError: it does not.
    """
    if name is None:
        return
    known = conn.execute(sa.text("SELECT collection FROM audit.chain_head ORDER BY collection")).scalars().all()
    if name not in known:
        raise UsageError(f"there is no collection {name!r}; known are: {', '.join(known[:20]) or 'none'}")
