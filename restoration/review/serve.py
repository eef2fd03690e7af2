"""Running the review page."""

from __future__ import annotations

from restoration.catalog.database import make_engine
from restoration.review.app import create_app
from restoration.review.config import review_config
from restoration.review.server import make_server
from restoration.review.service import make_service
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore, make_client

STATEMENT_SECONDS = 30.0
_POOL = 10


def serve(settings: Settings) -> None:
    """Serve until the process is told to stop.

    :raises SettingsError: there is no way to sign in, or a setting makes no sense.
    :raises CatalogError: the catalog is out of reach or refuses the login.
    """
    config = review_config(settings)
    engine = make_engine(
        settings.database_url,
        statement_timeout_s=STATEMENT_SECONDS,
        application_name="restoration-review",
        pool_size=_POOL,
    )
    try:
        app = create_app(make_service(config, engine, ObjectStore(make_client(settings))))
        make_server(app, host=settings.review_host, port=settings.review_port, proxies=settings.review_proxies).run()
    finally:
        engine.dispose()
