"""Faults of machine and infrastructure on real Postgres, S3 and Redis: no photograph pays for them."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from restoration.catalog import work as catalog_work
from restoration.catalog.collections import get_collection
from restoration.catalog.events import verify_chain_of
from restoration.catalog.giving_back import release_quarantined
from restoration.catalog.progress import lost_to_infrastructure
from restoration.errors import DeviceFault, DiskFull, ModelError, ReasonCode, StorageError, UsageError
from restoration.worker import batch as batch_module
from restoration.worker import supervision
from restoration.worker.batch import run_batch
from tests.stack.lab import Lab, wait_for
from tests.stack.stub_engine import StubEngine
from tests.stack.test_worker import LIMITS, scans

pytestmark = pytest.mark.stack


@pytest.fixture
def make_lab(catalog, catalog_url, redis_url, s3, tmp_path) -> Iterator:
    labs: list[Lab] = []

    def make(**limits: object) -> Lab:
        labs.append(Lab(catalog, catalog_url("worker"), redis_url, s3, tmp_path, **(LIMITS | limits)))
        return labs[-1]

    yield make
    for lab in labs:
        lab.stop()


@pytest.fixture
def lab(make_lab, monkeypatch) -> Iterator[Lab]:
    monkeypatch.setattr(batch_module, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(batch_module, "LONGEST_PAUSE_SECONDS", 0.02)
    yield make_lab()
    supervision._draining.clear()
    supervision.worked()


class Refusing:
    """A real object store that refuses what it is told to, so many times."""

    def __init__(self, store, *, reads: int = 0, writes: int = 0, always: str = "-") -> None:
        self.real, self.reads, self.writes, self.always = store, reads, writes, always

    def read(self, bucket, key, **options):
        self.reads -= 1
        if self.reads >= 0 or self.always in key:
            raise StorageError(f"s3://{bucket}/{key}: S3 answered AccessDenied (told to)", photo=key)
        return self.real.read(bucket, key, **options)

    def read_range(self, bucket, key, *span):
        if self.reads > 0:
            raise StorageError("told to")
        return self.real.read_range(bucket, key, *span)

    def write_content(self, bucket, data, *kind):
        self.writes -= 1
        if self.writes >= 0 or self.always.encode() in data:
            raise StorageError(f"s3://{bucket}/: S3 answered SlowDown (told to)")
        return self.real.write_content(bucket, data, *kind)

    def __getattr__(self, name):
        return getattr(self.real, name)


def attempts(lab: Lab) -> set[int]:
    return {row.attempts for row in lab.rows("SELECT attempts FROM photo")}


@pytest.mark.parametrize("what", ["reads", "writes"])
def test_a_store_that_refuses_for_a_while_costs_no_attempt(lab, what):
    (batch,) = lab.plan(scans(16))
    with lab.runtime() as runtime:
        runtime.__dict__["store"] = Refusing(runtime.store, **{what: 12})
        report = run_batch(runtime, str(batch))
    assert report.state == "done"
    assert set(lab.states().values()) == {"restored"}
    assert attempts(lab) == {1}
    assert lab.rows("SELECT count(*) FROM event WHERE event_type IN ('failure', 'quarantine')")[0][0] == 0
    lab.assert_nothing_doubled(16)


@pytest.mark.parametrize("word", ["003.png", "OK 3"])
def test_what_the_store_refuses_one_photograph_alone_is_that_photographs_own(lab, word):
    """Read or written: the others go through meanwhile, so waiting would not help."""
    (batch,) = lab.plan(scans(6))
    with lab.runtime() as runtime:
        runtime.__dict__["store"] = Refusing(runtime.store, always=word)
        assert run_batch(runtime, str(batch)).state == "done"
    states = lab.states()
    assert states.pop("003.png") == "quarantined"
    assert set(states.values()) == {"restored"}
    assert lab.reasons()["003.png"] == "storage_failed"


def test_the_last_photograph_is_told_from_the_store_by_asking_for_another(lab):
    """Nothing comes after it that could show that the store is well."""
    (batch,) = lab.plan(scans(3))
    with lab.runtime() as runtime:
        runtime.__dict__["store"] = Refusing(runtime.store, always="002.png")
        assert run_batch(runtime, str(batch)).state == "done"
    assert (lab.states()["002.png"], lab.reasons()["002.png"]) == ("quarantined", "storage_failed")


def test_twins_of_a_photograph_that_the_store_refused_wait_with_it(lab):
    (batch,) = lab.plan({"a.png": b"OK same", "b.png": b"OK same"})
    with lab.runtime() as runtime:
        runtime.__dict__["store"] = Refusing(runtime.store, writes=2)
        assert run_batch(runtime, str(batch)).state == "done"
    assert lab.states() == {"a.png": "restored", "b.png": "restored"}
    assert attempts(lab) == {1}


def test_a_store_that_goes_on_refusing_gets_the_batch_given_back(lab):
    (batch,) = lab.plan(scans(3))
    with lab.runtime() as runtime:
        runtime.__dict__["store"] = Refusing(runtime.store, writes=1000)
        report = run_batch(runtime, str(batch))
        assert (report.state, type(report.problem)) == ("given_back", StorageError)
        assert attempts(lab) == {0}
        assert set(lab.states().values()) == {"queued"}
        assert lab.rows("SELECT state::text, deliveries, given_back FROM batch") == [("queued", 0, 1)]
    with lab.runtime() as runtime:
        assert run_batch(runtime, str(batch)).state == "done"
    assert attempts(lab) == {1}
    lab.assert_nothing_doubled(3)


def test_a_batch_that_is_given_back_too_often_fails_and_its_photographs_stay_due(lab):
    class Broken(StubEngine):
        def prepare(self, recipe):
            raise ModelError("house-colorizer is not on this machine")

    (batch,) = lab.plan(scans(2))
    with lab.runtime(engine=Broken(), settings={"give_back_limit": 3}) as runtime:
        states = [run_batch(runtime, str(batch)).state for _ in range(3)]
        assert states == ["given_back", "given_back", "failed"]
        assert run_batch(runtime, str(batch)).state == "not_mine"
    ((state, detail),) = lab.rows("SELECT state::text, detail FROM batch")
    assert (state, "house-colorizer is not on this machine" in detail) == ("failed", True)
    assert set(lab.states().values()) == {"pending"}
    assert attempts(lab) == {0}


def test_a_full_disk_is_the_machines_and_the_next_one_goes_on(lab):
    class Full(StubEngine):
        def restore(self, scan):
            if scan.data == b"OK 2":
                raise DiskFull("this machine has no room to work")
            return super().restore(scan)

    (batch,) = lab.plan(scans(4))
    with lab.runtime(engine=Full()) as runtime:
        report = run_batch(runtime, str(batch))
    assert (report.state, report.photos["restored"]) == ("given_back", 2)
    with lab.runtime(name="another") as runtime:
        assert run_batch(runtime, str(batch)).photos["restored"] == 2
    assert attempts(lab) == {1}
    lab.assert_nothing_doubled(4)


def test_a_photograph_that_spoils_the_device_each_time_is_found_alone(lab):
    class Spoilt(StubEngine):
        def restore(self, scan):
            if scan.data == b"CURSED":
                raise DeviceFault("the device failed (CUDA error: an illegal memory access was encountered)")
            return super().restore(scan)

    (batch,) = lab.plan({**scans(5), "002.png": b"CURSED"})
    reports = []
    while not reports or reports[-1].state == "given_back":
        with lab.runtime(engine=Spoilt()) as runtime:  # each time a fresh process
            reports.append(run_batch(runtime, str(batch)))
    # in a group, then three times alone, then what was behind it
    assert [report.state for report in reports] == ["given_back"] * 4 + ["done"]
    states = lab.states()
    assert states.pop("002.png") == "quarantined"
    assert lab.reasons()["002.png"] == "device_fault"
    assert set(states.values()) == {"restored"}
    counts = dict(lab.rows("SELECT split_part(object_key, '/', 2), attempts FROM photo"))
    assert counts == {"000.png": 1, "001.png": 1, "002.png": 3, "003.png": 1, "004.png": 1}


def test_a_worker_that_is_told_to_stop_ends_its_group_and_gives_the_rest_back(lab):
    class Told(StubEngine):
        def restore(self, scan):
            supervision.drain()
            return super().restore(scan)

    (batch,) = lab.plan(scans(20), batch_size=20)
    with lab.runtime(engine=Told()) as runtime:
        report = run_batch(runtime, str(batch))
    assert (report.state, report.problem, dict(report.photos)) == ("given_back", None, {"restored": 8})
    assert lab.rows("SELECT state::text, deliveries, given_back FROM batch") == [("queued", 0, 0)]
    assert attempts(lab) == {0, 1}
    supervision._draining.clear()
    with lab.runtime(name="another") as runtime:
        assert run_batch(runtime, str(batch)).photos == {"restored": 12}
    assert attempts(lab) == {1}
    lab.assert_nothing_doubled(20)


def test_a_catalog_that_is_lost_in_the_middle_costs_no_attempt(lab, monkeypatch):
    (batch,) = lab.plan(scans(4))
    record, calls = catalog_work.record_restored, []

    def lost(conn, *arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            conn.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return record(conn, *arguments, **options)

    monkeypatch.setattr(catalog_work, "record_restored", lost)
    with lab.runtime() as runtime:
        with pytest.raises(OperationalError):
            run_batch(runtime, str(batch))
        assert run_batch(runtime, str(batch)).state == "done"
    assert set(lab.states().values()) == {"restored"}
    assert attempts(lab) == {1}
    lab.assert_nothing_doubled(4)


class TestRelease:
    """Bringing back what was given up for a reason that was not its own."""

    def quarantined(self, lab: Lab) -> None:
        (batch,) = lab.plan({**scans(3), "x.png": b"FAIL"})
        with lab.runtime() as runtime:
            run_batch(runtime, str(batch))
        with lab.db.begin() as conn:
            conn.execute(
                sa.text(
                    "UPDATE photo SET state = 'quarantined', reason = 'storage_failed', attempts = 3 "
                    "WHERE object_key LIKE '%/001.png'"
                )
            )

    def test_they_are_due_again_and_the_person_is_on_record(self, lab):
        self.quarantined(lab)
        with lab.db.begin() as conn:
            collection = get_collection(conn, lab.name)
            assert release_quarantined(conn, collection, ReasonCode.STORAGE_FAILED, person="eve", dry_run=True) == 1
            assert release_quarantined(conn, collection, ReasonCode.STORAGE_FAILED, person="eve") == 1
            assert release_quarantined(conn, collection, ReasonCode.STORAGE_FAILED, person="eve") == 0
        assert lab.states() == {
            "000.png": "restored", "001.png": "pending", "002.png": "restored", "x.png": "quarantined",
        }  # fmt: skip
        assert lab.rows("SELECT agent, detail ->> 'reason' FROM event WHERE event_type = 'release'") == [
            ("eve", "storage_failed")
        ]
        (batch,) = lab.plan({}, run="run-2")
        with lab.runtime() as runtime:
            assert run_batch(runtime, str(batch)).state == "done"
        assert lab.states()["001.png"] == "restored"
        with lab.db.connect() as conn:
            assert verify_chain_of(conn, lab.name).ok

    def test_a_photographs_own_reason_is_refused(self, lab):
        self.quarantined(lab)
        with lab.db.begin() as conn, pytest.raises(UsageError, match="own"):
            release_quarantined(conn, get_collection(conn, lab.name), ReasonCode.STEP_FAILED, person="eve")


def test_a_run_that_lost_photographs_to_the_store_knows_which_and_why(lab):
    (batch,) = lab.plan({**scans(3), "x.png": b"FAIL"})
    with lab.runtime() as runtime:
        runtime.__dict__["store"] = Refusing(runtime.store, always="002.png")
        run_batch(runtime, str(batch))
    with lab.db.connect() as conn:
        assert lost_to_infrastructure(conn, lab.run_id) == {"storage_failed": 1}


class TestRealWorkers:
    """Real Celery workers that are told to stop, or are of no use."""

    def test_sigterm_gives_back_what_is_not_finished_and_counts_nothing(self, make_lab):
        lab = make_lab()
        (batch,) = lab.plan(scans(24, "SLOW"), batch_size=24)
        first = lab.start_worker("first")
        lab.send(batch)
        wait_for(lambda: "restoring" in lab.states().values(), what="a photograph in work")
        first.send_signal(signal.SIGTERM)
        assert first.wait(60) == 0, lab.log("first")
        restored = list(lab.states().values()).count("restored")
        assert 0 < restored < 24
        assert lab.rows("SELECT count(*) FROM photo WHERE lease_owner IS NOT NULL") == [(0,)]
        assert lab.rows("SELECT sum(attempts) FROM photo") == [(restored,)]
        lab.start_worker("second")
        wait_for(lambda: lab.batch_states() == {"done"}, what=lab.log("second"))
        assert attempts(lab) == {1}
        assert lab.rows("SELECT deliveries FROM batch") == [(1,)]
        lab.assert_nothing_doubled(24)

    def test_a_photograph_that_takes_too_long_to_drain_is_given_back(self, make_lab):
        lab = make_lab(drain_seconds=3)
        (batch,) = lab.plan({"a.png": b"ENDLESS"})
        worker = lab.start_worker()
        lab.send(batch)
        wait_for(lambda: "restoring" in lab.states().values(), what="a photograph in work")
        worker.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        assert worker.wait(60) == 0, lab.log()
        assert time.monotonic() - begun < 30
        assert (lab.states(), attempts(lab)) == ({"a.png": "queued"}, {0})

    def test_a_worker_of_no_use_ends_with_one_line_and_the_next_one_does_the_work(self, make_lab):
        lab = make_lab(faults_in_a_row=1)
        batches = lab.plan(scans(4), batch_size=2)
        worker = lab.start_worker("useless", STUB_WITHOUT_MODEL="1")
        lab.send(*batches)
        assert worker.wait(120) == supervision.EXIT_UNFIT, lab.log("useless")
        said = [line for line in lab.log("useless").splitlines() if "CRITICAL" in line]
        assert len(said) == 1
        assert "stub-model is not on this machine" in said[0]
        assert attempts(lab) == {0}
        lab.start_worker("useful")
        wait_for(lambda: lab.batch_states() == {"done"}, what=lab.log("useful"))
        assert set(lab.states().values()) == {"restored"}

    def test_two_workers_of_one_host_have_two_names(self, lab):
        batches = lab.plan(scans(8, "SLOW"), batch_size=1)
        lab.start_worker("left")
        lab.start_worker("right")
        lab.send(*batches)
        wait_for(lambda: lab.batch_states() == {"done"}, what=lab.log("left"))
        assert lab.rows("SELECT count(DISTINCT worker) FROM restoration") == [(2,)]
