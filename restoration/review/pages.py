"""The review page itself: one HTML document for every address, and the files that it loads."""

from __future__ import annotations

import hashlib
import html
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from restoration.review.refusals import not_found

_MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_ROOT_MARK = "{{root}}"


@dataclass(frozen=True)
class _Asset:
    data: bytes
    media_type: str
    etag: str


def _assets() -> dict[str, _Asset]:
    found = {}
    for entry in (files("restoration.review") / "site").iterdir():
        media_type = _MEDIA_TYPES.get(entry.name.rpartition(".")[2])
        if media_type is not None:
            data = entry.read_bytes()
            found[entry.name] = _Asset(data, media_type, f'"{hashlib.sha256(data).hexdigest()[:32]}"')
    return found


def make_router(root: str) -> APIRouter:
    """The routes of the page.

    :param root: path that a proxy puts in front, without a trailing slash.
    """
    router = APIRouter(include_in_schema=False)
    text = (files("restoration.review") / "site" / "index.html").read_text(encoding="utf-8")
    page = text.replace(_ROOT_MARK, html.escape(root, quote=True))
    assets = _assets()

    def index() -> HTMLResponse:
        return HTMLResponse(page)

    for path in ("/", "/collections/{name}", "/collections/{name}/contact-sheet", "/photos/{photo_id}"):
        router.add_api_route(path, index, methods=["GET", "HEAD"], response_class=HTMLResponse)

    @router.get("/assets/{name}")
    def asset(name: str, request: Request) -> Response:
        found = assets.get(name)
        if found is None:
            raise not_found(f"file {name!r}")
        headers: dict[str, Any] = {"etag": found.etag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        return Response(found.data, media_type=found.media_type, headers=headers)

    return router
