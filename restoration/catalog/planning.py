"""Runs and batches: choosing the photographs of a run, and following them until it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from restoration import names
from restoration.catalog.bulk import copy_rows
from restoration.catalog.collections import Collection
from restoration.catalog.divisions import IS_DIVIDED, TO_DIVIDE
from restoration.catalog.events import append_event
from restoration.catalog.locks import lock_work
from restoration.catalog.parts import FILE_IS_CURRENT, PAGES_UNKNOWN
from restoration.catalog.release import release_photos
from restoration.catalog.values import clean_text, to_json
from restoration.catalog.wishes import FACES_TO_UNDO, HINTS_CHANGED
from restoration.catalog.withdrawals import WITHDRAWN, withdraw_twins
from restoration.errors import UsageError

AGENT = "planner"

# One question answered from two small index ranges. asyncpg asks it as it stands.
SHARD_PROGRESS_SQL = """
SELECT count(*) AS total,
       count(*) FILTER (WHERE b.state IN ('done', 'failed', 'cancelled')) AS finished,
       count(*) FILTER (WHERE b.state = 'failed') AS failed,
       coalesce(sum(p.done), 0)::bigint AS photos_done,
       coalesce(sum(b.photo_count), 0)::bigint AS photos_total
FROM restoration.batch AS b
CROSS JOIN LATERAL (SELECT count(bp.finished_at) AS done FROM restoration.batch_photo AS bp
                    WHERE bp.batch_id = b.batch_id) AS p
WHERE b.run_id = $1 AND b.shard = $2
"""
"""How far a shard is, as one row with the fields of :class:`ShardProgress`; $1 the run's UUID, $2 the shard."""

_PROGRESS = sa.text(SHARD_PROGRESS_SQL.replace("$1", ":run_id").replace("$2", ":shard").replace("::bigint", ""))

_OPEN = sa.text("""
INSERT INTO run AS r (run_id, collection_id, dag_id, dag_run_id, recipe, recipe_sha256, recipe_body, parameters,
                      code_version)
VALUES (:run_id, :collection_id, :dag_id, :dag_run_id, :recipe, :recipe_sha256, CAST(:recipe_body AS jsonb),
        CAST(:parameters AS jsonb), :code_version)
ON CONFLICT (run_id) DO UPDATE
SET state = CASE WHEN r.state = 'running' THEN r.state ELSE 'planning' END, finished_at = NULL
RETURNING r.xmax = 0 AS made
""")

# A cleared run that had not planned anything yet follows the recipe of today.
_REFRESH = sa.text("""
UPDATE run SET recipe = :recipe, recipe_sha256 = :recipe_sha256, recipe_body = CAST(:recipe_body AS jsonb),
       parameters = CAST(:parameters AS jsonb), code_version = :code_version
WHERE run_id = :run_id AND NOT EXISTS (SELECT FROM batch WHERE batch.run_id = :run_id)
""")

_RUN = sa.text("""
SELECT r.run_id, r.collection_id, r.recipe_sha256, CAST(r.state AS text) AS state, c.consent = 'refused' AS refused,
       r.started_at, r.finished_at, r.summary
FROM run AS r JOIN collection AS c USING (collection_id) WHERE r.run_id = :run_id
""")

_RUN_RECIPE = sa.text("SELECT recipe_body FROM run WHERE run_id = :run_id")

# Which photographs a run takes; docs/catalog.md says it in words.
_DUE = f"""
p.collection_id = :collection_id AND p.current AND p.missing_since IS NULL AND NOT {WITHDRAWN} AND {FILE_IS_CURRENT}
AND (p.lease_until IS NULL OR p.lease_until < clock_timestamp()) AND NOT {IS_DIVIDED}
AND (:force
     OR (p.state IN ('pending', 'queued', 'restoring') AND p.attempts < :max_attempts)
     OR (p.state IN ('restored', 'needs_review') AND p.recipe_sha256 IS DISTINCT FROM :recipe_sha256)
     OR (p.state IN ('restored', 'needs_review') AND {FACES_TO_UNDO})
     OR (p.state IN ('restored', 'needs_review') AND {HINTS_CHANGED})
     OR (p.state IN ('restored', 'needs_review') AND {PAGES_UNKNOWN})
     OR (p.state IN ('restored', 'needs_review') AND {TO_DIVIDE})
     OR (p.state = 'skipped' AND p.reason = 'consent_refused' AND NOT :refused)
     OR (p.state = 'skipped' AND p.reason = 'withdrawn'))
AND NOT EXISTS (SELECT FROM batch_photo AS lp JOIN batch AS lb USING (batch_id)
                WHERE lp.photo_id = p.photo_id AND lp.finished_at IS NULL
                  AND lb.state IN ('planned', 'queued', 'running'))
"""

_COUNT = sa.text(f"SELECT count(*) FROM photo AS p WHERE {_DUE}")  # noqa: S608 - constant condition

_CHOOSE = sa.text(f"""
CREATE TEMP TABLE chosen ON COMMIT DROP AS
SELECT p.photo_id, CAST(row_number() OVER (ORDER BY p.object_key) - 1 AS integer) AS place FROM photo AS p WHERE {_DUE}
""")  # noqa: S608 - constant condition

_REFUSE = sa.text(f"""
UPDATE photo AS p SET state = 'skipped', reason = 'consent_refused', reason_detail = '', finished_at = now(),
       lease_owner = NULL, lease_until = NULL
WHERE {_DUE} AND p.state IN ('pending', 'queued', 'restoring')
""")  # noqa: S608 - constant condition

# What was withdrawn before anybody restored it does not stay pending for ever; lifting the withdrawal makes it due.
_SET_ASIDE = sa.text(f"""
UPDATE photo AS p SET state = 'skipped', reason = 'withdrawn', reason_detail = '', finished_at = now()
WHERE p.collection_id = :collection_id AND p.current AND p.state = 'pending' AND {WITHDRAWN}
""")  # noqa: S608 - constant condition

_ADD_BATCHES = sa.text("""
INSERT INTO batch (batch_id, run_id, shard, ordinal, photo_count)
SELECT l.batch_id, :run_id, l.shard, l.ordinal, count(*)
FROM layout AS l JOIN chosen AS c ON c.place / :batch_size = l.number
GROUP BY l.batch_id, l.shard, l.ordinal
""")

_ADD_PHOTOS = sa.text("""
INSERT INTO batch_photo (batch_id, photo_id, position)
SELECT l.batch_id, c.photo_id, c.place % :batch_size
FROM chosen AS c JOIN layout AS l ON l.number = c.place / :batch_size
ORDER BY c.place
""")

_QUEUE_PHOTOS = sa.text("""
UPDATE photo AS p
SET state = 'queued', reason = NULL, reason_detail = '', finished_at = NULL, lease_owner = NULL, lease_until = NULL,
    attempts = CASE WHEN :force OR p.state NOT IN ('pending', 'queued', 'restoring') THEN 0 ELSE p.attempts END
FROM chosen AS c WHERE c.photo_id = p.photo_id
""")

_PLANNED = sa.text("""
UPDATE run SET state = 'running', models_sha256 = :models_sha256, summary = CAST(:summary AS jsonb)
WHERE run_id = :run_id
""")

_PLAN = sa.text("""
SELECT shard, count(*) AS batches, sum(photo_count) AS photos FROM batch WHERE run_id = :run_id
GROUP BY shard ORDER BY shard
""")

# Photographs of cancelled or failed batches that are still due come back; the others stay as they are.
_REOPEN = sa.text(f"""
WITH back AS (
    SELECT bp.batch_id, p.photo_id
    FROM batch AS b
    JOIN run AS r USING (run_id)
    JOIN batch_photo AS bp USING (batch_id)
    JOIN photo AS p USING (photo_id)
    WHERE b.run_id = :run_id AND b.shard = :shard AND b.state IN ('cancelled', 'failed')
      AND bp.reason = 'cancelled' AND p.current AND p.missing_since IS NULL AND NOT {WITHDRAWN} AND {FILE_IS_CURRENT}
      AND (p.state = 'pending'
           OR (p.state IN ('restored', 'needs_review')
               AND (p.recipe_sha256 IS DISTINCT FROM r.recipe_sha256 OR {FACES_TO_UNDO} OR {HINTS_CHANGED}
                    OR {PAGES_UNKNOWN} OR {TO_DIVIDE})))
    ORDER BY p.photo_id FOR UPDATE OF p
), photos AS (
    UPDATE photo AS p SET state = 'queued', reason = NULL, reason_detail = '', finished_at = NULL
    FROM back WHERE back.photo_id = p.photo_id
), places AS (
    UPDATE batch_photo AS bp SET state = 'queued', reason = NULL, reason_detail = '', finished_at = NULL
    FROM back WHERE back.batch_id = bp.batch_id AND back.photo_id = bp.photo_id
)
UPDATE batch SET state = 'planned', detail = '', finished_at = NULL WHERE batch_id IN (SELECT batch_id FROM back)
""")  # noqa: S608 - constant conditions

_RUNNING = sa.text("""
UPDATE run SET state = 'running', finished_at = NULL WHERE run_id = :run_id AND state <> 'running'
""")

_QUEUE = sa.text("""
WITH queued AS (
    UPDATE batch SET state = 'queued', queued_at = clock_timestamp()
    WHERE run_id = :run_id AND shard = :shard AND state IN ('planned', 'queued')
    RETURNING batch_id, ordinal
)
SELECT batch_id FROM queued ORDER BY ordinal
""")

_CANCEL = sa.text("""
UPDATE batch SET state = 'cancelled', detail = :detail, finished_at = clock_timestamp()
WHERE run_id = :run_id AND state IN ('planned', 'queued', 'running')
  AND (CAST(:shard AS integer) IS NULL OR shard = :shard)
RETURNING batch_id
""")

_CANCEL_RUN = sa.text("""
UPDATE run SET state = 'cancelled', finished_at = clock_timestamp()
WHERE run_id = :run_id AND state IN ('planning', 'running')
""")

_OUTCOME = sa.text("""
SELECT CASE WHEN bp.finished_at IS NULL THEN 'unfinished' ELSE CAST(bp.state AS text) END AS state,
       CAST(bp.reason AS text) AS reason, count(*) AS photos
FROM batch AS b JOIN batch_photo AS bp USING (batch_id)
WHERE b.run_id = :run_id GROUP BY 1, 2 ORDER BY 1, 2
""")

_TROUBLE = sa.text("SELECT EXISTS (SELECT FROM batch WHERE run_id = :run_id AND state NOT IN ('done', 'cancelled'))")

_CLOSE = sa.text("""
UPDATE run SET state = CAST(:state AS run_state), finished_at = COALESCE(finished_at, clock_timestamp()),
       summary = summary || CAST(:summary AS jsonb)
WHERE run_id = :run_id
RETURNING CAST(extract(epoch FROM finished_at - started_at) AS double precision) AS seconds
""")


@dataclass(frozen=True)
class ShardPlan:
    """One mapped instance of the restore operator: its batches and photographs, ``first`` and ``last`` from 1."""

    shard: int
    batches: int
    photos: int
    first: int
    last: int

    @property
    def label(self) -> str:
        """For Airflow's grid: ``photos 1-320``."""
        return f"photos {self.first}-{self.last}"


@dataclass(frozen=True)
class ShardProgress:
    """How far a shard is: batches in all, finished (done, failed or cancelled), failed; photographs done and in all."""

    total: int
    finished: int
    failed: int
    photos_done: int
    photos_total: int


@dataclass(frozen=True)
class RunSummary:
    """How a run ended: photographs by state and by reason, wall-clock seconds, and the run's own state.

    ``states`` has the key ``unfinished`` where batches were still under way.
    """

    states: dict[str, int]
    reasons: dict[str, int]
    seconds: float
    run_state: str


def open_run(
    conn: sa.Connection,
    *,
    collection: Collection,
    dag_id: str,
    dag_run_id: str,
    recipe: Mapping[str, Any],
    parameters: Mapping[str, Any],
    code_version: str,
) -> UUID:
    """Open a run, or open the same DAG run again after it was cleared.

    :param recipe: ``name``, ``sha256`` and ``body`` (the canonical form).
    """
    run_id = names.run_id(dag_id, dag_run_id)
    values = {
        "run_id": run_id,
        "collection_id": collection.collection_id,
        "dag_id": dag_id,
        "dag_run_id": dag_run_id,
        "recipe": recipe["name"],
        "recipe_sha256": recipe["sha256"],
        "recipe_body": to_json(recipe["body"]),
        "parameters": to_json(parameters),
        "code_version": code_version,
    }
    if not conn.execute(_OPEN, values).scalar_one():
        conn.execute(_REFRESH, values)
        return run_id
    facts = {"dag_id": dag_id, "dag_run_id": dag_run_id, "recipe": recipe["name"], "recipe_sha256": recipe["sha256"]}
    append_event(
        conn,
        collection_id=collection.collection_id,
        event_type="run_opened",
        outcome="success",
        agent=AGENT,
        run_id=run_id,
        detail=facts | {"parameters": dict(parameters), "code_version": code_version},
    )
    return run_id


def run_recipe(conn: sa.Connection, run_id: UUID) -> dict[str, Any]:
    """Canonical form of the recipe that a run was opened with, whatever has become of the recipe's file since.

    :raises UsageError: there is no such run.
    """
    body = conn.execute(_RUN_RECIPE, {"run_id": run_id}).scalar_one_or_none()
    if body is None:
        raise UsageError(f"the catalog has no run {run_id}")
    return dict(body)


def record_listing(conn: sa.Connection, run_id: UUID, report: Mapping[str, Any]) -> None:
    """Keep the listing's figures with the run."""
    statement = sa.text("UPDATE run SET listing = CAST(:listing AS jsonb) WHERE run_id = :run_id")
    conn.execute(statement, {"run_id": run_id, "listing": to_json(report)})


def plan_batches(
    conn: sa.Connection,
    run_id: UUID,
    *,
    models_sha256: str,
    batch_size: int,
    max_shards: int,
    force: bool,
    batches_per_shard: int = 25,
    dry_run: bool = False,
    max_attempts: int = 3,
) -> list[ShardPlan]:
    """Choose the run's photographs and lay them into batches and shards, in order of their keys.

    Chosen are current photographs that are there and pending, or finished with another recipe, or failed with attempts
    left, or accepted without faces while they show an altered one, or whose further pages nobody has looked for, or
    whose content is divided while they are not; with ``force`` all of them. Those in a live batch of another run,
    withdrawn ones, and scans that are divided are left out. Where consent is refused, what was due is skipped and
    nothing is planned. A run that is planned already gives its plan again.

    :param models_sha256: the planner's idea of the models, for the record; the worker's counts.
    :param dry_run: nothing is written.
    :raises UsageError: there is no such run, or a size below 1.
    """
    if min(batch_size, max_shards, batches_per_shard) < 1:
        raise UsageError("batch size, shards and batches per shard must be at least 1")
    run = _run(conn, run_id)
    lock_work(conn, "planning", run.collection_id)
    planned = _plan(conn, run_id)
    if planned:
        return planned
    due = {
        "collection_id": run.collection_id,
        "recipe_sha256": run.recipe_sha256,
        "force": force,
        "max_attempts": max_attempts,
        "refused": run.refused,
    }
    if dry_run:
        photos = 0 if run.refused else conn.execute(_COUNT, due).scalar_one()
        return _shards(_layout(run_id, photos, batch_size, max_shards, batches_per_shard), photos, batch_size)
    summary = _set_aside(conn, run, due)
    photos = 0 if run.refused else _write_plan(conn, run_id, due, batch_size, max_shards, batches_per_shard)
    conn.execute(_PLANNED, {"run_id": run_id, "models_sha256": models_sha256, "summary": to_json(summary)})
    planned = _plan(conn, run_id)
    facts = {
        "photos": photos,
        "batches": sum(shard.batches for shard in planned),
        "shards": len(planned),
        "force": force,
    }
    append_event(
        conn,
        collection_id=run.collection_id,
        event_type="run_planned",
        outcome="warning" if run.refused else "success",
        agent=AGENT,
        run_id=run_id,
        detail=facts | summary,
    )
    return planned


def _set_aside(conn: sa.Connection, run: sa.Row[Any], due: Mapping[str, Any]) -> dict[str, int]:
    """Skip what may not be restored; how many, by reason."""
    withdrawn = conn.execute(_SET_ASIDE, due).rowcount
    counts = {"withdrawn": withdrawn} if withdrawn else {}
    return counts | {"consent_refused": conn.execute(_REFUSE, due).rowcount} if run.refused else counts


def _run(conn: sa.Connection, run_id: UUID) -> sa.Row[Any]:
    run = conn.execute(_RUN, {"run_id": run_id}).one_or_none()
    if run is None:
        raise UsageError(f"the catalog has no run {run_id}")
    return run


def _write_plan(
    conn: sa.Connection, run_id: UUID, due: Mapping[str, Any], batch_size: int, max_shards: int, batches_per_shard: int
) -> int:
    conn.execute(sa.text("DROP TABLE IF EXISTS pg_temp.chosen, pg_temp.layout"))
    conn.execute(_CHOOSE, due)
    photos = int(conn.execute(sa.text("SELECT count(*) FROM chosen")).scalar_one())
    conn.execute(
        sa.text("CREATE TEMP TABLE layout (number integer, batch_id uuid, shard int, ordinal int) ON COMMIT DROP")
    )
    layout = _layout(run_id, photos, batch_size, max_shards, batches_per_shard)
    copy_rows(conn, "layout", ("number", "batch_id", "shard", "ordinal"), layout)
    conn.execute(sa.text("ANALYZE chosen, layout"))
    values = {"run_id": run_id, "batch_size": batch_size, "force": due["force"]}
    for statement in (_ADD_BATCHES, _ADD_PHOTOS, _QUEUE_PHOTOS):
        conn.execute(statement, values)
    return photos


def _layout(
    run_id: UUID, photos: int, batch_size: int, max_shards: int, batches_per_shard: int
) -> Iterator[tuple[int, UUID, int, int]]:
    """Number, id, shard and ordinal of each batch; shards are filled evenly, one after another."""
    batches = -(-photos // batch_size)
    shards = min(max_shards, -(-batches // batches_per_shard))
    shard, ordinal = 0, 0
    for number in range(batches):
        if number * shards // batches != shard:
            shard, ordinal = number * shards // batches, 0
        yield number, names.batch_id(run_id, shard, ordinal), shard, ordinal
        ordinal += 1


def _shards(layout: Iterator[tuple[int, UUID, int, int]], photos: int, batch_size: int) -> list[ShardPlan]:
    counts: dict[int, list[int]] = {}
    for number, _, shard, _ in layout:
        counts.setdefault(shard, []).append(min(batch_size, photos - number * batch_size))
    return _numbered((shard, len(sizes), sum(sizes)) for shard, sizes in counts.items())


def _plan(conn: sa.Connection, run_id: UUID) -> list[ShardPlan]:
    rows = conn.execute(_PLAN, {"run_id": run_id})
    return _numbered((row.shard, row.batches, int(row.photos)) for row in rows)


def _numbered(shards: Iterator[tuple[int, int, int]]) -> list[ShardPlan]:
    plan, first = [], 1
    for shard, batches, photos in shards:
        plan.append(ShardPlan(shard, batches, photos, first, first + photos - 1))
        first += photos
    return plan


def queue_shard(conn: sa.Connection, run_id: UUID, shard: int) -> list[UUID]:
    """Give out a shard's batches for sending: those that no worker has claimed yet, in order.

    Calling it again gives the same ones again; sending a batch twice does no harm. Batches that were cancelled or
    failed are opened again with what is still due of them, so a cleared or retried task takes up what is left.
    """
    run = _run(conn, run_id)
    lock_work(conn, "planning", run.collection_id)
    place = {"run_id": run_id, "shard": shard}
    conn.execute(_REOPEN, place)
    batches = list(conn.execute(_QUEUE, place).scalars().all())
    if batches:
        conn.execute(_RUNNING, place)
    return batches


def shard_progress(conn: sa.Connection, run_id: UUID, shard: int) -> ShardProgress:
    """How far a shard is."""
    row = conn.execute(_PROGRESS, {"run_id": run_id, "shard": shard}).one()
    return ShardProgress(row.total, row.finished, row.failed, int(row.photos_done), int(row.photos_total))


def cancel_run(conn: sa.Connection, run_id: UUID, reason_detail: str, *, shard: int | None = None) -> int:
    """Cancel what a run, or one shard of it, has not finished; returns the number of cancelled batches.

    Unfinished photographs are pending again, or show again what they showed before. Workers stop at their next
    heartbeat. A run that ended, or that the catalog does not know, is left as it is.
    """
    row = conn.execute(_RUN, {"run_id": run_id}).one_or_none()
    if row is None:
        return 0
    values = {"run_id": run_id, "shard": shard, "detail": clean_text(reason_detail)}
    batches = list(conn.execute(_CANCEL, values).scalars().all())
    photos = release_photos(conn, batches, reason_detail)
    ended = conn.execute(_CANCEL_RUN, values).rowcount if shard is None else 0
    if batches or ended:
        append_event(
            conn,
            collection_id=row.collection_id,
            event_type="cancellation",
            outcome="warning",
            agent=AGENT,
            run_id=run_id,
            detail={"batches": len(batches), "photos": photos, "detail": reason_detail, "shard": shard},
        )
    return len(batches)


def finish_run(conn: sa.Connection, run_id: UUID) -> RunSummary:
    """Close a run and count how its photographs ended. Doing it again counts again.

    The run is ``failed`` where batches failed or are still under way, and stays ``cancelled`` where it was cancelled.

    :raises UsageError: there is no such run.
    """
    run = _run(conn, run_id)
    withdraw_twins(conn, run.collection_id)
    states: dict[str, int] = {}
    reasons: dict[str, int] = {}
    for reason in ("consent_refused", "withdrawn"):
        aside = int(run.summary.get(reason, 0))
        if aside:
            states["skipped"], reasons[reason] = states.get("skipped", 0) + aside, aside
    for row in conn.execute(_OUTCOME, {"run_id": run_id}):
        states[row.state] = states.get(row.state, 0) + row.photos
        if row.reason is not None:
            reasons[row.reason] = reasons.get(row.reason, 0) + row.photos
    state = "cancelled" if run.state == "cancelled" else "done"
    if state == "done" and conn.execute(_TROUBLE, {"run_id": run_id}).scalar_one():
        state = "failed"
    facts = {"states": states, "reasons": reasons}
    seconds = conn.execute(_CLOSE, {"run_id": run_id, "state": state, "summary": to_json(facts)}).scalar_one()
    if run.finished_at is None:
        append_event(
            conn,
            collection_id=run.collection_id,
            event_type="run_finished",
            outcome="success" if state == "done" else "warning",
            agent=AGENT,
            run_id=run_id,
            detail=facts | {"run_state": state},
        )
    return RunSummary(states, reasons, float(seconds), state)


def nightly_work(conn: sa.Connection, collection_id: int, recipe_sha256: str, *, max_attempts: int = 3) -> int:
    """Photographs that a run with this recipe would choose."""
    values = {
        "collection_id": collection_id,
        "recipe_sha256": recipe_sha256,
        "force": False,
        "max_attempts": max_attempts,
        "refused": True,
    }
    refused = sa.text("SELECT consent = 'refused' FROM collection WHERE collection_id = :collection_id")
    if conn.execute(refused, values).scalar_one():
        return 0
    return int(conn.execute(_COUNT, values | {"refused": False}).scalar_one())
