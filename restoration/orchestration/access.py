"""Where Airflow's tasks and triggers find Postgres and S3.

Airflow Connections ``restoration_db`` and ``restoration_s3`` come first; where they do not exist, the settings of the
process do. Addresses are looked up where they are used and never travel through XCom, task arguments or logs.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from restoration.errors import SettingsError
from restoration.settings import get_settings

if TYPE_CHECKING:
    import sqlalchemy

    from restoration.storage.s3 import ObjectStore

DB_CONNECTION = "restoration_db"
S3_CONNECTION = "restoration_s3"
LOOKUP_SECONDS = 10.0
"""How long a trigger waits for Airflow to answer a connection look-up before it takes the settings instead."""


def database_url() -> sqlalchemy.URL:
    """Address of the catalog, for tasks.

    :raises SettingsError: neither connection nor setting.
    """
    return _url_from(_connection(DB_CONNECTION))


async def async_database_dsn() -> str:
    """Address of the catalog as asyncpg wants it, for triggers.

    Only Airflow's asynchronous look-up is used, with a time limit: the synchronous one can block the event loop of the
    triggerer for ever (apache/airflow#63913).

    :raises SettingsError: neither connection nor setting.
    """
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = await asyncio.wait_for(Connection.async_get(DB_CONNECTION), LOOKUP_SECONDS)
    except (AirflowNotFoundException, TimeoutError):
        found = None
    return _url_from(found).set(drivername="postgresql").render_as_string(hide_password=False)


def make_db_engine() -> sqlalchemy.Engine:
    """SQLAlchemy engine on the catalog, for tasks; the caller disposes of it.

    :raises SettingsError: neither connection nor setting.
    :raises CatalogError: Postgres is out of reach.
    """
    from restoration.catalog.database import make_engine

    return make_engine(database_url().render_as_string(hide_password=False))


def make_store() -> ObjectStore:
    """Object store, for tasks.

    The connection is of Airflow's type ``aws``: login and password are the keys; ``endpoint_url`` and ``region_name``
    stand in its extra field.

    :raises SettingsError: half of a key pair.
    """
    from restoration.storage.s3 import ObjectStore, make_client

    found = _connection(S3_CONNECTION)
    if found is None:
        return ObjectStore(make_client(get_settings()))
    extra = json.loads(found.extra or "{}")
    client = make_client(
        get_settings(),
        endpoint_url=extra.get("endpoint_url"),
        region=extra.get("region_name"),
        access_key_id=found.login or extra.get("aws_access_key_id"),
        secret_access_key=found.password or extra.get("aws_secret_access_key"),
    )
    return ObjectStore(client)


def _connection(conn_id: str) -> Any | None:
    """The Airflow Connection, or None where there is none of that name."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return Connection.get(conn_id)
    except AirflowNotFoundException:
        return None


def _url_from(connection: Any | None) -> sqlalchemy.URL:
    from sqlalchemy import URL, make_url

    if connection is None:
        setting = get_settings().database_url
        if setting is None:
            raise SettingsError(
                f"there is no catalog; create the Airflow Connection {DB_CONNECTION} or set RESTORATION_DATABASE_URL"
            )
        return make_url(setting.get_secret_value())
    extra = json.loads(connection.extra or "{}")
    return URL.create(
        "postgresql+psycopg2",
        username=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        database=connection.schema,
        query={key: str(value) for key, value in extra.items() if key.startswith("ssl")},
    )
