"""The review page on a real socket, in a thread of the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from restoration.review.app import create_app
from restoration.review.server import make_server
from restoration.review.service import Service


@contextmanager
def serving(service: Service, proxies: str = "") -> Iterator[str]:
    """Serve it; gives the address."""
    server = make_server(create_app(service), host="127.0.0.1", port=0, proxies=proxies)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 240
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(240)
