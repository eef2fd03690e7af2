"""One publisher at a time: what writes to a collection's archive, or removes from it, does so alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from restoration.catalog.locks import content_locks

if TYPE_CHECKING:
    from sqlalchemy import Engine

WAIT_SECONDS = 6 * 3600.0
"""A large collection takes hours to publish."""


@contextmanager
def only_publisher(db_engine: Engine, collection_name: str) -> Iterator[None]:
    """Wait until no other process publishes this collection, or removes versions of it.

    :raises CatalogError: one is at it for longer than :data:`WAIT_SECONDS`.
    """
    connection = db_engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    with connection, content_locks(connection, [f"publish {collection_name}"], seconds=WAIT_SECONDS):
        yield
