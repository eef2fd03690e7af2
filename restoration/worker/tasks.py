"""The two tasks that workers know. Both are thin: the work is plain Python in :mod:`restoration.worker.batch`."""

from __future__ import annotations

import logging
import time
from typing import Any

from celery.exceptions import Reject

from restoration.errors import CatalogError
from restoration.names import REAP_TASK, RESTORE_TASK
from restoration.worker.app import app

logger = logging.getLogger(__name__)

CATALOG_PAUSE_SECONDS = 5.0
"""Pause before a batch is given back because Postgres is out of reach."""


@app.task(name=RESTORE_TASK, bind=True)  # type: ignore[untyped-decorator]
def restore_batch(self: Any, batch_id: str) -> None:
    """Restore the photographs of one batch.

    :raises celery.exceptions.Reject: Postgres is out of reach, or time was up; the broker delivers the task again.
    """
    from sqlalchemy.exc import OperationalError

    from restoration.worker.batch import run_batch
    from restoration.worker.runtime import get_runtime

    try:
        reap_if_due()
        report = run_batch(get_runtime(), batch_id)
    except (OperationalError, CatalogError) as error:
        logger.warning("batch %s goes back to the queue: %s", batch_id, type(error).__name__)
        time.sleep(CATALOG_PAUSE_SECONDS)
        raise Reject(str(type(error).__name__), requeue=True) from error
    logger.info("batch %s: %s", batch_id, report)
    if report.out_of_time and report.state == "running":
        raise Reject("out of time", requeue=True)


@app.task(name=REAP_TASK)  # type: ignore[untyped-decorator]
def reap_leases() -> None:
    """Free photographs whose worker died, and send their batches again."""
    _reap()


_last_reap = 0.0


def reap_if_due() -> None:
    """Reap at most once in a third of a lease's time, so that a system without beat heals itself too."""
    global _last_reap
    from restoration.worker.runtime import get_runtime

    now = time.monotonic()
    if _last_reap and now - _last_reap < get_runtime().settings.lease_seconds / 3:
        return
    _last_reap = now
    _reap()


def _reap() -> None:
    from restoration.catalog.work import reap
    from restoration.worker.runtime import get_runtime

    with get_runtime().db.begin() as conn:
        report = reap(conn)
    for batch_id in report.batches_requeued:
        restore_batch.apply_async(args=[str(batch_id)], task_id=str(batch_id))
    if report.batches_requeued or report.quarantined:
        logger.warning(
            "reaper: %d photographs freed, %d quarantined, %d batches sent again",
            report.freed,
            report.quarantined,
            len(report.batches_requeued),
        )
