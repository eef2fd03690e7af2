"""# Nightly archive

Every night (setting `nightly_cron`, UTC) each active collection that is marked *nightly* is listed. Where scans are new
or changed, or the collection's recipe is another one than theirs, `restore_collection` is run for it, and this DAG
sleeps until that run has ended. Where nothing is new nothing is done, and the log of `choose` says so.

These runs wait for nobody. Where a person has to approve what they made, or photographs wait for a decision, `ask`
starts a run of `publish_collection`, which is parked until somebody answers (*Required actions* on the start page). The
same content is asked about once, however many nights it waits; this DAG does not wait for the answer.

Mark a collection with `restoration collection add NAME SOURCE --nightly`, take it out with `--no-nightly`.

**When it fails.** `look` failed: that collection could not be listed; the others are restored all the same. `restore`
failed: open the triggered run (button *Triggered DAG*). Clearing a task repeats the same run and restores nothing
twice. `report` fails with either, so that the night does not look better than it was.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import TriggerRule, dag, task

from restoration.orchestration.vocabulary import DEFAULT_ARGS
from restoration.settings import get_settings


@dag(
    dag_id="nightly_archive",
    dag_display_name="Nightly archive",
    description="Restores what is new in every nightly collection.",
    doc_md=__doc__,
    schedule=get_settings().nightly_cron,
    default_args=DEFAULT_ARGS,
    max_active_runs=1,
    tags=["restoration", "nightly"],
)
def nightly_archive() -> None:
    """List, choose, restore, ask."""

    @task
    def nightly_collections() -> list[str]:
        """Names of the active nightly collections."""
        from restoration.orchestration import flow

        return flow.nightly_collections()

    @task(map_index_template="{{ collection }}")
    def look(collection: str) -> dict[str, int]:
        """List a collection's source and count what is new."""
        from airflow.sdk import get_current_context

        from restoration.orchestration import flow

        get_current_context()["collection"] = collection  # type: ignore[typeddict-unknown-key]
        return {collection: flow.nightly_work(collection)}

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def choose(looked: Any = None, dag_run: Any = None) -> list[dict[str, Any]]:
        """One run for each collection with something new."""
        from restoration.orchestration import flow

        found = {name: photos for one in looked or [] if one for name, photos in one.items()}
        return flow.nightly_runs(found, dag_run.run_id)

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def questions(runs: Any = None) -> list[dict[str, Any]]:
        """One run that asks a person for each collection that needs one."""
        from restoration.orchestration import flow

        return flow.nightly_questions(runs or [])

    @task(trigger_rule=TriggerRule.NONE_FAILED)
    def report(runs: list[dict[str, Any]]) -> int:
        """Number of collections restored tonight."""
        return len(runs)

    looked = look.expand(collection=nightly_collections())
    runs = choose(looked)
    restored = TriggerDagRunOperator.partial(
        task_id="restore",
        map_index_template="{{ task.conf['collection'] }}",
        trigger_dag_id="restore_collection",
        logical_date=None,
        wait_for_completion=True,
        deferrable=True,
        poke_interval=5,
        reset_dag_run=True,
        execution_timeout=None,
    ).expand_kwargs(runs)
    asked = questions(runs)
    asking = TriggerDagRunOperator.partial(
        task_id="ask",
        map_index_template="{{ task.conf['collection'] }}",
        trigger_dag_id="publish_collection",
        logical_date=None,
        skip_when_already_exists=True,
    ).expand_kwargs(asked)
    restored >> asked
    [looked, restored, asking] >> report(runs)


nightly_archive()
