"""The web server around the review page: whom it believes about addresses, and how long it waits for a request."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 20.0
"""How long a connection may take to say what it wants. Browsers say it at once."""

_SHUTDOWN_SECONDS = 5


class PatientProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, but a request whose head does not come ends its connection."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what came; a request whose head is whole is waited for no longer."""
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


def make_server(app: ASGIApp, *, host: str, port: int, proxies: str = "") -> uvicorn.Server:
    """A server for the application, not started.

    :param proxies: addresses of proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed, separated by
        commas; empty: nobody's.
    """
    protocol: type[Any] = PatientProtocol
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol,
        ws="none",
        log_level="info",
        server_header=False,
        proxy_headers=bool(proxies.strip()),
        forwarded_allow_ips=proxies.strip() or [],
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    return uvicorn.Server(config)
