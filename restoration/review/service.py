"""What the review page's requests share: the catalog, the pictures, and who may come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Request
from pydantic import SecretStr

from restoration.catalog.review_sessions import is_open
from restoration.review.brake import Brake
from restoration.review.config import ReviewConfig
from restoration.review.painting import Painter
from restoration.review.pictures import Pictures
from restoration.review.refusals import not_signed_in
from restoration.review.sessions import COOKIE, Session, Sessions
from restoration.review.signin import SignIn
from restoration.storage.s3 import ObjectStore


@dataclass(frozen=True)
class Service:
    """One running review page. ``painter`` paints previews of colours; None where there is none."""

    config: ReviewConfig
    engine: sa.Engine
    pictures: Pictures
    sessions: Sessions
    sign_in: SignIn
    painter: Painter | None = None


def make_service(config: ReviewConfig, engine: sa.Engine, store: ObjectStore) -> Service:
    """A service.

    :param engine: the catalog, with a login of the reviewer's role.
    :param store: S3, with a login that may read the bucket for restored photographs.
    """
    return Service(
        config=config,
        engine=engine,
        pictures=Pictures(store, config.restored_bucket),
        sessions=Sessions(_session_key(config), config.session_seconds),
        sign_in=SignIn(config, Brake()),
        painter=Painter(config.painter_url) if config.painter_url else None,
    )


def _session_key(config: ReviewConfig) -> SecretStr:
    """A key that changes with the token too: whoever came in by an old token is out when there is a new one."""
    token = config.token.get_secret_value() if config.token else ""
    return SecretStr(f"{config.key.get_secret_value()}\n{token}")


def get_service(request: Request) -> Service:
    """The service of the application that a request came to."""
    service: Service = request.app.state.service
    return service


ServiceOf = Annotated[Service, Depends(get_service)]


def get_session(request: Request, service: ServiceOf) -> Session:
    """The session that a request belongs to.

    :raises Refusal: 401: nobody is signed in, or no longer.
    """
    session = service.sessions.read(request.cookies.get(COOKIE))
    if not service.config.admits(session.way, session.person):
        raise not_signed_in()
    with service.engine.connect() as connection:
        if not is_open(connection, session.number):
            raise not_signed_in()
    return session


SessionOf = Annotated[Session, Depends(get_session)]
