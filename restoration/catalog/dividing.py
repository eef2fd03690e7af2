"""The worker's side of divisions: a scan that it reads, or has just restored, becomes the photographs it shows.

All of it happens in the transaction that records how the scan itself ended, as with the further pages of a file: the
photographs are in the worker's batch and run already, or the scan was not recorded either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from restoration.catalog.cut_parts import CutPart, Whole, add_parts
from restoration.catalog.divisions import (
    Division,
    decide_by_recipe,
    divisions_of,
    lock_divisions,
    read_whole,
    set_divided,
    tell_divided,
    was_decided,
)
from restoration.catalog.ending import End, Holding, Id, end_photo, hold
from restoration.catalog.parts import FileFacts, join_batch, learn_parts, lock_batch, tell_parts
from restoration.divisions import sure_layout
from restoration.errors import PhotoState, ReasonCode

_ASKED = sa.text("""
SELECT p.box IS NOT NULL AS cut, p.content_sha256, r.recipe,
       division_in_force(p.collection_id, p.content_sha256) IS NOT NULL AS divided,
       (SELECT s.detail FROM step_record AS s
        WHERE s.restoration_id = p.restoration_id AND s.step = 'triage' AND s.parameters ->> 'several' = 'split'
          AND s.detail ? 'photographs' ORDER BY s.ordinal LIMIT 1) AS found
FROM photo AS p JOIN run AS r ON r.run_id = :run_id
WHERE p.photo_id = :photo_id
""")

_IN_BATCH = sa.text("""
UPDATE batch_photo SET state = 'skipped', reason = 'divided' WHERE batch_id = :batch_id AND photo_id = :photo_id
""")

_QUEUE = sa.text("""
UPDATE photo AS p SET state = 'queued'
WHERE p.photo_id = ANY(CAST(:ids AS bigint[])) AND p.current AND p.state = 'pending'
  AND NOT EXISTS (SELECT FROM batch_photo AS lp JOIN batch AS lb USING (batch_id)
                  WHERE lp.photo_id = p.photo_id AND lp.finished_at IS NULL
                    AND lb.state IN ('planned', 'queued', 'running'))
RETURNING p.photo_id
""")


@dataclass(frozen=True)
class DividedInRun:
    """A scan that was divided where its end was recorded, and the decision."""

    whole: Whole
    division: Division


def record_divided(
    conn: sa.Connection, batch_id: Id, photo_id: int, worker: str, *, source_sha256: str, file: FileFacts
) -> bool:
    """End a scan whose content is divided, without restoring it; its photographs join the batch.

    :param file: what reading the file showed; its further pages join the batch too.
    :returns: False if the decision was taken back meanwhile; then nothing is recorded.
    """
    lock_batch(conn, batch_id)
    holding = hold(conn, batch_id, photo_id, worker)
    if not holding.mine:
        return True
    lock_divisions(conn, holding.collection_id)
    division = divisions_of(conn, holding.collection_id, [source_sha256]).get(source_sha256)
    if division is None:
        return False
    end = End(PhotoState.SKIPPED, ReasonCode.DIVIDED, "")
    end_photo(conn, holding, end, source_sha256=source_sha256, info=None, file_sha256=file.sha256)
    learnt = learn_parts(conn, holding, file)
    done = _cut(conn, holding, division, join=True)
    tell_in_run(conn, holding, done)
    tell_parts(conn, holding, learnt)
    return True


def divide_in_run(conn: sa.Connection, holding: Holding, file: FileFacts) -> DividedInRun | None:
    """Divide a scan that was just recorded with a restoration, if its content is divided or its recipe wants that.

    :param file: ``divides`` says that the batch is locked, so that photographs may join it. Otherwise they wait for the
        next run.
    """
    asked = conn.execute(_ASKED, {"photo_id": holding.photo_id, "run_id": holding.run_id}).one()
    if asked.cut or asked.content_sha256 is None:
        return None
    division = _decided(conn, holding, asked) if asked.divided or asked.found else None
    if division is None:
        return None
    conn.execute(_IN_BATCH, {"batch_id": holding.batch_id, "photo_id": holding.photo_id})
    return _cut(conn, holding, division, join=file.divides)


def tell_in_run(conn: sa.Connection, holding: Holding, done: DividedInRun | None) -> None:
    """Append the event of a scan that was divided; after the scan's own."""
    if done is not None:
        by_run = done.division.run_id == holding.run_id
        agent = done.division.decided_by if by_run else holding.worker
        tell_divided(conn, done.whole, done.division, agent=agent, run_id=holding.run_id)


def _decided(conn: sa.Connection, holding: Holding, asked: sa.Row[Any]) -> Division | None:
    """The division that holds for the scan, or that its recipe makes now."""
    lock_divisions(conn, holding.collection_id)
    content = asked.content_sha256
    division = divisions_of(conn, holding.collection_id, [content]).get(content)
    sure = None if division or not asked.found else sure_layout(asked.found)
    if sure is None or was_decided(conn, holding.collection_id, content):
        return division
    return decide_by_recipe(conn, holding.collection_id, content, sure, recipe=asked.recipe, run_id=holding.run_id)


def _cut(conn: sa.Connection, holding: Holding, division: Division, *, join: bool) -> DividedInRun:
    whole = read_whole(conn, holding.photo_id)
    parts = add_parts(conn, whole, division.division_id, division.layout)
    set_divided(conn, whole.photo_id, division.division_id, len(parts))
    if join:
        _join(conn, holding, parts)
    return DividedInRun(whole, division)


def _join(conn: sa.Connection, holding: Holding, parts: list[CutPart]) -> None:
    ids = [part.photo_id for part in parts]
    queued = [int(number) for number in conn.execute(_QUEUE, {"ids": ids}).scalars()]
    join_batch(conn, holding, sorted(queued))
