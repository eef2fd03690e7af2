"""The two tasks that workers know. Both are thin: the work is plain Python in :mod:`restoration.worker.batch`."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from celery.exceptions import Reject

from restoration.errors import CatalogError, DeviceFault, EnvironmentProblem
from restoration.names import REAP_TASK, RESTORE_TASK
from restoration.worker import supervision
from restoration.worker.app import app

if TYPE_CHECKING:
    from restoration.worker.jobs import BatchReport

logger = logging.getLogger(__name__)

FAULT_PAUSE_SECONDS = 5.0
"""Pause after a batch that failed by machine or infrastructure, doubled with each in a row."""
LONGEST_PAUSE_SECONDS = 60.0

EXIT_DEVICE = 75
"""Exit code of a process that met a device fault (sysexits' EX_TEMPFAIL); the parent starts a fresh one."""


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
        _after_fault(f"the catalog is out of reach ({type(error).__name__})")
        raise Reject(str(type(error).__name__), requeue=True) from error
    logger.info("batch %s: %s", batch_id, report)
    if report.out_of_time and report.state == "running":
        raise Reject("out of time", requeue=True)
    if report.problem is not None:
        _after_problem(report, report.problem)
    elif report.state == "given_back":
        _send_again(batch_id)


def _after_problem(report: BatchReport, problem: EnvironmentProblem) -> None:
    """Machine or infrastructure failed: let others have the batch, and think of this worker's own use."""
    if isinstance(problem, DeviceFault):
        # nothing of this process is of use any more; the broker delivers the message of a lost process again
        if supervision.fault() >= _limit():
            supervision.give_up(problem.message)
        else:
            logger.error("the device failed; going on in a fresh process")
        sys.stderr.flush()
        os._exit(EXIT_DEVICE)
    if report.state == "given_back":
        _send_again(report.batch_id)
    _after_fault(problem.message)


def _after_fault(message: str) -> None:
    """Pause, or give up if there were too many in a row."""
    in_a_row = supervision.fault()
    if in_a_row >= _limit():
        supervision.give_up(message)
        return
    until = time.monotonic() + min(FAULT_PAUSE_SECONDS * 2 ** (in_a_row - 1), LONGEST_PAUSE_SECONDS)
    while time.monotonic() < until and not supervision.is_draining():
        time.sleep(0.2)


def _limit() -> int:
    from restoration.worker.runtime import get_runtime

    return get_runtime().settings.faults_in_a_row


def _send_again(batch_id: str) -> None:
    """Put a batch at the end of the queue, so that this worker is not the next to get it."""
    from kombu.exceptions import OperationalError

    try:
        restore_batch.apply_async(args=[batch_id], task_id=batch_id)
    except OperationalError as error:
        logger.warning("batch %s is queued and could not be sent (%s); the run sends it again", batch_id, error)


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
