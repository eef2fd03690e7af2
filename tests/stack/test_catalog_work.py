"""Claim, lease, record, reap: what a worker may do, and what it may do twice."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from restoration.catalog import planning, work
from restoration.catalog.events import verify_chain
from restoration.errors import PhotoState, ReasonCode
from tests.stack import catalog_builder as build

pytestmark = pytest.mark.stack


@pytest.fixture
def conn(catalog):
    with catalog.connect() as connection:
        yield connection


@pytest.fixture
def batch(conn):
    """One claimed batch of three photographs, a.tif to c.tif."""
    collection = build.add_collection(conn)
    build.listing(conn, collection, ["a.tif", "b.tif", "c.tif"])
    run_id = build.add_run(conn, collection)
    build.plan(conn, run_id)
    (claimed,) = build.claimed(conn, run_id)
    return claimed


def photo(conn, photo_id):
    return conn.execute(
        sa.text("SELECT *, state::text AS word FROM photo WHERE photo_id = :id"), {"id": photo_id}
    ).one()


def events(conn, kind):
    return conn.execute(sa.text("SELECT count(*) FROM event WHERE event_type = :kind"), {"kind": kind}).scalar()


def test_a_batch_carries_what_a_worker_needs(conn, batch):
    assert [p.object_key for p in batch.photos] == ["family/a.tif", "family/b.tif", "family/c.tif"]
    assert {p.bucket for p in batch.photos} == {"originals"}
    assert batch.collection.name == "family"
    assert batch.recipe_sha256 == build.RECIPE["sha256"]
    assert batch.recipe_body == build.RECIPE["body"]
    assert batch.deliveries == 1
    assert work.claim_batch(conn, batch.batch_id, "other").deliveries == 2


def test_unknown_batches_are_nobodys(conn):
    assert work.claim_batch(conn, "6f1d2f0e-6f7e-5b0a-9d3c-52d1f0a4b7c1", "w") is None


def test_a_lease_keeps_other_workers_out(conn, batch):
    first, second = batch.photos[0].photo_id, batch.photos[1].photo_id
    mine = build.lease(conn, batch.batch_id, first)
    theirs = build.lease(conn, batch.batch_id, first, worker="other")
    assert (mine.granted, mine.attempts, mine.state) == (True, 1, PhotoState.RESTORING)
    assert (theirs.granted, theirs.busy) == (False, True)
    assert build.lease(conn, batch.batch_id, second, worker="other").granted
    assert work.renew_lease(conn, first, build.WORKER, 60)
    assert not work.renew_lease(conn, first, "other", 60)


def test_a_restored_photo_is_written_once_whatever_is_delivered(conn, batch):
    photo_id = batch.photos[0].photo_id
    build.lease(conn, batch.batch_id, photo_id)
    new = build.restored("a.tif", faces=[build.face(0, 0.8)])
    number = work.record_restored(conn, batch.batch_id, photo_id, build.WORKER, new)
    again = work.record_restored(conn, batch.batch_id, photo_id, build.WORKER, new)
    row = photo(conn, photo_id)
    assert again == number
    assert (row.word, row.restoration_id, row.content_sha256, row.lease_owner) == (
        "restored",
        number,
        new.source_sha256,
        None,
    )
    assert (row.format, row.width, row.height, row.bits) == ("tiff", 640, 480, 8)
    assert row.scan == {"dpi": 300.0, "icc": "bad \ufffd byte", "nan": None}
    assert events(conn, "restoration") == 1
    counts = [
        conn.execute(sa.text(f"SELECT count(*) FROM {t}")).scalar() for t in ("step_record", "face", "measurement")
    ]
    assert counts == [3, 1, 8]
    assert not build.lease(conn, batch.batch_id, photo_id).granted
    assert verify_chain(conn, row.collection_id).ok


def test_what_was_filled_is_written_with_the_restoration(conn, batch):
    photo_id = batch.photos[0].photo_id
    build.lease(conn, batch.batch_id, photo_id)
    new = build.restored("a.tif", **build.FILLED)
    for _ in range(2):
        work.record_restored(conn, batch.batch_id, photo_id, build.WORKER, new)
    rows = conn.execute(
        sa.text(
            "SELECT d.kind::text, d.regions, d.mending::text, m.name, d.width FROM damage d "
            "LEFT JOIN model_version m USING (model_version_id) ORDER BY d.kind"
        )
    ).all()
    assert [tuple(row) for row in rows] == [
        ("scratch", 7, "surroundings", None, 300),
        ("hole", 1, "net", "house-inpainter", 140),
        ("writing", 2, "none", None, None),
    ]
    share, key = conn.execute(sa.text("SELECT filled_share, mask_key FROM restoration")).one()
    assert (share, key) == (pytest.approx(0.034), build.MASK_KEY)


def test_nothing_counts_as_filled_without_a_mask_that_says_where(conn, batch):
    build.lease(conn, batch.batch_id, batch.photos[0].photo_id)
    new = build.restored("a.tif", filled_share=0.01)
    with pytest.raises(sa.exc.IntegrityError, match="restoration_filled_has_mask"):
        work.record_restored(conn, batch.batch_id, batch.photos[0].photo_id, build.WORKER, new)


def test_a_worker_that_lost_its_lease_changes_no_photo_but_its_work_is_kept(conn, batch):
    photo_id = batch.photos[0].photo_id
    build.lease(conn, batch.batch_id, photo_id, seconds=-1)
    build.lease(conn, batch.batch_id, photo_id, worker="other")
    number = work.record_restored(conn, batch.batch_id, photo_id, build.WORKER, build.restored("a.tif"))
    state = work.record_failed(
        conn, batch.batch_id, photo_id, build.WORKER, reason=ReasonCode.STEP_FAILED, detail="", max_attempts=1
    )
    work.record_rejected(
        conn, batch.batch_id, photo_id, build.WORKER, source_sha256=None, reason=ReasonCode.CORRUPT, detail=""
    )
    row = photo(conn, photo_id)
    assert (row.word, row.lease_owner, row.restoration_id) == ("restoring", "other", None)
    assert state is not PhotoState.QUARANTINED
    found = work.find_restoration(
        conn,
        source_sha256=build.sha("a.tif"),
        recipe_sha256=build.RECIPE["sha256"],
        models_sha256=build.MODELS,
        device_class=build.CPU,
    )
    assert found == number


def test_the_same_content_is_linked_and_shown_as_a_duplicate(conn, batch):
    first, second, _ = (p.photo_id for p in batch.photos)
    for number in (first, second):
        build.lease(conn, batch.batch_id, number)
    restoration = work.record_restored(conn, batch.batch_id, first, build.WORKER, build.restored("same"))
    for _ in range(2):
        work.link_restoration(conn, batch.batch_id, second, build.WORKER, restoration, source_sha256=build.sha("same"))
    row = photo(conn, second)
    assert (row.word, row.restoration_id, row.duplicate_of, row.width) == ("restored", restoration, first, 640)
    assert photo(conn, first).duplicate_of is None
    assert events(conn, "deduplication") == 1
    in_run = conn.execute(
        sa.text("SELECT state::text, reason::text FROM batch_photo WHERE photo_id = :id"), {"id": second}
    ).one()
    assert tuple(in_run) == ("skipped", "already_done")


def test_three_failures_quarantine(conn, batch):
    photo_id = batch.photos[0].photo_id
    states = []
    for _ in range(3):
        assert build.lease(conn, batch.batch_id, photo_id).granted
        states.append(
            work.record_failed(
                conn,
                batch.batch_id,
                photo_id,
                build.WORKER,
                reason=ReasonCode.OUT_OF_MEMORY,
                detail="no \0 memory",
                max_attempts=3,
            )
        )
    row = photo(conn, photo_id)
    assert states == [PhotoState.PENDING, PhotoState.PENDING, PhotoState.QUARANTINED]
    assert (row.word, row.reason, row.reason_detail, row.attempts) == (
        "quarantined",
        "out_of_memory",
        "no \ufffd memory",
        3,
    )
    assert (events(conn, "failure"), events(conn, "quarantine")) == (2, 1)


def test_a_photo_that_kills_its_workers_is_quarantined(conn, batch):
    photo_id = batch.photos[0].photo_id
    for number in range(3):
        assert build.lease(conn, batch.batch_id, photo_id, worker=f"victim-{number}", seconds=-1).granted
    last = build.lease(conn, batch.batch_id, photo_id, worker="fourth")
    assert (last.granted, last.state) == (False, PhotoState.QUARANTINED)
    assert photo(conn, photo_id).reason == "worker_lost"


def test_a_batch_is_done_when_all_its_photos_are_final(conn, batch):
    first, *others = (p.photo_id for p in batch.photos)
    build.lease(conn, batch.batch_id, first)
    work.record_restored(conn, batch.batch_id, first, build.WORKER, build.restored("a.tif"))
    assert work.finish_batch(conn, batch.batch_id, build.WORKER) == "running"
    for number in others:
        build.lease(conn, batch.batch_id, number)
        work.record_rejected(
            conn,
            batch.batch_id,
            number,
            build.WORKER,
            source_sha256=build.sha(str(number)),
            reason=ReasonCode.TRUNCATED,
            detail="half a file",
        )
    assert work.finish_batch(conn, batch.batch_id, build.WORKER) == "done"
    assert not work.heartbeat(conn, batch.batch_id, build.WORKER)
    assert work.claim_batch(conn, batch.batch_id, "late") is None
    summary = planning.finish_run(conn, batch.run_id)
    assert summary.states == {"restored": 1, "rejected": 2}
    assert summary.reasons == {"truncated": 2}
    assert summary.run_state == "done"


def test_the_reaper_frees_photos_and_sends_their_batch_again(conn, batch):
    first, second, third = (p.photo_id for p in batch.photos)
    build.lease(conn, batch.batch_id, first, seconds=-1)
    report = work.reap(conn)
    assert (report.freed, report.quarantined, report.batches_requeued) == (1, 0, [batch.batch_id])
    assert photo(conn, first).word == "queued"
    again = work.reap(conn)
    assert (again.freed, again.quarantined, again.batches_requeued) == (0, 0, [])
    assert work.claim_batch(conn, batch.batch_id, "next").deliveries == 2
    build.lease(conn, batch.batch_id, second, worker="next", seconds=60)
    build.lease(conn, batch.batch_id, third, worker="dead", seconds=-1)
    living = work.reap(conn)
    assert (living.freed, living.batches_requeued) == (1, [])


def test_the_reaper_quarantines_after_the_last_attempt_and_closes_the_batch(conn, batch):
    for number in batch.photos:
        build.lease(conn, batch.batch_id, number.photo_id, seconds=-1)
    report = work.reap(conn, max_attempts=1)
    assert (report.freed, report.quarantined, report.batches_requeued) == (0, 3, [])
    state = conn.execute(sa.text("SELECT state::text FROM batch")).scalar()
    assert state == "done"


def test_the_reaper_sends_a_silent_batch_again(conn, batch):
    assert work.reap(conn).batches_requeued == []
    conn.execute(sa.text("UPDATE batch SET heartbeat_at = now() - interval '1 hour'"))
    assert work.reap(conn).batches_requeued == [batch.batch_id]


def test_cancelling_gives_photos_back_and_stops_workers(conn, batch):
    first, second, _ = (p.photo_id for p in batch.photos)
    build.lease(conn, batch.batch_id, first)
    work.record_restored(conn, batch.batch_id, first, build.WORKER, build.restored("a.tif"))
    build.lease(conn, batch.batch_id, second)
    assert planning.cancel_run(conn, batch.run_id, "by hand") == 1
    assert planning.cancel_run(conn, batch.run_id, "by hand") == 0
    assert not work.heartbeat(conn, batch.batch_id, build.WORKER)
    row = photo(conn, second)
    assert (row.word, row.attempts, row.lease_owner) == ("pending", 0, None)
    work.record_restored(conn, batch.batch_id, second, build.WORKER, build.restored("b.tif"))
    assert photo(conn, second).word == "pending"
    assert photo(conn, first).word == "restored"
    assert planning.finish_run(conn, batch.run_id).run_state == "cancelled"


def test_a_cleared_task_takes_up_what_was_cancelled(conn, batch):
    first, *others = (p.photo_id for p in batch.photos)
    build.lease(conn, batch.batch_id, first)
    work.record_restored(conn, batch.batch_id, first, build.WORKER, build.restored("a.tif"))
    planning.cancel_run(conn, batch.run_id, "cleared")
    assert planning.queue_shard(conn, batch.run_id, 0) == [batch.batch_id]
    again = work.claim_batch(conn, batch.batch_id, "next")
    assert [p.photo_id for p in again.photos] == others


def test_a_failed_batch_is_counted_and_can_be_retried(conn, batch):
    work.fail_batch(conn, batch.batch_id, build.WORKER, "no model file")
    progress = planning.shard_progress(conn, batch.run_id, 0)
    assert (progress.total, progress.finished, progress.failed) == (1, 1, 1)
    assert photo(conn, batch.photos[0].photo_id).word == "pending"
    assert planning.finish_run(conn, batch.run_id).run_state == "failed"
    assert planning.queue_shard(conn, batch.run_id, 0) == [batch.batch_id]


def test_the_worker_role_can_do_all_this_and_no_more(catalog, role_engine):
    with catalog.begin() as conn:
        collection = build.add_collection(conn)
        build.listing(conn, collection, ["a.tif", "b.tif", "c.tif"])
        run_id = build.add_run(conn, collection)
        build.plan(conn, run_id)
        (batch_id,) = planning.queue_shard(conn, run_id, 0)
    with role_engine("worker").begin() as conn:
        batch = work.claim_batch(conn, batch_id, build.WORKER)
        first, second, third = (p.photo_id for p in batch.photos)
        for number in (first, second, third):
            assert build.lease(conn, batch_id, number, seconds=60).granted
        work.record_restored(conn, batch_id, first, build.WORKER, build.restored("a", faces=[build.face(0, 0.9)]))
        work.link_restoration(conn, batch_id, second, build.WORKER, 1, source_sha256=build.sha("a"))
        assert work.renew_lease(conn, third, build.WORKER, -1)
        assert work.heartbeat(conn, batch_id, build.WORKER)
        assert work.reap(conn).freed == 1
        work.fail_batch(conn, batch_id, build.WORKER, "over")
    for statement in (
        "UPDATE photo SET object_key = 'x'",
        "DELETE FROM photo",
        "UPDATE restoration SET output_key = 'x'",
        "UPDATE measurement SET value = 1",
        "INSERT INTO review (photo_id, restoration_id, decision, reviewer) VALUES (1, 1, 'accept', 'me')",
        "UPDATE collection SET consent = 'granted'",
        "INSERT INTO event (collection_id, seq, event_type, outcome, agent) VALUES (1, 1, 'x', 'success', 'x')",
        "UPDATE event_head SET seq = 0",
    ):
        with role_engine("worker").begin() as conn, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            conn.execute(sa.text(statement))
