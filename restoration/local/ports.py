"""Free TCP ports on the loopback address."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"
GRPC_OFFSET = 10_000
"""SeaweedFS listens for gRPC on each of its ports plus this."""

# Below Linux's ephemeral range (32768 up), so that no outgoing connection takes a port between choosing and binding.
_FIRST, _LAST = 15_000, 32_700


def is_free(port: int) -> bool:
    """Whether nothing is bound to that port on the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(taken: Collection[int] = (), *, with_grpc: bool = False) -> int:
    """
    A port that is free now.

    :param taken: ports already promised to others.
    :param with_grpc: the port plus 10,000 must be free too (SeaweedFS).
    :raises OSError: no free port after 2,000 tries.
    """
    last = _LAST - GRPC_OFFSET if with_grpc else _LAST
    for _ in range(2_000):
        port = random.randint(_FIRST, last)
        wanted = (port, port + GRPC_OFFSET) if with_grpc else (port,)
        if not any(p in taken for p in wanted) and all(is_free(p) for p in wanted):
            return port
    raise OSError(f"no free port between {_FIRST} and {last} on {LOOPBACK}")


def is_listening(port: int, timeout: float = 0.5) -> bool:
    """Whether something accepts connections on that port of the loopback address."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout):
            return True
    except OSError:
        return False
