"""Finding the photograph that a person means by the name they typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from restoration.catalog.collections import Collection
from restoration.errors import UsageError

# Exact answers first; a mere file name counts only where one current photograph of the collection bears it.
_FIND = sa.text("""
SELECT p.photo_id, p.object_key, coalesce(p.file_key, p.object_key) AS file_key, p.page,
       coalesce(p.box, '') AS box,
       p.object_key IN (:name, :prefix || :name) AS exact
FROM photo AS p
WHERE p.collection_id = :collection_id AND p.current
  AND (p.object_key IN (:name, :prefix || :name) OR right(p.object_key, length(:name) + 1) = '/' || :name)
ORDER BY p.object_key = :name DESC, exact DESC, p.object_key LIMIT 6
""")


@dataclass(frozen=True)
class FoundScan:
    """A photograph by its key, the key of the object that is its file, the page of that file, from 1, and where it is
    cut out of that page (:attr:`restoration.divisions.PartBox.text`); empty if it is the whole page.
    """

    key: str
    file_key: str
    page: int
    box: str = ""


def find_photo(conn: sa.Connection, collection: Collection, name: str) -> int:
    """Number of the current photograph of that name: its key, the key below the collection's prefix, or its file name.

    :raises UsageError: there is none, or the file name is that of several.
    """
    return int(_find(conn, collection, name).photo_id)


def find_key(conn: sa.Connection, collection: Collection, name: str) -> str:
    """Key of the current photograph of that name, which may be given as for :func:`find_photo`.

    :raises UsageError: there is none, or the file name is that of several.
    """
    return str(_find(conn, collection, name).object_key)


def find_scan(conn: sa.Connection, collection: Collection, name: str) -> FoundScan:
    """Where the current photograph of that name is, which may be given as for :func:`find_photo`.

    :raises UsageError: there is none, or the file name is that of several.
    """
    row = _find(conn, collection, name)
    return FoundScan(row.object_key, row.file_key, row.page, row.box)


def _find(conn: sa.Connection, collection: Collection, name: str) -> sa.Row[Any]:
    prefix = collection.source_uri.removeprefix("s3://").partition("/")[2].strip("/")
    values = {
        "collection_id": collection.collection_id,
        "name": name,
        "prefix": f"{prefix}/" if prefix else "",
    }
    rows = conn.execute(_FIND, values).all()
    if not rows:
        raise UsageError(
            f"collection {collection.name} has no photograph {name!r}; `restoration audit photos` lists its keys"
        )
    if len(rows) > 1 and not rows[0].exact:
        several = ", ".join(row.object_key for row in rows[:5])
        raise UsageError(f"{name!r} may be several photographs: {several}; give the whole key")
    return rows[0]
