"""A small laboratory for worker tests: a catalog, buckets, a queue of one's own, and real Celery workers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from uuid import UUID, uuid4

import psutil
import sqlalchemy as sa
from celery import Celery

from restoration.broker import shared_options
from restoration.catalog.collections import upsert_collection
from restoration.catalog.planning import open_run, plan_batches, queue_shard
from restoration.engine.recipe import Recipe, parse_recipe
from restoration.ingest.ingest import ingest_collection
from restoration.names import RESTORE_TASK, models_sha256
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore
from restoration.worker.runtime import WorkerRuntime
from tests.stack.stub_engine import StubEngine

ROOT = Path(__file__).parents[2]
RECIPE: Recipe = parse_recipe({"name": "identity", "steps": [{"step": "triage"}]}, "test")


class Lab:
    """Everything one worker test needs; ``db`` is the owner's engine, the workers log in as worker."""

    def __init__(self, db: sa.Engine, worker_url: str, redis_url: str, s3, folder: Path, **limits: object) -> None:
        self.db = db
        self.folder = folder
        self.admin = s3.client("admin")
        self.name = f"c{uuid4().hex[:10]}"
        self.environment = {
            "RESTORATION_DATABASE_URL": worker_url,
            "RESTORATION_BROKER_URL": redis_url,
            "RESTORATION_CELERY_QUEUE": self.name,
            **s3.environment("worker"),
            **{f"RESTORATION_{key.upper()}": str(value) for key, value in limits.items()},
        }
        self.settings = Settings(
            **{key.removeprefix("RESTORATION_").lower(): value for key, value in self.environment.items()}
        )
        self.store = ObjectStore(self.admin)
        self.workers: list[subprocess.Popen] = []

    # -- photographs and batches ---------------------------------------------------------------------------------

    def put(self, name: str, data: bytes) -> None:
        self.admin.put_object(Bucket="originals", Key=f"{self.name}/{name}", Body=data)

    def plan(
        self,
        scans: Mapping[str, bytes],
        *,
        batch_size: int = 16,
        run: str = "run-1",
        recipe: Recipe = RECIPE,
        sensitivity: str | None = None,
        **options,
    ) -> list[UUID]:
        """Upload, list and plan; gives the queued batches and remembers the run as ``run_id``."""
        for name, data in scans.items():
            self.put(name, data)
        with self.db.begin() as conn:
            collection = upsert_collection(
                conn,
                name=self.name,
                source_uri=f"s3://originals/{self.name}/",
                recipe="identity",
                consent="granted",
                sensitivity=sensitivity,
            )
        ingest_collection(self.db, self.store, collection)
        with self.db.begin() as conn:
            self.run_id = open_run(
                conn,
                collection=collection,
                dag_id="test",
                dag_run_id=f"{self.name}-{run}",
                recipe={"name": recipe.name, "sha256": recipe.sha256, "body": recipe.canonical()},
                parameters={},
                code_version="test",
            )
            shards = plan_batches(
                conn,
                self.run_id,
                models_sha256=models_sha256({}),
                batch_size=batch_size,
                max_shards=200,
                force=False,
                **options,
            )
            return [batch for shard in shards for batch in queue_shard(conn, self.run_id, shard.shard)]

    def rows(self, query: str, **values) -> list[sa.Row]:
        with self.db.connect() as conn:
            return list(conn.execute(sa.text(query), values))

    def states(self) -> dict[str, str]:
        """State of each photograph, by file name."""
        rows = self.rows("SELECT object_key, state::text FROM photo WHERE current")
        return {key.rpartition("/")[2]: state for key, state in rows}

    def reasons(self) -> dict[str, str | None]:
        rows = self.rows("SELECT object_key, reason::text FROM photo WHERE current")
        return {key.rpartition("/")[2]: reason for key, reason in rows}

    def batch_states(self) -> set[str]:
        return {state for (state,) in self.rows("SELECT state::text FROM batch")}

    def assert_nothing_doubled(self, photos: int) -> None:
        """One restoration a content, one end a photograph, one event of it."""
        assert self.rows("SELECT count(*) FROM restoration")[0][0] == photos
        assert self.rows("SELECT count(*) FROM batch_photo WHERE finished_at IS NOT NULL")[0][0] == photos
        doubled = self.rows(
            "SELECT photo_id, count(*) FROM event WHERE restoration_id IS NOT NULL GROUP BY 1 HAVING count(*) > 1"
        )
        assert doubled == []

    # -- workers -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def runtime(self, **overrides) -> Iterator[WorkerRuntime]:
        """A worker's inside, in this process."""
        settings = self.settings.model_copy(update=overrides.pop("settings", {}))
        engine = overrides.pop("engine", None) or StubEngine()
        runtime = WorkerRuntime(settings, engine_factory=lambda _: engine, **overrides)
        try:
            yield runtime
        finally:
            runtime.close()

    def send(self, *batches: UUID) -> None:
        with Celery("test-sender", set_as_current=False) as app:
            app.conf.update(shared_options(self.settings))
            for batch in batches:
                app.send_task(RESTORE_TASK, args=[str(batch)], task_id=str(batch), queue=self.name)

    def start_worker(self, name: str = "one", **more: str) -> subprocess.Popen:
        """A real Celery worker with the stub engine, in a process group of its own; ``more`` is of its environment."""
        log = (self.folder / f"{name}.log").open("ab")
        command = [
            sys.executable, "-m", "celery", "-A", "tests.stack.worker_app", "worker", "-Q", self.name, "-c", "1",
            "-P", "prefork", "-n", f"{name}-{self.name}@%h", "--without-gossip", "--without-mingle", "-l", "INFO",
        ]  # fmt: skip
        environment = {key: value for key, value in os.environ.items() if not key.startswith("RESTORATION_")}
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment | self.environment | more, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        self.workers.append(process)
        return process

    def log(self, name: str = "one") -> str:
        return (self.folder / f"{name}.log").read_text()

    def stop(self) -> None:
        for process in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def pool_children(process: subprocess.Popen) -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


def wait_for(condition: Callable[[], object], seconds: float = 300.0, what: str = "") -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
