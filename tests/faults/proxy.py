"""A proxy in front of S3 that refuses, dawdles, cuts off or changes what goes through it, as long as it is told to."""

from __future__ import annotations

import http.client
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

MODES = ("refuse", "slow", "partial", "flip-reads", "flip-writes")
_SLOW_SECONDS = 0.4
_HOP = frozenset({"connection", "transfer-encoding", "expect", "keep-alive", "te", "upgrade"})


class Proxy:
    """Listens on a port of its own. Requests keep their Host, so that signatures hold."""

    def __init__(self, endpoint: str) -> None:
        self.mode = ""
        self.meddled = 0
        self.target = urlsplit(endpoint).netloc
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    proxy: Proxy

    def handle_error(self, *_: object) -> None:
        """A worker that is killed breaks its connections off."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def _pass_on(self) -> None:
        proxy, mode = self.server.proxy, self.server.proxy.mode
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if mode:
            proxy.meddled += 1
        if mode == "refuse":
            self._send(503, [("Content-Type", "application/xml")], b"<Error><Code>SlowDown</Code></Error>")
            return
        if mode == "slow":
            time.sleep(_SLOW_SECONDS)
        if mode == "flip-writes" and self.command == "PUT":
            body = flipped(body)
        try:
            status, headers, answer = self._asked(body)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            return
        if self.command == "GET" and status in (200, 206):
            answer = flipped(answer) if mode == "flip-reads" else answer
        self._send(status, headers, answer, cut=mode == "partial" and self.command == "GET")

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass_on  # noqa: N815 - names that the library wants

    def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.server.proxy.target, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP:
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes, *, cut: bool = False) -> None:
        with suppress(OSError):
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in _HOP | {"content-length"}:
                    self.send_header(name, value)
            length = dict((name.lower(), value) for name, value in headers).get("content-length", str(len(body)))
            self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection = self.close_connection or cut


def flipped(data: bytes) -> bytes:
    """The same bytes, but for one bit in the middle of the last quarter, where a small picture has its pixels."""
    if not data:
        return data
    changed = bytearray(data)
    changed[len(data) * 7 // 8] ^= 0x10
    return bytes(changed)
