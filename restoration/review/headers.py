"""What every answer of the review page carries, and what every request must be: plain ASGI, around the application."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSRF_HEADER = "x-restoration-review"
"""A header that a page of another site cannot send; every write must carry it."""

MOST_BODY_BYTES = 64 * 1024
"""Longest body of a request."""

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
    """Adds the security headers, and turns away writes that another site could have made.

    :param secure: whether the public address is an encrypted one; then browsers are told to stay with that.
    """

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
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

        refusal = None if scope["method"] in _SAFE_METHODS else _refuse_write(Headers(scope=scope))
        await (refusal or self._app)(scope, receive, send_with_headers)


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
