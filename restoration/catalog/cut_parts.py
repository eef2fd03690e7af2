"""Photographs that are cut out of a scan, as rows: inserted, named, found again, and taken out.

They are parts of their file as further pages are (:mod:`restoration.catalog.parts`), named by their page and a number
on it: ``bed.tif#1.1``, ``bed.tif#1.2``. A number belongs to one box of one content for ever: who divides the scan again
with the same boxes finds the same photographs again, with all that was done to them and said of them; another box gets
another number, so what was said of a name is never told of another photograph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from restoration.catalog.parts import free_name
from restoration.catalog.values import to_json
from restoration.divisions import MOST_NUMBERS, Layout, part_number
from restoration.errors import CatalogError, UsageError
from restoration.names import page_sha256

TOLD_OF_PARTS = ("creator", "publisher", "contributor", "rights", "language")
"""What is said of a scan and holds for every photograph on it; a title or a date may be that of one of them."""

_NUMBERS = sa.text("""
SELECT DISTINCT q.part, q.content_sha256 FROM photo AS q
WHERE q.collection_id = :collection_id AND q.file_key = :file_key AND q.page = :page AND q.box IS NOT NULL
""")

# A file that was put there again with the same bytes has the same photographs; they have their names from now on.
_RETIRE_EARLIER = sa.text("""
UPDATE photo AS o SET current = false
WHERE :current AND o.collection_id = :collection_id AND o.file_key = :file_key
  AND o.part = ANY(CAST(:parts AS integer[])) AND o.current AND (o.version_id, o.etag) <> (:version_id, :etag)
""")

_RETURN = sa.text("""
UPDATE photo AS o SET current = :current, missing_since = NULL, division_id = :division_id
WHERE o.collection_id = :collection_id AND o.file_key = :file_key AND o.part = ANY(CAST(:parts AS integer[]))
  AND (o.version_id, o.etag) = (:version_id, :etag)
""")

_ADD = sa.text(f"""
INSERT INTO photo (collection_id, object_key, file_key, part, page, box, division_id, content_sha256, file_sha256,
                   version_id, etag, size_bytes, last_modified, current, dublin_core, declared_sha256)
SELECT f.collection_id, k.name, :file_key, k.part, f.page, k.box, :division_id, k.content_sha256, :file_sha256,
       f.version_id, f.etag, f.size_bytes, f.last_modified, f.current,
       coalesce((SELECT o.dublin_core FROM photo AS o
                 WHERE o.collection_id = f.collection_id AND o.object_key = k.name ORDER BY o.photo_id DESC LIMIT 1),
                (SELECT jsonb_object_agg(t.term, f.dublin_core -> t.term)
                 FROM unnest(CAST(:terms AS text[])) AS t(term) WHERE f.dublin_core ? t.term), '{{}}'),
       f.declared_sha256
FROM photo AS f
CROSS JOIN LATERAL (
    SELECT n.part, n.box, n.content_sha256,
           {free_name(":file_key", "n.part", "f.collection_id", "f.page || '.' || n.part % 1000")} AS name
    FROM jsonb_to_recordset(CAST(:new AS jsonb)) AS n(part integer, box text, content_sha256 text)) AS k
WHERE f.photo_id = :photo_id
  AND NOT EXISTS (SELECT FROM photo AS q WHERE q.collection_id = f.collection_id AND q.file_key = :file_key
                    AND q.part = k.part AND (q.version_id, q.etag) = (f.version_id, f.etag))
ORDER BY k.part
ON CONFLICT DO NOTHING
RETURNING object_key
""")  # noqa: S608 - constant expressions

_PRESENT = sa.text("""
SELECT o.photo_id, o.object_key, o.part, CAST(o.state AS text) AS state FROM photo AS o
WHERE o.collection_id = :collection_id AND o.file_key = :file_key AND o.part = ANY(CAST(:parts AS integer[]))
  AND (o.version_id, o.etag) = (:version_id, :etag)
ORDER BY array_position(CAST(:parts AS integer[]), o.part)
""")

_TAKE_OUT = sa.text("""
UPDATE photo AS o SET current = false
WHERE o.division_id = :division_id AND o.box IS NOT NULL AND o.current AND o.box <> ALL(CAST(:kept AS text[]))
""")

_TRIES = 3


@dataclass(frozen=True)
class Whole:
    """A scan that is to be divided, locked: its row, its file, and the identity of its content."""

    photo_id: int
    collection_id: int
    object_key: str
    file_key: str
    page: int
    version_id: str
    etag: str
    current: bool
    content_sha256: str
    file_sha256: str


@dataclass(frozen=True)
class CutPart:
    """A photograph that was cut out of a scan. ``fresh``: there was no such photograph before."""

    photo_id: int
    object_key: str
    state: str
    fresh: bool


def add_parts(conn: sa.Connection, whole: Whole, division_id: int, layout: Layout) -> list[CutPart]:
    """Make a scan's photographs current, in the order of the layout; those that are not there yet are pending.

    The scan and the division's content must be locked.

    :raises UsageError: the page has no numbers left.
    :raises CatalogError: listings took their names again and again.
    """
    boxes = [(box.text, page_sha256(whole.file_sha256, whole.page, box.text)) for box in layout.boxes]
    values = _values(whole) | {"division_id": division_id}
    numbers = {row.content_sha256: int(row.part) for row in conn.execute(_NUMBERS, values)}
    parts = _numbered([content for _, content in boxes], numbers, whole)
    rows = zip(parts, boxes, strict=True)
    new = [{"part": part, "box": box, "content_sha256": content} for part, (box, content) in rows]
    values |= {"parts": parts, "new": to_json(new), "terms": list(TOLD_OF_PARTS)}
    conn.execute(_RETIRE_EARLIER, values)
    conn.execute(_RETURN, values)
    fresh: set[str] = set()
    for _ in range(_TRIES):
        fresh |= set(conn.execute(_ADD, values).scalars())
        present = conn.execute(_PRESENT, values).all()
        if len(present) == len(parts):
            return [CutPart(int(row.photo_id), row.object_key, row.state, row.object_key in fresh) for row in present]
    raise CatalogError("its photographs found no names; try again when nothing is being listed", photo=whole.file_key)


def take_out(conn: sa.Connection, division_id: int, *, kept: Sequence[str] = ()) -> int:
    """A division's photographs are no longer current, except those with the boxes in ``kept``; how many.

    Their rows stay, with all that was done to them.
    """
    return int(conn.execute(_TAKE_OUT, {"division_id": division_id, "kept": list(kept)}).rowcount)


def _values(whole: Whole) -> dict[str, Any]:
    names = ("photo_id", "collection_id", "file_key", "page", "version_id", "etag", "current", "file_sha256")
    return {name: getattr(whole, name) for name in names}


def _numbered(contents: Sequence[str], known: dict[str, int], whole: Whole) -> list[int]:
    """The part number of each content: that which it has, or the next free one of the page."""
    last = max((number % 1000 for number in known.values()), default=0)
    parts = []
    for content in contents:
        if content not in known:
            last += 1
            known[content] = part_number(whole.page, last)
        parts.append(known[content])
    if last > MOST_NUMBERS:
        raise UsageError(
            f"its page was divided so often that {MOST_NUMBERS} numbers are used up; upload the photographs cut apart",
            photo=whole.object_key,
        )
    return parts
