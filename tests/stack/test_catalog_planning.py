"""Listing and planning: which photographs a run takes, and which it leaves alone."""

from __future__ import annotations

from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restoration import names
from restoration.catalog import planning, work
from restoration.catalog.collections import get_collection, nightly_collections
from restoration.catalog.events import verify_chain
from restoration.catalog.listing import merge_sidecar
from restoration.errors import PhotoState, ReasonCode, UsageError
from tests.stack import catalog_builder as build

pytestmark = pytest.mark.stack
KEYS = [f"{n:03}.tif" for n in range(10)]


@pytest.fixture
def conn(catalog):
    with catalog.connect() as connection:
        yield connection


@pytest.fixture
def family(conn):
    return build.add_collection(conn)


def states(conn):
    rows = conn.execute(sa.text("SELECT object_key, state::text FROM photo WHERE current ORDER BY object_key"))
    return {row.object_key.removeprefix("family/"): row.state for row in rows}


def restore_all(conn, run_id: UUID, recipe=build.RECIPE, fail=()):
    """Do a whole run as a worker would; keys in ``fail`` are rejected."""
    shards = conn.execute(sa.text("SELECT DISTINCT shard FROM batch WHERE run_id = :r"), {"r": run_id}).scalars().all()
    for shard in shards:
        for batch in build.claimed(conn, run_id, shard=shard):
            for photo in batch.photos:
                key = photo.object_key.removeprefix("family/")
                build.lease(conn, batch.batch_id, photo.photo_id)
                if key in fail:
                    work.record_rejected(
                        conn,
                        batch.batch_id,
                        photo.photo_id,
                        build.WORKER,
                        source_sha256=build.sha(key),
                        reason=fail[key],
                        detail="",
                    )
                else:
                    new = build.restored(f"{key}{photo.etag}", recipe=recipe)
                    work.record_restored(conn, batch.batch_id, photo.photo_id, build.WORKER, new)
            work.finish_batch(conn, batch.batch_id, build.WORKER)
    return planning.finish_run(conn, run_id)


def test_a_listing_is_merged_once(conn, family):
    first = build.listing(conn, family, KEYS)
    again = build.listing(conn, family, KEYS)
    assert (first.listed, first.new, first.unchanged) == (10, 10, 0)
    assert (again.listed, again.new, again.changed, again.unchanged, again.missing) == (10, 0, 0, 10, 0)
    assert set(states(conn).values()) == {"pending"}
    assert conn.execute(sa.text("SELECT count(*) FROM event WHERE event_type = 'ingestion'")).scalar() == 1


def test_a_replaced_object_is_a_new_photo(conn, family):
    build.listing(conn, family, ["a.tif", "b.tif"])
    merge_sidecar(conn, family.collection_id, {"family/a.tif": ({"title": "Aunt Ada"}, None)})
    restore_all(conn, planned(conn, family))
    report = build.listing(conn, family, [build.listed("a.tif", "new bytes"), "b.tif"])
    rows = conn.execute(
        sa.text(
            "SELECT current, state::text, dublin_core FROM photo WHERE object_key = 'family/a.tif' ORDER BY photo_id"
        )
    ).all()
    assert (report.changed, report.unchanged) == (1, 1)
    assert [tuple(row) for row in rows] == [
        (False, "restored", {"title": "Aunt Ada"}),
        (True, "pending", {"title": "Aunt Ada"}),
    ]
    back = build.listing(conn, family, ["a.tif", "b.tif"])
    assert back.changed == 1
    assert states(conn) == {"a.tif": "restored", "b.tif": "restored"}


def planned(conn, family, number=1, **more) -> UUID:
    run_id = build.add_run(conn, family, number, more.pop("recipe", build.RECIPE))
    build.plan(conn, run_id, **more)
    return run_id


def test_missing_objects_are_noted_once_and_may_come_back(conn, family):
    build.listing(conn, family, ["a.tif", "b.tif"])
    assert build.listing(conn, family, ["a.tif"]).missing == 1
    assert build.listing(conn, family, ["a.tif"]).missing == 0
    assert planning.nightly_work(conn, family.collection_id, build.RECIPE["sha256"]) == 1
    assert states(conn) == {"a.tif": "pending", "b.tif": "pending"}
    assert conn.execute(sa.text("SELECT count(*) FROM event WHERE event_type = 'missing'")).scalar() == 1
    build.listing(conn, family, ["a.tif", "b.tif"])
    assert planning.nightly_work(conn, family.collection_id, build.RECIPE["sha256"]) == 2


def test_refused_names_are_rejected_unread_until_the_reason_is_gone(conn, family):
    bad = build.listed("b.tif", reason=ReasonCode.TOO_LARGE, reason_detail="3 GB")
    for _ in range(2):
        report = build.listing(conn, family, ["a.tif", bad])
        assert report.rejected == 1
    assert states(conn) == {"a.tif": "pending", "b.tif": "rejected"}
    assert conn.execute(sa.text("SELECT count(*) FROM event WHERE event_type = 'rejection'")).scalar() == 1
    build.listing(conn, family, ["a.tif", "b.tif"])
    assert states(conn)["b.tif"] == "pending"
    build.listing(conn, family, ["a.tif", bad])
    assert states(conn)["b.tif"] == "rejected"


def test_a_scan_that_changed_under_the_reader_is_due_again_after_a_listing(conn, family):
    build.listing(conn, family, ["a.tif", "b.tif"])
    reasons = {"a.tif": ReasonCode.SOURCE_CHANGED, "b.tif": ReasonCode.CORRUPT}
    restore_all(conn, planned(conn, family), fail=reasons)
    assert build.listing(conn, family, ["a.tif", "b.tif"]).unchanged == 2
    assert states(conn) == {"a.tif": "pending", "b.tif": "rejected"}


def test_sidecar_terms_are_stored_and_counted_when_they_change(conn, family):
    build.listing(conn, family, ["a.tif", "b.tif"])
    terms = {"family/a.tif": ({"title": "=1+1\t\\N \n \0"}, None), "family/none.tif": ({"title": "x"}, None)}
    assert merge_sidecar(conn, family.collection_id, terms) == 1
    assert merge_sidecar(conn, family.collection_id, terms) == 0
    stored = conn.execute(
        sa.text("SELECT dublin_core ->> 'title' FROM photo WHERE object_key = 'family/a.tif'")
    ).scalar()
    assert stored == "=1+1\t\\N \n \ufffd"


def test_the_plan_covers_every_photo_once_and_is_deterministic(conn, family):
    build.listing(conn, family, KEYS)
    run_id = build.add_run(conn, family)
    dry = build.plan(conn, run_id, batch_size=3, batches_per_shard=2, dry_run=True)
    assert conn.execute(sa.text("SELECT count(*) FROM batch")).scalar() == 0
    shards = build.plan(conn, run_id, batch_size=3, batches_per_shard=2)
    again = build.plan(conn, run_id, batch_size=3, batches_per_shard=2)
    assert dry == shards == again
    assert [(s.shard, s.batches, s.photos, s.label) for s in shards] == [
        (0, 2, 6, "photos 1-6"),
        (1, 2, 4, "photos 7-10"),
    ]
    rows = conn.execute(sa.text("SELECT * FROM batch ORDER BY shard, ordinal")).all()
    assert [row.batch_id for row in rows] == [names.batch_id(run_id, row.shard, row.ordinal) for row in rows]
    carried = conn.execute(
        sa.text(
            "SELECT object_key FROM batch_photo JOIN photo USING (photo_id) JOIN batch USING (batch_id) "
            "ORDER BY shard, ordinal, position"
        )
    ).scalars()
    assert list(carried) == [f"family/{key}" for key in KEYS]
    assert set(states(conn).values()) == {"queued"}


@given(
    photos=st.integers(0, 3000),
    size=st.integers(1, 64),
    max_shards=st.integers(1, 200),
    per_shard=st.integers(1, 30),
)
@settings(max_examples=60, deadline=None)
def test_batches_are_laid_out_evenly_and_completely(photos, size, max_shards, per_shard):
    run_id = names.run_id("d", "r")
    layout = list(planning._layout(run_id, photos, size, max_shards, per_shard))
    shards = planning._shards(iter(layout), photos, size)
    assert sum(s.photos for s in shards) == photos
    assert len({batch for _, batch, _, _ in layout}) == len(layout) == -(-photos // size)
    assert len(shards) <= max_shards
    assert [s.shard for s in shards] == list(range(len(shards)))
    if shards:
        counts = [s.batches for s in shards]
        assert max(counts) - min(counts) <= 1
        assert shards[-1].last == photos


def test_runs_never_share_a_photo(conn, family):
    build.listing(conn, family, KEYS[:5])
    first = planned(conn, family)
    build.listing(conn, family, KEYS)
    assert planning.nightly_work(conn, family.collection_id, build.RECIPE["sha256"]) == 5
    second = planned(conn, family, 2, force=True)
    counts = conn.execute(sa.text("SELECT photo_id, count(*) FROM batch_photo GROUP BY photo_id")).all()
    assert len(counts) == 10
    assert {row[1] for row in counts} == {1}
    assert first != second


def test_finished_work_is_not_done_again_unless_recipe_or_force_ask(conn, family):
    build.listing(conn, family, KEYS)
    restore_all(conn, planned(conn, family), fail={"000.tif": ReasonCode.CORRUPT})
    due = lambda recipe: planning.nightly_work(conn, family.collection_id, recipe["sha256"])  # noqa: E731
    assert due(build.RECIPE) == 0
    assert due(build.OTHER_RECIPE) == 9
    assert build.plan(conn, build.add_run(conn, family, 2)) == []
    (forced,) = build.plan(conn, build.add_run(conn, family, 3), force=True, batch_size=64)
    assert forced.photos == 10


def test_cancelling_a_second_recipe_shows_the_first_result_again(conn, family):
    build.listing(conn, family, KEYS[:2])
    restore_all(conn, planned(conn, family))
    second = planned(conn, family, 2, recipe=build.OTHER_RECIPE)
    (batch,) = build.claimed(conn, second)
    build.lease(conn, batch.batch_id, batch.photos[0].photo_id)
    assert set(states(conn).values()) == {"restoring", "queued"}
    planning.cancel_run(conn, second, "no")
    assert set(states(conn).values()) == {"restored"}
    assert planning.nightly_work(conn, family.collection_id, build.OTHER_RECIPE["sha256"]) == 2


def test_without_consent_everything_is_skipped_until_it_is_granted(conn):
    family = build.add_collection(conn, consent="refused")
    build.listing(conn, family, KEYS)
    assert planning.nightly_work(conn, family.collection_id, build.RECIPE["sha256"]) == 0
    run_id = build.add_run(conn, family)
    assert build.plan(conn, run_id, dry_run=True) == []
    assert build.plan(conn, run_id) == []
    assert set(states(conn).values()) == {"skipped"}
    assert planning.finish_run(conn, run_id).reasons == {"consent_refused": 10}
    build.add_collection(conn, consent="granted")
    assert planning.nightly_work(conn, family.collection_id, build.RECIPE["sha256"]) == 10
    (shard,) = build.plan(conn, build.add_run(conn, family, 2), batch_size=64)
    assert shard.photos == 10


def test_a_run_is_opened_once_and_its_progress_counted(conn, family):
    build.listing(conn, family, KEYS)
    run_id = build.add_run(conn, family)
    assert build.add_run(conn, family) == run_id == names.run_id("restore_collection", "manual-1")
    build.plan(conn, run_id)
    planning.record_listing(conn, run_id, {"new": 10})
    queued = planning.queue_shard(conn, run_id, 0)
    assert planning.queue_shard(conn, run_id, 0) == queued
    assert len(queued) == 3
    before = planning.shard_progress(conn, run_id, 0)
    assert vars(before) == {"total": 3, "finished": 0, "failed": 0, "photos_done": 0, "photos_total": 10}
    restore_all(conn, run_id)
    after = planning.shard_progress(conn, run_id, 0)
    assert vars(after) == {"total": 3, "finished": 3, "failed": 0, "photos_done": 10, "photos_total": 10}
    assert planning.queue_shard(conn, run_id, 0) == []
    summary = planning.finish_run(conn, run_id)
    assert (summary.states, summary.run_state) == ({"restored": 10}, "done")
    assert planning.cancel_run(conn, run_id, "too late") == 0
    assert conn.execute(sa.text("SELECT state::text FROM run")).scalar() == "done"


def test_the_ingest_role_can_do_all_this_and_no_more(role_engine):
    with role_engine("ingest").begin() as conn:
        family = build.add_collection(conn)
        build.listing(conn, family, [*KEYS, build.listed("x.tif", reason=ReasonCode.EMPTY_FILE)])
        merge_sidecar(conn, family.collection_id, {"family/000.tif": ({"title": "x"}, None)})
        run_id = planned(conn, family)
        planning.record_listing(conn, run_id, {})
        planning.queue_shard(conn, run_id, 0)
        planning.shard_progress(conn, run_id, 0)
        build.listing(conn, family, KEYS[1:])
        assert planning.nightly_work(conn, family.collection_id, build.RECIPE["sha256"]) == 0
        assert planning.cancel_run(conn, run_id, "over") == 3
        assert planning.finish_run(conn, run_id).run_state == "cancelled"
    for statement in ("INSERT INTO publication (collection_id, version, uri) VALUES (1, 1, 'x')", "DELETE FROM photo"):
        with role_engine("ingest").begin() as conn, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            conn.execute(sa.text(statement))


def test_many_missing_scans_are_one_chain(conn, family):
    build.listing(conn, family, [f"{n:05}.tif" for n in range(2000)])
    assert build.listing(conn, family, ["00000.tif"]).missing == 1999
    report = verify_chain(conn, family.collection_id)
    assert (report.ok, report.length) == (True, 2001)


def test_unknown_names_are_usage_errors(conn):
    with pytest.raises(UsageError, match="no collection 'x'"):
        get_collection(conn, "x")
    with pytest.raises(UsageError, match="no run"):
        build.plan(conn, names.run_id("no", "run"))
    with pytest.raises(UsageError, match="cannot be registered"):
        build.add_collection(conn, name="Not A Name")
    with pytest.raises(UsageError, match="cannot be registered"):
        build.add_collection(conn, consent="perhaps")


def test_a_collection_keeps_what_is_not_given(conn):
    build.add_collection(conn, consent="granted", nightly=True, title="The family")
    again = build.add_collection(conn)
    assert (again.consent, again.nightly, again.title) == ("granted", True, "The family")
    assert [c.name for c in nightly_collections(conn)] == ["family"]
    build.add_collection(conn, active=False)
    assert nightly_collections(conn) == []


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["lease", "restore", "fail", "reject", "expire", "reap", "claim", "finish", "cancel", "queue"]),
        st.integers(0, 2),
        st.sampled_from(["w1", "w2"]),
    ),
    max_size=25,
)


def act(conn, run_id, batch_id, photos, action, which, worker):
    photo = photos[which]
    if action == "lease":
        build.lease(conn, batch_id, photo, worker)
    elif action == "restore":
        work.record_restored(conn, batch_id, photo, worker, build.restored(f"photo {photo}"))
    elif action == "fail":
        work.record_failed(conn, batch_id, photo, worker, reason=ReasonCode.STEP_FAILED, detail="", max_attempts=3)
    elif action == "reject":
        work.record_rejected(conn, batch_id, photo, worker, source_sha256=None, reason=ReasonCode.CORRUPT, detail="")
    elif action == "expire":
        work.renew_lease(conn, photo, worker, -1)
    elif action == "reap":
        work.reap(conn)
    elif action == "claim":
        work.claim_batch(conn, batch_id, worker)
    elif action == "finish":
        work.finish_batch(conn, batch_id, worker)
    elif action == "cancel":
        planning.cancel_run(conn, run_id, "test")
    else:
        planning.queue_shard(conn, run_id, 0)


@given(actions=ACTIONS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_order_of_calls_breaks_the_state_machine(conn, actions):
    """Final stays final, attempts stay within bounds, and afterwards the run can always be brought to its end."""
    with conn.begin() as transaction:
        family = build.add_collection(conn)
        build.listing(conn, family, ["a.tif", "b.tif", "c.tif"])
        run_id = planned(conn, family)
        (batch_id,) = planning.queue_shard(conn, run_id, 0)
        ids = conn.execute(sa.text("SELECT photo_id FROM photo ORDER BY object_key")).scalars().all()
        final: dict[int, str] = {}
        for action in actions:
            act(conn, run_id, batch_id, ids, *action)
            now = {r.photo_id: r.state for r in conn.execute(sa.text("SELECT photo_id, state::text FROM photo"))}
            assert {photo: now[photo] for photo in final} == final
            final = {p: s for p, s in now.items() if s in {"restored", "rejected", "quarantined"}}
            assert conn.execute(sa.text("SELECT max(attempts) FROM photo")).scalar() <= 3
        conn.execute(sa.text("UPDATE photo SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL"))
        work.reap(conn)
        planning.queue_shard(conn, run_id, 0)
        batch = work.claim_batch(conn, batch_id, "last")
        for photo in batch.photos if batch else []:
            if build.lease(conn, batch_id, photo.photo_id, "last").granted:
                work.record_restored(conn, batch_id, photo.photo_id, "last", build.restored(f"photo {photo.photo_id}"))
        if batch:
            assert work.finish_batch(conn, batch_id, "last") == "done"
        ended = {PhotoState(state) for state in states(conn).values()}
        assert ended <= {PhotoState.RESTORED, PhotoState.REJECTED, PhotoState.QUARANTINED}
        assert planning.finish_run(conn, run_id).states.get("unfinished") is None
        transaction.rollback()
