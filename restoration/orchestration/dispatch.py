"""Sending batches to the GPU workers by task name. Neither torch nor the workers' code is imported here."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from restoration.broker import shared_options
from restoration.errors import EnvironmentProblem, ReasonCode
from restoration.names import RESTORE_TASK
from restoration.settings import get_settings

logger = logging.getLogger(__name__)

RETRY_POLICY = {"max_retries": 3, "interval_start": 0.2, "interval_step": 0.5, "interval_max": 2.0}


def send_batches(batch_ids: Sequence[UUID]) -> None:
    """Put batches on the workers' queue. The batch id is the task id too, so that logs of both sides meet.

    Sending a batch twice is harmless: the catalog hands every photograph out once.

    :raises SettingsError: no broker is configured.
    :raises EnvironmentProblem: ``broker_unavailable``; some batches may have been sent, and sending again is safe.
    """
    if not batch_ids:
        return
    from kombu.exceptions import OperationalError

    app = _sender()
    queue = get_settings().celery_queue
    try:
        with app.producer_or_acquire() as producer:
            for batch_id in batch_ids:
                app.send_task(
                    RESTORE_TASK,
                    args=[str(batch_id)],
                    task_id=str(batch_id),
                    queue=queue,
                    producer=producer,
                    retry=True,
                    retry_policy=RETRY_POLICY,
                )
    except (OperationalError, OSError) as error:
        message = f"the broker does not take tasks ({type(error).__name__}); check RESTORATION_BROKER_URL"
        raise EnvironmentProblem(message, reason=ReasonCode.BROKER_UNAVAILABLE) from error
    logger.info("sent %d batches to queue %s", len(batch_ids), queue)


@lru_cache(maxsize=1)
def _sender() -> Any:
    from celery import Celery

    app = Celery("restoration-sender", set_as_current=False)
    app.conf.update(shared_options(get_settings()))
    return app
