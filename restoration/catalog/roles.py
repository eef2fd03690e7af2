"""Group roles of least privilege, and the logins that are members of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg2 import sql
from pydantic import SecretStr

from restoration.catalog.files import sql_dir
from restoration.errors import CatalogError, UsageError

GROUPS = (
    "restoration_owner",
    "restoration_ingest",
    "restoration_worker",
    "restoration_publisher",
    "restoration_auditor",
)

_ROLES = sa.text("""
SELECT r.rolname AS name, coalesce(shobj_description(r.oid, 'pg_authid'), '') AS purpose,
       coalesce(string_agg(m.rolname, ', ' ORDER BY m.rolname), '') AS members
FROM pg_roles r
LEFT JOIN pg_auth_members a ON a.roleid = r.oid
LEFT JOIN pg_roles m ON m.oid = a.member
WHERE r.rolname = ANY(:groups)
GROUP BY r.oid, r.rolname
ORDER BY r.rolname
""")


@dataclass(frozen=True)
class GroupRole:
    """A group role, what it is for, and the logins in it."""

    name: str
    purpose: str
    members: str


def list_roles(conn: sa.Connection) -> list[GroupRole]:
    """The group roles that this server has."""
    return [GroupRole(**row._mapping) for row in conn.execute(_ROLES, {"groups": list(GROUPS)})]


def ensure_roles(conn: sa.Connection) -> None:
    """Make the group roles where they are missing, and let the owner make schemas in this database.

    :raises CatalogError: roles are missing and this login may not make them.
    """
    try:
        with conn.begin_nested():
            conn.exec_driver_sql((sql_dir() / "roles.sql").read_text(encoding="utf-8").replace("%", "%%"))
    except sa.exc.ProgrammingError as error:
        if len(list_roles(conn)) < len(GROUPS):
            raise CatalogError(
                "the catalog's group roles are missing and this login may not make them; run "
                "`restoration catalog migrate` once as a login with CREATEROLE, or sql/roles.sql as superuser"
            ) from error


def ensure_login(conn: sa.Connection, name: str, groups: Sequence[str], password: SecretStr) -> None:
    """Make a login, or give it a new password, and put it into group roles.

    :param groups: group roles, with or without the prefix ``restoration_``.
    :raises UsageError: there is no such group role.
    """
    full = [group if group.startswith("restoration_") else f"restoration_{group}" for group in groups]
    unknown = sorted(set(full) - set(GROUPS))
    if unknown:
        raise UsageError(f"there is no group role {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    exists = conn.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}).scalar()
    role = sql.Identifier(name)
    words = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}" if exists else "CREATE ROLE {} LOGIN PASSWORD {}")
    _execute(conn, words.format(role, sql.Literal(password.get_secret_value())))
    for group in full:
        _execute(conn, sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), role))


def _execute(conn: sa.Connection, statement: sql.Composable) -> None:
    """Role statements take no bound parameters: run them with quoted names, past SQLAlchemy and so past its log."""
    with closing(conn.connection.cursor()) as cursor:
        cursor.execute(statement)
