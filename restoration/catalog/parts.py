"""Photographs that share a file: the further pages of a scan, which are learnt when a worker first reads it.

A listing knows objects, and each is one photograph (part 1). The transaction in which a worker records how that one
ended also inserts the others, puts them into the worker's own batch, and so into its run. They are named by the file's
key with ``#2``, ``#3``, ... behind it. A name belongs to one part of one file for ever, so what people said of a name
is never told of another photograph: where an object has such a name, the page's gets one more ``#``.

When a file is replaced, its parts stay as they are until the new file has been read. Then each gets its successor, and
one that has none is marked missing, as a photograph is whose object is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from restoration.catalog.ending import Holding, Id, tell, tell_of
from restoration.errors import CatalogError, ReasonCode

FILE_IS_CURRENT = """
(p.part = 1 OR EXISTS (SELECT FROM photo AS f WHERE f.collection_id = p.collection_id AND f.part = 1 AND f.current
                         AND (f.file_key = p.file_key OR (f.object_key = p.file_key AND f.file_key IS NULL))
                         AND (f.version_id, f.etag) = (p.version_id, p.etag)))
"""
"""Whether a photograph ``p`` is of the version of its file that is there now; a part may be of an earlier one."""

PAGES_UNKNOWN = """
(p.part = 1 AND p.format = 'tiff' AND NOT p.scan ? 'page' AND CAST(p.scan ->> 'pages' AS integer) > 1)
"""
"""Whether a photograph ``p`` was read when only the first of several pages was taken."""

MOST_NAMES = 9
"""A part is given at most so many ``#``."""


def free_name(file_key: str, part: str, collection_id: str = ":collection_id", label: str = "") -> str:
    """SQL for the name of a part of a file: the first that never belonged to another one.

    :param file_key, part, collection_id: SQL expressions. The first part is named as its file if it may.
    :param label: SQL for what stands behind the ``#`` in its name; empty: ``part``.
    """
    return f"""
    (SELECT g.name
     FROM (SELECT marks, {file_key} || repeat('#', marks)
                         || CASE WHEN marks > 0 THEN CAST({label or part} AS text) ELSE '' END AS name
           FROM generate_series(CASE WHEN {part} = 1 THEN 0 ELSE 1 END, {MOST_NAMES}) AS marks) AS g
     WHERE NOT EXISTS (SELECT FROM photo AS q WHERE q.collection_id = {collection_id} AND q.object_key = g.name
                         AND (coalesce(q.file_key, q.object_key), q.part) <> ({file_key}, {part}))
     ORDER BY g.marks LIMIT 1)
    """  # noqa: S608 - constant expressions


_LOCK_BATCH = sa.text("SELECT FROM batch WHERE batch_id = :batch_id FOR NO KEY UPDATE")

_FILE = sa.text("""
SELECT p.part, p.current, p.collection_id, coalesce(p.file_key, p.object_key) AS file_key,
       EXISTS (SELECT FROM photo AS o WHERE o.collection_id = p.collection_id AND o.current AND o.part > 1
                 AND o.file_key = coalesce(p.file_key, p.object_key)) AS others
FROM photo AS p WHERE p.photo_id = :photo_id
""")

_RETIRE = sa.text("""
UPDATE photo AS o SET current = false
FROM photo AS f
WHERE f.photo_id = :photo_id AND f.current AND o.collection_id = f.collection_id AND o.file_key = :file_key
  AND o.part BETWEEN 2 AND :last AND o.current AND (o.version_id, o.etag) <> (f.version_id, f.etag)
""")

# A part keeps what the giver said of it in an earlier version of the file, as the file itself does.
_ADD = sa.text(f"""
INSERT INTO photo (collection_id, object_key, file_key, part, page, version_id, etag, size_bytes, last_modified,
                   current, dublin_core, declared_sha256, state, reason, reason_detail, finished_at)
SELECT f.collection_id, k.name, :file_key, k.part, k.part, f.version_id, f.etag, f.size_bytes, f.last_modified,
       f.current, coalesce((SELECT o.dublin_core FROM photo AS o
                            WHERE o.collection_id = f.collection_id AND o.object_key = k.name
                            ORDER BY o.photo_id DESC LIMIT 1), '{{}}'), f.declared_sha256,
       CAST(CASE WHEN k.part > :most THEN 'rejected' WHEN f.current THEN 'queued' ELSE 'pending' END AS photo_state),
       CAST(CASE WHEN k.part > :most THEN 'too_large' END AS reason_code),
       CASE WHEN k.part > :most THEN :too_many ELSE '' END, CASE WHEN k.part > :most THEN now() END
FROM photo AS f
CROSS JOIN LATERAL (SELECT n AS part, {free_name(":file_key", "n", "f.collection_id")} AS name
                    FROM generate_series(2, :last) AS n) AS k
WHERE f.photo_id = :photo_id
  AND NOT EXISTS (SELECT FROM photo AS q WHERE q.collection_id = f.collection_id AND q.object_key = k.name
                    AND (q.version_id, q.etag) = (f.version_id, f.etag))
ORDER BY k.part
ON CONFLICT DO NOTHING
RETURNING photo_id, part, CAST(state AS text) AS state
""")  # noqa: S608 - constant expressions

_COUNT = sa.text("""
SELECT count(*) FROM photo AS q JOIN photo AS f ON f.photo_id = :photo_id
WHERE q.collection_id = f.collection_id AND q.file_key = :file_key AND q.part BETWEEN 2 AND :last
  AND (q.version_id, q.etag) = (f.version_id, f.etag)
""")

_GONE = sa.text("""
UPDATE photo AS o SET missing_since = now()
FROM photo AS f
WHERE f.photo_id = :photo_id AND f.current AND o.collection_id = f.collection_id AND o.file_key = :file_key
  AND o.part > :last AND o.current AND o.missing_since IS NULL AND (o.version_id, o.etag) <> (f.version_id, f.etag)
RETURNING o.photo_id, o.object_key
""")

_JOIN_BATCH = sa.text("""
INSERT INTO batch_photo (batch_id, photo_id, position)
SELECT b.batch_id, a.photo_id, b.position
FROM batch_photo AS b CROSS JOIN unnest(CAST(:ids AS bigint[])) AS a(photo_id)
WHERE b.batch_id = :batch_id AND b.photo_id = :photo_id
""")

_GROW_BATCH = sa.text("UPDATE batch SET photo_count = photo_count + :more WHERE batch_id = :batch_id")

_NAMES = sa.text("""
SELECT object_key FROM photo
WHERE collection_id = :collection_id AND current AND file_key IS NOT NULL ORDER BY file_key, page, part
""")

_TRIES = 3


@dataclass(frozen=True)
class FileFacts:
    """What reading a photograph's file showed: the hash of its bytes, and how many photographs it holds.

    ``pages`` is 0 if that is not known; then nothing is learnt. Of more than ``most`` the rest is one refused
    photograph. ``divides``: the recipe may divide the photograph (:mod:`restoration.catalog.dividing`).
    """

    sha256: str | None = None
    pages: int = 0
    most: int = 500
    divides: bool = False

    @property
    def may_grow(self) -> bool:
        """Whether other photographs may join the batch."""
        return self.pages > 1 or self.divides


@dataclass(frozen=True)
class Learnt:
    """Which photographs a file turned out to have, and which are gone from it: (number, key)."""

    file_key: str = ""
    pages: int = 0
    added: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    gone: tuple[tuple[int, str], ...] = ()
    too_many: str = ""


def lock_batch(conn: sa.Connection, batch_id: Id) -> None:
    """Take a batch that may grow before its photographs: whoever cancels it takes them in that order too."""
    conn.execute(_LOCK_BATCH, {"batch_id": batch_id})


def join_batch(conn: sa.Connection, holding: Holding, photo_ids: Sequence[int]) -> None:
    """Put photographs into the batch of the one in hand, next to it. The batch must be locked."""
    if photo_ids:
        ids = list(photo_ids)
        place = {"batch_id": holding.batch_id, "photo_id": holding.photo_id, "ids": ids, "more": len(ids)}
        conn.execute(_JOIN_BATCH, place)
        conn.execute(_GROW_BATCH, place)


def learn_parts(conn: sa.Connection, holding: Holding, file: FileFacts) -> Learnt:
    """Insert what a file holds beside the photograph that is being recorded, and put it into its batch.

    Does nothing for parts beside the first, and for what is known already. The photograph must be locked. A file that
    was replaced meanwhile has its parts recorded as what they are, no longer current.
    """
    own = conn.execute(_FILE, {"photo_id": holding.photo_id}).one()
    if own.part > 1 or file.pages < 1 or (file.pages == 1 and not own.others):
        return Learnt()
    too_many = (
        f"the file has {file.pages} pages, and RESTORATION_MAX_PAGES allows {file.most}: pages {file.most + 1} to "
        f"{file.pages} were not read; split the file, or raise the limit and restore with --force"
    )
    values: dict[str, Any] = {
        "photo_id": holding.photo_id,
        "collection_id": own.collection_id,
        "file_key": own.file_key,
        "last": min(file.pages, file.most + 1),
        "most": file.most,
        "too_many": too_many,
    }
    conn.execute(_RETIRE, values)
    rows = _add(conn, values)
    gone = tuple((int(row.photo_id), str(row.object_key)) for row in conn.execute(_GONE, values))
    added = tuple(int(row.photo_id) for row in rows if row.state == "queued")
    join_batch(conn, holding, added)
    refused = tuple(int(row.photo_id) for row in rows if row.state == "rejected")
    return Learnt(own.file_key, file.pages, added, refused, gone, too_many)


def _add(conn: sa.Connection, values: dict[str, Any]) -> Sequence[sa.Row[Any]]:
    """Insert the parts; a listing that took a name at the same moment makes this choose another.

    :raises CatalogError: that happened again and again.
    """
    rows: list[sa.Row[Any]] = []
    for _ in range(_TRIES):
        rows += conn.execute(_ADD, values).all()
        if conn.execute(_COUNT, values).scalar_one() >= values["last"] - 1:
            return rows
    raise CatalogError(
        "its further pages found no name; try again when nothing is being listed", photo=values["file_key"]
    )


def tell_parts(conn: sa.Connection, holding: Holding, learnt: Learnt) -> None:
    """Append what was learnt to the chain of events; after the photograph's own event."""
    if learnt.added or learnt.refused or learnt.gone:
        facts = {"object_key": learnt.file_key, "pages": learnt.pages, "added": len(learnt.added)}
        tell(conn, holding, "pages", "warning" if learnt.refused or learnt.gone else "success", facts)
    for photo_id in learnt.refused:
        reason = {"reason": str(ReasonCode.TOO_LARGE), "detail": learnt.too_many}
        tell_of(conn, holding, photo_id, "rejection", "failure", reason)
    for photo_id, key in learnt.gone:
        reason = {
            "reason": str(ReasonCode.SOURCE_MISSING),
            "object_key": key,
            "detail": "it is not in its file any more",
        }
        tell_of(conn, holding, photo_id, "missing", "warning", reason)


def part_names(conn: sa.Connection, collection_id: int) -> list[str]:
    """Names of a collection's photographs that are not the key of an object, in order of their files."""
    return list(conn.execute(_NAMES, {"collection_id": collection_id}).scalars())
