"""Runs as Airflow drives them, on their own thread: open, plan, queue and send, wait, send again, close.

Every step may be interrupted by a fault, and is repeated, as Airflow repeats a task.
"""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from restoration.catalog.collections import upsert_collection
from restoration.catalog.planning import finish_run, open_run, plan_batches, queue_shard, shard_progress
from restoration.catalog.work import reap
from restoration.engine.recipe import Recipe, parse_recipe
from restoration.errors import RestorationError
from restoration.ingest.ingest import ingest_collection
from restoration.names import models_sha256
from tests.faults.site import COLLECTION, Site

RESEND_SECONDS = 3.0
BATCH_PHOTOS = 10
_PASSING = (sa.exc.OperationalError, sa.exc.InterfaceError, RestorationError, BrokerError, RedisError, OSError)


@dataclass
class Run:
    """One run; ``state`` is what the catalog says when it is closed."""

    name: str
    recipe: Recipe
    force: bool
    run_id: UUID | None = None
    shards: list[int] | None = None
    moved: tuple = ()
    moved_at: float = field(default_factory=time.monotonic)
    state: str = ""


def recipe_of(number: int) -> Recipe:
    return parse_recipe({"name": f"campaign-{number}", "steps": [{"step": "triage"}]}, "test")


class Runs(threading.Thread):
    """Drives all runs that were begun until they are closed; begins the next one as long as it is ``busy``."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self.site = site
        self.all: list[Run] = []
        self.open: list[Run] = []
        self.busy = False
        self.problem = ""
        self._number = 0
        self._lock = threading.Lock()
        self._ends = threading.Event()

    def begin(self, *, same: bool = False, force: bool = False) -> Run:
        """A run over the collection with a new recipe, or once more with the one before."""
        with self._lock:
            self._number += not same
            run = Run(f"run-{len(self.all)}", recipe_of(max(1, self._number)), force)
            self.all.append(run)
            self.open.append(run)
            return run

    def end(self) -> None:
        self._ends.set()
        self.join(60)

    def run(self) -> None:
        while not self._ends.is_set():
            if self.busy and not self.open:
                self.begin()
            for run in list(self.open):
                try:
                    self._step(run)
                except _PASSING as error:
                    self.site.db.dispose()
                    self.said = f"{type(error).__name__}: {error}"
                except Exception:  # noqa: BLE001 - told by whoever waits
                    self.problem = traceback.format_exc()
                    return
            self._ends.wait(0.2)

    def _step(self, run: Run) -> None:
        if run.shards is None:
            self._plan(run)
            self._send(run)
        with self.site.db.connect() as conn:
            shards = [shard_progress(conn, run.run_id, shard) for shard in run.shards]
        if all(shard.finished >= shard.total and not shard.failed for shard in shards):
            self._close(run)
            return
        moved = tuple(vars(shard).values() for shard in shards)
        seen = tuple(tuple(values) for values in moved)
        if seen != run.moved:
            run.moved, run.moved_at = seen, time.monotonic()
        elif time.monotonic() - run.moved_at > RESEND_SECONDS:
            run.moved_at = time.monotonic()
            self._rescue()
            self._send(run)

    def _plan(self, run: Run) -> None:
        db = self.site.db
        with db.begin() as conn:
            collection = upsert_collection(
                conn,
                name=COLLECTION,
                source_uri=f"s3://originals/{COLLECTION}/",
                recipe="identity",
                consent="granted",
            )
        ingest_collection(db, self.site.store, collection)
        recipe = run.recipe
        with db.begin() as conn:
            run.run_id = open_run(
                conn,
                collection=collection,
                dag_id="campaign",
                dag_run_id=run.name,
                recipe={"name": recipe.name, "sha256": recipe.sha256, "body": recipe.canonical()},
                parameters={},
                code_version="test",
            )
            shards = plan_batches(
                conn,
                run.run_id,
                models_sha256=models_sha256({}),
                batch_size=BATCH_PHOTOS,
                max_shards=200,
                force=run.force,
            )
        run.shards = [shard.shard for shard in shards]

    def _send(self, run: Run) -> None:
        """As the operator does: what no worker has begun, and what failed and is still due."""
        for shard in run.shards or ():
            with self.site.db.begin() as conn:
                batches = queue_shard(conn, run.run_id, shard)
            self.site.send(batches)

    def _rescue(self) -> None:
        with self.site.db.begin() as conn:
            report = reap(conn)
        self.site.send(report.batches_requeued)

    def _close(self, run: Run) -> None:
        with self.site.db.begin() as conn:
            run.state = finish_run(conn, run.run_id).run_state
        with self._lock:
            self.open.remove(run)
