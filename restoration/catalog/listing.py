"""Merging what a bucket lists, and what a sidecar says, into the catalog: set-based, whatever the size.

A listing knows objects. An object's own photograph is the first part of its file; further parts
(:mod:`restoration.catalog.parts`) go with it: missing, there again and refused together. When the object is replaced
they stay until a worker has read the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from restoration.catalog.bulk import copy_rows
from restoration.catalog.events import append_event
from restoration.catalog.locks import lock_work
from restoration.catalog.parts import free_name
from restoration.catalog.values import clean_text, to_json
from restoration.errors import ReasonCode

AGENT = "ingest"

_TABLE = sa.text("""
DROP TABLE IF EXISTS pg_temp.listed, pg_temp.taken, pg_temp.change, pg_temp.missing_now;
CREATE TEMP TABLE listed (
    key text NOT NULL, version_id text NOT NULL, etag text NOT NULL, size_bytes bigint NOT NULL,
    last_modified timestamptz NOT NULL, reason restoration.reason_code, reason_detail text NOT NULL
) ON COMMIT DROP;
CREATE TEMP TABLE taken (name text PRIMARY KEY) ON COMMIT DROP
""")
_COLUMNS = ("key", "version_id", "etag", "size_bytes", "last_modified", "reason", "reason_detail")

_DEDUPLICATE = sa.text("DELETE FROM listed AS a USING listed AS b WHERE a.key = b.key AND a.ctid < b.ctid")

_AGAIN_IF = """
('source_changed', 'source_missing', 'unsafe_name', 'name_collision', 'too_large', 'empty_file')
"""

# Names of a collection's photographs that are no key of their own file: an object must not get one.
_TAKEN = sa.text("""
INSERT INTO taken SELECT DISTINCT object_key FROM photo WHERE collection_id = :collection_id AND file_key IS NOT NULL
""")

# What differs from the catalog; on an unchanged listing this is empty and nothing below has work to do. The second half
# is for photographs that are not named as their file: further parts, of the version that is listed alone, and objects
# whose key was another one's name. A part that is too much for the limit on pages stays refused.
_COMPARE = sa.text(f"""
CREATE TEMP TABLE change ON COMMIT DROP AS
SELECT l.*, p.photo_id AS old_id, p.dublin_core AS old_terms,
       CASE WHEN p.photo_id IS NULL THEN 'new'
            WHEN (p.version_id, p.etag) <> (l.version_id, l.etag) THEN 'changed'
            WHEN l.reason IS NOT NULL THEN 'refused'
            ELSE 'again' END AS kind,
       CASE WHEN t.name IS NULL THEN l.key ELSE {free_name("l.key", "1")} END AS name
FROM listed AS l
LEFT JOIN photo AS p ON p.collection_id = :collection_id AND p.object_key = l.key AND p.current AND p.file_key IS NULL
LEFT JOIN taken AS t ON t.name = l.key
WHERE (p.photo_id IS NULL
       OR (p.version_id, p.etag) <> (l.version_id, l.etag)
       OR p.missing_since IS NOT NULL
       OR (l.reason IS NOT NULL AND p.reason IS DISTINCT FROM l.reason)
       OR (l.reason IS NULL AND p.state = 'rejected' AND p.reason IN {_AGAIN_IF}))
  AND NOT EXISTS (SELECT FROM photo AS o WHERE o.collection_id = :collection_id AND o.file_key = l.key AND o.part = 1
                    AND o.current)
UNION ALL
SELECT l.*, p.photo_id, p.dublin_core,
       CASE WHEN (p.version_id, p.etag) <> (l.version_id, l.etag) THEN 'changed'
            WHEN l.reason IS NOT NULL THEN 'refused'
            ELSE 'again' END, p.object_key
FROM listed AS l
JOIN photo AS p ON p.collection_id = :collection_id AND p.file_key = l.key AND p.current
WHERE CASE WHEN (p.version_id, p.etag) <> (l.version_id, l.etag) THEN p.part = 1
           ELSE p.missing_since IS NOT NULL
                OR (l.reason IS NOT NULL AND p.reason IS DISTINCT FROM l.reason)
                OR (l.reason IS NULL AND p.state = 'rejected'
                    AND (p.reason IN ('source_changed', 'source_missing')
                         OR (p.part = 1 AND p.reason IN {_AGAIN_IF}))) END
""")  # noqa: S608 - constant expressions

_RETIRE = sa.text("""
UPDATE photo AS p SET current = false FROM change AS c WHERE c.kind = 'changed' AND p.photo_id = c.old_id
""")

# An object that went back to an earlier version finds its old row, with all that was done to it.
_INSERT = sa.text("""
INSERT INTO photo (collection_id, object_key, file_key, version_id, etag, size_bytes, last_modified, dublin_core, state,
                   reason, reason_detail, finished_at)
SELECT :collection_id, name, NULLIF(key, name), version_id, etag, size_bytes, last_modified, COALESCE(old_terms, '{}'),
       CAST(CASE WHEN reason IS NULL THEN 'pending' ELSE 'rejected' END AS photo_state), reason, reason_detail,
       CASE WHEN reason IS NULL THEN NULL ELSE now() END
FROM change WHERE kind IN ('new', 'changed')
ORDER BY key
ON CONFLICT (collection_id, object_key, version_id, etag) DO UPDATE
SET current = true, missing_since = NULL, size_bytes = EXCLUDED.size_bytes, last_modified = EXCLUDED.last_modified
""")

# An object that went back finds its further parts again too; what the version in between had more is missing.
_PARTS_OF = """
c.kind = 'changed' AND o.collection_id = :collection_id AND o.file_key = c.key AND o.part > 1
"""
_RETIRE_PARTS = sa.text(f"""
UPDATE photo AS o SET current = false
FROM change AS c
WHERE {_PARTS_OF} AND o.current AND (o.version_id, o.etag) <> (c.version_id, c.etag)
  AND EXISTS (SELECT FROM photo AS q WHERE q.collection_id = o.collection_id AND q.object_key = o.object_key
                AND (q.version_id, q.etag) = (c.version_id, c.etag))
""")  # noqa: S608 - constant conditions

_RETURN_PARTS = sa.text(f"""
UPDATE photo AS o SET current = true, missing_since = NULL
FROM change AS c
WHERE {_PARTS_OF} AND NOT o.current AND (o.version_id, o.etag) = (c.version_id, c.etag)
  AND NOT EXISTS (SELECT FROM division_removal AS e WHERE e.division_id = o.division_id)
""")  # noqa: S608 - constant conditions

# It is there again, or the reason why it was refused unread is gone: a rejected one is due again.
_AGAIN = sa.text(f"""
UPDATE photo AS p
SET missing_since = NULL,
    state = CASE WHEN p.state = 'rejected' THEN 'pending' ELSE p.state END,
    reason = CASE WHEN p.state = 'rejected' THEN NULL ELSE p.reason END,
    reason_detail = CASE WHEN p.state = 'rejected' THEN '' ELSE p.reason_detail END,
    finished_at = CASE WHEN p.state = 'rejected' THEN NULL ELSE p.finished_at END,
    attempts = CASE WHEN p.state = 'rejected' THEN 0 ELSE p.attempts END
FROM change AS c
WHERE c.kind = 'again' AND p.photo_id = c.old_id
  AND (p.state <> 'rejected' OR (p.part = 1 AND p.reason IN {_AGAIN_IF})
       OR p.reason IN ('source_changed', 'source_missing'))
""")  # noqa: S608 - constant list

_FOUND = sa.text("""
UPDATE photo AS p SET missing_since = NULL FROM change AS c
WHERE p.photo_id = c.old_id AND c.kind IN ('again', 'refused') AND p.missing_since IS NOT NULL
""")

_REFUSE = sa.text("""
UPDATE photo AS p
SET state = 'rejected', reason = c.reason, reason_detail = c.reason_detail, finished_at = now(), restoration_id = NULL
FROM change AS c
WHERE c.kind = 'refused' AND p.photo_id = c.old_id AND p.state NOT IN ('queued', 'restoring', 'rejected')
""")

_MISSING = sa.text("""
CREATE TEMP TABLE missing_now ON COMMIT DROP AS
WITH lost AS (
    UPDATE photo AS p SET missing_since = now()
    WHERE p.collection_id = :collection_id AND p.current AND p.missing_since IS NULL
      AND NOT EXISTS (SELECT FROM listed AS l WHERE l.key = coalesce(p.file_key, p.object_key))
    RETURNING p.photo_id, p.object_key
), lost_parts AS (
    UPDATE photo AS o SET missing_since = now()
    FROM change AS c JOIN photo AS f ON f.collection_id = :collection_id AND f.object_key = c.name AND f.current
                                    AND f.scan ? 'page'
    WHERE c.kind = 'changed' AND o.collection_id = :collection_id AND o.file_key = c.key AND o.part > 1 AND o.current
      AND o.missing_since IS NULL AND (o.version_id, o.etag) <> (c.version_id, c.etag)
    RETURNING o.photo_id, o.object_key
)
SELECT * FROM lost UNION ALL SELECT * FROM lost_parts
""")

_COUNTS = sa.text("""
SELECT (SELECT count(*) FROM listed) AS listed,
       (SELECT count(*) FROM change WHERE kind = 'new') AS new,
       (SELECT count(*) FROM change WHERE kind = 'changed') AS changed,
       (SELECT count(*) FROM missing_now) AS missing,
       (SELECT count(*) FROM listed WHERE reason IS NOT NULL) AS rejected
""")

_EVENTS = sa.text("""
INSERT INTO event (collection_id, event_type, outcome, agent, photo_id, detail)
SELECT :collection_id, kind, outcome, :agent, photo_id, detail FROM (
    SELECT 'missing' AS kind, 'warning' AS outcome, photo_id,
           jsonb_build_object('reason', 'source_missing', 'object_key', object_key) AS detail
    FROM missing_now
    UNION ALL
    SELECT 'replacement', 'success', p.photo_id,
           jsonb_build_object('replaces', c.old_id, 'etag', c.etag, 'version_id', c.version_id)
    FROM change AS c JOIN photo AS p ON p.collection_id = :collection_id AND p.object_key = c.name AND p.current
    WHERE c.kind = 'changed'
    UNION ALL
    SELECT 'rejection', 'failure', p.photo_id, jsonb_build_object('reason', c.reason, 'detail', c.reason_detail)
    FROM change AS c JOIN photo AS p ON p.collection_id = :collection_id AND p.object_key = c.name AND p.current
    WHERE c.reason IS NOT NULL AND p.state = 'rejected' AND p.reason = c.reason
) AS told ORDER BY photo_id
""")

_LISTED_AT = sa.text("UPDATE collection SET listed_at = now() WHERE collection_id = :collection_id")

_TERMS = sa.text("""
UPDATE photo AS p SET dublin_core = s.terms
FROM sidecar AS s
WHERE p.collection_id = :collection_id AND p.object_key = s.key AND p.current AND s.terms IS NOT NULL
  AND p.dublin_core <> s.terms
""")

# A hash that contradicts what was restored takes the restoration away; one that was put right makes the scan due again.
_DECLARED = sa.text("""
WITH named AS (
    SELECT p.photo_id, s.sha256
    FROM sidecar AS s
    JOIN photo AS p ON p.collection_id = :collection_id AND p.object_key = s.key AND p.current AND p.part = 1
    UNION ALL
    SELECT p.photo_id, s.sha256
    FROM sidecar AS s
    JOIN photo AS p ON p.collection_id = :collection_id AND p.file_key = s.key AND p.current AND p.part > 1
), told AS (
    SELECT p.photo_id, s.sha256, coalesce(coalesce(p.file_sha256, p.content_sha256) <> s.sha256, false)
                                 AND p.state IN ('restored', 'needs_review') AS wrong,
           p.state = 'rejected' AND p.reason = 'fixity_changed' AS again
    FROM named AS s
    JOIN photo AS p USING (photo_id)
    WHERE p.declared_sha256 IS DISTINCT FROM s.sha256
), changed AS (
    UPDATE photo AS p
    SET declared_sha256 = t.sha256,
        state = CASE WHEN t.wrong THEN 'rejected' WHEN t.again THEN 'pending' ELSE p.state END,
        reason = CASE WHEN t.wrong THEN 'fixity_changed' WHEN t.again THEN NULL ELSE p.reason END,
        reason_detail = CASE WHEN t.wrong THEN concat('its sha256 is ', coalesce(p.file_sha256, p.content_sha256),
                                                      ', the collection says ', t.sha256)
                             WHEN t.again THEN '' ELSE p.reason_detail END,
        finished_at = CASE WHEN t.wrong THEN now() WHEN t.again THEN NULL ELSE p.finished_at END,
        restoration_id = CASE WHEN t.wrong THEN NULL ELSE p.restoration_id END,
        attempts = CASE WHEN t.again THEN 0 ELSE p.attempts END
    FROM told AS t WHERE t.photo_id = p.photo_id
    RETURNING p.photo_id, t.wrong, p.reason_detail, coalesce(p.file_sha256, p.content_sha256) AS content_sha256,
              t.sha256
)
INSERT INTO event (collection_id, event_type, outcome, agent, photo_id, detail)
SELECT :collection_id, 'rejection', 'failure', :agent, photo_id,
       jsonb_build_object('reason', 'fixity_changed', 'detail', reason_detail, 'expected', sha256,
                          'actual', content_sha256)
FROM changed WHERE wrong ORDER BY photo_id
""")


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
    """What a listing brought: objects seen, of which new, changed or unchanged, and refused unread (``rejected``).

    ``missing`` counts photographs that this listing was the first to miss.
    """

    listed: int
    new: int
    changed: int
    unchanged: int
    missing: int
    rejected: int


def has_photographs(conn: sa.Connection, collection_id: int) -> bool:
    """Whether the catalog knows any photograph of a collection, current or not."""
    asked = sa.text("SELECT EXISTS (SELECT FROM photo WHERE collection_id = :collection_id)")
    return bool(conn.execute(asked, {"collection_id": collection_id}).scalar())


def merge_listing(conn: sa.Connection, collection_id: int, objects: Iterable[ListedObject]) -> ListingReport:
    """Merge a complete listing of a collection's prefix, in the caller's transaction.

    New objects become pending photographs. A replaced one (other version or ETag) becomes a new photograph, and the old
    one stops being current; the further pages of its file do when a worker has read the new one. Photographs that are
    no longer listed stay current and are marked missing, once. An unchanged listing writes nothing but the collection's
    time of listing. Two listings of a collection wait for each other.
    """
    names = {"collection_id": collection_id}
    lock_work(conn, "listing", collection_id)
    conn.execute(_TABLE)
    copy_rows(conn, "listed", _COLUMNS, (_row(listed) for listed in objects))
    conn.execute(_DEDUPLICATE)
    conn.execute(_TAKEN, names)
    conn.execute(sa.text("ANALYZE listed, taken"))
    conn.execute(_COMPARE, names)
    for statement in (
        _RETIRE, _INSERT, _RETIRE_PARTS, _RETURN_PARTS, _REFUSE, _AGAIN, _FOUND, _MISSING, _LISTED_AT,
    ):  # fmt: skip
        conn.execute(statement, names)
    row = conn.execute(_COUNTS).one()
    report = ListingReport(
        row.listed, row.new, row.changed, row.listed - row.new - row.changed, row.missing, row.rejected
    )
    conn.execute(_EVENTS, names | {"agent": AGENT})
    if report.new or report.changed or report.missing:
        append_event(
            conn,
            collection_id=collection_id,
            event_type="ingestion",
            outcome="warning" if report.missing or report.rejected else "success",
            agent=AGENT,
            detail=vars(report),
        )
    return report


def _row(listed: ListedObject) -> tuple[object, ...]:
    detail = clean_text(listed.reason_detail)
    return listed.key, listed.version_id, listed.etag, listed.size, listed.last_modified, listed.reason, detail


def merge_sidecar(
    conn: sa.Connection, collection_id: int, rows: Mapping[str, tuple[Mapping[str, str] | None, str | None]]
) -> int:
    """Store what the giver says, by object key: Dublin Core terms, and the scan's sha256.

    Terms that are None leave those that are stored; a hash that is None takes the stored one away. A restored
    photograph whose bytes have another hash is rejected (``fixity_changed``), with an event; one that was rejected for
    that is due again once its hash is another. A hash is that of a file, and holds for all photographs in it.
    Photographs that are not named keep what they have.

    :returns: how many photographs' terms changed.
    """
    conn.execute(sa.text("DROP TABLE IF EXISTS pg_temp.sidecar"))
    conn.execute(sa.text("CREATE TEMP TABLE sidecar (key text PRIMARY KEY, terms jsonb, sha256 text) ON COMMIT DROP"))
    values = ((key, None if terms is None else to_json(terms), sha256) for key, (terms, sha256) in rows.items())
    copy_rows(conn, "sidecar", ("key", "terms", "sha256"), values)
    conn.execute(sa.text("ANALYZE sidecar"))
    names = {"collection_id": collection_id}
    changed = int(conn.execute(_TERMS, names).rowcount)
    # last, because it appends events
    conn.execute(_DECLARED, names | {"agent": AGENT})
    return changed
