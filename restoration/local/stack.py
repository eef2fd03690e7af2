"""
The whole system on one machine, from wheels, on the loopback address.

Postgres, Redis, S3, Airflow, one worker, the review page, and the painter of its previews.

Everything of a stack is in one folder (``.local/<name>``): data, logs, the record of what runs, and the passwords that
were generated for it. Starting a running stack changes nothing; starting one of which some processes were killed starts
those; stopping leaves no process behind and keeps the data.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import sys
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from sqlalchemy.engine import make_url

from restoration.errors import EnvironmentProblem, UsageError
from restoration.local.airflow import ADMIN, Airflow, AirflowPlaces, postgres_connection, s3_connection
from restoration.local.celery_worker import CeleryWorker
from restoration.local.postgres import SUPERUSER, Postgres
from restoration.local.process import Process, members, sweep, write_private
from restoration.local.redis import Redis
from restoration.local.s3 import S3
from restoration.local.state import StackState, load_state
from restoration.local.web_process import WebProcess, painter, review_page

DATABASE = "restoration"
AIRFLOW_DATABASE = "airflow"
LOGINS: dict[str, tuple[str, ...]] = {
    "restoration_airflow": ("restoration_ingest", "restoration_publisher", "restoration_curator"),
    "restoration_gpu": ("restoration_worker",),
    "restoration_audit": ("restoration_auditor",),
    "restoration_review": ("restoration_reviewer",),
}
"""Logins of the catalog and the group roles they are members of."""

_INSTALLED = Path(sys.prefix, "share", "restoration")
"""Where a wheel brings the DAGs."""

ROLES = ("admin", "airflow", "worker", "audit", "review")
"""Kinds of process that :meth:`Stack.environment` knows."""

_LOGIN_OF = {
    "admin": SUPERUSER,
    "airflow": "restoration_airflow",
    "worker": "restoration_gpu",
    "audit": "restoration_audit",
    "review": "restoration_review",
}
_ATTEMPTS = 2

Say = Callable[[str], None]


def _silent(_: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class ServiceStatus:
    """How one service stands."""

    name: str
    running: bool
    problem: str | None
    address: str = ""
    memory_mb: float = 0.0
    """Proportional set size of it and its descendants, in MiB (resident size where the system has no such figure)."""
    processes: int = 0


@dataclass
class Timings:
    """Seconds that each part took to start."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Measure what happens inside."""
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 2)


def project_root() -> Path:
    """
    The folder that holds ``dags/``: the checkout, or what a wheel has installed beside the package.

    :raises EnvironmentProblem: there is none.
    """
    for candidate in (Path(__file__).resolve().parents[2], Path.cwd(), _INSTALLED):
        if (candidate / "dags").is_dir():
            return candidate
    raise EnvironmentProblem("there is no dags folder here; run this in a checkout of the project")


def stack_folder(name: str) -> Path:
    """Folder of the stack of that name, in the checkout; of an installed wheel in the folder that one is in."""
    root = project_root()
    return (Path.cwd() if root == _INSTALLED else root) / ".local" / name


class Stack:
    """
    One stack.

    :param root: its folder; made when needed.
    :param dags_folder: the DAGs Airflow shows; the checkout's own unless given.
    :param durable: False trades crash safety of Postgres for speed (tests).
    :param extra_environment: more settings; those of Airflow (``AIRFLOW*``) go to Airflow's processes alone.
    """

    def __init__(
        self,
        root: Path,
        *,
        dags_folder: Path | None = None,
        durable: bool = True,
        extra_environment: dict[str, str] | None = None,
    ) -> None:
        self.root = root.resolve()
        self.timings = Timings()
        self._dags_folder = dags_folder
        self._extra = dict(extra_environment or {})
        self.postgres = Postgres(self.root / "postgres", durable=durable)
        self._state: StackState | None = None

    # -- parts -------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> StackState:
        """Ports and passwords, made when first asked for."""
        if self._state is None:
            self._state = load_state(self.root / "stack.json")
        return self._state

    @property
    def redis(self) -> Redis:
        """The broker."""
        return Redis(self.root, self.state.redis_port, self.state.redis_password)

    @property
    def s3(self) -> S3:
        """The object store."""
        return S3(self.root, self.state.s3_ports, self.state.s3_identities)

    @property
    def airflow(self) -> Airflow:
        """Airflow; Postgres must have been started once."""
        places = AirflowPlaces(
            dags_folder=self._dags_folder or project_root() / "dags",
            database_url=self.postgres.url(AIRFLOW_DATABASE, AIRFLOW_DATABASE),
        )
        environment = self.environment("airflow") | self._connections()
        return Airflow(self.root, self.state.airflow_port, self.state.airflow, places, environment)

    @property
    def worker(self) -> CeleryWorker:
        """The worker; Postgres must have been started once."""
        return CeleryWorker(self.root, self.environment("worker"))

    @property
    def review(self) -> WebProcess:
        """The page on which people decide about photographs."""
        return review_page(self.root, self.state.review_port)

    @property
    def painter(self) -> WebProcess:
        """What paints previews for the review page."""
        return painter(self.root, self.state.painter_port)

    def environment(self, role: str) -> dict[str, str]:
        """
        Settings of a process of that kind, with its own credentials and no others.

        :param role: one of :data:`ROLES`.
        :raises UsageError: there is no such role.
        """
        if role not in ROLES:
            raise UsageError(f"there is no role {role!r}; roles are {', '.join(ROLES)}")
        settings = {"RESTORATION_DATABASE_URL": self.postgres.url(_LOGIN_OF[role], DATABASE)}
        if role != "audit":
            settings |= self.s3.environment(role)
        if role not in ("audit", "review"):
            settings["RESTORATION_BROKER_URL"] = self.redis.url()
            settings |= {"RESTORATION_POLL_SECONDS": "1"}
        if role in ("admin", "airflow", "review"):
            settings["RESTORATION_AIRFLOW_API_URL"] = f"http://127.0.0.1:{self.state.airflow_port}"
            settings["RESTORATION_REVIEW_URL"] = self.review.url
        if role == "admin":
            settings["RESTORATION_AIRFLOW_USER"] = ADMIN
            settings["RESTORATION_AIRFLOW_PASSWORD"] = self.state.airflow.admin_password
        if role == "review":
            settings["RESTORATION_REVIEW_PORT"] = str(self.state.review_port)
            settings["RESTORATION_REVIEW_PEOPLE"] = ADMIN
            settings["RESTORATION_REVIEW_SECRET"] = self.state.review_secret
            settings["RESTORATION_PAINTER_URL"] = self.painter.url
        return settings | self._extra_of(role)

    def _extra_of(self, role: str) -> dict[str, str]:
        return {n: v for n, v in self._extra.items() if role == "airflow" or not n.startswith("AIRFLOW")}

    def _connections(self) -> dict[str, str]:
        url = make_url(self.postgres.url(_LOGIN_OF["airflow"], DATABASE))
        key = self.state.s3_identities["airflow"]
        return {
            "AIRFLOW_CONN_RESTORATION_DB": postgres_connection(
                str(url.host), int(url.port or 0), DATABASE, str(url.username), str(url.password)
            ),
            "AIRFLOW_CONN_RESTORATION_S3": s3_connection(self.s3.endpoint, key.access_key_id, key.secret_access_key),
        }

    # -- life --------------------------------------------------------------------------------------------------------

    def up(self, say: Say = _silent) -> bool:
        """
        Start whatever does not run, and wait until all is ready.

        :param say: told what happens, in short lines.
        :returns: True if the stack was running before.
        :raises EnvironmentProblem: a service could not be started, even on other ports; nothing is left running.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        with self._lock():
            if self.is_up():
                return True
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    self._up(say)
                except EnvironmentProblem as error:
                    self._down()
                    if attempt == _ATTEMPTS:
                        raise
                    say(f"trying again: {error.message.splitlines()[0]}")
                except BaseException:
                    self._down()
                    raise
                else:
                    break
        return False

    def _up(self, say: Say) -> None:
        self._free_ports()
        start = time.monotonic()
        # Not a `with` block: an interrupt must be able to stop the servers that the threads are waiting for.
        pool = ThreadPoolExecutor(max_workers=4)
        try:
            services = [pool.submit(self._start_s3), pool.submit(self._start_redis)]
            self._start_catalog()
            say("Postgres is up")
            _wait(services)
            say("Redis and S3 are up")
            self._start_airflow_and_worker(pool)
            say("Airflow, the review page and the worker are up")
        except BaseException:
            self._down()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        self._write_environments()
        self.timings.seconds["all"] = round(time.monotonic() - start, 2)

    def _free_ports(self) -> None:
        """Take other ports where somebody else has taken ours while nothing of this stack was running."""
        if not members(self.root) and not self.state.ports_are_free():
            self._state = self.state.with_new_ports()
            self._state.save(self.root / "stack.json")

    def _start_s3(self) -> None:
        with self.timings.measure("s3"):
            self.s3.start()

    def _start_redis(self) -> None:
        with self.timings.measure("redis"):
            self.redis.start()

    def _start_catalog(self) -> None:
        from restoration.catalog.database import make_engine
        from restoration.catalog.migrations import migrate

        with self.timings.measure("postgres"):
            self.postgres.start()
        with self.timings.measure("catalog"):
            self.postgres.create_login(AIRFLOW_DATABASE)
            self.postgres.create_database(AIRFLOW_DATABASE, owner=AIRFLOW_DATABASE)
            self.postgres.create_database(DATABASE)
            engine = make_engine(self.postgres.url(SUPERUSER, DATABASE))
            try:
                migrate(engine)
            finally:
                engine.dispose()
            for login, groups in LOGINS.items():
                self.postgres.create_login(login, groups)

    def _start_airflow_and_worker(self, pool: ThreadPoolExecutor) -> None:
        airflow, worker = self.airflow, self.worker
        with self.timings.measure("airflow-migrate"):
            migrated = pool.submit(airflow.migrate)
            worker.start()
            self.review.start(self.environment("review"))
            self.painter.start(self._extra_of("painter"))
            _wait([migrated])
        airflow.start()
        waits = [pool.submit(self._wait_worker, worker), pool.submit(self._wait_airflow, airflow)]
        _wait([*waits, pool.submit(self._wait_review), pool.submit(self._wait_painter)])

    def _wait_review(self) -> None:
        with self.timings.measure("review"):
            self.review.wait_ready()

    def _wait_painter(self) -> None:
        with self.timings.measure("painter"):
            self.painter.wait_ready()

    def _wait_worker(self, worker: CeleryWorker) -> None:
        with self.timings.measure("worker"):
            worker.wait_ready()

    def _wait_airflow(self, airflow: Airflow) -> None:
        with self.timings.measure("airflow"):
            airflow.wait_ready()

    def down(self) -> None:
        """Stop everything; nothing is left running, and the data stay. Idempotent."""
        if not self.root.is_dir():
            return
        # first of all, else the supervisor would start what is being stopped
        (self.root / "keep").unlink(missing_ok=True)
        with self._lock():
            self.supervisor.stop()
            self._down()

    def keep(self) -> None:
        """Go on running until :meth:`down`: a supervisor starts what dies."""
        (self.root / "keep").touch()
        self.supervisor.start(
            [sys.executable, "-m", "restoration.local.supervisor", str(self.root)], cwd=project_root()
        )

    @property
    def supervisor(self) -> Process:
        """What starts dead processes again, while the stack is kept running."""
        return Process(self.root, "supervisor")

    def dead(self) -> list[str]:
        """Names of the services that have no process."""
        return [name for name, start in self._starters().items() if not start[0]()]

    def revive(self, names: Collection[str]) -> None:
        """
        Start these services again if they are dead still, and if the stack is still to be kept running.

        :raises EnvironmentProblem: one of them does not start.
        """
        with self._lock():
            for name, (runs, start) in self._starters().items():
                if name in names and self.is_kept() and not runs():
                    start()

    def _starters(self) -> dict[str, tuple[Callable[[], bool], Callable[[], object]]]:
        """By name, in the order in which they need each other: whether a service has a process, and how to start it."""
        airflow, worker, review, painter = self.airflow, self.worker, self.review, self.painter
        first: dict[str, tuple[Callable[[], bool], Callable[[], object]]] = {
            "postgres": (lambda: self.postgres.pid() is not None, self.postgres.start),
            "redis": (self.redis.process.is_running, self.redis.start),
            "s3": (self.s3.process.is_running, self.s3.start),
        }
        parts = {process.name: (process.is_running, airflow.start) for process in airflow.processes.values()}
        return (
            first
            | parts
            | {
                "worker": (worker.process.is_running, worker.start),
                "review": (review.process.is_running, lambda: review.start(self.environment("review"))),
                "painter": (painter.process.is_running, lambda: painter.start(self._extra_of("painter"))),
            }
        )

    def is_kept(self) -> bool:
        """Whether somebody wants the stack to go on running."""
        return (self.root / "keep").exists()

    def _down(self) -> None:
        if self.postgres.data.is_dir() and (self.root / "stack.json").is_file():
            parts: list[Callable[[], None]] = [self.redis.stop, self._stop_worker_and_s3]
            parts += [self.review.stop, self.painter.stop]
            if self._has_logins():
                parts.append(self.airflow.stop)
            with ThreadPoolExecutor(max_workers=len(parts)) as pool:
                _wait([pool.submit(stop) for stop in parts])
        sweep(self.root)
        self.postgres.stop()

    def _stop_worker_and_s3(self) -> None:
        if self._has_logins():
            self.worker.stop()
        self.s3.stop()

    def _has_logins(self) -> bool:
        """Whether the catalog's logins were made; without them neither Airflow nor the worker was ever started."""
        try:
            self.environment("airflow")
            self.environment("worker")
            self.postgres.url(AIRFLOW_DATABASE)
        except (UsageError, EnvironmentProblem):
            return False
        return True

    def is_up(self) -> bool:
        """Whether every service runs and answers."""
        return (self.root / "stack.json").is_file() and all(s.problem is None for s in self.status(memory=False))

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """One `up` or `down` at a time."""
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write_environments(self) -> None:
        """A file for each role that a shell can read: ``set -a; . .local/<name>/audit.env; set +a``."""
        for role in ROLES:
            lines = (f"{name}={shlex.quote(value)}\n" for name, value in sorted(self.environment(role).items()))
            write_private(self.root / f"{role}.env", "".join(lines))

    # -- how it stands -----------------------------------------------------------------------------------------------

    def login(self) -> tuple[str, str, str]:
        """Address of Airflow's UI, user and password."""
        return f"http://127.0.0.1:{self.state.airflow_port}", ADMIN, self.state.airflow.admin_password

    def status(self, *, memory: bool = True) -> list[ServiceStatus]:
        """How each service stands."""
        if not (self.root / "stack.json").is_file() or not self._has_logins():
            return [ServiceStatus(name, running=False, problem="was never started") for name in ("postgres", "stack")]
        postgres = self.postgres.pid()
        found = [
            _status("postgres", postgres, self.postgres.is_healthy(), f"127.0.0.1:{self.postgres.port}", memory),
            _status("redis", _pid(self.redis.process), self.redis.is_healthy(), f"127.0.0.1:{self.redis.port}", memory),
            _status("s3", _pid(self.s3.process), self.s3.is_healthy(), self.s3.endpoint, memory),
        ]
        airflow = self.airflow
        problems = airflow.problems()
        for name, process in airflow.processes.items():
            address = airflow.url if name == "api-server" else ""
            found.append(_status(process.name, _pid(process), problems[name] is None, address, memory, problems[name]))
        worker = self.worker
        found.append(_status("worker", _pid(worker.process), worker.is_healthy(), "", memory))
        review = self.review
        found.append(_status("review", _pid(review.process), review.is_healthy(), review.url, memory))
        painter = self.painter
        found.append(_status("painter", _pid(painter.process), painter.is_healthy(), "", memory))
        if self.is_kept():
            supervisor = self.supervisor
            found.append(_status("supervisor", _pid(supervisor), supervisor.is_running(), "", memory))
        return found


def _pid(process: Process) -> int | None:
    found = process.find()
    return found.pid if found else None


def _status(
    name: str, pid: int | None, healthy: bool, address: str, memory: bool, detail: str | None = None
) -> ServiceStatus:
    if pid is None:
        return ServiceStatus(name, running=False, problem="does not run", address=address)
    problem = None if healthy else detail or "does not answer"
    family = _descendants(pid) if memory else []
    size = sum(_memory(process) for process in family) / 2**20
    return ServiceStatus(name, True, problem, address, size, len(family))


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
    return int(getattr(full, "pss", 0) or full.rss)


def _wait(futures: list[Future[None]]) -> None:
    """Wait for all, then raise the first error."""
    for future in futures:
        future.exception()
    for future in futures:
        future.result()
