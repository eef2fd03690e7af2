"""What every answer of the review page carries, and what every request must be: plain ASGI, around the application."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSRF_HEADER = "x-restoration-review"
"""A header that a page of another site cannot send; every write must carry it."""

MOST_BODY_BYTES = 64 * 1024
"""Longest body of a request."""

BODY_SECONDS = 20.0
"""How long a body may take to come."""

HEALTH = "/api/health"
"""May be asked for under any name: who watches over the service asks by its address."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

_ALWAYS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-robots-tag": "noindex, nofollow",
}
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Adds the security headers, and turns away what is asked under another name, writes that another site could have
    made, and addresses that no text can hold.

    :param secure: whether the public address is an encrypted one; then browsers are told to stay with that.
    :param hosts: names without port, in small letters, under which it may be asked for.
    """

    def __init__(self, app: ASGIApp, *, secure: bool, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._fixed = _ALWAYS | ({"strict-transport-security": "max-age=31536000"} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._fixed.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await (self._refusal(scope) or self._app)(scope, _in_time(receive), send_with_headers)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if scope["path"] != HEALTH and host_name(headers.get("host", "")) not in self._hosts:
            return _error(
                421,
                "another_host",
                "this page is not asked for under this name (RESTORATION_REVIEW_URL, _REVIEW_HOSTS)",
            )
        if b"\0" in unquote_to_bytes(scope.get("raw_path") or b"") + unquote_to_bytes(scope["query_string"]):
            return _error(400, "usage", "an address holds no NUL bytes")
        return None if scope["method"] in _SAFE_METHODS else _refuse_write(headers)


def host_name(host: str) -> str:
    """The name in a header ``Host``, in small letters, without its port and a dot at its end."""
    name = host.strip().casefold()
    bracket = name.find("]")
    return name[: bracket + 1] if name.startswith("[") and bracket > 0 else name.partition(":")[0].rstrip(".")


def _in_time(receive: Receive) -> Receive:
    """Wait for the whole body no longer than :data:`BODY_SECONDS`; what comes after it, as long as it takes."""
    loop = asyncio.get_running_loop()
    deadline: float | None = loop.time() + BODY_SECONDS

    async def wait() -> Message:
        nonlocal deadline
        if deadline is None:
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408) from None
        if not message.get("more_body", False):
            deadline = None
        return message

    return wait


def _refuse_write(headers: Headers) -> JSONResponse | None:
    if CSRF_HEADER not in headers or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return _error(403, "not_from_this_page", f"a write must come from this page, with the header {CSRF_HEADER}")
    length = headers.get("content-length", "")
    told = length.isascii() and length.isdigit() and int(length) <= MOST_BODY_BYTES
    if "transfer-encoding" in headers or (length and not told):
        return _error(413, "too_long", f"the request is longer than {MOST_BODY_BYTES} bytes, or does not say how long")
    return None


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"reason": code, "message": message, "photo": None}}, status_code=status)
