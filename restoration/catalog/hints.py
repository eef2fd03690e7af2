"""Colours that people know: put on record, taken back, listed; and which of them hold for a photograph.

Rows are only added. A hint holds for the scan it was given for, and for scans of the collection with the same bytes; a
replaced scan needs its hints anew, since places may have moved. Each addition and removal is an event of the
collection's chain, which names place, colour and ground, and of the person's words and name only their hash: events
are published, names only where the settings allow it. The ingest's and the publisher's roles are enough for everything
here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa

from restoration.catalog.locks import hold_photos
from restoration.catalog.values import clean_words, to_json
from restoration.catalog.withdrawals import WITHDRAWN
from restoration.colour_hints import MOST_HINTS, ColourHint, HintGround, make_hint
from restoration.errors import UsageError

GivenThrough = Literal["review page", "terminal", "hints.csv"]

MOST_CHARACTERS = 1000
"""Of a name, or of words."""
ADDED = "colour_hint"
REMOVED = "colour_hint_removal"
"""Types of the two events."""

# Photographs are locked before the chain, as everywhere: who holds the end of the chain waits for nobody's photograph.
_PHOTOS = sa.text("""
SELECT photo_id, content_sha256 FROM photo
WHERE collection_id = :collection_id AND object_key = ANY(CAST(:keys AS text[])) AND current
""")

_PHOTO_OF_HINT = sa.text("""
SELECT h.photo_id FROM colour_hint AS h WHERE h.hint_id = :hint_id AND h.collection_id = :collection_id
""")

_WITHDRAWN = sa.text(f"SELECT {WITHDRAWN} FROM photo AS p WHERE p.photo_id = :photo_id")  # noqa: S608 - constant

_KEY = sa.text("SELECT collection_id, object_key FROM photo WHERE photo_id = :photo_id AND current")

_IN_FORCE = sa.text("SELECT cardinality(hints_in_force(p)) FROM photo AS p WHERE p.photo_id = :photo_id")

# In force or taken back: hints.csv is read every night.
_GIVEN = sa.text("""
SELECT p.object_key, p.current, h.outline, h.radius, h.colour, h.subject, CAST(h.ground AS text) AS ground, h.source,
       h.said_by, h.said_on
FROM colour_hint AS h JOIN photo AS p USING (photo_id)
WHERE h.collection_id = :collection_id AND h.given_through = :given_through
  AND (:object_key = '' OR p.object_key = :object_key)
""")

_WORDS = """
encode(sha256(convert_to(CAST(jsonb_build_array(m.subject, m.source, m.said_by, m.said_on) AS text), 'UTF8')), 'hex')
"""

_ADD = sa.text(f"""
WITH new AS (
    SELECT * FROM jsonb_to_recordset(CAST(:hints AS jsonb)) AS n(ordinal integer, outline jsonb,
        radius double precision, colour text, subject text, ground hint_ground, source text, said_by text, said_on text)
), made AS (
    INSERT INTO colour_hint (collection_id, photo_id, source_sha256, outline, radius, colour, subject, ground, source,
                             said_by, said_on, given_through, added_by)
    SELECT :collection_id, :photo_id, :source_sha256, n.outline, n.radius, n.colour, n.subject, n.ground, n.source,
           n.said_by, n.said_on, :given_through, :added_by
    FROM new AS n ORDER BY n.ordinal
    RETURNING hint_id, outline, radius, colour, subject, ground, source, said_by, said_on
), told AS (
    INSERT INTO event (collection_id, event_type, outcome, agent, photo_id, detail)
    SELECT :collection_id, '{ADDED}', 'success', :added_by, :photo_id,
           jsonb_build_object('hint_id', m.hint_id, 'outline', m.outline, 'radius', m.radius, 'colour', m.colour,
                              'ground', m.ground, 'given_through', CAST(:given_through AS text),
                              'words_sha256', {_WORDS})
               || jsonb_strip_nulls(jsonb_build_object('way', NULLIF(CAST(:way AS text), '')))
    FROM made AS m ORDER BY m.hint_id
)
SELECT hint_id FROM made ORDER BY hint_id
""")  # noqa: S608 - constant parts

_REMOVE = sa.text(f"""
WITH made AS (
    INSERT INTO colour_hint_removal (hint_id, reason, removed_by)
    SELECT h.hint_id, :reason, :person FROM colour_hint AS h
    WHERE h.hint_id = :hint_id AND h.collection_id = :collection_id
    ON CONFLICT (hint_id) DO NOTHING
    RETURNING hint_id
)
INSERT INTO event (collection_id, event_type, outcome, agent, photo_id, detail)
SELECT h.collection_id, '{REMOVED}', 'success', :person, h.photo_id, jsonb_build_object('hint_id', h.hint_id)
FROM made JOIN colour_hint AS h USING (hint_id)
RETURNING seq
""")  # noqa: S608 - constant parts

_SHOWN = """
(h.hint_id = ANY (p.hint_ids)
 AND EXISTS (SELECT FROM restoration AS r JOIN step_record AS s USING (restoration_id)
              WHERE r.restoration_id = p.restoration_id AND r.variant LIKE '%hinted' AND s.step = 'colorize'
                AND s.status = 'applied'))
"""

_LIST = """
SELECT h.hint_id, p.photo_id, p.object_key, h.outline, h.radius, h.colour, h.subject, CAST(h.ground AS text) AS ground,
       h.source, h.said_by, h.said_on, h.given_through, h.added_by, h.added_at, e.removed_at,
       {holds} AS holds, {shown} AS shown, h.hint_id = ANY (p.hint_ids) AS met
FROM colour_hint AS h
JOIN photo AS p ON p.photo_id = h.photo_id
LEFT JOIN colour_hint_removal AS e USING (hint_id)
WHERE {which} AND (:removed OR e.hint_id IS NULL)
ORDER BY p.object_key, h.hint_id
"""

_OF_COLLECTION = sa.text(
    _LIST.format(
        holds="e.hint_id IS NULL AND p.current",
        shown=_SHOWN,
        which="h.collection_id = :collection_id AND (:object_key = '' OR p.object_key = :object_key)",
    )
)

_OF_PHOTO = sa.text(f"""
SELECT h.hint_id, p.photo_id, p.object_key, h.outline, h.radius, h.colour, h.subject, CAST(h.ground AS text) AS ground,
       h.source, h.said_by, h.said_on, h.given_through, h.added_by, h.added_at, CAST(NULL AS timestamptz) AS removed_at,
       true AS holds, {_SHOWN} AS shown, h.hint_id = ANY (p.hint_ids) AS met
FROM photo AS p
JOIN colour_hint AS h ON h.hint_id = ANY (hints_in_force(p))
WHERE p.photo_id = :photo_id ORDER BY h.hint_id
""")  # noqa: S608 - constant condition

_COLOURS = sa.text("""
SELECT colour, subject FROM (
    SELECT DISTINCT ON (h.colour) h.colour, h.subject, h.hint_id FROM colour_hint AS h
    WHERE h.collection_id = :collection_id
      AND NOT EXISTS (SELECT FROM colour_hint_removal AS e WHERE e.hint_id = h.hint_id)
    ORDER BY h.colour, h.hint_id DESC) AS given
ORDER BY hint_id DESC LIMIT :limit
""")

_PAINTED = sa.text("""
SELECT h.hint_id, h.outline, h.radius, h.colour FROM colour_hint AS h
WHERE h.hint_id = ANY(CAST(:hint_ids AS bigint[])) ORDER BY h.hint_id
""")


@dataclass(frozen=True)
class NewHint:
    """A colour and its ground, before it is on record. Names and words as people wrote them."""

    hint: ColourHint
    ground: HintGround
    said_by: str
    subject: str = ""
    source: str = ""
    said_on: str = ""


@dataclass(frozen=True)
class KnownHint:
    """A hint on record. ``holds``: not taken back, and the scan is still the current one; ``shown``: the restoration
    that the photograph shows was painted by it; ``met``: the last run knew it, painted or not.
    """

    hint_id: int
    photo_id: int
    object_key: str
    hint: ColourHint
    subject: str
    ground: HintGround
    source: str
    said_by: str
    said_on: str
    given_through: GivenThrough
    added_by: str
    added_at: datetime
    removed_at: datetime | None
    holds: bool
    shown: bool
    met: bool


@dataclass(frozen=True)
class GivenColour:
    """A colour that somebody gave (``#rrggbb``), and what had it when it was last given; that may be empty."""

    colour: str
    subject: str


def add_hints(
    conn: sa.Connection,
    collection_id: int,
    object_key: str,
    hints: Iterable[NewHint],
    *,
    given_through: GivenThrough,
    person: str,
    once: bool = False,
    way: str = "",
) -> list[int]:
    """Put hints for the current scan of a key on record, with one event each; returns their numbers.

    Call it last in a transaction: the end of the collection's chain is locked from there.

    :param person: who puts them on record.
    :param way: how that person signed in to the review page (``airflow``, or ``token`` with a name that nobody
        checked), for the event; empty elsewhere.
    :param once: leave out those that were given in the same way before, also if they were taken back since.
    :raises UsageError: no such scan, nobody says so, or more than 64 hints would hold for it.
    """
    if given_through not in get_args(GivenThrough):
        raise UsageError(f"hints are not given through {given_through!r}")
    new = [as_recorded(one) for one in hints]
    lock_photos(conn, collection_id, [object_key])
    # asked again: what was the current scan before the lock may have been replaced
    photo = conn.execute(_PHOTOS, {"collection_id": collection_id, "keys": [object_key]}).one_or_none()
    if photo is None:
        raise UsageError(
            "the collection has no current scan of that key; `restoration audit photos` lists them", photo=object_key
        )
    if not clean_words(person) or any(not one.said_by for one in new):
        raise UsageError("a hint says who knows the colour, and who put it on record", photo=object_key)
    if conn.execute(_WITHDRAWN, {"photo_id": photo.photo_id}).scalar_one():
        raise UsageError("the photograph was withdrawn: nothing is painted", photo=object_key)
    if once:
        # asked for after the photograph was locked: another reader of the same list has finished by now
        given = given_before(conn, collection_id, given_through, object_key=object_key)
        new = [one for one in dict.fromkeys(new) if not given.get((object_key, one))]
    else:
        _refuse_twins(conn, photo.photo_id, new, object_key)
    held = int(conn.execute(_IN_FORCE, {"photo_id": photo.photo_id}).scalar_one())
    if new and held + len(new) > MOST_HINTS:
        message = f"{held} hints hold, and {len(new)} more were given; a photograph has at most {MOST_HINTS}"
        raise UsageError(message, photo=object_key)
    values = {
        "collection_id": collection_id,
        "photo_id": photo.photo_id,
        "source_sha256": photo.content_sha256,
        "given_through": given_through,
        "way": way,
        "added_by": clean_words(person),
        "hints": to_json([_row(number, one) for number, one in enumerate(new)]),
    }
    return [int(number) for number in conn.execute(_ADD, values).scalars()]


def lock_photos(conn: sa.Connection, collection_id: int, keys: Iterable[str]) -> None:
    """Lock the current scans of several keys, in one order for everybody, before hints for more than one are added."""
    rows = conn.execute(_PHOTOS, {"collection_id": collection_id, "keys": sorted(set(keys))})
    hold_photos(conn, [int(row.photo_id) for row in rows])


def _refuse_twins(conn: sa.Connection, photo_id: int, new: Sequence[NewHint], key: str) -> None:
    """:raises UsageError: one of them holds already: taking it back would leave its twin."""
    for known in hints_of_photo(conn, photo_id):
        words = {"said_by": known.said_by, "subject": known.subject, "source": known.source, "said_on": known.said_on}
        if NewHint(known.hint, known.ground, **words) in new:
            raise UsageError(f"the same is on record already as hint {known.hint_id}", photo=key)


def _row(number: int, new: NewHint) -> dict[str, Any]:
    return {
        "ordinal": number,
        "outline": [list(point) for point in new.hint.outline],
        "radius": new.hint.radius,
        "colour": new.hint.colour,
        "ground": str(new.ground),
        "said_by": new.said_by,
        "subject": new.subject,
        "source": new.source,
        "said_on": new.said_on,
    }


def as_recorded(new: NewHint) -> NewHint:
    """The hint with its words as they will be on record (:func:`restoration.catalog.values.clean_words`).

    :raises UsageError: some are longer than 1000 characters.
    """
    words = (new.said_by, new.subject, new.source, new.said_on)
    said_by, subject, source, said_on = (clean_words(text) for text in words)
    if max(map(len, (said_by, subject, source, said_on))) > MOST_CHARACTERS:
        raise UsageError(f"names and words of a hint have at most {MOST_CHARACTERS} characters each")
    return replace(new, said_by=said_by, subject=subject, source=source, said_on=said_on)


def given_before(
    conn: sa.Connection, collection_id: int, given_through: GivenThrough, *, object_key: str = ""
) -> dict[tuple[str, NewHint], bool]:
    """What was given in one way, in force or taken back, by key and hint; False if it was for a scan that has been
    replaced since.
    """
    values = {"collection_id": collection_id, "given_through": given_through, "object_key": object_key}
    given: dict[tuple[str, NewHint], bool] = {}
    for row in conn.execute(_GIVEN, values):
        words = {name: getattr(row, name) for name in ("said_by", "subject", "source", "said_on")}
        place = (row.object_key, NewHint(_colour(row), HintGround(row.ground), **words))
        given[place] = given.get(place, False) or bool(row.current)
    return given


def remove_hint(conn: sa.Connection, collection_id: int, hint_id: int, *, person: str, reason: str = "") -> bool:
    """Take a hint back, with one event; False if it was taken back already. Call it last in a transaction.

    :raises UsageError: the collection has no such hint, or nobody is named.
    """
    if not clean_words(person):
        raise UsageError("say who takes the hint back")
    names = {"collection_id": collection_id, "hint_id": hint_id}
    photo_id = conn.execute(_PHOTO_OF_HINT, names).scalar()
    if photo_id is None:
        raise UsageError(f"the collection has no hint {hint_id}; `restoration hint list` shows them")
    hold_photos(conn, [int(photo_id)])
    values = names | {"person": clean_words(person), "reason": clean_words(reason)}
    return conn.execute(_REMOVE, values).first() is not None


def list_hints(
    conn: sa.Connection, collection_id: int, *, object_key: str = "", removed: bool = False
) -> list[KnownHint]:
    """Hints of a collection by key and number, or of one key; those taken back only if ``removed``."""
    values = {"collection_id": collection_id, "object_key": object_key, "removed": removed}
    return [_known(row) for row in conn.execute(_OF_COLLECTION, values)]


def hints_of_photo(conn: sa.Connection, photo_id: int) -> list[KnownHint]:
    """The hints that hold for a photograph, those of its twins too, in the order in which they were given."""
    return [_known(row) for row in conn.execute(_OF_PHOTO, {"photo_id": photo_id})]


def given_colours(conn: sa.Connection, collection_id: int, *, limit: int) -> list[GivenColour]:
    """Colours of the hints of a collection that were not taken back, each once, the last given first."""
    rows = conn.execute(_COLOURS, {"collection_id": collection_id, "limit": limit})
    return [GivenColour(row.colour, row.subject) for row in rows]


def key_of_photo(conn: sa.Connection, photo_id: int) -> tuple[int, str]:
    """Collection and key of a current photograph.

    :raises UsageError: there is no such photograph, or it was replaced.
    """
    row = conn.execute(_KEY, {"photo_id": photo_id}).one_or_none()
    if row is None:
        raise UsageError(f"there is no current photograph {photo_id}; list the collection again")
    return int(row.collection_id), str(row.object_key)


def colours_of(conn: sa.Connection, hint_ids: Sequence[int]) -> tuple[ColourHint, ...]:
    """Place and colour of hints by their numbers: what a colorizer is told."""
    if not hint_ids:
        return ()
    rows = conn.execute(_PAINTED, {"hint_ids": list(hint_ids)})
    return tuple(_colour(row) for row in rows)


def _known(row: sa.Row[Any]) -> KnownHint:
    facts = dict(row._mapping)
    hint = _colour(row)
    for part in ("outline", "radius", "colour"):
        del facts[part]
    return KnownHint(hint=hint, **{**facts, "ground": HintGround(row.ground)})


def _colour(row: sa.Row[Any]) -> ColourHint:
    return make_hint(tuple((float(x), float(y)) for x, y in row.outline), row.colour, float(row.radius))
