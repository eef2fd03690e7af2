"""The review page as an ASGI application."""

from __future__ import annotations

import logging

import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from restoration import __version__
from restoration.errors import EnvironmentProblem, PhotoRejected, ReasonCode, RestorationError, UsageError
from restoration.review import api, hint_routes, pages, picture_routes
from restoration.review.headers import Guard
from restoration.review.refusals import Refusal
from restoration.review.service import Service

log = logging.getLogger("restoration.review")


def create_app(service: Service) -> ASGIApp:
    """The application, with its guard around it.

    :param service: what its requests share.
    """
    app = FastAPI(
        title="Review of restored photographs",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    for router in (api.router, hint_routes.router, picture_routes.router, pages.make_router(service.config.root)):
        app.include_router(router)
    app.add_exception_handler(RestorationError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(sa.exc.SQLAlchemyError, _catalog)
    app.add_exception_handler(Exception, _unknown)
    return Guard(app, secure=service.config.secure, hosts=service.config.hosts)


def _answer(
    status: int, reason: str, message: str, photo: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    body = {"error": {"reason": reason, "message": message, "photo": photo}}
    return JSONResponse(body, status_code=status, headers=headers)


def _known(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Refusal):
        headers = {"retry-after": str(error.retry_after)} if error.retry_after else None
        return _answer(error.status, error.code, error.message, error.photo, headers)
    if not isinstance(error, RestorationError):
        return _unknown(request, error)
    status = 500
    for kind, number in ((UsageError, 400), (PhotoRejected, 404), (EnvironmentProblem, 503)):
        if isinstance(error, kind):
            status = number
    if status >= 500:
        log.error("%s %s: %s", request.method, request.url.path, error)
    return _answer(status, str(error.reason), error.message, error.photo)


def _invalid(request: Request, error: Exception) -> JSONResponse:
    """What was wrong, without what was given: it may be a password."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    texts = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in found]
    return _answer(422, "invalid_request", "; ".join(texts))


def _http(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = {
        404: ("not_found", "there is nothing at this address"),
        405: ("usage", "this address is not used so"),
        408: ("too_slow", "the rest of the request did not come in time"),
    }
    return _answer(status, *words.get(status, ("usage", "this request was refused")))


def _catalog(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, sa.exc.DataError):
        return _answer(422, "invalid_request", "no photograph, run or collection can have such a name or number")
    log.error("%s %s: %s", request.method, request.url.path, type(error).__name__, exc_info=error)
    return _answer(503, str(ReasonCode.CATALOG_UNAVAILABLE), "the catalog does not answer; try again in a moment")


def _unknown(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _answer(500, "internal", "something went wrong here; the service's log says what")
