"""A small restored collection in which two photographs wait for a person."""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Sequence

import sqlalchemy as sa

from restoration.catalog import work
from restoration.catalog.collections import Collection
from restoration.errors import PhotoState, ReasonCode
from tests.stack import catalog_builder as build

KEYS = ["ada.tif", "bob.tif", "cat.tif", "dan.tif", "eve.tif"]
DOUBTFUL = {"bob.tif", "dan.tif"}


def restore(
    conn: sa.Connection,
    family: Collection,
    run_number: int,
    recipe=build.RECIPE,
    keys: Sequence[str] = KEYS,
    doubtful: Names[str] = DOUBTFUL,
    **more,
) -> None:
    """A whole run: doubtful photographs have an altered face that may be another person, the others a sure one."""
    build.listing(conn, family, keys)
    run_id = build.add_run(conn, family, run_number, recipe)
    build.plan(conn, run_id, batch_size=64)
    for batch in build.claimed(conn, run_id):
        for photo in batch.photos:
            key = photo.object_key.removeprefix("family/")
            build.lease(conn, batch.batch_id, photo.photo_id)
            facts = {"faces": [build.face(0, 0.9)]}
            if key in doubtful:
                low = [build.face(0, 0.41, "blended", ReasonCode.IDENTITY_LOW), build.face(1, 0.8)]
                facts = {"faces": low, "state": PhotoState.NEEDS_REVIEW, "reason": ReasonCode.IDENTITY_LOW}
            new = build.restored(key, recipe=recipe, **facts, **more)
            work.record_restored(conn, batch.batch_id, photo.photo_id, build.WORKER, new)
        assert work.finish_batch(conn, batch.batch_id, build.WORKER) == "done"


def withdraw(conn: sa.Connection, key: str) -> None:
    """Withdraw the scan whose key ends so, without an event."""
    conn.execute(
        sa.text(
            "INSERT INTO withdrawal (collection_id, object_key, reason, recorded_by) SELECT collection_id, object_key, "
            "'the family asks', 'Eve' FROM photo WHERE object_key LIKE '%/' || :key AND current"
        ),
        {"key": key},
    )
