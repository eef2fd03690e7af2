"""The Celery application of the GPU workers. Imports neither torch nor Airflow, and reads no setting until it is used.

Start one worker per GPU: ``celery -A restoration.worker.app worker -Q gpu -c 1 -P prefork``. The model lives in the
pool's child; the parent never touches the device. Postgres is the truth and Celery only delivers, so a task that comes
twice, late, or after a crash changes nothing.

SIGTERM drains: the group in hand is ended, the rest given back. A worker whose machine or infrastructure fails again
and again ends with exit code 3 and one line of log (:mod:`restoration.worker.supervision`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from celery import Celery, signals

from restoration.broker import shared_options
from restoration.errors import EnvironmentProblem, Owner
from restoration.names import REAP_TASK
from restoration.photo.sandbox.hiding import hide_if_need_be
from restoration.settings import Settings, get_settings
from restoration.worker import supervision

logger = logging.getLogger(__name__)

CHILD_START_SECONDS = 180.0
"""How long a pool child may take to load torch and the models before Celery calls it dead."""


def celery_options(settings: Settings) -> dict[str, Any]:
    """All Celery settings of a worker.

    :raises SettingsError: no broker, or time limits that contradict each other.
    """
    return shared_options(settings) | {
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure_or_timeout": True,
        "task_track_started": True,
        "task_soft_time_limit": settings.soft_time_limit,
        "task_time_limit": settings.hard_time_limit,
        "worker_pool": "prefork",
        "worker_concurrency": 1,
        "worker_prefetch_multiplier": 1,
        "worker_max_memory_per_child": 1024 * settings.max_memory_per_child_mb or None,
        "worker_proc_alive_timeout": CHILD_START_SECONDS,
        "worker_send_task_events": False,
        # whoever may put tasks into the queue may not stop workers or take their queue away
        "worker_enable_remote_control": False,
        "worker_hijack_root_logger": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_connection_retry_on_startup": True,
        "beat_schedule": {"reap-leases": _every(max(5.0, settings.lease_seconds / 2))},
    }


def _every(seconds: float) -> dict[str, Any]:
    """The reaper's place in the schedule; a message that was not read before the next one comes is of no use."""
    return {"task": REAP_TASK, "schedule": seconds, "options": {"expires": seconds}}


app = Celery("restoration", include=["restoration.worker.tasks"], set_as_current=False)
app.add_defaults(lambda: celery_options(get_settings()))


@signals.celeryd_init.connect  # type: ignore[untyped-decorator]
def _check_pool(conf: Any = None, options: Mapping[str, Any] | None = None, **_: Any) -> None:
    """Refuse more than one child: the children of one worker share a name, by which leases are told apart.

    :raises SystemExit: Celery swallows other exceptions of signal handlers.
    """
    concurrency = int((options or {}).get("concurrency") or conf.worker_concurrency)
    if concurrency != 1:
        raise SystemExit(f"a worker runs one process (-c 1), not {concurrency}; start one worker per GPU instead")


@signals.celeryd_init.connect  # type: ignore[untyped-decorator]
def _hide(**_: Any) -> None:
    """Before anything is forked: a scan that takes a decoding process over must not read our logins."""
    hide_if_need_be()


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _watch_child(**_: Any) -> None:
    supervision.end_if_unfit()


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _drain(**_: Any) -> None:
    supervision.drain()


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _warm_up(**_: Any) -> None:
    """Load torch and open connections before the first batch, outside its time limit, and try the device."""
    from restoration.worker.runtime import get_runtime

    settings = get_settings()
    supervision.interrupt_when_drained(settings.drain_seconds)
    try:
        get_runtime().warm_up()
    except EnvironmentProblem as error:
        if error.owner is not Owner.MACHINE:
            raise
        # Celery logs what handlers raise and goes on, and the worker would fail one batch after the other
        supervision.give_up(error.message)
    if settings.liveness_file:
        supervision.show_life(settings.liveness_file, settings.hard_time_limit)


@signals.worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def _close(**_: Any) -> None:
    from restoration.worker.runtime import close_runtime

    close_runtime()
