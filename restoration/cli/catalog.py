"""Commands of ``restoration catalog``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import sqlalchemy as sa

catalog = typer.Typer(help="Look after the catalog's schema and roles.", no_args_is_help=True)

PASSWORD_VARIABLE = "RESTORATION_LOGIN_PASSWORD"  # noqa: S105 - the name of a variable


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(catalog, name="catalog")


@contextmanager
def _engine() -> Iterator[sa.Engine]:
    from restoration.catalog.database import make_engine

    engine = make_engine(application_name="restoration-catalog")
    try:
        yield engine
    finally:
        engine.dispose()


@catalog.command()
def migrate(
    target: Annotated[str | None, typer.Option(help="Stop after this migration.")] = None,
) -> None:
    """Bring the database to the schema of this version. Safe to run again, and by two at once."""
    from restoration.catalog.migrations import migrate as run

    with _engine() as engine:
        applied = run(engine, target=target)
    typer.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")


@catalog.command()
def status() -> None:
    """Show which migrations the database went through. Exit code 1 where some are missing."""
    from restoration.catalog.migrations import status as ask
    from restoration.cli.audit import Format, show

    with _engine() as engine:
        found = ask(engine)
    show(["migration", "applied_at"], [(m.name, m.applied_at or "missing") for m in found], Format.TABLE)
    if any(m.applied_at is None for m in found):
        raise typer.Exit(1)


@catalog.command()
def roles() -> None:
    """Show the group roles, what each may do, and which logins are members."""
    from restoration.catalog.roles import list_roles
    from restoration.cli.audit import Format, show

    with _engine() as engine, engine.connect() as conn:
        found = list_roles(conn)
    show(["role", "purpose", "members"], [(r.name, r.purpose, r.members) for r in found], Format.TABLE)


@catalog.command()
def login(
    name: Annotated[str, typer.Argument(help="Login to make, or to bring up to date.")],
    group: Annotated[
        list[str],
        typer.Option(
            help="Group role: owner, ingest, worker, publisher, curator, reviewer, auditor. Repeatable; it leaves all "
            "others."
        ),
    ],
) -> None:
    """Make a login and put it into group roles. Its password is read from RESTORATION_LOGIN_PASSWORD."""
    from pydantic import SecretStr

    from restoration.catalog.roles import ensure_login
    from restoration.errors import UsageError

    password = os.environ.get(PASSWORD_VARIABLE)
    if not password:
        raise UsageError(f"set {PASSWORD_VARIABLE} to the login's password")
    with _engine() as engine, engine.begin() as conn:
        ensure_login(conn, name, group, SecretStr(password))
    typer.echo(f"{name} is a member of {', '.join(group)}")


@catalog.command()
def dictionary() -> None:
    """Print the data dictionary (docs/data-dictionary.md) from the comments in the database."""
    from restoration.catalog.dictionary import data_dictionary

    with _engine() as engine, engine.connect() as conn:
        typer.echo(data_dictionary(conn), nl=False)
