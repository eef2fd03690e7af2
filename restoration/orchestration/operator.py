"""The operator that has one shard of a run restored: queue, send, sleep without a worker slot, look again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from airflow.sdk import BaseOperator

from restoration.orchestration.links import FailuresLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from restoration.catalog.planning import ShardProgress


class RestoreShardOperator(BaseOperator):
    """Restore one shard of a run on the GPU workers.

    Batches have deterministic ids, so a task that is cleared, retried or doubled finds its batches again: finished ones
    stay finished, the others are sent once more, and the catalog hands every photograph out once.

    :param catalog_run_id: the catalog's run, as text.
    :param shard: number of the shard in that run.
    :param shard_label: words for Airflow's grid, as ``photos 1-320``.
    :param collection: name of the collection, for links.

    Returns the shard's progress as a dictionary.
    """

    template_fields: Sequence[str] = ("catalog_run_id", "shard_label", "collection")
    ui_color = "#e8f0e4"
    operator_extra_links = (FailuresLink(),)

    def __init__(self, *, catalog_run_id: str, shard: int, shard_label: str, collection: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.catalog_run_id = catalog_run_id
        self.shard = shard
        self.shard_label = shard_label
        self.collection = collection

    def execute(self, context: Context) -> dict[str, int]:
        """Queue and send what is unfinished, then defer."""
        progress = self._submit()
        if _is_finished(progress):
            return self._end(progress)
        return self._wait(None)

    def resume(self, context: Context, event: Mapping[str, Any], deadline: str) -> dict[str, int]:
        """Look again after the trigger fired. The event only wakes; the catalog is asked.

        :raises TimeoutError: the shard was not finished at its deadline.
        :raises RuntimeError: batches ended without all their photographs being final.
        """
        self.log.info("woken: %s (%s)", event.get("status"), event.get("message"))
        progress = self._progress()
        if _is_finished(progress):
            return self._end(progress)
        if event.get("status") == "deadline":
            raise TimeoutError(f"shard {self.shard} was not finished at {deadline}: {progress}")
        if event.get("status") == "stalled":
            self._rescue()
        self._submit()
        return self._wait(deadline)

    def on_kill(self) -> None:
        """The task was stopped while it was sending: take back the batches that no worker has begun."""
        from restoration.catalog.planning import cancel_run

        with _catalog() as db, db.begin() as conn:
            cancelled = cancel_run(conn, UUID(self.catalog_run_id), "the Airflow task was stopped", shard=self.shard)
        self.log.warning("stopped; %d batches of shard %s cancelled", cancelled, self.shard)

    def _submit(self) -> ShardProgress:
        from restoration.catalog.planning import queue_shard, shard_progress
        from restoration.orchestration.dispatch import send_batches

        run_id = UUID(self.catalog_run_id)
        with _catalog() as db:
            with db.begin() as conn:
                batches = queue_shard(conn, run_id, self.shard)
            # sent after the commit, so that no worker is faster than the catalog
            send_batches(batches)
            with db.connect() as conn:
                progress = shard_progress(conn, run_id, self.shard)
        self.log.info("%d batches sent; %s", len(batches), progress)
        return progress

    def _rescue(self) -> None:
        """Free what dead workers hold, of any run: where no worker is left, nobody else does it."""
        from restoration.catalog.work import reap
        from restoration.orchestration.dispatch import send_batches

        with _catalog() as db:
            with db.begin() as conn:
                report = reap(conn)
            send_batches(report.batches_requeued)
        self.log.info("nothing moved; freed what dead workers held: %s", report)

    def _progress(self) -> ShardProgress:
        from restoration.catalog.planning import shard_progress

        with _catalog() as db, db.connect() as conn:
            return shard_progress(conn, UUID(self.catalog_run_id), self.shard)

    def _wait(self, deadline: str | None) -> NoReturn:
        from restoration.orchestration.trigger import ShardTrigger
        from restoration.settings import get_settings

        settings = get_settings()
        if deadline is None:
            deadline = (datetime.now(UTC) + timedelta(seconds=settings.shard_deadline_seconds)).isoformat()
        trigger = ShardTrigger(
            self.catalog_run_id, self.shard, deadline, settings.poll_seconds, settings.resend_seconds
        )
        self.defer(trigger=trigger, method_name="resume", kwargs={"deadline": deadline})

    def _end(self, progress: ShardProgress) -> dict[str, int]:
        if progress.failed:
            raise RuntimeError(
                f"{progress.failed} of {progress.total} batches of shard {self.shard} ended unfinished; "
                "the worker's log and `restoration audit failures` say why, and a retry takes up what is left"
            )
        return dict(vars(progress))


def _is_finished(progress: ShardProgress) -> bool:
    return progress.finished >= progress.total


def _catalog() -> Any:
    from restoration.orchestration.flow import open_catalog

    return open_catalog()
