"""What the DAGs' tasks do, as plain functions of plain values. Short: they list, plan, count and publish.

Every function opens the catalog for itself and closes it again. What they return goes through XCom: small, plain, and
without addresses or secrets.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from restoration import __version__, names
from restoration.errors import UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from restoration.catalog.collections import Collection
    from restoration.engine.recipe import Recipe
    from restoration.storage.s3 import ObjectStore

logger = logging.getLogger(__name__)

DEFAULT_RECIPE = "memorial-portrait"
"""Recipe of a collection that is registered without one."""

FAILED_STATES = frozenset({"failed", "upstream_failed"})
"""States of an Airflow task that make its run a failure."""

COLLECTION_FIELDS = ("title", "consent", "sensitivity", "rights", "contact")


@contextmanager
def open_catalog() -> Iterator[sa.Engine]:
    """The catalog with Airflow's login, closed at the end.

    :raises CatalogError: out of reach.
    """
    from restoration.orchestration.access import make_db_engine

    db = make_db_engine()
    try:
        yield db
    finally:
        db.dispose()


def ingest(params: Mapping[str, Any], dag_id: str, dag_run_id: str) -> dict[str, Any]:
    """Register the collection, list its scans, open the run.

    :param params: the trigger form; None keeps what the catalog has.
    :returns: run id, collection, recipe and the listing's figures.
    :raises UsageError: a new collection without source, or a source or recipe that does not exist.
    :raises StorageError: the source cannot be listed.
    """
    from restoration.catalog.planning import open_run, record_listing
    from restoration.ingest.ingest import ingest_collection
    from restoration.orchestration.access import make_store

    with open_catalog() as db:
        with db.begin() as conn:
            collection = register(conn, params)
        recipe = load_checked(collection.recipe, collection.sensitivity)
        listing = ingest_collection(db, make_store(), collection).to_dict()
        with db.begin() as conn:
            run = open_run(
                conn,
                collection=collection,
                dag_id=dag_id,
                dag_run_id=dag_run_id,
                recipe={"name": recipe.name, "sha256": recipe.sha256, "body": recipe.canonical()},
                parameters={key: params.get(key) for key in sorted(params)},
                code_version=__version__,
            )
        with db.begin() as conn:
            record_listing(conn, run, listing)
    logger.info("%s: %s", collection.name, listing)
    return {"run_id": str(run), "collection": collection.name, "recipe": recipe.name, "listing": listing}


def register(conn: sa.Connection, params: Mapping[str, Any]) -> Collection:
    """Bring the collection's record up to what the form says.

    :raises UsageError: a new collection without a source.
    """
    from restoration.catalog.collections import get_collection, upsert_collection

    name = str(params["collection"])
    source, recipe = params.get("source") or None, params.get("recipe") or None
    try:
        known = get_collection(conn, name)
    except UsageError:
        if not source:
            raise UsageError(
                f"collection {name!r} is new: give its source, for example s3://originals/{name}/"
            ) from None
        source_uri, recipe = source, recipe or DEFAULT_RECIPE
    else:
        source_uri, recipe = source or known.source_uri, recipe or known.recipe
    fields = {field: params.get(field) or None for field in COLLECTION_FIELDS}
    return upsert_collection(conn, name=name, source_uri=source_uri, recipe=recipe, **fields)


def load_checked(name: str, sensitivity: str) -> Recipe:
    """The recipe of that name, validated, as a collection of that sensitivity may have it.

    :raises RecipeError: unknown or invalid.
    """
    from restoration.engine.recipe import load_recipe, recipe_for

    return recipe_for(load_recipe(name), sensitivity)


def plan(listed: Mapping[str, Any], params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lay what is to be restored into batches and shards; gives one dictionary a shard, for the mapped operator.

    A dry run writes no batch and gives an empty list; its counts are in the log.
    """
    from restoration.catalog.planning import plan_batches, run_recipe
    from restoration.engine.prepare import recipe_models_sha256
    from restoration.engine.recipe import recipe_from_canonical
    from restoration.models.files import Registry
    from restoration.settings import get_settings

    settings, dry_run = get_settings(), bool(params.get("dry_run"))
    with open_catalog() as db, db.begin() as conn:
        run = UUID(listed["run_id"])
        recipe = recipe_from_canonical(run_recipe(conn, run), f"run {run}")
        shards = plan_batches(
            conn,
            run,
            models_sha256=recipe_models_sha256(recipe, Registry.load(settings=settings)),
            batch_size=int(params.get("batch_size") or settings.batch_size),
            max_shards=settings.max_shards,
            force=bool(params.get("force")),
            batches_per_shard=settings.batches_per_shard,
            dry_run=dry_run,
            max_attempts=settings.max_attempts,
        )
    photos, batches = sum(s.photos for s in shards), sum(s.batches for s in shards)
    would = "would restore" if dry_run else "to restore"
    logger.info("%s: %s %d photographs in %d batches", listed["collection"], would, photos, batches)
    if dry_run:
        return []
    return [
        {
            "catalog_run_id": listed["run_id"],
            "shard": shard.shard,
            "shard_label": shard.label,
            "collection": listed["collection"],
        }
        for shard in shards
    ]


def summarize(run_id: str) -> dict[str, Any]:
    """Close the run and count how its photographs ended."""
    from restoration.catalog.planning import finish_run

    with open_catalog() as db, db.begin() as conn:
        summary = finish_run(conn, UUID(run_id))
    logger.info("run %s: %s", run_id, summary)
    return dict(vars(summary))


def publish(collection: str, run_id: str = "", *, expects: str | None = None, dry_run: bool = False) -> dict[str, Any]:
    """Publish the collection where anything changed and its conditions allow it; gives the report as plain data.

    What is withheld is said in the log, with what a person does to approve it.

    :param run_id: the catalog's run, as text; empty where there is none.
    :param expects: hash of the content that a person approved.
    :param dry_run: only say what would be done.
    :raises UsageError: unknown collection, or the content is no longer what was approved.
    :raises PublicationError: what was written does not read back; the old version stays current.
    """
    from restoration.catalog.collections import get_collection
    from restoration.orchestration.access import make_store
    from restoration.publish.publisher import publish_collection
    from restoration.settings import get_settings

    with open_catalog() as db:
        run, store = UUID(run_id) if run_id else None, make_store()
        with db.connect() as conn:
            known = get_collection(conn, collection)
        report = publish_collection(db, store, get_settings(), collection, run, expects=expects, dry_run=True)
        if not dry_run:
            if report.state == "published":
                _look_for_originals(db, store, known)
            report = publish_collection(db, store, get_settings(), collection, run, expects=expects)
    if report.state == "withheld":
        logger.warning("%s is not published (%s): %s", collection, report.reason, report.detail)
    else:
        logger.info("%s: %s", collection, report)
    plain: dict[str, Any] = json.loads(json.dumps(report.to_dict()))
    return plain


def _look_for_originals(db: sa.Engine, store: ObjectStore, collection: Collection) -> None:
    """Say whether the originals of what is about to be published are where they were."""
    from restoration.publish.presence import check_presence

    found = check_presence(db, store, collection)
    if found.ok:
        logger.info("%s: all %d originals are where they were", collection.name, found.originals)
        return
    logger.warning(
        "%s: %d originals are no longer in the bucket and %d were replaced since the last listing, the first %r; "
        "what was restored from them is published, and the next run deals with them",
        collection.name,
        found.missing,
        found.replaced,
        found.first,
    )


def cancel_leftovers(dag_id: str, dag_run_id: str, task_states: Mapping[str, str | None]) -> None:
    """Cancel batches that a run left unfinished, so that no worker goes on for a run that nobody waits for.

    Does nothing after a run that went well.

    :param task_states: state of each task of the DAG run by task id, with ``_<index>`` behind those of mapped tasks.
    :raises AirflowFailException: a task failed, the run did not come to its end, or photographs were given up for what
        was not their own. As the DAG's last task this one
        decides how Airflow shows the run; without it a run that a person gave up would count as a success, because
        the tasks that it skips then count as well done.
    """
    from airflow.sdk.exceptions import AirflowFailException

    from restoration.catalog.planning import cancel_run
    from restoration.catalog.progress import lost_to_infrastructure, run_state

    run = names.run_id(dag_id, dag_run_id)
    with open_catalog() as db, db.begin() as conn:
        cancelled = cancel_run(conn, run, "the DAG run ended before its batches")
        state = run_state(conn, run)
        lost = lost_to_infrastructure(conn, run)
    if state != "done":
        raise AirflowFailException(
            f"the run did not come to its end ({state or 'it never began'}): {cancelled} batches are cancelled; "
            "clear the failed tasks to take them up again"
        )
    failed = sorted(name for name, task_state in task_states.items() if task_state in FAILED_STATES)
    if failed:
        raise AirflowFailException(f"these tasks failed: {', '.join(failed)}; their logs say why")
    if lost:
        counts = ", ".join(f"{reason} {photos}" for reason, photos in lost.items())
        raise AirflowFailException(
            f"{sum(lost.values())} photographs were given up because the store or a machine failed ({counts}); mend "
            f"that, then `restoration release COLLECTION --reason {next(iter(lost))}` makes them due again"
        )


def nightly_collections() -> list[str]:
    """Names of the active nightly collections."""
    from restoration.catalog.collections import nightly_collections as select

    with open_catalog() as db, db.connect() as conn:
        found = [collection.name for collection in select(conn)]
    logger.info("nightly collections: %s", ", ".join(found) or "none")
    return found


def nightly_work(name: str) -> int:
    """List a collection's source, and count the photographs that a run would restore.

    A collection that was registered before its scans were brought holds nobody up: it has none yet.
    """
    from restoration.catalog.collections import get_collection
    from restoration.catalog.planning import nightly_work as count
    from restoration.ingest.ingest import ingest_collection
    from restoration.orchestration.access import make_store
    from restoration.settings import get_settings

    with open_catalog() as db:
        with db.connect() as conn:
            collection = get_collection(conn, name)
        try:
            listing = ingest_collection(db, make_store(), collection).listing
        except UsageError as error:
            logger.warning("%s: %s", name, error.message)
            return 0
        with db.connect() as conn:
            photos = count(
                conn,
                collection.collection_id,
                load_checked(collection.recipe, collection.sensitivity).sha256,
                max_attempts=get_settings().max_attempts,
            )
    logger.info("%s: %d photographs to restore (%s)", name, photos, listing)
    return photos


def nightly_runs(found: Mapping[str, int], nightly_run_id: str) -> list[dict[str, Any]]:
    """One ``restore_collection`` run for each collection with work, with an id that a repetition finds again.

    :param found: photographs to restore, by collection.
    :param nightly_run_id: DAG run id of the nightly run.
    """
    runs = [
        # nobody answers at night: what needs a person is asked by a run of its own afterwards
        {"trigger_run_id": f"{nightly_run_id}__{name}", "conf": {"collection": name, "wait_for_approval": False}}
        for name, photos in sorted(found.items())
        if photos
    ]
    if not runs:
        logger.info("nothing new in %d nightly collections; nothing to do", len(found))
    return runs


def nightly_questions(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One ``publish_collection`` run for each collection restored tonight about which a person has to be asked.

    Their ids hold the content's hash: the same content is asked about once, however many nights it waits.

    :param runs: tonight's ``restore_collection`` runs (:func:`nightly_runs`); those that did not end well are left out.
    """
    from restoration.catalog.progress import run_state
    from restoration.orchestration.access import make_store
    from restoration.publish.asking import Asker
    from restoration.settings import get_settings

    questions = []
    with open_catalog() as db:
        store = make_store()
        for run in runs:
            name = str(run["conf"]["collection"])
            with db.connect() as conn:
                state = run_state(conn, names.run_id("restore_collection", str(run["trigger_run_id"])))
            asked = Asker(db, store, get_settings(), name).question(again=True) if state == "done" else None
            if asked is not None:
                logger.info("%s: %s", name, asked.why)
                run_id = f"asked__{name}__{asked.content_sha256[:16]}"
                questions.append({"trigger_run_id": run_id, "conf": {"collection": name}})
    return questions
