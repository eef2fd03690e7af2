"""# Restore a collection

Takes one collection of scans from S3 to a published archive. Restores what is new or changed; what is done stays done.

**Start it** with *Trigger*: give the collection's name, and for a new collection the address of its scans. Every other
field may stay as it is; empty fields keep what the catalog knows of the collection.

| Step | Does |
|---|---|
| `ingest` | brings the collection's record up to date, lists its scans, opens the run |
| `plan` | lays the photographs to restore into batches; none means nothing to do |
| `restore` | one instance for up to 200 shards: sends batches to the GPU workers and sleeps until they are done |
| `summarize` | counts how the photographs ended, by state and by reason |
| `approve` | asks a person where one is needed, and parks the run until there is an answer; else passes at once |
| `publish` | writes a new version of the archive where anything changed and it may be published |
| `cancel_leftovers` | takes back what a failed or stopped run left unfinished |

**When it fails.** A photograph never fails a run: it ends `rejected` or `quarantined` with its reason (button
*Failures*, or `restoration audit failures --collection NAME`). A failed task is cleared in the UI and finds its
batches again. Nothing is restored twice, whatever is cleared, doubled or killed.

**Dry run** lists the scans into the catalog and says how many would be restored; nothing is restored or published.
**Consent refused**: nothing is restored or published.

**Consent unknown, a sensitive collection, or photographs that wait for a person**: all is restored, then `approve`
parks the run (*Required actions*, in the run and on the start page). It shows the counts, the photographs to look at
first and where to see them. Choose, and say why in your own words: *Publish*; *Publish, doubtful ones accepted*, which
accepts every photograph that waits; or *Do not publish*, which ends the run well without. Your answer holds for exactly
what you were shown; where that has changed since, you are asked again. Without an answer within the setting
`approval_hours` nothing is published. All of it goes on record with your name. The archive that was published before
stays as it is.

With *Wait for approval* switched off nobody is asked: what needs an approval is withheld, photographs that wait are
published as they were scanned, and `publish_collection` asks later. In a terminal a person approves with
`restoration publish NAME --approved-by "WHO" --words "WHY"`.

**A sensitive collection**: faces are found and recorded, never altered, whatever the recipe says.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, TriggerRule, dag, task

from restoration.engine.recipe import recipe_names
from restoration.orchestration.approving import ApproveOperator
from restoration.orchestration.closing import PublishOperator, SummarizeOperator
from restoration.orchestration.operator import RestoreShardOperator
from restoration.orchestration.vocabulary import ASK_AGAIN, DEFAULT_ARGS

# the form would show the empty choice as "null"
KEEP = {"null": "\u2013 as the catalog has it \u2013"}
PARAMS = {
    "collection": Param(
        type="string",
        title="Collection",
        description="Short name: lower-case letters, digits and hyphens. A new name registers a new collection.",
        pattern="^[a-z0-9][a-z0-9-]{0,62}$",
        examples=["family-album-1912"],
    ),
    "source": Param(
        None,
        type=["null", "string"],
        title="Source",
        description="Where the scans are: s3://bucket/prefix/. Needed for a new collection; empty keeps the known one.",
        pattern="^s3://[a-z0-9][a-z0-9.-]*(/.*)?$",
        examples=["s3://originals/family-album-1912/"],
    ),
    "recipe": Param(
        None,
        type=["null", "string"],
        enum=[None, *recipe_names()],
        values_display=KEEP,
        title="Recipe",
        description="What is done to each photograph. Empty keeps the collection's recipe.",
    ),
    "title": Param(
        None, type=["null", "string"], title="Title", description="Name of the collection for people.", maxLength=300
    ),
    "consent": Param(
        None,
        type=["null", "string"],
        enum=[None, "granted", "unknown", "refused"],
        values_display=KEEP,
        title="Consent",
        description="Of the people shown or their families. Refused: nothing is restored. Unknown: nothing is "
        "published without a person's approval.",
    ),
    "sensitivity": Param(
        None,
        type=["null", "string"],
        enum=[None, "normal", "memorial", "sensitive"],
        values_display=KEEP,
        title="Sensitivity",
        description="Sensitive: victims, violence, the dead. Faces are left alone, and nothing is published without a "
        "person's approval.",
    ),
    "rights": Param(
        None,
        type=["null", "string"],
        title="Rights",
        description="Rights statement, best as an address from rightsstatements.org or creativecommons.org.",
        maxLength=1000,
    ),
    "contact": Param(
        None,
        type=["null", "string"],
        title="Contact",
        description="Whom to ask about the collection, or to write to for a withdrawal.",
        maxLength=300,
    ),
    "batch_size": Param(
        16,
        type="integer",
        minimum=1,
        maximum=256,
        title="Photographs in a batch",
        description="What one GPU worker takes at a time. 16 to 64 is good; fewer for very large scans.",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description="Only list, and say how many photographs would be restored.",
    ),
    "publish": Param(
        True,
        type="boolean",
        title="Publish",
        description="Write a new version of the archive at the end, where anything changed.",
    ),
    "wait_for_approval": Param(
        True,
        type="boolean",
        title="Wait for approval",
        description="Where a person has to approve the publication, or photographs wait for a person's decision: park "
        "the run and ask. Otherwise nobody is asked, and what needs an approval is not published.",
    ),
    "force": Param(
        False,
        type="boolean",
        title="Restore all again",
        description="Also take photographs that are done or quarantined. Equal recipe and models reuse what is there.",
    ),
}


@dag(
    dag_id="restore_collection",
    dag_display_name="Restore a collection",
    description="From scans in S3 to a published archive.",
    doc_md=__doc__,
    schedule=None,
    params=PARAMS,
    default_args=DEFAULT_ARGS,
    # runs that are parked for a person count too, for days, and must not keep others waiting
    max_active_runs=100,
    tags=["restoration", "on-demand"],
)
def restore_collection() -> None:
    """Ingest, plan, restore, summarize, ask, publish."""

    @task
    def ingest(params: dict[str, Any] | None = None, dag_run: Any = None) -> dict[str, Any]:
        """Register the collection, list its scans, open the run."""
        from restoration.orchestration import flow
        from restoration.orchestration.failing import usage_errors_are_final

        with usage_errors_are_final():
            return flow.ingest(params or {}, dag_run.dag_id, dag_run.run_id)

    @task
    def plan(listed: dict[str, Any], params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Lay what is to be restored into batches and shards."""
        from restoration.orchestration import flow
        from restoration.orchestration.failing import usage_errors_are_final

        with usage_errors_are_final():
            return flow.plan(listed, params or {})

    @task
    def cancel_leftovers(dag_run: Any = None, ti: Any = None) -> None:
        """Cancel what a failed or stopped run left unfinished, and fail where a task failed."""
        from restoration.orchestration import flow

        states = ti.get_task_states(dag_id=dag_run.dag_id, run_ids=[dag_run.run_id])
        flow.cancel_leftovers(dag_run.dag_id, dag_run.run_id, states.get(dag_run.run_id, {}))

    listed = ingest()
    shards = plan(listed)
    run_id = "{{ ti.xcom_pull(task_ids='ingest')['run_id'] }}"
    collection = "{{ params.collection }}"
    restored = RestoreShardOperator.partial(
        task_id="restore", map_index_template="{{ task.shard_label }}", execution_timeout=None
    ).expand_kwargs(shards)
    summary = SummarizeOperator(
        task_id="summarize", catalog_run_id=run_id, collection=collection, trigger_rule=TriggerRule.NONE_FAILED
    )
    approved = ApproveOperator(
        task_id="approve",
        catalog_run_id=run_id,
        collection=collection,
        trigger_rule=TriggerRule.NONE_FAILED,
        **ASK_AGAIN,
    )
    published = PublishOperator(
        task_id="publish", catalog_run_id=run_id, collection=collection, trigger_rule=TriggerRule.NONE_FAILED
    )
    leftovers = cancel_leftovers().as_teardown(on_failure_fail_dagrun=True)
    shards >> restored >> summary >> approved >> published >> leftovers


restore_collection()
