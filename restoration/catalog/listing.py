"""Merging what a bucket lists, and what a sidecar says, into the catalog: set-based, whatever the size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from restoration.errors import ReasonCode


@dataclass(frozen=True)
class ListedObject:
    """One object of a listing. With a ``reason`` its photograph is rejected at once, without being read."""

    key: str
    version_id: str
    etag: str
    size: int
    last_modified: datetime
    reason: ReasonCode | None = None
    reason_detail: str = ""


@dataclass(frozen=True)
class ListingReport:
    """What a listing brought: objects seen, of which new, changed or unchanged; missing ones; rejected ones."""

    listed: int
    new: int
    changed: int
    unchanged: int
    missing: int
    rejected: int


def merge_listing(conn: sa.Connection, collection_id: int, objects: Iterable[ListedObject]) -> ListingReport:
    """Merge a complete listing of a collection's prefix."""
    raise NotImplementedError


def merge_sidecar(conn: sa.Connection, collection_id: int, rows: Mapping[str, Mapping[str, str]]) -> int:
    """Store Dublin Core terms by object key; returns how many photographs' terms changed."""
    raise NotImplementedError
