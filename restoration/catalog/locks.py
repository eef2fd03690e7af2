"""Advisory locks on content: two workers never restore the same bytes with the same recipe at the same time."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

PAUSE_SECONDS = 0.2

_TRY = sa.text("SELECT pg_try_advisory_lock(k) FROM unnest(CAST(:keys AS bigint[])) AS k")
_UNLOCK = sa.text("SELECT pg_advisory_unlock_all()")


@contextmanager
def content_locks(conn: sa.Connection, keys: Iterable[str]) -> Iterator[None]:
    """Hold the locks of several contents at once, on a connection in autocommit mode that serves nothing else.

    All or none are taken, so two workers cannot block each other for ever; while another worker holds one of them this
    one asks again. The waiting is done here and not in Postgres, so that a time limit's signal gets through.

    :param keys: what identifies a restoration (source, recipe and models hashes, device class), any text.
    """
    numbers = sorted({_number(key) for key in keys})
    if not numbers:
        yield
        return
    while not all(conn.execute(_TRY, {"keys": numbers}).scalars().all()):
        conn.execute(_UNLOCK)
        time.sleep(PAUSE_SECONDS * random.uniform(0.5, 1.5))
    try:
        yield
    finally:
        conn.execute(_UNLOCK)


def _number(key: str) -> int:
    """A lock number: the first 8 bytes of the key's sha256, as a signed integer."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)
