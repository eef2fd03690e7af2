"""Collections: what an archive has entrusted to the system, and under which conditions."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from restoration.catalog.sources import check_source
from restoration.errors import UsageError


@dataclass(frozen=True)
class Collection:
    """One row of table ``collection``."""

    collection_id: int
    name: str
    title: str
    source_uri: str
    recipe: str
    consent: str
    sensitivity: str
    rights: str
    contact: str
    active: bool
    nightly: bool


_COLUMNS = (
    "collection_id, name, title, source_uri, recipe, consent::text, sensitivity::text, rights, contact, active, nightly"
)

_UPSERT = sa.text(f"""
INSERT INTO collection AS c (name, source_uri, recipe, title, consent, sensitivity, rights, contact, active, nightly)
VALUES (:name, :source_uri, :recipe, COALESCE(:title, ''),
        COALESCE(CAST(:consent AS consent), 'unknown'), COALESCE(CAST(:sensitivity AS sensitivity), 'normal'),
        COALESCE(:rights, ''), COALESCE(:contact, ''),
        COALESCE(CAST(:active AS boolean), true), COALESCE(CAST(:nightly AS boolean), false))
ON CONFLICT (name) DO UPDATE SET
    source_uri = EXCLUDED.source_uri,
    recipe = EXCLUDED.recipe,
    title = COALESCE(:title, c.title),
    consent = COALESCE(CAST(:consent AS consent), c.consent),
    sensitivity = COALESCE(CAST(:sensitivity AS sensitivity), c.sensitivity),
    rights = COALESCE(:rights, c.rights),
    contact = COALESCE(:contact, c.contact),
    active = COALESCE(CAST(:active AS boolean), c.active),
    nightly = COALESCE(CAST(:nightly AS boolean), c.nightly),
    updated_at = now()
RETURNING {_COLUMNS}
""")  # noqa: S608 - the column list is a constant


def upsert_collection(
    conn: sa.Connection,
    *,
    name: str,
    source_uri: str,
    recipe: str,
    title: str | None = None,
    consent: str | None = None,
    sensitivity: str | None = None,
    rights: str | None = None,
    contact: str | None = None,
    active: bool | None = None,
    nightly: bool | None = None,
) -> Collection:
    """Register a collection, or bring it up to date; None keeps what is stored (or takes the column's default).

    :raises UsageError: a name, address or word that the catalog's rules refuse, or a source that may not be one
        (:func:`restoration.catalog.sources.check_source`).
    """
    check_source(conn, name, source_uri)
    values = {
        "name": name,
        "source_uri": source_uri,
        "recipe": recipe,
        "title": title,
        "consent": consent,
        "sensitivity": sensitivity,
        "rights": rights,
        "contact": contact,
        "active": active,
        "nightly": nightly,
    }
    try:
        with conn.begin_nested():
            row = conn.execute(_UPSERT, values).one()
    except (sa.exc.IntegrityError, sa.exc.DataError) as error:
        cause = str(error.orig).strip().splitlines()[0]
        raise UsageError(f"collection {name!r} cannot be registered: {cause}") from error
    return Collection(**row._mapping)


def get_collection(conn: sa.Connection, name: str) -> Collection:
    """The collection of that name.

    :raises UsageError: there is none; the message names those that exist.
    """
    query = sa.text(f"SELECT {_COLUMNS} FROM collection WHERE name = :name")  # noqa: S608 - constant columns
    row = conn.execute(query, {"name": name}).one_or_none()
    if row is None:
        known = conn.execute(sa.text("SELECT name FROM collection ORDER BY name LIMIT 20")).scalars().all()
        raise UsageError(f"there is no collection {name!r}; known are: {', '.join(known) or 'none'}")
    return Collection(**row._mapping)


def nightly_collections(conn: sa.Connection) -> list[Collection]:
    """Active collections that are to be restored every night, by name."""
    query = f"SELECT {_COLUMNS} FROM collection WHERE active AND nightly ORDER BY name"  # noqa: S608 - constant columns
    return [Collection(**row._mapping) for row in conn.execute(sa.text(query))]


def list_collections(conn: sa.Connection) -> list[Collection]:
    """Every collection, by name."""
    rows = conn.execute(sa.text(f"SELECT {_COLUMNS} FROM collection ORDER BY name"))  # noqa: S608 - constant columns
    return [Collection(**row._mapping) for row in rows]
