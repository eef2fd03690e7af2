"""The GPU worker on real Redis, Postgres and S3: nothing is lost and nothing doubled, whatever is killed."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from celery.exceptions import SoftTimeLimitExceeded

from restoration.broker import check_limits, shared_options
from restoration.catalog.planning import cancel_run
from restoration.errors import RecipeError, SettingsError
from restoration.settings import Settings
from restoration.worker.app import _check_pool, celery_options
from restoration.worker.batch import run_batch
from restoration.worker.runtime import recipe_from_body
from tests.stack.lab import RECIPE, Lab, pool_children, wait_for
from tests.stack.stub_engine import StubEngine, mask_png

pytestmark = pytest.mark.stack

LIMITS = {"soft_time_limit": 20, "hard_time_limit": 25, "visibility_timeout": 6 + 20, "lease_seconds": 3}
QUICK_REDELIVERY = {"soft_time_limit": 3, "hard_time_limit": 4, "visibility_timeout": 5, "lease_seconds": 3}


@pytest.fixture
def make_lab(catalog, catalog_url, redis_url, s3, tmp_path) -> Iterator:
    """Makes the laboratory with given limits; its workers are killed at the end."""
    labs: list[Lab] = []

    def make(**limits: object) -> Lab:
        labs.append(Lab(catalog, catalog_url("worker"), redis_url, s3, tmp_path, **(LIMITS | limits)))
        return labs[-1]

    yield make
    for lab in labs:
        lab.stop()


@pytest.fixture
def lab(make_lab) -> Lab:
    return make_lab()


def scans(count: int, word: str = "OK") -> dict[str, bytes]:
    return {f"{number:03d}.png": f"{word} {number}".encode() for number in range(count)}


class TestOneBatch:
    """``run_batch`` in this process."""

    def test_bytes_that_are_not_those_the_giver_declared_are_never_restored(self, lab):
        right, wrong = hashlib.sha256(b"OK a").hexdigest(), "0" * 64
        lab.put("metadata.csv", f"filename,sha256\na.png,{right}\nb.png,{wrong}\n".encode())
        (batch,) = lab.plan({"a.png": b"OK a", "b.png": b"OK b"})
        with lab.runtime() as runtime:
            assert run_batch(runtime, str(batch)).photos == {"restored": 1, "rejected": 1}
        assert lab.reasons() == {"a.png": None, "b.png": "fixity_changed"}
        ((detail,),) = lab.rows("SELECT detail FROM event WHERE event_type = 'rejection'")
        assert detail["reason"] == "fixity_changed"
        assert hashlib.sha256(b"OK b").hexdigest() in detail["detail"]
        assert wrong in detail["detail"]
        # a declaration that contradicts what was restored takes it away; put right, it is linked and not computed again
        lab.put("metadata.csv", f"filename,sha256\na.png,{wrong}\nb.png,{wrong}\n".encode())
        lab.plan({}, run="run-2")
        assert lab.reasons() == {"a.png": "fixity_changed", "b.png": "fixity_changed"}
        b = hashlib.sha256(b"OK b").hexdigest()
        lab.put("metadata.csv", f"filename,sha256\na.png,{right}\nb.png,{b}\n".encode())
        (batch,) = lab.plan({}, run="run-3")
        with lab.runtime() as runtime:
            assert run_batch(runtime, str(batch)).photos == {"linked": 1, "restored": 1}
        assert lab.states() == {"a.png": "restored", "b.png": "restored"}

    def test_every_photograph_ends_in_exactly_one_state(self, lab):
        (batch,) = lab.plan({**scans(9), "bad.png": b"BAD", "fail.png": b"FAIL"})
        with lab.runtime() as runtime:
            report = run_batch(runtime, str(batch))
        assert report.state == "done"
        assert Counter(lab.states().values()) == {"restored": 9, "rejected": 1, "quarantined": 1}
        assert lab.reasons()["bad.png"] == "corrupt"
        assert lab.reasons()["fail.png"] == "step_failed"
        assert report.photos["failed attempts"] == 2

    def test_bytes_are_stored_under_their_hash(self, lab):
        (batch,) = lab.plan({"a.png": b"OK stored"})
        with lab.runtime() as runtime:
            run_batch(runtime, str(batch))
        ((output, sha256, before, after),) = lab.rows(
            "SELECT output_key, output_sha256, preview_before_key, preview_after_key FROM restoration"
        )
        stored = lab.admin.get_object(Bucket="restored", Key=output)
        assert stored["Body"].read() == b"restored OK stored"
        assert stored["ContentType"] == "image/png"
        assert sha256 in output
        assert lab.admin.get_object(Bucket="restored", Key=before)["Body"].read() == b"before OK stored"
        assert lab.admin.get_object(Bucket="restored", Key=after)["Body"].read() == b"after OK stored"

    def test_tiles_are_stored_under_their_hash_and_once_where_both_are_the_same(self, lab):
        (batch,) = lab.plan({"a.png": b"TILES a", "b.png": b"SAME b", "c.png": b"OK c"})
        with lab.runtime() as runtime:
            run_batch(runtime, str(batch))
        (none,), (before, after), (same, shared) = (
            [key for key in row if key is not None] or [None]
            for row in lab.rows(
                "SELECT tiles_before_key, tiles_after_key FROM restoration ORDER BY tiles_before_key IS NOT NULL, "
                "tiles_before_key = tiles_after_key"
            )
        )
        assert (none, same) == (None, shared)
        for key, data in ((before, b"tiles TILES a"), (after, b"new tiles TILES a"), (same, b"tiles SAME b")):
            stored = lab.admin.get_object(Bucket="restored", Key=key)
            assert (stored["Body"].read(), stored["ContentType"]) == (data, "application/zip")
            assert key.endswith(f"{hashlib.sha256(data).hexdigest()}.zip")

    def test_the_mask_is_stored_under_its_hash_and_damage_is_one_row_a_kind(self, lab):
        (batch,) = lab.plan({"a.png": b"MASK a", "b.png": b"MASK b", "c.png": b"OK c"})
        with lab.runtime() as runtime:
            assert run_batch(runtime, str(batch)).photos == {"restored": 3}
        rows = lab.rows("SELECT mask_key, filled_share FROM restoration ORDER BY mask_key IS NULL")
        key, data = rows[0][0], mask_png()
        assert rows == [(key, 0.09375), (key, 0.09375), (None, 0.0)]
        stored = lab.admin.get_object(Bucket="restored", Key=key)
        assert (stored["Body"].read(), stored["ContentType"]) == (data, "image/png")
        assert key.endswith(f"{hashlib.sha256(data).hexdigest()}.png")
        damage = lab.rows(
            "SELECT DISTINCT kind::text, found_share, mended_share, regions, mending::text, x, y, width, height "
            "FROM damage ORDER BY kind"
        )
        assert damage == [
            ("scratch", 0.1875, 0.09375, 4, "surroundings", 1, 2, 6, 1),
            ("writing", 0.25, 0.0, 1, "none", None, None, None, None),
        ]

    def test_masters_in_tiff_and_access_copies_are_stored_as_what_they_are(self, lab):
        (batch,) = lab.plan({"a.png": b"COPY a", "b.png": b"OK b"})
        with lab.runtime() as runtime:
            assert run_batch(runtime, str(batch)).photos == {"restored": 2}
        columns = "output_key, output_format, access_key, access_sha256, access_bytes, access_format"
        copied, plain = lab.rows(f"SELECT {columns} FROM restoration ORDER BY access_key IS NULL")
        data = b"copy COPY a"
        assert copied[1:] == (
            "tif",
            copied.access_key,
            hashlib.sha256(data).hexdigest(),
            len(data),
            "webp",
        )
        assert plain[1:] == ("png", None, None, None, None)
        for key, body, kind in (
            (copied.output_key, b"restored COPY a", "image/tiff"),
            (copied.access_key, data, "image/webp"),
        ):
            stored = lab.admin.get_object(Bucket="restored", Key=key)
            assert (stored["Body"].read(), stored["ContentType"]) == (body, kind)

    def test_a_second_call_changes_nothing(self, lab):
        (batch,) = lab.plan(scans(3))
        with lab.runtime() as runtime:
            run_batch(runtime, str(batch))
            events = lab.rows("SELECT count(*) FROM event")
            assert run_batch(runtime, str(batch)).state == "not_mine"
        assert lab.rows("SELECT count(*) FROM event") == events
        lab.assert_nothing_doubled(3)

    def test_two_workers_on_one_batch_restore_every_photograph_once(self, lab):
        (batch,) = lab.plan(scans(12, "SLOW"))
        with lab.runtime(name="left") as left, lab.runtime(name="right") as right:
            threads = [threading.Thread(target=run_batch, args=(one, str(batch))) for one in (left, right)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert set(lab.states().values()) == {"restored"}
        lab.assert_nothing_doubled(12)

    def test_equal_content_is_restored_once_and_linked(self, lab):
        (batch,) = lab.plan({"a.png": b"OK same", "b.png": b"OK same", "c.png": b"OK other"})
        with lab.runtime() as runtime:
            assert run_batch(runtime, str(batch)).photos == {"restored": 2, "linked": 1}
        assert set(lab.states().values()) == {"restored"}
        assert lab.rows("SELECT count(*) FROM restoration")[0][0] == 2

    def test_a_scan_replaced_since_the_listing_is_noticed(self, lab):
        (batch,) = lab.plan({"a.png": b"OK first", "b.png": b"OK b"})
        lab.put("a.png", b"OK second")
        with lab.runtime() as runtime:
            run_batch(runtime, str(batch))
        assert lab.states() == {"a.png": "rejected", "b.png": "restored"}
        assert lab.reasons()["a.png"] == "source_changed"

    @pytest.mark.parametrize(
        "spoil", ["recipe_body = '{}'", "recipe_sha256 = repeat('0', 64)", "recipe_body = '{\"steps\": 3}'"]
    )
    def test_a_recipe_that_this_worker_cannot_follow_fails_the_batch_at_once(self, lab, spoil):
        (batch,) = lab.plan(scans(2))
        with lab.db.begin() as conn:
            conn.execute(sa.text(f"UPDATE run SET {spoil}"))
        with lab.runtime() as runtime, pytest.raises(RecipeError):
            run_batch(runtime, str(batch))
        ((state, detail),) = lab.rows("SELECT state::text, detail FROM batch")
        assert state == "failed"
        assert "recipe" in detail
        assert set(lab.states().values()) == {"pending"}
        assert lab.rows("SELECT DISTINCT attempts FROM photo") == [(0,)]

    @pytest.mark.parametrize("attribute", ["engine", "store"])
    def test_a_device_or_store_that_is_not_there_gives_the_batch_back_at_once(self, lab, attribute):
        (batch,) = lab.plan(scans(2))

        def missing(_):
            raise SettingsError("torch finds no CUDA device")

        with lab.runtime() as runtime, pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(runtime), attribute, property(missing))
            assert type(run_batch(runtime, str(batch)).problem) is SettingsError
        ((state, detail),) = lab.rows("SELECT state::text, detail FROM batch")
        assert (state, "no CUDA device" in detail) == ("queued", True)
        assert set(lab.states().values()) == {"queued"}

    def test_the_soft_time_limit_leaves_the_rest_for_another_try(self, lab):
        class Timed(StubEngine):
            def restore(self, scan):
                if scan.data == b"OK 1":
                    raise SoftTimeLimitExceeded
                return super().restore(scan)

        (batch,) = lab.plan(scans(3))
        with lab.runtime(engine=Timed()) as runtime:
            report = run_batch(runtime, str(batch))
            assert (report.state, report.out_of_time) == ("running", True)
            assert lab.states() == {"000.png": "restored", "001.png": "pending", "002.png": "pending"}
            assert lab.reasons()["001.png"] == "time_limit"
            while report.out_of_time:
                report = run_batch(runtime, str(batch))
        assert lab.states() == {"000.png": "restored", "001.png": "quarantined", "002.png": "restored"}
        assert report.state == "done"

    def test_a_cancelled_batch_stops_between_photographs(self, lab):
        class Cancelling(StubEngine):
            def restore(self, scan):
                if scan.data == b"SLOW 0":
                    with lab.db.begin() as conn:
                        cancel_run(conn, lab.run_id, "a person stopped it")
                return super().restore(scan)

        (batch,) = lab.plan(scans(24, "SLOW"), batch_size=24)
        with lab.runtime(engine=Cancelling()) as runtime:
            report = run_batch(runtime, str(batch))
        assert report.state == "cancelled"
        assert Counter(lab.states().values())["pending"] >= 8
        assert lab.batch_states() == {"cancelled"}


class TestRealWorkers:
    """Real Celery workers that are really killed."""

    def test_a_batch_goes_through_the_broker(self, lab):
        batches = lab.plan(scans(20), batch_size=4)
        lab.start_worker()
        lab.send(*batches)
        wait_for(lambda: lab.batch_states() == {"done"}, what=lab.log())
        assert set(lab.states().values()) == {"restored"}
        lab.assert_nothing_doubled(20)

    def test_kill_9_of_the_pool_child_loses_and_doubles_nothing(self, lab):
        (batch,) = lab.plan(scans(8, "SLOW"))
        worker = lab.start_worker()
        lab.send(batch)
        wait_for(lambda: "restoring" in lab.states().values(), what="a photograph in work")
        (child,) = pool_children(worker)
        child.send_signal(signal.SIGKILL)
        wait_for(lambda: lab.batch_states() == {"done"}, what=lab.log())
        assert set(lab.states().values()) == {"restored"}
        assert lab.rows("SELECT deliveries FROM batch")[0][0] == 2
        lab.assert_nothing_doubled(8)

    def test_kill_9_of_the_whole_worker_loses_and_doubles_nothing(self, make_lab):
        lab = make_lab(**QUICK_REDELIVERY)
        (batch,) = lab.plan(scans(4, "SLOW"))
        first = lab.start_worker("first")
        lab.send(batch)
        wait_for(lambda: "restoring" in lab.states().values(), what="a photograph in work")
        os.killpg(first.pid, signal.SIGKILL)
        lab.start_worker("second")
        wait_for(lambda: lab.batch_states() == {"done"}, what=lab.log("second"))
        assert set(lab.states().values()) == {"restored"}
        lab.assert_nothing_doubled(4)

    def test_a_doubled_delivery_to_two_workers_doubles_nothing(self, lab):
        batches = lab.plan(scans(12, "SLOW"), batch_size=4)
        lab.start_worker("left")
        lab.start_worker("right")
        lab.send(*batches, *batches)
        wait_for(lambda: lab.batch_states() == {"done"}, what=lab.log("left"))
        assert set(lab.states().values()) == {"restored"}
        lab.assert_nothing_doubled(12)

    def test_a_photograph_that_kills_the_process_is_quarantined_alone(self, lab):
        batches = lab.plan({**scans(6), "003.png": b"POISON", "x.png": b"SLOW x"})
        lab.start_worker()
        lab.send(*batches)
        wait_for(lambda: lab.batch_states() == {"done"}, what=lab.log())
        states = lab.states()
        assert states.pop("003.png") == "quarantined"
        assert set(states.values()) == {"restored"}
        assert lab.reasons()["003.png"] == "worker_lost"
        assert lab.rows("SELECT attempts FROM photo WHERE object_key LIKE '%/003.png'")[0][0] == 3


class TestSettings:
    """Time limits, queues, and what the application imports."""

    def settings(self, **values) -> Settings:
        return Settings(**{"broker_url": "redis://localhost/1", **values})

    @pytest.mark.parametrize(
        ("values", "named"),
        [
            ({"soft_time_limit": 10, "hard_time_limit": 10}, "RESTORATION_SOFT_TIME_LIMIT"),
            ({"hard_time_limit": 9000}, "RESTORATION_VISIBILITY_TIMEOUT"),
        ],
    )
    def test_limits_out_of_order_are_refused(self, values, named):
        with pytest.raises(SettingsError, match=named):
            check_limits(self.settings(**values))

    def test_no_broker_is_refused_with_the_cure(self):
        with pytest.raises(SettingsError, match="RESTORATION_BROKER_URL"):
            shared_options(self.settings(broker_url=None))

    def test_a_task_is_kept_until_it_is_done(self):
        options = celery_options(self.settings())
        assert options["task_acks_late"]
        assert options["task_reject_on_worker_lost"]
        assert options["worker_prefetch_multiplier"] == 1
        assert options["worker_concurrency"] == 1
        assert options["accept_content"] == ["json"]
        assert options["task_soft_time_limit"] < options["task_time_limit"]
        assert options["task_time_limit"] < options["broker_transport_options"]["visibility_timeout"]

    def test_a_worker_with_two_children_does_not_start(self):
        with pytest.raises(SystemExit, match="one worker per GPU"):
            _check_pool(options={"concurrency": 2})

    def test_rabbitmq_gets_quorum_queues(self):
        options = celery_options(self.settings(broker_url="amqp://guest:guest@localhost//"))
        assert options["task_default_queue_type"] == "quorum"
        assert "visibility_timeout" not in options["broker_transport_options"]

    def test_a_recipe_read_by_another_version_is_refused(self):
        with pytest.raises(RecipeError, match="same version"):
            recipe_from_body(RECIPE.canonical(), "0" * 64)

    def test_a_recipe_comes_back_from_its_canonical_form(self):
        assert recipe_from_body(RECIPE.canonical(), RECIPE.sha256).sha256 == RECIPE.sha256

    def test_importing_the_application_loads_neither_torch_nor_airflow_nor_settings(self):
        code = (
            "import sys, restoration.worker.app, restoration.worker.tasks\n"
            "assert not {'torch', 'cv2', 'airflow', 'boto3', 'sqlalchemy'} & set(sys.modules)\n"
            "assert restoration.worker.app.app.configured is False"
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RESTORATION_")}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
