"""# Publish a collection

Publishes a collection as it stands now, without restoring anything: after photographs were reviewed or withdrawn, after
its title, rights or consent changed, or because the night found something that a person has to decide.

**Start it** with *Trigger*: give the collection's name. Nightly runs start it by themselves, once for each content that
waits for a person; such a run is parked in `approve` until somebody answers.

| Step | Does |
|---|---|
| `examine` | says what would be published, or why it may not be |
| `approve` | asks where a person has to approve, or photographs wait for a decision; else passes at once |
| `publish` | writes a new version of the archive where anything changed and it may be published |

**To answer**, open *Required actions* (in the run, and on the start page). Choose *Publish*; *Publish, doubtful ones
accepted*, which accepts every photograph that waits; or *Do not publish*. Say why in your own words. The answer holds
for exactly what you were shown; where that has changed since, you are asked again. Without an answer within the setting
`approval_hours` nothing is published. Decision, name, time and words go on record as an event.

**When it fails.** `examine` failed: there is no such collection, or the catalog is out of reach. `approve` failed:
three answers did not count, because the content changed each time or the words were missing; clear it to be asked
again. `publish` failed: what was written did not read back, or the content changed right after the approval; clear
`approve` and the tasks behind it. The archive that was published before stays current until a new one is whole.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task

from restoration.orchestration.approving import ApproveOperator
from restoration.orchestration.closing import PublishOperator
from restoration.orchestration.vocabulary import ASK_AGAIN, DEFAULT_ARGS

PARAMS = {
    "collection": Param(
        type="string",
        title="Collection",
        description="Short name of a collection that is known already.",
        pattern="^[a-z0-9][a-z0-9-]{0,62}$",
        examples=["family-album-1912"],
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description="Only say what would be published; nobody is asked and nothing is written.",
    ),
}


@dag(
    dag_id="publish_collection",
    dag_display_name="Publish a collection",
    description="Asks a person where one is needed, and publishes what is there now.",
    doc_md=__doc__,
    schedule=None,
    params=PARAMS,
    default_args=DEFAULT_ARGS,
    # runs that are parked for a person count too, for days, and must not keep others waiting
    max_active_runs=100,
    tags=["restoration", "publishing"],
)
def publish_collection() -> None:
    """Examine, ask, publish."""

    @task
    def examine(params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Say what would be published."""
        from restoration.orchestration import flow
        from restoration.orchestration.failing import usage_errors_are_final

        with usage_errors_are_final():
            return flow.publish(str((params or {})["collection"]), dry_run=True)

    collection = "{{ params.collection }}"
    approved = ApproveOperator(task_id="approve", collection=collection, ask_again=True, **ASK_AGAIN)
    examine() >> approved >> PublishOperator(task_id="publish", collection=collection)


publish_collection()
