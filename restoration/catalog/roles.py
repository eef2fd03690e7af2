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
    "restoration_curator",
    "restoration_reviewer",
    "restoration_auditor",
)

LIMITS: dict[str, dict[str, str]] = {
    "restoration_worker": {
        "lock_timeout": "5min",
        "statement_timeout": "15min",
        "idle_in_transaction_session_timeout": "15min",
    },
    "restoration_reviewer": {
        "lock_timeout": "10s",
        "statement_timeout": "1min",
        "idle_in_transaction_session_timeout": "1min",
    },
    "restoration_auditor": {
        "lock_timeout": "10s",
        "statement_timeout": "10min",
        "idle_in_transaction_session_timeout": "10min",
        "default_transaction_read_only": "on",
    },
}
"""What Postgres holds a login to that is a member of this one group role: how long it waits for others, how long one
statement may take, and how long a transaction may lie idle and keep its locks. Listings, plans and publications of
large collections take their time in one statement or one transaction, so logins of the other groups have no limits.
"""

_RESET = sorted({name for limits in LIMITS.values() for name in limits})

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
    """Make a login, or give it a new password. It is a member of these group roles afterwards and of no other one of
    the catalog's, and has the limits of :data:`LIMITS`.

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
    held = [group.name for group in list_roles(conn) if name in group.members.split(", ")]
    for statement in membership(name, full, held):
        _execute(conn, statement)


def membership(name: str, groups: Sequence[str], held: Sequence[str] = GROUPS) -> list[sql.Composable]:
    """Return the statements that make an existing login a member of these group roles alone, with their limits.

    :param held: group roles that it may be a member of now.
    """
    role = sql.Identifier(name)
    words: list[sql.Composable] = [
        sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(group), role) for group in held if group not in groups
    ]
    words += [sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), role) for group in groups]
    limits = LIMITS.get(groups[0], {}) if len(groups) == 1 else {}
    for setting in _RESET:
        if setting in limits:
            value = sql.Literal(limits[setting])
            words.append(sql.SQL("ALTER ROLE {} SET {} = {}").format(role, sql.Identifier(setting), value))
        else:
            words.append(sql.SQL("ALTER ROLE {} RESET {}").format(role, sql.Identifier(setting)))
    return words


def _execute(conn: sa.Connection, statement: sql.Composable) -> None:
    """Role statements take no bound parameters: run them with quoted names, past SQLAlchemy and so past its log."""
    with closing(conn.connection.cursor()) as cursor:
        cursor.execute(statement)
