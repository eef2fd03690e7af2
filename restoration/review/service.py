"""What the review page's requests share: the catalog, the pictures, and who may come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Request

from restoration.review.brake import Brake
from restoration.review.config import ReviewConfig
from restoration.review.pictures import Pictures
from restoration.review.sessions import COOKIE, Session, Sessions
from restoration.review.signin import SignIn
from restoration.storage.s3 import ObjectStore


@dataclass(frozen=True)
class Service:
    """One running review page."""

    config: ReviewConfig
    engine: sa.Engine
    pictures: Pictures
    sessions: Sessions
    sign_in: SignIn


def make_service(config: ReviewConfig, engine: sa.Engine, store: ObjectStore) -> Service:
    """A service.

    :param engine: the catalog, with a login of the publisher's role.
    :param store: S3, with a login that may read the bucket for restored photographs.
    """
    return Service(
        config=config,
        engine=engine,
        pictures=Pictures(store, config.restored_bucket),
        sessions=Sessions(config.key, config.session_seconds),
        sign_in=SignIn(config, Brake()),
    )


def get_service(request: Request) -> Service:
    """The service of the application that a request came to."""
    service: Service = request.app.state.service
    return service


ServiceOf = Annotated[Service, Depends(get_service)]


def get_session(request: Request, service: ServiceOf) -> Session:
    """The session that a request belongs to.

    :raises Refusal: 401.
    """
    return service.sessions.read(request.cookies.get(COOKIE))


SessionOf = Annotated[Session, Depends(get_session)]
