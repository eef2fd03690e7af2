"""The painter: a small HTTP service that paints previews for the review page.

The review page holds no torch, and the workers are at their batches, for up to an hour at a time; so previews have a
process of their own. It holds no login and no key: a picture and what to do with it come in, a picture goes out. It
paints on one core of the CPU, within a second, and leaves the GPU to the workers. Several threads would be slower
where a worker is at the same cores: they wait for each other (three times the CPU time, measured on two cores).

Torch is loaded when somebody is about to need it (``POST /warm``) or at the first picture, not before.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from restoration.engine.paint_request import PaintRequest, unpacked
from restoration.errors import EnvironmentProblem, ModelError, PhotoRejected, RestorationError, UsageError
from restoration.settings import Settings
from restoration.steps.parameters import Colorize

if TYPE_CHECKING:
    from restoration.models.registry import Models

log = logging.getLogger(__name__)

MOST_BYTES = 32 * 2**20
"""Longest request: a preview of any size that the settings allow is far smaller."""

PATIENCE_SECONDS = 20.0
"""How long a picture waits for its turn; then the one who asked is told to try again."""

_SOCKET_SECONDS = 30.0


class Painter:
    """Paints one picture at a time. Safe to share between threads.

    :param make_models: makes the models, when first needed.
    :param patience: seconds that a picture waits for its turn.
    """

    def __init__(self, make_models: Callable[[], Models], *, patience: float = PATIENCE_SECONDS) -> None:
        self._make_models = make_models
        self._patience = patience
        self._turn = threading.Lock()
        self.warm = False

    @cached_property
    def _models(self) -> Models:
        return self._make_models()

    def paint(self, request: PaintRequest, picture: bytes) -> bytes:
        """JPEG of the picture, painted.

        :raises EnvironmentProblem: its turn did not come in time.
        :raises PhotoRejected: it is no JPEG.
        :raises ModelError: the colorizer is missing, or takes no hints.
        """
        if not self._turn.acquire(timeout=self._patience):
            raise EnvironmentProblem("the painter is busy; try again in a moment")
        try:
            from restoration.worker.painting import painted

            return painted(request, picture, self._models)
        finally:
            self._turn.release()

    def warm_up(self) -> None:
        """Load torch and the colorizer for hints, unless that was done; what goes wrong is logged, and said to whoever
        asks for a picture.
        """
        with self._turn:
            if self.warm:
                return
            import restoration.worker.painting  # noqa: F401 - for what it loads

            try:
                self._models.load(Colorize().hint_model)
            except RestorationError as error:
                log.error("the painter cannot paint: %s", error)  # noqa: TRY400 - the message says it all
            else:
                self.warm = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], painter: Painter) -> None:
        super().__init__(address, _Handler)
        self.painter = painter


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _SOCKET_SECONDS

    def log_message(self, format: str, *arguments: object) -> None:
        log.info("%s", format % arguments)

    def do_GET(self) -> None:
        if self.path == "/health":
            self._answer_json(200, {"status": "ok", "warm": self.server.painter.warm})
        else:
            self._answer_json(404, {"error": "there is nothing at this address"})

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > MOST_BYTES:
            self.close_connection = True
            self._answer_json(413, {"error": f"the request is longer than {MOST_BYTES} bytes, or does not say how"})
            return
        body = self.rfile.read(int(length))
        if self.path == "/warm":
            threading.Thread(target=self.server.painter.warm_up, daemon=True).start()
            self._answer_json(202, {"status": "ok"})
        elif self.path == "/paint":
            self._paint(body)
        else:
            self._answer_json(404, {"error": "there is nothing at this address"})

    def _paint(self, body: bytes) -> None:
        try:
            painted = self.server.painter.paint(*unpacked(body))
        except (UsageError, PhotoRejected) as error:
            self._answer_json(400, {"error": error.message})
        except RestorationError as error:
            log.error("a preview was not painted: %s", error)  # noqa: TRY400 - the message says it all
            self._answer_json(500 if isinstance(error, ModelError) else 503, {"error": error.message})
        else:
            self._answer(200, "image/jpeg", painted)

    def _answer_json(self, status: int, body: dict[str, Any]) -> None:
        self._answer(status, "application/json", json.dumps(body).encode())

    def _answer(self, status: int, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def make_server(host: str, port: int, painter: Painter) -> _Server:
    """The service on a socket, not yet serving; port 0 takes a free one."""
    return _Server((host, port), painter)


def serve(settings: Settings) -> None:
    """Serve until the process is told to stop."""

    def make_models() -> Models:
        from restoration.models.files import Registry
        from restoration.models.loading import LoadedModels

        return LoadedModels(Registry.load(settings=settings), device="cpu", threads=1)

    # read by the libraries when torch brings them, which is later
    os.environ["OMP_NUM_THREADS"] = "1"
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = make_server(settings.painter_host, settings.painter_port, Painter(make_models))
    log.info("ready on http://%s:%d", settings.painter_host, server.server_port)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        log.info("stopped")
    finally:
        server.server_close()
