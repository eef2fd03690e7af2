"""Sessions of the review page: who is signed in, until when, and that somebody signed out.

The page keeps a secret number in the person's browser; the catalog knows its hash alone.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import sqlalchemy as sa

from restoration.catalog.values import clean_text

_OPEN = sa.text("""
INSERT INTO review_session (session_sha256, person, way, ends_at) VALUES (:sha256, :person, :way, :ends_at)
""")

_IS_OPEN = sa.text("""
SELECT EXISTS (SELECT FROM review_session WHERE session_sha256 = :sha256 AND ended_at IS NULL AND ends_at > now())
""")

_END = sa.text("""
UPDATE review_session SET ended_at = clock_timestamp() WHERE session_sha256 = :sha256 AND ended_at IS NULL
""")


def open_session(conn: sa.Connection, number: str, *, person: str, way: str, ends_at: datetime) -> None:
    """Note that somebody signed in.

    :param number: the session's secret number, any text; only its hash is kept.
    :param way: ``airflow`` or ``token``.
    """
    values = {"sha256": _hash(number), "person": clean_text(person), "way": way, "ends_at": ends_at}
    conn.execute(_OPEN, values)


def is_open(conn: sa.Connection, number: str) -> bool:
    """Return whether the session of that number was begun, has not ended and was not signed out."""
    return bool(conn.execute(_IS_OPEN, {"sha256": _hash(number)}).scalar_one())


def end_session(conn: sa.Connection, number: str) -> None:
    """End the session of that number, in every browser that holds it."""
    conn.execute(_END, {"sha256": _hash(number)})


def _hash(number: str) -> str:
    return hashlib.sha256(number.encode("utf-8", "replace")).hexdigest()
