"""Fixity of what is kept: what is to be read again, and what was found.

Two kinds of things are read again: *originals* (scans whose hash is known) and *publications* (versions whose files are
there). Originals are taken in the order in which their bytes were last known to be right, so a check that was killed
simply finds fewer of them. A publication is read file by file; its cursor says how far.

What is damaged is on record three times: as an event, in the column ``fixity`` and, through it, in the view
``audit.fixity_overdue``. It stays there until a later check finds it intact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import sqlalchemy as sa

from restoration.catalog.bulk import copy_rows
from restoration.catalog.events import append_event
from restoration.catalog.values import clean_text

EVENT_TYPE = "fixity_check"
AGENT = "fixity"

Finding = Literal["intact", "changed", "missing"]
Kind = Literal["original", "publication"]

# a file is one original, however many photographs it holds
_KEPT = "p.current AND p.missing_since IS NULL AND p.content_sha256 IS NOT NULL AND p.part = 1"
_DAMAGED = "coalesce(p.fixity IN ('changed', 'missing'), false)"
_LAST_READ = "coalesce(p.fixity_checked_at, p.finished_at, p.first_seen_at)"

_POLICY = sa.text("UPDATE policy SET fixity_days = :days WHERE fixity_days <> :days")

_ORIGINALS_KEPT = sa.text(f"""
SELECT count(*) AS files, coalesce(sum(p.size_bytes), 0)::bigint AS bytes, max(p.fixity_checked_at) AS last_check
FROM photo AS p
WHERE {_KEPT} AND NOT {_DAMAGED} AND (CAST(:collection_id AS bigint) IS NULL OR p.collection_id = :collection_id)
""")  # noqa: S608 - constant conditions

# Oldest first; every condition holds for a beginning of that order. Files and bytes both fill a part, so no part has
# more of either than it may.
_ORIGINAL_PARTS = sa.text(f"""
WITH kept AS (
    SELECT p.photo_id, p.size_bytes, {_LAST_READ} AS last_read,
           row_number() OVER oldest AS number, sum(p.size_bytes) OVER oldest AS bytes_through
    FROM photo AS p
    WHERE {_KEPT} AND NOT {_DAMAGED} AND (CAST(:collection_id AS bigint) IS NULL OR p.collection_id = :collection_id)
    WINDOW oldest AS (ORDER BY {_LAST_READ}, p.photo_id)
), due AS (
    SELECT k.*, floor((number - 1) / CAST(:part_files AS numeric)
                      + (bytes_through - size_bytes) / CAST(:part_bytes AS numeric)) AS part
    FROM kept AS k
    WHERE :everything
       OR number <= :share_files OR bytes_through - size_bytes < :share_bytes
       OR (number <= :set_files AND bytes_through <= :set_bytes)
       OR last_read < now() - make_interval(hours => :overdue_hours)
)
SELECT count(*) AS files, sum(size_bytes)::bigint AS bytes,
       (array_agg(last_read ORDER BY number))[1]::text AS first_read,
       (array_agg(photo_id ORDER BY number))[1] AS first_id,
       (array_agg(last_read ORDER BY number DESC))[1]::text AS last_read,
       (array_agg(photo_id ORDER BY number DESC))[1] AS last_id
FROM due GROUP BY part ORDER BY part LIMIT :parts
""")  # noqa: S608 - constant conditions

_ORIGINAL = f"""
SELECT p.photo_id, p.collection_id, c.name AS collection, split_part(c.source_uri, '/', 3) AS bucket,
       coalesce(p.file_key, p.object_key) AS object_key, p.version_id, p.etag, p.size_bytes,
       p.content_sha256 AS sha256, p.fixity AS known
FROM photo AS p JOIN collection AS c USING (collection_id)
WHERE {_KEPT}
"""  # noqa: S608 - constant conditions

_ORIGINALS_BETWEEN = sa.text(f"""
{_ORIGINAL} AND NOT {_DAMAGED} AND (CAST(:collection_id AS bigint) IS NULL OR p.collection_id = :collection_id)
  AND ({_LAST_READ}, p.photo_id) >= (CAST(:first_read AS timestamptz), CAST(:first_id AS bigint))
  AND ({_LAST_READ}, p.photo_id) <= (CAST(:last_read AS timestamptz), CAST(:last_id AS bigint))
ORDER BY {_LAST_READ}, p.photo_id
""")

_ORIGINALS_DAMAGED = sa.text(f"""
{_ORIGINAL} AND {_DAMAGED} AND (CAST(:collection_id AS bigint) IS NULL OR p.collection_id = :collection_id)
  AND (CAST(:before AS timestamptz) IS NULL OR p.fixity_checked_at < CAST(:before AS timestamptz))
ORDER BY p.fixity_checked_at, p.photo_id LIMIT :files
""")

_NOTE_ORIGINALS = sa.text(f"""
UPDATE photo AS p SET fixity = f.found, fixity_checked_at = clock_timestamp()
FROM unnest(CAST(:ids AS bigint[]), CAST(:hashes AS text[]), CAST(:found AS text[])) AS f (photo_id, sha256, found)
WHERE p.photo_id = f.photo_id AND p.content_sha256 = f.sha256 AND {_KEPT}
RETURNING p.photo_id
""")  # noqa: S608 - constant conditions

_PUBLICATION = """
SELECT b.publication_id, b.collection_id, c.name AS collection, b.version, b.uri, b.manifest_sha256, b.byte_count,
       b.fixity_cursor AS cursor, b.fixity AS known,
       (SELECT max(e.occurred_at) FROM event AS e
        WHERE e.publication_id = b.publication_id AND e.event_type = 'fixity_check') AS last_check,
       (SELECT n.uri FROM publication AS n
        WHERE n.collection_id = b.collection_id AND n.version > b.version AND n.removed_at IS NULL
          AND n.state IN ('current', 'superseded')
        ORDER BY n.version LIMIT 1) AS newer_uri,
       coalesce(b.fixity_checked_at, b.verified_at) < now() - make_interval(hours => :overdue_hours) AS overdue
FROM publication AS b JOIN collection AS c USING (collection_id)
WHERE b.state IN ('current', 'superseded') AND b.removed_at IS NULL
"""

_PUBLICATIONS = sa.text(f"""
{_PUBLICATION} AND (CAST(:collection_id AS bigint) IS NULL OR b.collection_id = :collection_id)
ORDER BY b.fixity_cursor = '', coalesce(b.fixity_checked_at, b.verified_at), b.publication_id
""")

_ONE_PUBLICATION = sa.text(f"{_PUBLICATION} AND b.publication_id = :publication_id")

_LOCK_PUBLICATION = sa.text(f"{_PUBLICATION} AND b.publication_id = :publication_id FOR UPDATE OF b")

_MOVE = sa.text("""
UPDATE publication SET fixity_cursor = :cursor, fixity = :found,
       fixity_checked_at = CASE WHEN :complete THEN clock_timestamp() ELSE fixity_checked_at END
WHERE publication_id = :publication_id
""")

# The last word about each file of a publication; where it is a failure, the file is still damaged.
_OPEN = sa.text("""
SELECT path, found, expected FROM (
    SELECT DISTINCT ON (detail ->> 'path') detail ->> 'path' AS path, detail ->> 'found' AS found,
           detail ->> 'expected' AS expected, outcome, occurred_at
    FROM event
    WHERE publication_id = :publication_id AND event_type = 'fixity_check' AND detail ? 'path'
    ORDER BY detail ->> 'path', seq DESC) AS last
WHERE outcome = 'failure' AND (CAST(:before AS timestamptz) IS NULL OR occurred_at < CAST(:before AS timestamptz))
ORDER BY path
""")

_OVERDUE = sa.text("""
SELECT kind, collection, name, version, found, checked_at, last_read_at, due_at FROM audit.fixity_overdue
WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
ORDER BY due_at, collection, name LIMIT :limit
""")

_OVERDUE_COUNT = sa.text("""
SELECT count(*) FILTER (WHERE found IN ('changed', 'missing')) AS damaged,
       count(*) FILTER (WHERE found IS DISTINCT FROM 'changed' AND found IS DISTINCT FROM 'missing') AS overdue
FROM audit.fixity_overdue WHERE (CAST(:collection AS text) IS NULL OR collection = :collection)
""")


_LISTED = sa.text("""
CREATE TEMP TABLE present (key text NOT NULL, version_id text NOT NULL, etag text NOT NULL) ON COMMIT DROP
""")

_PRESENCE = sa.text("""
SELECT count(*) AS originals, count(*) FILTER (WHERE n.key IS NULL) AS missing,
       count(*) FILTER (WHERE (n.version_id, n.etag) <> (p.version_id, p.etag)) AS replaced,
       (min(p.object_key) FILTER (WHERE n.key IS NULL OR (n.version_id, n.etag) <> (p.version_id, p.etag))) AS first
FROM photo AS p LEFT JOIN present AS n ON n.key = coalesce(p.file_key, p.object_key)
WHERE p.collection_id = :collection_id AND p.current AND p.missing_since IS NULL AND p.part = 1
""")


@dataclass(frozen=True)
class Presence:
    """How many originals there should be, and how many of them a listing did not find, or found replaced.

    ``first``: key of the first of those, None where there is none.
    """

    originals: int
    missing: int
    replaced: int
    first: str | None

    @property
    def ok(self) -> bool:
        """All are where they were."""
        return not self.missing and not self.replaced


@dataclass(frozen=True)
class Original:
    """A scan that is to be read again. ``known``: what the last check found, None where there was none."""

    photo_id: int
    collection_id: int
    collection: str
    bucket: str
    object_key: str
    version_id: str
    etag: str
    size_bytes: int
    sha256: str
    known: Finding | None


@dataclass(frozen=True)
class KeptPublication:
    """A version whose files are to be read again.

    ``cursor``: the last file that the check under way has read; ``last_check``: when any of its files was last read.
    ``newer_uri``: address of the next version whose files are there, which shares tiles with this one.
    """

    publication_id: int
    collection_id: int
    collection: str
    version: int
    uri: str
    manifest_sha256: str
    byte_count: int
    cursor: str
    known: Finding | None
    last_check: Any
    newer_uri: str | None
    overdue: bool


@dataclass(frozen=True)
class Range:
    """Neighbouring originals in the order in which they were last read, ends included."""

    files: int
    bytes: int
    first_read: str
    first_id: int
    last_read: str
    last_id: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data for XCom."""
        return asdict(self)


@dataclass(frozen=True)
class Kept:
    """How much there is: files and bytes, and when the last check of any of it was."""

    files: int
    bytes: int
    last_check: Any


@dataclass(frozen=True)
class Damage:
    """One file that is not what it should be.

    :param path: object key of a scan, or path in a publication.
    :param expected: sha256 that it should have, empty where no manifest names the file.
    :param actual: sha256 that it has, empty where it is missing.
    :param new: whether this is the first check that finds it so.
    """

    kind: Kind
    collection: str
    path: str
    found: Finding
    expected: str
    actual: str
    note: str
    version: int | None = None
    photo_id: int | None = None
    new: bool = True


@dataclass(frozen=True)
class OriginalFound:
    """What reading one scan again gave."""

    original: Original
    found: Finding
    actual: str
    size: int
    note: str = ""


@dataclass(frozen=True)
class FileFound:
    """What reading one file of a publication again gave."""

    path: str
    found: Finding
    expected: str
    actual: str
    size: int
    note: str = ""


def set_policy(conn: sa.Connection, fixity_days: int) -> None:
    """Let the audit views count with the setting."""
    conn.execute(_POLICY, {"days": fixity_days})


def originals_kept(conn: sa.Connection, collection_id: int | None) -> Kept:
    """Originals that are thought to be intact."""
    return Kept(**conn.execute(_ORIGINALS_KEPT, {"collection_id": collection_id}).one()._mapping)


def original_parts(conn: sa.Connection, collection_id: int | None, bounds: Mapping[str, Any]) -> list[Range]:
    """Originals that are due, oldest first, in parts.

    :param bounds: share_files, share_bytes (at least so much is due), set_files, set_bytes (so is one set), part_files,
        part_bytes (the most in one part), overdue_hours, everything, parts (the most of them).
    """
    rows = conn.execute(_ORIGINAL_PARTS, {"collection_id": collection_id, **bounds})
    return [Range(**row._mapping) for row in rows]


def originals_between(conn: sa.Connection, collection_id: int | None, part: Mapping[str, Any]) -> list[Original]:
    """The originals of a part that were not read since it was planned."""
    rows = conn.execute(_ORIGINALS_BETWEEN, {"collection_id": collection_id, **part})
    return [Original(**row._mapping) for row in rows]


def clock(conn: sa.Connection) -> str:
    """The catalog's own time, by which it dates what was found."""
    return str(conn.execute(sa.text("SELECT clock_timestamp()::text")).scalar_one())


def damaged_originals(
    conn: sa.Connection, collection_id: int | None, files: int, *, before: str | None = None
) -> list[Original]:
    """Originals that the last check found changed or missing, at most so many.

    :param before: only what was found before this time of :func:`clock`.
    """
    rows = conn.execute(_ORIGINALS_DAMAGED, {"collection_id": collection_id, "files": files, "before": before})
    return [Original(**row._mapping) for row in rows]


def note_originals(conn: sa.Connection, found: Sequence[OriginalFound]) -> list[Damage]:
    """Put a set of originals on record, in the caller's transaction; returns what is damaged.

    Scans that were replaced, or noticed missing by a listing, while they were read are left out: of those the listing
    has told already. Events: one for each scan whose finding is another than before, one for the set and collection.
    """
    arrays = {
        "ids": [item.original.photo_id for item in found],
        "hashes": [item.original.sha256 for item in found],
        "found": [item.found for item in found],
    }
    noted = set(conn.execute(_NOTE_ORIGINALS, arrays).scalars())
    counted = [item for item in found if item.original.photo_id in noted]
    damaged = []
    for item in counted:
        changed = item.found != (item.original.known or "intact")
        if item.found != "intact":
            damaged.append(_original_damage(item, new=changed))
        if changed:
            _tell_original(conn, item)
    by_collection: dict[int, list[OriginalFound]] = {}
    for item in counted:
        by_collection.setdefault(item.original.collection_id, []).append(item)
    for collection_id, items in sorted(by_collection.items()):
        counts = _counts("originals", [(item.found, item.size) for item in items])
        _tell_set(conn, collection_id, None, counts)
    return damaged


def _original_damage(item: OriginalFound, *, new: bool) -> Damage:
    original = item.original
    return Damage(
        "original",
        original.collection,
        original.object_key,
        item.found,
        original.sha256,
        item.actual,
        item.note,
        photo_id=original.photo_id,
        new=new,
    )


def _tell_original(conn: sa.Connection, item: OriginalFound) -> None:
    detail = {"kind": "original", "object_key": item.original.object_key, "version_id": item.original.version_id}
    append_event(
        conn,
        collection_id=item.original.collection_id,
        event_type=EVENT_TYPE,
        outcome="success" if item.found == "intact" else "failure",
        agent=AGENT,
        photo_id=item.original.photo_id,
        detail=detail | _hashes(item.found, item.original.sha256, item.actual, item.note),
    )


def _hashes(found: Finding, expected: str, actual: str, note: str) -> dict[str, Any]:
    """Facts of one finding, in PREMIS's words where it has some."""
    reason = {"changed": "fixity_changed", "missing": "fixity_missing"}.get(found)
    facts = {
        "found": found,
        "reason": reason,
        "messageDigestAlgorithm": "SHA-256",
        "expected": expected,
        "actual": actual,
        "note": clean_text(note),
    }
    return {name: value for name, value in facts.items() if value}


def _counts(kind: str, found: Iterable[tuple[Finding, int]]) -> dict[str, Any]:
    rows = list(found)
    counts = {name: sum(1 for finding, _ in rows if finding == name) for name in ("intact", "changed", "missing")}
    return {"kind": kind, "files": len(rows), "bytes": sum(size for _, size in rows), **counts}


def _tell_set(
    conn: sa.Connection, collection_id: int, publication_id: int | None, counts: Mapping[str, Any], **more: Any
) -> None:
    append_event(
        conn,
        collection_id=collection_id,
        event_type=EVENT_TYPE,
        outcome="failure" if counts["changed"] or counts["missing"] else "success",
        agent=AGENT,
        publication_id=publication_id,
        detail={**counts, **more},
    )


def note_presence(conn: sa.Connection, collection_id: int, objects: Iterable[tuple[str, str, str]]) -> Presence:
    """Compare a listing with the originals that should be there; an event says so where some are not.

    :param objects: key, version id and ETag of everything under the collection's prefix.
    """
    conn.execute(sa.text("DROP TABLE IF EXISTS pg_temp.present"))
    conn.execute(_LISTED)
    copy_rows(conn, "present", ("key", "version_id", "etag"), objects)
    conn.execute(sa.text("ANALYZE present"))
    found = Presence(**conn.execute(_PRESENCE, {"collection_id": collection_id}).one()._mapping)
    if not found.ok:
        append_event(
            conn,
            collection_id=collection_id,
            event_type=EVENT_TYPE,
            outcome="warning",
            agent=AGENT,
            detail={"kind": "presence", **asdict(found)},
        )
    return found


def publications_kept(conn: sa.Connection, collection_id: int | None, overdue_hours: int) -> list[KeptPublication]:
    """Every version whose files are there: those under way first, then the ones that were read longest ago."""
    rows = conn.execute(_PUBLICATIONS, {"collection_id": collection_id, "overdue_hours": overdue_hours})
    return [KeptPublication(**row._mapping) for row in rows]


def kept_publication(conn: sa.Connection, publication_id: int) -> KeptPublication | None:
    """One version, None where its files are not there any more."""
    names = {"publication_id": publication_id, "overdue_hours": 0}
    row = conn.execute(_ONE_PUBLICATION, names).one_or_none()
    return None if row is None else KeptPublication(**row._mapping)


def restart(conn: sa.Connection, publication_id: int) -> None:
    """Let the next check of a publication begin at its first file."""
    statement = sa.text("UPDATE publication SET fixity_cursor = '' WHERE publication_id = :publication_id")
    conn.execute(statement, {"publication_id": publication_id})


def open_findings(
    conn: sa.Connection, publication_id: int, *, before: str | None = None
) -> dict[str, tuple[Finding, str]]:
    """Files of a publication that were damaged when last looked at: path to finding and expected sha256.

    :param before: only what was found before this time of :func:`clock`.
    """
    rows = conn.execute(_OPEN, {"publication_id": publication_id, "before": before})
    return {row.path: (row.found, row.expected or "") for row in rows}


def note_files(
    conn: sa.Connection, publication: KeptPublication, found: Sequence[FileFound], *, cursor: str, complete: bool
) -> list[Damage]:
    """Put a set of a publication's files on record, in the caller's transaction; returns what is damaged.

    :param cursor: last file read, for the next set; empty where the next check begins anew.
    :param complete: whether with this set all its files have been read.
    """
    names = {"publication_id": publication.publication_id, "overdue_hours": 0}
    if conn.execute(_LOCK_PUBLICATION, names).one_or_none() is None:
        return []  # its files were removed meanwhile, so of course they are gone
    known = open_findings(conn, publication.publication_id)
    still = {path: finding for path, (finding, _) in known.items()}
    damaged = []
    for item in found:
        before = still.get(item.path, "intact")
        if item.found == "intact":
            still.pop(item.path, None)
        else:
            still[item.path] = item.found
            damaged.append(_file_damage(publication, item, new=item.found != before))
        if item.found != before:
            _tell_file(conn, publication, item)
    worst: Finding | None = _worst(still.values(), complete=complete, known=publication.known)
    conn.execute(_MOVE, {**names, "cursor": cursor, "found": worst, "complete": complete})
    if found:
        counts = _counts("publication", [(item.found, item.size) for item in found])
        more = {"version": publication.version, "last": found[-1].path, "complete": complete}
        _tell_set(conn, publication.collection_id, publication.publication_id, counts, **more)
    return damaged


def _worst(findings: Iterable[Finding], *, complete: bool, known: Finding | None) -> Finding | None:
    """What column ``fixity`` says: open damage at once; intact only when all was read, or damage is mended."""
    still = set(findings)
    if still:
        return "missing" if "missing" in still else "changed"
    return "intact" if complete or known is not None else None


def _file_damage(publication: KeptPublication, item: FileFound, *, new: bool) -> Damage:
    return Damage(
        "publication",
        publication.collection,
        item.path,
        item.found,
        item.expected,
        item.actual,
        item.note,
        version=publication.version,
        new=new,
    )


def _tell_file(conn: sa.Connection, publication: KeptPublication, item: FileFound) -> None:
    detail = {"kind": "publication", "version": publication.version, "path": item.path}
    append_event(
        conn,
        collection_id=publication.collection_id,
        event_type=EVENT_TYPE,
        outcome="success" if item.found == "intact" else "failure",
        agent=AGENT,
        publication_id=publication.publication_id,
        detail=detail | _hashes(item.found, item.expected, item.actual, item.note),
    )


def overdue(conn: sa.Connection, collection: str | None = None, limit: int = 1000) -> list[dict[str, Any]]:
    """What was not read in time, or is damaged: kind, collection, name, version, found, checked_at, last_read_at,
    due_at; the longest overdue first.
    """
    rows = conn.execute(_OVERDUE, {"collection": collection, "limit": limit})
    return [dict(row._mapping) for row in rows]


def overdue_counts(conn: sa.Connection, collection: str | None = None) -> tuple[int, int]:
    """How many originals and publications are damaged, and how many others were not read in time."""
    row = conn.execute(_OVERDUE_COUNT, {"collection": collection}).one()
    return row.damaged, row.overdue
