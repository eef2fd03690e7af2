"""Withdrawals: scans that are no longer restored or published, because a family or an institution asks for it.

A withdrawal holds for the scan's key, so also for a newer scan of that name, and it takes along every photograph of the
collection with the same content, those that come later too (:func:`withdraw_twins`): the same picture under another
name is the same picture. So it is in another collection, until a person lifts the withdrawal there: what is withdrawn
in one, or belongs to one whose consent is refused, is shown through none. A file that holds several
photographs is withdrawn with all of them by its own name, and a further page alone by its own (``album.tif#2``). What
was cut out of a scan (``bed.tif#1.2``) takes the scan along, which shows it too, but not what else was cut out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from restoration.catalog.events import append_event
from restoration.catalog.values import clean_text
from restoration.errors import UsageError

TWINS = "catalog"
"""Who withdraws a later copy of what a person withdrew."""

ELSEWHERE = "The same picture was withdrawn, or is not to be shown, by its people's wish."
"""Published in the place of a photograph that another collection's people refused; names nobody."""

WITHDRAWN = """
EXISTS (SELECT FROM withdrawal AS w WHERE w.collection_id = p.collection_id AND w.object_key = p.object_key
          AND w.lifted_at IS NULL)
"""
"""Whether a photograph ``p`` is withdrawn now."""

# every photograph that a key stands for: the scan itself, its twins by content, and the further pages of both
_TWINS = sa.text("""
WITH same AS (
    SELECT DISTINCT p.object_key, p.part, p.page, p.box, coalesce(p.file_key, p.object_key) AS file_key
    FROM photo AS p
    WHERE p.collection_id = :collection_id
      AND (p.object_key = :object_key
           OR p.content_sha256 IN (SELECT s.content_sha256 FROM photo AS s
                                   WHERE s.collection_id = :collection_id AND s.object_key = :object_key
                                     AND s.content_sha256 IS NOT NULL))
)
SELECT object_key FROM same
UNION
SELECT q.object_key
FROM same AS s
JOIN photo AS q ON q.collection_id = :collection_id AND q.file_key = s.file_key AND q.current AND q.part > 1
WHERE s.part = 1
UNION
SELECT q.object_key
FROM same AS s
JOIN photo AS q ON q.collection_id = :collection_id AND q.file_key = s.file_key AND q.page = s.page
WHERE s.box IS NULL AND q.box IS NOT NULL
UNION
SELECT q.object_key
FROM same AS s
JOIN photo AS q ON q.collection_id = :collection_id AND coalesce(q.file_key, q.object_key) = s.file_key
               AND q.page = s.page
WHERE s.box IS NOT NULL AND q.box IS NULL
ORDER BY 1
""")

_ELSEWHERE = sa.text("""
SELECT DISTINCT c.name, p.object_key
FROM photo AS s
JOIN photo AS p ON p.content_sha256 = s.content_sha256 AND p.collection_id <> s.collection_id AND p.current
JOIN collection AS c ON c.collection_id = p.collection_id
WHERE s.collection_id = :collection_id AND s.object_key = :object_key
  AND NOT EXISTS (SELECT FROM withdrawal AS w WHERE w.collection_id = p.collection_id AND w.object_key = p.object_key
                     AND w.lifted_at IS NULL)
ORDER BY 1, 2
""")

_ADD = sa.text("""
INSERT INTO withdrawal (collection_id, object_key, reason, recorded_by)
SELECT :collection_id, k.object_key, :reason, :person FROM unnest(CAST(:keys AS text[])) AS k(object_key)
ON CONFLICT (collection_id, object_key) WHERE lifted_at IS NULL DO NOTHING
RETURNING object_key
""")

# A scan stays withdrawn while anything that was cut out of it is.
_LIFT = sa.text("""
UPDATE withdrawal AS w SET lifted_at = clock_timestamp(), lifted_by = :person
WHERE w.collection_id = :collection_id AND w.object_key = ANY(CAST(:keys AS text[])) AND w.lifted_at IS NULL
  AND NOT EXISTS (
      SELECT FROM photo AS s
      JOIN photo AS q ON q.collection_id = s.collection_id AND q.file_key = coalesce(s.file_key, s.object_key)
                     AND q.page = s.page AND q.box IS NOT NULL
      JOIN withdrawal AS o ON o.collection_id = q.collection_id AND o.object_key = q.object_key AND o.lifted_at IS NULL
      WHERE s.collection_id = w.collection_id AND s.object_key = w.object_key AND s.box IS NULL
        AND o.object_key <> ALL(CAST(:keys AS text[])))
RETURNING w.object_key
""")

# for the reason of another one
_ADD_WITH = sa.text("""
INSERT INTO withdrawal (collection_id, object_key, reason, recorded_by)
SELECT w.collection_id, k.object_key, w.reason, :person
FROM withdrawal AS w CROSS JOIN unnest(CAST(:keys AS text[])) AS k(object_key)
WHERE w.collection_id = :collection_id AND w.object_key = :object_key AND w.lifted_at IS NULL
ON CONFLICT (collection_id, object_key) WHERE lifted_at IS NULL DO NOTHING
RETURNING object_key
""")

_OTHERWISE = WITHDRAWN.replace("AS w", "AS x").replace("w.", "x.")  # beside a withdrawal w of something else

# photographs whose content is that of a withdrawn one, under a name of which nobody has said anything
_LATE_TWINS = sa.text(f"""
SELECT DISTINCT ON (p.object_key) p.object_key, w.object_key AS because_of
FROM withdrawal AS w
JOIN photo AS o ON o.collection_id = w.collection_id AND o.object_key = w.object_key
JOIN photo AS p ON p.collection_id = w.collection_id AND p.content_sha256 = o.content_sha256 AND p.current
WHERE w.collection_id = :collection_id AND w.lifted_at IS NULL AND NOT {_OTHERWISE}
ORDER BY p.object_key, w.object_key
""")  # noqa: S608 - constant condition

# content that another collection's people refused; the function answers for what may be such alone
_REFUSED_ELSEWHERE = sa.text(f"""
WITH refused AS MATERIALIZED (
    SELECT o.content_sha256, o.declared_sha256
    FROM withdrawal AS w JOIN photo AS o ON o.collection_id = w.collection_id AND o.object_key = w.object_key
    WHERE w.lifted_at IS NULL AND w.collection_id <> :collection_id
    UNION
    SELECT o.content_sha256, o.declared_sha256 FROM collection AS c JOIN photo AS o USING (collection_id)
    WHERE c.consent = 'refused' AND c.collection_id <> :collection_id
), found AS MATERIALIZED (
    SELECT p.object_key, refused_elsewhere(p.collection_id, p.object_key, p.content_sha256) AS collection
    FROM photo AS p
    WHERE p.collection_id = :collection_id AND p.current AND NOT {WITHDRAWN}
      AND p.content_sha256 IN (SELECT content_sha256 FROM refused UNION SELECT declared_sha256 FROM refused)
)
SELECT object_key, collection FROM found WHERE collection IS NOT NULL ORDER BY object_key
""")  # noqa: S608 - constant condition

_OF_CONTENT = sa.text("""
SELECT n.key, refused_elsewhere(:collection_id, n.key, n.content) AS collection
FROM unnest(CAST(:keys AS text[]), CAST(:contents AS text[])) AS n(key, content)
""")

_CURRENT_PHOTO = sa.text("""
SELECT photo_id FROM photo WHERE collection_id = :collection_id AND object_key = :object_key AND current
""")

_SHOWING = sa.text("""
SELECT b.publication_id, b.version, CAST(b.state AS text) AS state
FROM publication AS b
WHERE b.collection_id = :collection_id AND b.state IN ('current', 'superseded')
  AND EXISTS (SELECT FROM publication_photo AS pp JOIN photo AS p USING (photo_id)
              JOIN withdrawal AS w ON w.collection_id = p.collection_id AND w.object_key = p.object_key
                                  AND w.lifted_at IS NULL
              WHERE pp.publication_id = b.publication_id AND pp.shown_as IN ('restored', 'original'))
ORDER BY b.version
""")


@dataclass(frozen=True)
class Withdrawal:
    """What was withdrawn, or lifted. ``elsewhere``: (collection, key) of the same picture in other collections."""

    keys: tuple[str, ...]
    elsewhere: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ShowingVersion:
    """A version of the archive that still shows a withdrawn photograph; ``state`` is current or superseded."""

    publication_id: int
    version: int
    state: str


def withdraw(conn: sa.Connection, collection_id: int, object_key: str, *, reason: str, person: str) -> Withdrawal:
    """Withdraw a scan, its twins, and all pages of both, with one event each.

    What is withdrawn already stays as it was recorded.

    :param reason: published in the photograph's place: it should name nobody who does not want to be named.
    :param person: who puts it on record; not published.
    :raises UsageError: no such scan, or an empty reason or person.
    """
    if not reason.strip() or not person.strip():
        raise UsageError("a withdrawal says why, in words that may be published, and who put it on record")
    names = {"collection_id": collection_id, "object_key": object_key}
    keys = _keys(conn, names)
    values = names | {"reason": clean_text(reason.strip()), "person": clean_text(person.strip()), "keys": keys}
    added = tuple(conn.execute(_ADD, values).scalars())
    elsewhere = tuple((row.name, row.object_key) for row in conn.execute(_ELSEWHERE, names))
    for key in sorted(added):
        _tell(conn, collection_id, key, person, {"reason": reason.strip()})
    return Withdrawal(tuple(sorted(added)), elsewhere)


def lift(conn: sa.Connection, collection_id: int, object_key: str, *, person: str) -> Withdrawal:
    """Take back the withdrawal of a scan, its twins, and all pages of both, with one event each.

    :raises UsageError: no such scan, it is not withdrawn, or nobody is named.
    """
    if not person.strip():
        raise UsageError("say who lifts the withdrawal")
    names = {"collection_id": collection_id, "object_key": object_key}
    values = {"collection_id": collection_id, "keys": _keys(conn, names), "person": clean_text(person.strip())}
    lifted = tuple(sorted(conn.execute(_LIFT, values).scalars()))
    if not lifted:
        raise UsageError("it is not withdrawn", photo=object_key)
    for key in lifted:
        _tell(conn, collection_id, key, person, {"lifted": True})
    return Withdrawal(lifted)


def withdraw_with(
    conn: sa.Connection, collection_id: int, object_key: str, keys: list[str], *, person: str
) -> list[str]:
    """Withdraw photographs for the reason of a scan that is withdrawn; which of them were not. No event is appended."""
    values = {"collection_id": collection_id, "object_key": object_key, "keys": keys, "person": person}
    return sorted(conn.execute(_ADD_WITH, values).scalars())


def withdraw_twins(conn: sa.Connection, collection_id: int) -> list[str]:
    """Withdraw what turned out to have the content of a withdrawn photograph since that was withdrawn, with one event
    each; returns the keys. What is refused in another collection (:func:`refused_elsewhere`) goes too.
    """
    added = []
    for row in conn.execute(_LATE_TWINS, {"collection_id": collection_id}).all():
        for key in withdraw_with(conn, collection_id, row.because_of, [row.object_key], person=TWINS):
            tell_withdrawn(conn, collection_id, [key], person=TWINS, because_of=row.because_of)
            added.append(key)
    for row in conn.execute(_REFUSED_ELSEWHERE, {"collection_id": collection_id}).all():
        values = {"collection_id": collection_id, "keys": [row.object_key], "reason": ELSEWHERE, "person": TWINS}
        for key in conn.execute(_ADD, values).scalars().all():
            tell_withdrawn(conn, collection_id, [key], person=TWINS, because_of=f"collection {row.collection}")
            added.append(key)
    return added


def refused_elsewhere(conn: sa.Connection, collection_id: int, contents: Mapping[str, str]) -> dict[str, str]:
    """Return, of photographs that have just been read, those whose content people refused in another collection.

    It is withdrawn there, or the collection's consent is refused; and nobody lifted the withdrawal here since.

    :param contents: identity of the content by key.
    :returns: name of that collection by key.
    """
    values = {"collection_id": collection_id, "keys": list(contents), "contents": list(contents.values())}
    return {row.key: row.collection for row in conn.execute(_OF_CONTENT, values) if row.collection is not None}


def tell_withdrawn(conn: sa.Connection, collection_id: int, keys: list[str], *, person: str, because_of: str) -> None:
    """Append the events of photographs that were withdrawn together with something else."""
    for key in keys:
        _tell(conn, collection_id, key, person, {"because_of": because_of})


def versions_showing_withdrawn(conn: sa.Connection, collection_id: int) -> list[ShowingVersion]:
    """Versions of the archive whose files are there and show a photograph that is withdrawn, by number."""
    rows = conn.execute(_SHOWING, {"collection_id": collection_id})
    return [ShowingVersion(**row._mapping) for row in rows]


def _keys(conn: sa.Connection, names: dict[str, object]) -> list[str]:
    keys = list(conn.execute(_TWINS, names).scalars())
    if not keys:
        raise UsageError(
            "the collection has no scan of that key; `restoration audit photos` lists them",
            photo=str(names["object_key"]),
        )
    return keys


def _tell(conn: sa.Connection, collection_id: int, key: str, person: str, detail: dict[str, object]) -> None:
    names = {"collection_id": collection_id, "object_key": key}
    append_event(
        conn,
        collection_id=collection_id,
        event_type="withdrawal",
        outcome="success",
        agent=clean_text(person.strip()),
        photo_id=conn.execute(_CURRENT_PHOTO, names).scalar_one_or_none(),
        detail={"object_key": key, **detail},
    )
