"""The door to Postgres: engines with the settings that every process of the project wants."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from restoration.errors import CatalogError
from restoration.settings import get_settings

SCHEMA = "restoration"


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def make_engine(
    url: str | SecretStr | None = None,
    *,
    statement_timeout_s: float | None = None,
    application_name: str = "restoration",
    pool_size: int = 5,
) -> sa.Engine:
    """An engine whose connections look into schema ``restoration`` first, and are checked before use.

    :param url: SQLAlchemy address; the setting ``database_url`` where None.
    :param statement_timeout_s: seconds after which Postgres gives up a statement; no limit where None.
    :raises CatalogError: no address is set, it cannot be parsed, or the server does not answer or refuses the login.
    """
    address = _address(url)
    options = f"-c search_path={SCHEMA},public -c timezone=UTC"
    if statement_timeout_s is not None:
        options += f" -c statement_timeout={int(statement_timeout_s * 1000)}"
    try:
        engine = sa.create_engine(
            address,
            pool_pre_ping=True,
            pool_size=pool_size,
            json_serializer=_dumps,
            connect_args={"options": options, "connect_timeout": 10, "application_name": application_name},
        )
    except (sa.exc.ArgumentError, ImportError) as error:
        raise CatalogError("the catalog's address is not one that SQLAlchemy can use") from error
    check_reachable(engine)
    return engine


def _address(url: str | SecretStr | None) -> str:
    value = url if url is not None else get_settings().database_url
    if value is None:
        raise CatalogError("no catalog is set; give RESTORATION_DATABASE_URL")
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def check_reachable(engine: sa.Engine) -> None:
    """Ask the server one question.

    :raises CatalogError: it does not answer or refuses the login (the message never holds the password).
    """
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    except sa.exc.OperationalError as error:
        engine.dispose()
        where = f"{engine.url.host}:{engine.url.port}/{engine.url.database}"
        cause = str(error.orig).strip().splitlines()[0] if error.orig else "no answer"
        raise CatalogError(f"the catalog at {where} cannot be used: {cause}") from error
