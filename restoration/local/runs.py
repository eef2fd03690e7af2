"""Runs of the DAG that restores a collection: starting one through Airflow's API, and following it in the catalog."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from restoration.catalog.progress import RunProgress, run_progress
from restoration.errors import EnvironmentProblem
from restoration.local.airflow_api import AirflowApi
from restoration.names import run_id as run_uuid

DAG_ID = "restore_collection"
PARKED = "parked"
"""What :func:`follow` says of a run that waits for a person; Airflow calls it running."""

_DAG_SECONDS = 90.0
_POLL_SECONDS = 0.5
_AWAY_SECONDS, _AWAY_POLL_SECONDS = 180.0, 3.0
_ENDED = ("success", "failed")


@dataclass(frozen=True)
class RunView:
    """How far a run is. ``state`` is Airflow's, or :data:`PARKED`; ``stage`` names the tasks that run now."""

    state: str
    stage: str
    progress: RunProgress

    @property
    def ended(self) -> bool:
        """Whether Airflow is done with it."""
        return self.state in _ENDED


def wait_for_dag(api: AirflowApi, *, where: str = "the log of Airflow's DAG processor") -> None:
    """Wait until Airflow has parsed the DAG.

    :param where: what to look at if it says nothing itself.
    :raises EnvironmentProblem: it has not within a minute and a half.
    """
    if not _within(_DAG_SECONDS, lambda: api.dag_is_known(DAG_ID)):
        problems = "; ".join(api.import_errors()) or f"see {where}"
        raise EnvironmentProblem(f"Airflow does not know DAG {DAG_ID} after {_DAG_SECONDS:.0f} s: {problems}")


def running(api: AirflowApi, collection: str) -> str | None:
    """Id of a run of the collection that is under way; None if there is none. One that waits for a person counts not:
    it may wait for days.
    """
    runs = api.get(f"/dags/{DAG_ID}/dagRuns", state=["queued", "running"], limit=100)["dag_runs"]
    ours = (str(run["dag_run_id"]) for run in runs if (run["conf"] or {}).get("collection") == collection)
    return next((run for run in ours if not _is_parked(api.tasks(DAG_ID, run))), None)


def start(api: AirflowApi, conf: Mapping[str, Any]) -> str:
    """Start a run with these values of the form; returns its id. :raises EnvironmentProblem: Airflow refused."""
    return api.trigger(DAG_ID, conf)


def follow(engine: sa.Engine, api: AirflowApi, run: str) -> Iterator[RunView]:
    """How far a run is, every half second; the last view is of its end. A caller may leave when a run is parked.

    Airflow or the catalog may be away for some minutes, as when one of them is started anew: the run goes on.

    :raises EnvironmentProblem: Airflow was away for longer.
    """
    away = 0.0
    while True:
        try:
            view = _view(engine, api, run)
        except (EnvironmentProblem, sa.exc.OperationalError):
            away += _AWAY_POLL_SECONDS
            if away > _AWAY_SECONDS:
                raise
            time.sleep(_AWAY_POLL_SECONDS)
            continue
        away = 0.0
        yield view
        if view.ended:
            return
        time.sleep(_POLL_SECONDS)


def _view(engine: sa.Engine, api: AirflowApi, run: str) -> RunView:
    state, tasks = api.run_state(DAG_ID, run), api.tasks(DAG_ID, run)
    with engine.connect() as connection:
        progress = run_progress(connection, run_uuid(DAG_ID, run))
    stage = ", ".join(dict.fromkeys(task["task_id"] for task in tasks if _is_active(task["state"])))
    parked = state not in _ENDED and _is_parked(tasks)
    return RunView(PARKED if parked else state, state if state in _ENDED else stage, progress)


def failed_tasks(api: AirflowApi, run: str) -> dict[str, str]:
    """Tasks of a run that failed, each with the tail of its log.

    A run may end well by its last task though an earlier one failed: what failed counts, whatever the run says.
    """
    failed = [task for task in api.tasks(DAG_ID, run) if task["state"] == "failed"]
    return {task["task_id"]: api.task_log(DAG_ID, run, task) for task in failed}


def _is_parked(tasks: list[dict[str, Any]]) -> bool:
    return any(task["state"] == "awaiting_input" for task in tasks)


def _is_active(state: str | None) -> bool:
    return state in ("queued", "scheduled", "running", "deferred", "restarting", "up_for_retry", "awaiting_input")


def _within(seconds: float, question: Callable[[], bool]) -> bool:
    """Ask until the answer is yes; whether it came in time."""
    deadline = time.monotonic() + seconds
    while not question():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
