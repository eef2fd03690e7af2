"""Locks: on a collection's work, on content, and on photographs. Who waits for one waits a limited time and is told."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import sqlalchemy as sa

from restoration.errors import CatalogError
from restoration.settings import get_settings

PAUSE_SECONDS = 0.2

Work = Literal["listing", "planning", "division", "publication"]
"""What only one process does to a collection at a time; the names are those of the locks."""

_DOING: dict[Work, str] = {
    "listing": "lists the scans of",
    "planning": "plans a run over",
    "division": "divides scans of",
    "publication": "opens a publication of",
}
_LOCK_NOT_AVAILABLE = "55P03"

_TRY = sa.text("SELECT pg_try_advisory_lock(k) FROM unnest(CAST(:keys AS bigint[])) AS k")
_UNLOCK = sa.text("SELECT pg_advisory_unlock_all()")
_TIMEOUT = sa.text("SELECT current_setting('lock_timeout'), set_config('lock_timeout', :limit, true)")
_WORK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:work, :collection_id))")
_HOLD = sa.text("SELECT hold_photos(CAST(:photos AS bigint[]))")


def lock_work(conn: sa.Connection, work: Work, collection_id: int) -> None:
    """Wait until no other process does that work on the collection, and keep others from it to the transaction's end.

    :raises CatalogError: another one is at it for longer than the setting ``lock_seconds``.
    """
    message = f"another process {_DOING[work]} this collection"
    with waiting(conn, message):
        conn.execute(_WORK, {"work": work, "collection_id": collection_id})


@contextmanager
def waiting(conn: sa.Connection, message: str) -> Iterator[None]:
    """Let the statements inside wait for locks as long as the setting ``lock_seconds`` says.

    :param message: who may be holding them, in words.
    :raises CatalogError: they waited for longer.
    """
    seconds = get_settings().lock_seconds
    before = conn.execute(_TIMEOUT, {"limit": f"{int(seconds * 1000)}ms"}).scalar_one()
    try:
        yield
    except sa.exc.OperationalError as error:
        if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise _waited_long(message, seconds) from error
    conn.execute(_TIMEOUT, {"limit": before})


def hold_photos(conn: sa.Connection, photo_ids: Sequence[int]) -> None:
    """Lock photographs to the end of the transaction, in one order for everybody, without the right to change any."""
    if photo_ids:
        conn.execute(_HOLD, {"photos": list(photo_ids)})


@contextmanager
def content_locks(conn: sa.Connection, keys: Iterable[str], *, seconds: float | None = None) -> Iterator[None]:
    """Hold the locks of several contents at once, on a connection in autocommit mode that serves nothing else.

    All or none are taken, so two workers cannot block each other for ever; while another worker holds one of them this
    one asks again. The waiting is done here and not in Postgres, so that a time limit's signal gets through.

    :param keys: what identifies a restoration (source, recipe and models hashes, device class), any text.
    :param seconds: how long to wait; the setting ``lock_seconds`` if None.
    :raises CatalogError: another process held one of them for longer.
    """
    numbers = sorted({_number(key) for key in keys})
    if not numbers:
        yield
        return
    limit = get_settings().lock_seconds if seconds is None else seconds
    deadline = time.monotonic() + limit
    while not all(conn.execute(_TRY, {"keys": numbers}).scalars().all()):
        conn.execute(_UNLOCK)
        if time.monotonic() >= deadline:
            raise _waited_long("another process holds the same work", limit)
        time.sleep(PAUSE_SECONDS * random.uniform(0.5, 1.5))
    try:
        yield
    finally:
        conn.execute(_UNLOCK)


def _waited_long(message: str, seconds: float) -> CatalogError:
    return CatalogError(
        f"{message}, for longer than {seconds:g} s (RESTORATION_LOCK_SECONDS); try again when it is done, and if "
        "nothing is running look for its connection in pg_stat_activity"
    )


def _number(key: str) -> int:
    """A lock number: the first 8 bytes of the key's sha256, as a signed integer."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)
