"""The painter of previews on a real socket, in a thread of the test, with the nets that ship."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from restoration.models.loading import LoadedModels
from restoration.worker.painter import Painter, make_server


@cache
def _shipped() -> LoadedModels:
    return LoadedModels(device="cpu", threads=1)


@contextmanager
def painting() -> Iterator[str]:
    """Serve it; gives the address."""
    server = make_server("127.0.0.1", 0, Painter(_shipped))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
