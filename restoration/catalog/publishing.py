"""Publications: what of a collection is to be shown, and which version is current."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa


@dataclass(frozen=True)
class PublishablePhoto:
    """One current photograph with all that a gallery and a provenance record need.

    ``record`` is JSON-able: object_key, title, dublin_core, state, reason, source {sha256, etag, size, uri,
    version_id, format, width, height, bits}, output {key, sha256, bytes, format, width, height, bits} or None, previews
    {before, after} or None, ai_altered, recipe {name, sha256}, steps, models, faces, measurements
    {metric: {source, restored, pair}}, device, seconds, review, duplicate_of, events.
    """

    photo_id: int
    object_key: str
    state: str
    reason: str | None
    source_sha256: str | None
    restoration_id: int | None
    output_key: str | None
    output_sha256: str | None
    output_bytes: int | None
    preview_before_key: str | None
    preview_after_key: str | None
    record: dict[str, Any]


@dataclass(frozen=True)
class PublicationPhoto:
    """What a publication shows of one photograph, and under which name."""

    photo_id: int
    restoration_id: int | None
    payload_name: str


@dataclass(frozen=True)
class Publication:
    """One version of a collection's published archive."""

    publication_id: int
    collection_id: int
    version: int
    uri: str
    state: str
    content_sha256: str | None
    manifest_sha256: str | None
    photo_count: int | None
    byte_count: int | None


def iter_publishable(conn: sa.Connection, collection_id: int) -> Iterator[PublishablePhoto]:
    """Every current photograph of a collection in order of its key, through a server-side cursor."""
    raise NotImplementedError


def content_sha256(conn: sa.Connection, collection_id: int) -> str:
    """Hash over (object key, output hash, state) of all current photographs."""
    raise NotImplementedError


def open_publication(conn: sa.Connection, collection_id: int, run_id: UUID | None, uri_base: str) -> Publication:
    """Open the next version; one that was left unfinished is marked abandoned."""
    raise NotImplementedError


def find_current(conn: sa.Connection, collection_id: int) -> Publication | None:
    """The current publication, where there is one."""
    raise NotImplementedError


def add_publication_photos(conn: sa.Connection, publication_id: int, rows: Iterable[PublicationPhoto]) -> int:
    """Note what a publication shows."""
    raise NotImplementedError


def mark_verified(
    conn: sa.Connection,
    publication_id: int,
    *,
    content_sha256: str,
    manifest_sha256: str,
    chain_head: str,
    photo_count: int,
    byte_count: int,
) -> None:
    """A staging publication was read back and is whole."""
    raise NotImplementedError


def mark_current(conn: sa.Connection, publication_id: int) -> None:
    """Make a verified publication the current one; the old one is superseded in the same transaction."""
    raise NotImplementedError
