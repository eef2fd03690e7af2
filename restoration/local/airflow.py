"""Airflow for the local stack: API server, scheduler (LocalExecutor), DAG processor and triggerer, four processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from restoration.errors import EnvironmentProblem
from restoration.local.airflow_api import AirflowApi
from restoration.local.ports import LOOPBACK
from restoration.local.process import MARKER, SERVICE, Process, tail, write_private

ADMIN = "admin"
COMPONENTS = ("api-server", "scheduler", "triggerer", "dag-processor")

_MIGRATE_SECONDS = 180

# The triggerer waits half a minute for triggers to clean up; ours keep nothing, and run again at the next start.
_GRACE = {"api-server": 8.0, "scheduler": 8.0, "dag-processor": 5.0, "triggerer": 3.0}


@dataclass(frozen=True)
class AirflowSecrets:
    """What Airflow's processes share."""

    admin_password: str
    fernet_key: str
    jwt_secret: str
    api_secret_key: str

    def __repr__(self) -> str:
        return "AirflowSecrets(...)"


@dataclass(frozen=True)
class AirflowPlaces:
    """Where Airflow finds things."""

    dags_folder: Path
    database_url: str
    """SQLAlchemy address of Airflow's own database; holds a password."""

    def __repr__(self) -> str:
        return f"AirflowPlaces({self.dags_folder}, ...)"


class Airflow:
    """
    The four processes of one Airflow.

    :param root: the stack's folder; Airflow's home is ``airflow/`` inside.
    :param port: TCP port of the API server, on the loopback address.
    :param environment: what DAGs and triggers see beside Airflow's own settings (``RESTORATION_*``,
        ``AIRFLOW_CONN_*``).
    """

    def __init__(
        self, root: Path, port: int, keys: AirflowSecrets, places: AirflowPlaces, environment: Mapping[str, str]
    ) -> None:
        self.port = port
        self.home = root / "airflow"
        self._root = root
        self._keys = keys
        self._places = places
        self._environment = dict(environment)
        self.processes = {name: Process(root, f"airflow-{name}") for name in COMPONENTS}

    @property
    def url(self) -> str:
        """Address of the UI and the API."""
        return f"http://{LOOPBACK}:{self.port}"

    def api(self) -> AirflowApi:
        """A client of the REST API, logged in as the administrator when first used."""
        return AirflowApi(self.url, ADMIN, self._keys.admin_password)

    def migrate(self) -> None:
        """
        Bring Airflow's database to the installed version; costs nothing where that was done before.

        :raises EnvironmentProblem: the migration failed.
        """
        installed = version("apache-airflow-core")
        done = self.home / "migrated"
        if done.is_file() and done.read_text(encoding="utf-8") == installed:
            return
        self._prepare_home()
        log = self._root / "logs" / "airflow-migrate.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            result = subprocess.run(
                [sys.executable, "-m", "airflow", "db", "migrate"],
                check=False,
                env=self._variables(),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                timeout=_MIGRATE_SECONDS,
                start_new_session=True,
            )
        if result.returncode != 0:
            raise EnvironmentProblem(f"Airflow's database could not be migrated:\n{tail(log)}")
        write_private(done, installed)

    def start(self) -> None:
        """Start the processes that do not run; does not wait (see :meth:`wait_ready`)."""
        self._prepare_home()
        for name in COMPONENTS:
            self.processes[name].start(
                [sys.executable, "-m", "airflow", *self._arguments(name)], env=self._own_variables(), cwd=self.home
            )

    def wait_ready(self, seconds: float = 120) -> None:
        """
        Wait until every process reports a heartbeat of its own.

        :raises EnvironmentProblem: one ended, or they were not ready in time.
        """
        for process in self.processes.values():
            process.wait_ready(self.is_healthy, seconds)

    def stop(self) -> None:
        """Stop all four, and whatever tasks they were running."""
        # The scheduler first: it would call the tasks of a stopped API server failed.
        for name in ("scheduler", "dag-processor", "triggerer", "api-server"):
            self.processes[name].ask_to_stop()
        with ThreadPoolExecutor(max_workers=len(COMPONENTS)) as pool:
            for future in [pool.submit(process.stop, _GRACE[name]) for name, process in self.processes.items()]:
                future.result()

    def is_healthy(self) -> bool:
        """Whether all four run and have sent a heartbeat since they were started."""
        return all(problem is None for problem in self.problems().values())

    def problems(self) -> dict[str, str | None]:
        """For each process what is wrong with it, None where nothing is."""
        running = {name: process.find() for name, process in self.processes.items()}
        beats = self.api().heartbeats()
        answer: dict[str, str | None] = {}
        for name, process in running.items():
            beat = beats.get(name)
            if process is None:
                answer[name] = "does not run"
            elif name not in beats:
                answer[name] = "the API does not answer"
            elif beat is None or beat < process.create_time():
                answer[name] = "no heartbeat yet"
            else:
                answer[name] = None
        return answer

    def _prepare_home(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        write_private(self.home / "passwords.json", json.dumps({ADMIN: self._keys.admin_password}))

    def _arguments(self, name: str) -> list[str]:
        extra = {
            "api-server": ["--host", LOOPBACK, "--port", str(self.port), "--workers", "1"],
            "scheduler": ["--skip-serve-logs"],  # the API server reads the log files themselves
            "triggerer": ["--skip-serve-logs"],
            "dag-processor": [],
        }
        return [name, *extra[name]]

    def _variables(self) -> dict[str, str]:
        return {**os.environ, **self._own_variables(), MARKER: str(self._root), SERVICE: "airflow-migrate"}

    def _own_variables(self) -> dict[str, str]:
        return {**airflow_settings(self.home, self.url, self._keys, self._places), **self._environment}


def airflow_settings(home: Path, url: str, keys: AirflowSecrets, places: AirflowPlaces) -> dict[str, str]:
    """Airflow's configuration as environment variables: quick to react, small in memory, silent towards outside."""
    options: dict[str, str] = {
        "CORE__DAGS_FOLDER": str(places.dags_folder),
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__FERNET_KEY": keys.fernet_key,
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        # forked children share the parent's memory; Python 3.14 would otherwise import Airflow anew in each
        "CORE__MP_START_METHOD": "fork",
        "DATABASE__SQL_ALCHEMY_CONN": places.database_url,
        "DATABASE__SQL_ALCHEMY_POOL_SIZE": "5",
        "DATABASE__CHECK_MIGRATIONS": "False",  # `migrate` has seen to it
        "API__BASE_URL": url,
        "API__SECRET_KEY": keys.api_secret_key,
        "API__EXPOSE_CONFIG": "False",
        "API_AUTH__JWT_SECRET": keys.jwt_secret,
        "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "2",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / "bundles"),
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        "SCHEDULER__JOB_HEARTBEAT_SEC": "2",
        # so that what a killed stack left half-done is noticed soon after the next start
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
        "TRIGGERER__JOB_HEARTBEAT_SEC": "2",
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home / "logs" / "dag_processor"),
        "LOGGING__COLORED_CONSOLE_LOG": "False",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return {
        **{f"AIRFLOW__{name}": value for name, value in options.items()},
        "AIRFLOW_HOME": str(home),
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
        "MALLOC_ARENA_MAX": "2",
        "PYTHONUNBUFFERED": "1",
    }


def postgres_connection(host: str, port: int, database: str, login: str, password: str) -> str:
    """An Airflow connection to the catalog, as the JSON that ``AIRFLOW_CONN_*`` takes."""
    body = {"conn_type": "postgres", "host": host, "port": port, "schema": database, "login": login}
    return json.dumps({**body, "password": password})


def s3_connection(endpoint: str, access_key_id: str, secret_access_key: str) -> str:
    """An Airflow connection to S3, as the JSON that ``AIRFLOW_CONN_*`` takes."""
    extra = {"endpoint_url": endpoint, "region_name": "us-east-1"}
    return json.dumps({"conn_type": "aws", "login": access_key_id, "password": secret_access_key, "extra": extra})
