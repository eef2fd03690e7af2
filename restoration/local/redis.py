"""Redis for the local stack: Celery's broker."""

from __future__ import annotations

import socket
from pathlib import Path

from restoration.local.ports import LOOPBACK
from restoration.local.process import Process, find_program, write_private


class Redis:
    """
    One Redis server on the loopback address, with a password and an append-only file.

    :param root: the stack's folder; data lives in ``redis/`` inside.
    :param port: TCP port.
    :param password: asked of every client.
    """

    def __init__(self, root: Path, port: int, password: str) -> None:
        self.port = port
        self._password = password
        self._data = root / "redis"
        self.process = Process(root, "redis")

    def url(self, database: int = 0) -> str:
        """Address with the password, for Celery."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers."""
        self._data.mkdir(parents=True, exist_ok=True)
        config = self._data / "redis.conf"
        # In a file and not on the command line, which every user of the machine can read.
        write_private(
            config,
            f"bind {LOOPBACK}\nport {self.port}\nrequirepass {self._password}\ndir {self._data}\nappendonly yes\n"
            'save ""\nmaxmemory-policy noeviction\ndaemonize no\n',
        )
        self.process.start([str(find_program("redis-server")), str(config)], cwd=self._data)
        self.process.wait_ready(self.is_healthy, 15)

    def stop(self) -> None:
        """Stop it; queued tasks stay in the append-only file."""
        self.process.stop()

    def is_healthy(self) -> bool:
        """Whether it answers PING under its password."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    part = connection.recv(256)
                    if not part:
                        return False
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"
