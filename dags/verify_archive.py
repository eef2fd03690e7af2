"""# Verify the archive

Reads originals and published files again and compares their hashes with those on record, a share every day (setting
`fixity_cron`, UTC), so that everything is read within `fixity_days` days. Nothing is changed but the record.

| Step | Does |
|---|---|
| `plan` | what is due today, oldest first, in at most 200 parts of bounded size; known damage comes first |
| `read` | reads one part: scans from their bucket; published versions by their manifests, sealed in the catalog |
| `report` | counts what is damaged or late anywhere; red as long as there is any |

**Start it by hand** for one collection, or for everything at once, with *Trigger*.

**When it fails.** `read` is red: files are *changed* or *missing*, or a published version holds files that do not
belong there. Its log names each with both hashes; `restoration fixity overdue` and `restoration audit fixity-failures`
list them, and the webhook of the setting `alert_url` was told. Bring the right bytes back from a backup or an export,
then trigger this DAG again: what is known to be damaged is read first, every day, until it is intact. *Operations* in
the documentation says how, step by step. `report` alone is red: something was not read in time, because this DAG did
not run for long; trigger it with *Everything*.

An S3 service out of reach is no damage: the task is tried again, and goes on where it stopped.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, TriggerRule, dag, task

from restoration.orchestration.vocabulary import DEFAULT_ARGS
from restoration.settings import get_settings

PARAMS = {
    "collection": Param(
        None,
        type=["null", "string"],
        title="Collection",
        description="Only this collection; all of them where empty.",
        pattern="^[a-z0-9][a-z0-9-]{0,62}$",
    ),
    "everything": Param(
        False,
        type="boolean",
        title="Everything",
        description="Read all there is, not only what is due today. That can take days of reading.",
    ),
}


@dag(
    dag_id="verify_archive",
    dag_display_name="Verify the archive",
    description="Reads originals and publications again, so that damage is found in time.",
    doc_md=__doc__,
    schedule=get_settings().fixity_cron,
    params=PARAMS,
    default_args=DEFAULT_ARGS,
    max_active_runs=1,
    tags=["restoration", "fixity"],
)
def verify_archive() -> None:
    """Plan, read, report."""

    @task
    def plan(params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Lay out today's share."""
        from restoration.orchestration import rereading
        from restoration.orchestration.failing import usage_errors_are_final

        with usage_errors_are_final():
            return rereading.plan(params or {})

    # few at a time: reading shares the store with the workers
    @task(map_index_template="{{ label }}", max_active_tis_per_dagrun=2)
    def read(part: dict[str, Any]) -> dict[str, int]:
        """Read one part again."""
        from airflow.sdk import get_current_context

        from restoration.orchestration import rereading

        get_current_context()["label"] = part["label"]  # type: ignore[typeddict-unknown-key]
        return rereading.read(part)

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def report(dag_run: Any = None, ti: Any = None) -> dict[str, int]:
        """Count what is damaged or late anywhere."""
        from restoration.orchestration import rereading

        states = ti.get_task_states(dag_id=dag_run.dag_id, run_ids=[dag_run.run_id])
        return rereading.report(states.get(dag_run.run_id, {}))

    read.expand(part=plan()) >> report()


verify_archive()
