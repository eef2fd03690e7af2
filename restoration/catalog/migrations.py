"""The migration runner: numbered SQL files, each applied once, in order, under a lock, with its hash on record."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from restoration.catalog.files import sql_dir
from restoration.catalog.locks import waiting
from restoration.catalog.roles import ensure_roles
from restoration.errors import CatalogError, UsageError

_LOCK = 7_304_211_905_511_001
_NAME = re.compile(r"[0-9]{4}_[a-z0-9_]+")


@dataclass(frozen=True)
class Migration:
    """One file of sql/migrations: its name without ending, its text and the text's sha256."""

    name: str
    body: str
    sha256: str


@dataclass(frozen=True)
class MigrationStatus:
    """A migration and whether this database went through it: ``applied_at`` is None where it did not."""

    name: str
    sha256: str
    applied_at: object | None


def load_migrations(folder: Path | None = None) -> list[Migration]:
    """The migration files, in order.

    :raises CatalogError: a file's name is not of the form 0001_words.sql, or a number is missing or double.
    """
    files = sorted((folder or sql_dir() / "migrations").glob("*.sql"))
    found = []
    for number, path in enumerate(files, start=1):
        if not _NAME.fullmatch(path.stem) or int(path.stem[:4]) != number:
            raise CatalogError(f"migration {path.name} is out of order: number {number:04d} was expected")
        data = path.read_bytes()
        found.append(Migration(path.stem, data.decode(), hashlib.sha256(data).hexdigest()))
    return found


def expected_version() -> str:
    """Name of the last migration that this software knows."""
    return load_migrations()[-1].name


def status(engine: sa.Engine, folder: Path | None = None) -> list[MigrationStatus]:
    """Every known migration, and when this database went through it.

    :raises CatalogError: the database went through something else than these files.
    """
    migrations = load_migrations(folder)
    with engine.connect() as conn:
        applied = _applied(conn)
    _check(migrations, {name: sha for name, (sha, _) in applied.items()})
    return [MigrationStatus(m.name, m.sha256, applied[m.name][1] if m.name in applied else None) for m in migrations]


def migrate(engine: sa.Engine, *, target: str | None = None, folder: Path | None = None) -> list[str]:
    """Apply what is missing, up to ``target`` (a migration's name) or to the end; each file in its own transaction.

    :returns: names of the migrations that were applied, in order.
    :raises UsageError: there is no migration called ``target``.
    :raises CatalogError: a file differs from what was applied, one that was applied is gone, or SQL failed.
    """
    migrations = load_migrations(folder)
    names = [m.name for m in migrations]
    if target is not None and target not in names:
        raise UsageError(f"there is no migration {target!r}; the last one is {names[-1]}")
    wanted = migrations if target is None else migrations[: names.index(target) + 1]
    with _locked(engine) as conn:
        with conn.begin():
            ensure_roles(conn)
            applied = {name: sha for name, (sha, _) in _applied(conn).items()}
        _check(migrations, applied)
        missing = [m for m in wanted if m.name not in applied]
        for migration in missing:
            _apply(conn, migration)
    return [m.name for m in missing]


@contextmanager
def _locked(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that holds the migration lock: a second runner waits and then finds nothing to do.

    :raises CatalogError: it waited for longer than the setting ``lock_seconds``.
    """
    with engine.connect() as conn:
        with conn.begin(), waiting(conn, "another process migrates this catalog"):
            conn.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        try:
            yield conn
        finally:
            conn.rollback()
            with conn.begin():
                conn.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})


def _applied(conn: sa.Connection) -> dict[str, tuple[str, object]]:
    if conn.execute(sa.text("SELECT to_regclass('restoration.schema_migration')")).scalar() is None:
        return {}
    rows = conn.execute(sa.text("SELECT name, sha256, applied_at FROM restoration.schema_migration ORDER BY name"))
    return {row.name: (row.sha256, row.applied_at) for row in rows}


def _check(migrations: list[Migration], applied: dict[str, str]) -> None:
    known = {m.name: m.sha256 for m in migrations}
    for name, sha256 in applied.items():
        if name not in known:
            raise CatalogError(
                f"the catalog went through migration {name}, which this software does not have; update it"
            )
        if known[name] != sha256:
            raise CatalogError(
                f"migration {name} is not the file that was applied; restore it and add a new one instead"
            )
    order = [m.name for m in migrations]
    if list(applied) != order[: len(applied)]:
        raise CatalogError("the catalog went through the migrations in another order; restore it from a backup")


def _apply(conn: sa.Connection, migration: Migration) -> None:
    try:
        with conn.begin():
            # everything belongs to the owner role, whoever runs the migration
            conn.execute(sa.text("SET LOCAL ROLE restoration_owner"))
            # past the driver's own placeholders: the files hold percent signs
            with closing(conn.connection.cursor()) as cursor:
                cursor.execute(migration.body)
            conn.execute(
                sa.text("INSERT INTO restoration.schema_migration (name, sha256) VALUES (:name, :sha256)"),
                {"name": migration.name, "sha256": migration.sha256},
            )
    except (sa.exc.DBAPIError, _driver_error()) as error:
        cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise CatalogError(f"migration {migration.name} failed and was rolled back: {cause}") from error


def _driver_error() -> type[Exception]:
    import psycopg2

    failure: type[Exception] = psycopg2.Error
    return failure
