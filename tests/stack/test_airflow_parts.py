"""Operator, trigger, links and addresses on a real catalog, without a running Airflow."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
import sqlalchemy as sa
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.triggers.base import BaseTrigger

from restoration.catalog.work import claim_batch, lease_photo
from restoration.errors import EnvironmentProblem, RecipeError, SettingsError
from restoration.names import run_id
from restoration.orchestration import access, dispatch, flow, rereading
from restoration.orchestration.approving import AnswerNotUsable, ApproveOperator, person_of
from restoration.orchestration.closing import PUBLISHED_ARCHIVES, PublishOperator, archive_asset
from restoration.orchestration.failing import usage_errors_are_final
from restoration.orchestration.links import FailuresLink, GalleryLink
from restoration.orchestration.operator import RestoreShardOperator
from restoration.orchestration.trigger import ShardTrigger, close_pool
from restoration.settings import get_settings
from restoration.worker.batch import run_batch
from tests.stack.lab import Lab

pytestmark = pytest.mark.stack

IN_AN_HOUR = (datetime.now(UTC) + timedelta(hours=1)).isoformat()


@pytest.fixture
def airflow_home(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))


@pytest.fixture
def settings_of(monkeypatch):
    """Sets settings of this process, for Airflow's side."""

    def use(values: dict[str, str]) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        dispatch._sender.cache_clear()

    yield use
    monkeypatch.undo()
    get_settings.cache_clear()
    dispatch._sender.cache_clear()


@pytest.fixture
def lab(catalog, catalog_url, redis_url, s3, tmp_path, settings_of, airflow_home) -> Lab:
    """A laboratory in which this process is Airflow's side."""
    lab = Lab(catalog, catalog_url("worker"), redis_url, s3, tmp_path, lease_seconds=1)
    settings_of({**lab.environment, "RESTORATION_DATABASE_URL": catalog_url("airflow")})
    yield lab
    lab.stop()


def operator(lab: Lab) -> RestoreShardOperator:
    return RestoreShardOperator(
        task_id="restore", catalog_run_id=str(lab.run_id), shard=0, shard_label="photos 1-3", collection=lab.name
    )


def fire(trigger: ShardTrigger) -> dict:
    """Run a trigger to its one event."""

    async def first() -> dict:
        try:
            async for event in trigger.run():
                return event.payload
            raise AssertionError("the trigger ended without an event")
        finally:
            await close_pool()

    return asyncio.run(first())


def queued(lab: Lab, redis_url: str) -> int:
    import redis

    with redis.Redis.from_url(redis_url) as client:
        return client.llen(lab.name)


def deferred(call, *arguments, **options) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        call(*arguments, **options)
    return caught.value


class TestOperator:
    def test_it_queues_sends_and_defers(self, lab, redis_url):
        lab.plan({"a.png": b"OK a", "b.png": b"OK b"}, batch_size=1)
        deferral = deferred(operator(lab).execute, {})
        assert isinstance(deferral.trigger, ShardTrigger)
        assert deferral.method_name == "resume"
        assert lab.batch_states() == {"queued"}
        assert queued(lab, redis_url) == 2

    def test_what_defers_holds_no_secret(self, lab):
        lab.plan({"a.png": b"OK a"})
        deferral = deferred(operator(lab).execute, {})
        told = json.dumps([deferral.trigger.serialize(), deferral.kwargs])
        assert "postgresql" not in told
        assert "redis" not in told
        assert lab.settings.database_url.get_secret_value() not in told

    def test_a_finished_shard_returns_at_once(self, lab):
        (batch,) = lab.plan({"a.png": b"OK a"})
        with lab.runtime() as runtime:
            run_batch(runtime, str(batch))
        assert operator(lab).execute({})["photos_done"] == 1

    def test_resuming_asks_the_catalog_and_not_the_event(self, lab):
        (batch,) = lab.plan({"a.png": b"OK a"})
        told_done = {"status": "done", "message": "somebody says so"}
        again = deferred(operator(lab).resume, {}, told_done, deadline=IN_AN_HOUR)
        assert again.kwargs == {"deadline": IN_AN_HOUR}
        with lab.runtime() as runtime:
            run_batch(runtime, str(batch))
        assert operator(lab).resume({}, {"status": "stalled"}, deadline=IN_AN_HOUR)["finished"] == 1

    def test_a_shard_past_its_deadline_fails(self, lab):
        lab.plan({"a.png": b"OK a"})
        with pytest.raises(TimeoutError, match="shard 0"):
            operator(lab).resume({}, {"status": "deadline"}, deadline=IN_AN_HOUR)

    def test_executing_again_doubles_no_batch(self, lab):
        lab.plan({"a.png": b"OK a", "b.png": b"OK b"}, batch_size=1)
        deferred(operator(lab).execute, {})
        before = lab.rows("SELECT batch_id FROM batch ORDER BY 1")
        deferred(operator(lab).execute, {})
        assert lab.rows("SELECT batch_id FROM batch ORDER BY 1") == before

    def test_killing_cancels_and_clearing_takes_up_again(self, lab):
        (batch,) = lab.plan({"a.png": b"OK a"})
        operator(lab).on_kill()
        assert lab.batch_states() == {"cancelled"}
        assert lab.states() == {"a.png": "pending"}
        deferred(operator(lab).execute, {})
        assert lab.batch_states() == {"queued"}
        with lab.runtime() as runtime:
            assert run_batch(runtime, str(batch)).state == "done"
        assert lab.states() == {"a.png": "restored"}

    def test_a_batch_of_a_dead_worker_is_freed_and_sent_again(self, lab, redis_url):
        (batch,) = lab.plan({"a.png": b"OK a"})
        with lab.db.begin() as conn:
            work = claim_batch(conn, batch, "dead")
            assert lease_photo(conn, batch, work.photos[0].photo_id, "dead", 0.1, 3).granted
        time.sleep(0.2)
        deferred(operator(lab).resume, {}, {"status": "stalled"}, deadline=IN_AN_HOUR)
        assert lab.batch_states() == {"queued"}
        assert queued(lab, redis_url) >= 1
        with lab.runtime() as runtime:
            assert run_batch(runtime, str(batch)).state == "done"

    def test_a_broker_out_of_reach_is_said(self, lab, settings_of):
        lab.plan({"a.png": b"OK a"})
        settings_of({"RESTORATION_BROKER_URL": "redis://127.0.0.1:1/0"})
        with pytest.raises(EnvironmentProblem, match="broker"):
            operator(lab).execute({})


class TestTrigger:
    def test_it_survives_serialization(self):
        trigger = ShardTrigger(str(uuid4()), 3, IN_AN_HOUR, 2.0, 60.0)
        path, arguments = trigger.serialize()
        assert path == "restoration.orchestration.trigger.ShardTrigger"
        again = ShardTrigger(**json.loads(json.dumps(arguments)))
        assert isinstance(again, BaseTrigger)
        assert again.serialize() == trigger.serialize()

    def test_a_deadline_without_zone_is_refused(self):
        with pytest.raises(ValueError, match="time zone"):
            ShardTrigger(str(uuid4()), 0, "2026-01-01T00:00:00")

    def test_it_fires_when_the_shard_is_finished(self, lab):
        (batch,) = lab.plan({"a.png": b"OK a"})
        with lab.runtime() as runtime:
            run_batch(runtime, str(batch))
        event = fire(ShardTrigger(str(lab.run_id), 0, IN_AN_HOUR, 0.1))
        assert event["status"] == "done"
        assert event["run_id"] == str(lab.run_id)

    def test_it_fires_at_the_deadline(self, lab):
        lab.plan({"a.png": b"OK a"})
        soon = (datetime.now(UTC) + timedelta(seconds=0.3)).isoformat()
        started = time.monotonic()
        assert fire(ShardTrigger(str(lab.run_id), 0, soon, 0.1))["status"] == "deadline"
        assert time.monotonic() - started < 300  # and not in an hour

    def test_it_wakes_the_operator_when_nothing_moves(self, lab):
        lab.plan({"a.png": b"OK a"})
        assert fire(ShardTrigger(str(lab.run_id), 0, IN_AN_HOUR, 0.1, 0.3))["status"] == "stalled"

    def test_a_task_that_the_broker_lost_is_sent_again(self, lab, redis_url):
        """Flush the queue: the trigger sees that nothing moves, the operator sends again, a worker finishes."""
        import redis

        lab.plan({"a.png": b"OK a"})
        deferred(operator(lab).execute, {})
        with redis.Redis.from_url(redis_url) as client:
            client.delete(lab.name)
        event = fire(ShardTrigger(str(lab.run_id), 0, IN_AN_HOUR, 0.1, 0.3))
        deferred(operator(lab).resume, {}, event, deadline=IN_AN_HOUR)
        assert queued(lab, redis_url) == 1

    def test_a_catalog_out_of_reach_ends_in_an_error_event(self, lab, settings_of, monkeypatch):
        lab.plan({"a.png": b"OK a"})
        settings_of({"RESTORATION_DATABASE_URL": "postgresql+psycopg2://nobody:x@127.0.0.1:1/none"})
        monkeypatch.setattr("restoration.orchestration.trigger.MAX_FAILURES", 2)
        assert fire(ShardTrigger(str(lab.run_id), 0, IN_AN_HOUR, 0.01))["status"] == "error"


class TestAddresses:
    def test_an_airflow_connection_comes_first(self, airflow_home, settings_of):
        connection = {
            "conn_type": "postgres",
            "host": "h",
            "login": "me",
            "password": "s@c",
            "port": 1,
            "schema": "cat",
        }
        settings_of(
            {
                "RESTORATION_DATABASE_URL": "postgresql+psycopg2://u:p@other/db",
                "AIRFLOW_CONN_RESTORATION_DB": json.dumps(connection),
            }
        )
        assert access.database_url().render_as_string(hide_password=False) == "postgresql+psycopg2://me:s%40c@h:1/cat"
        assert asyncio.run(access.async_database_dsn()) == "postgresql://me:s%40c@h:1/cat"

    def test_settings_serve_where_there_is_no_connection(self, airflow_home, settings_of):
        settings_of({"RESTORATION_DATABASE_URL": "postgresql+psycopg2://u:p@other/db"})
        assert access.database_url().host == "other"
        assert asyncio.run(access.async_database_dsn()) == "postgresql://u:p@other/db"

    def test_neither_is_an_error_with_the_cure(self, airflow_home, settings_of, monkeypatch):
        monkeypatch.delenv("RESTORATION_DATABASE_URL", raising=False)
        settings_of({})
        with pytest.raises(SettingsError, match="restoration_db"):
            access.database_url()

    def test_an_aws_connection_gives_the_store(self, airflow_home, settings_of):
        connection = {"conn_type": "aws", "login": "key", "password": "hush", "extra": {"endpoint_url": "http://s3:1"}}
        settings_of({"AIRFLOW_CONN_RESTORATION_S3": json.dumps(connection)})
        client = access.make_store().client
        assert client.meta.endpoint_url == "http://s3:1"
        assert client._request_signer._credentials.access_key == "key"


class TestLinksAndWords:
    key = SimpleNamespace(dag_id="restore_collection", run_id="manual__1", task_id="publish", map_index=-1)

    def test_failures_open_the_institutions_page(self, settings_of):
        settings_of({"RESTORATION_FAILURES_URL": "https://grafana/f?c={collection}&r={run_id}"})
        link = FailuresLink().get_link(SimpleNamespace(collection="family a"), ti_key=self.key)
        assert link == f"https://grafana/f?c=family%20a&r={run_id('restore_collection', 'manual__1')}"

    def test_failures_open_the_summary_otherwise(self, settings_of):
        settings_of({})
        link = FailuresLink().get_link(SimpleNamespace(collection="a"), ti_key=self.key)
        assert link.endswith("/dags/restore_collection/runs/manual__1/tasks/summarize/xcom")

    def test_the_gallery_of_the_publication(self):
        published = SimpleNamespace(publication={"gallery_uri": "https://archive/a/v0001/index.html"})
        assert GalleryLink().get_link(published, ti_key=self.key) == "https://archive/a/v0001/index.html"
        assert GalleryLink().get_link(SimpleNamespace(publication=None), ti_key=self.key) == ""

    def test_assets_have_one_address_a_collection(self):
        assert archive_asset("family", "archive").uri == "s3://archive/family/current.json"
        assert PUBLISHED_ARCHIVES.name == "published-archives"

    def test_a_mistake_in_the_form_is_not_tried_again(self):
        with pytest.raises(AirflowFailException, match="no such"), usage_errors_are_final():
            raise RecipeError("no such recipe")

    def test_a_recipe_of_ones_own_is_planned_as_it_was_when_the_run_was_opened(self, lab, tmp_path):
        recipe = tmp_path / "ours.toml"
        recipe.write_text('name = "ours"\ntitle = "Ours"\n[[steps]]\nstep = "grade"\n')
        lab.put("a.png", b"OK a")
        form = {"collection": lab.name, "source": f"s3://originals/{lab.name}/", "recipe": str(recipe)}
        listed = flow.ingest({**form, "consent": "granted"}, "restore_collection", "manual__1")
        recipe.unlink()
        (shard,) = flow.plan(listed, {})
        assert shard["shard_label"]
        found = lab.rows(
            "SELECT recipe, recipe_body -> 'steps' -> 0 ->> 'step' FROM run WHERE run_id = :id", id=listed["run_id"]
        )
        assert found == [("ours", "grade")]

    def test_nightly_runs_have_ids_that_a_repetition_finds(self):
        found = {"b": 2, "a": 1, "none": 0}
        runs = flow.nightly_runs(found, "scheduled__2026")
        assert runs == flow.nightly_runs(found, "scheduled__2026")
        assert [run["trigger_run_id"] for run in runs] == ["scheduled__2026__a", "scheduled__2026__b"]
        assert not any(run["conf"]["wait_for_approval"] for run in runs)
        assert flow.nightly_runs({"none": 0}, "scheduled__2026") == []


class TestAsking:
    def restored(self, lab, consent: str, run: str = "night__one") -> list[dict]:
        """A collection restored by a nightly run; gives the runs as ``choose`` would."""
        lab.put("a.png", b"OK a")
        form = {"collection": lab.name, "source": f"s3://originals/{lab.name}/", "recipe": "identity"}
        listed = flow.ingest({**form, "consent": consent}, "restore_collection", run)
        flow.plan(listed, {})
        with lab.runtime() as runtime:
            for (batch,) in lab.rows("SELECT batch_id FROM batch WHERE state = 'planned'"):
                run_batch(runtime, str(batch))
        flow.summarize(listed["run_id"])
        return [{"trigger_run_id": run, "conf": {"collection": lab.name}}]

    def test_the_night_asks_once_about_the_same_content(self, lab):
        runs = self.restored(lab, "unknown")
        (asked,) = flow.nightly_questions(runs)
        assert asked["conf"] == {"collection": lab.name}
        assert flow.nightly_questions(runs) == [asked]
        lab.put("b.png", b"OK b")
        (later,) = flow.nightly_questions(self.restored(lab, "unknown", "night__two"))
        assert later["trigger_run_id"] != asked["trigger_run_id"]

    def test_a_run_that_lost_a_photograph_to_the_store_never_ends_well(self, lab):
        self.restored(lab, "granted")
        flow.cancel_leftovers("restore_collection", "night__one", {})
        with lab.db.begin() as conn:
            conn.execute(sa.text("UPDATE batch_photo SET state = 'quarantined', reason = 'storage_failed'"))
        with pytest.raises(AirflowFailException, match=r"1 photographs were given up .*storage_failed 1"):
            flow.cancel_leftovers("restore_collection", "night__one", {})

    def test_the_night_asks_nobody_where_nobody_is_needed_or_the_run_failed(self, lab):
        assert flow.nightly_questions(self.restored(lab, "granted")) == []
        assert flow.nightly_questions([{"trigger_run_id": "never", "conf": {"collection": lab.name}}]) == []

    def approve(self, lab, **options) -> ApproveOperator:
        return ApproveOperator(task_id="approve", collection=lab.name, **options)

    @pytest.mark.parametrize(
        "form", [{"dry_run": True}, {"publish": False}, {"wait_for_approval": False}], ids=lambda form: next(iter(form))
    )
    def test_a_form_that_publishes_nothing_or_waits_for_nobody_asks_nobody(self, lab, form):
        self.restored(lab, "unknown")
        assert self.approve(lab).execute({"params": form}) == {"decision": "not_asked"}

    def test_nobody_is_asked_where_nobody_is_needed(self, lab):
        self.restored(lab, "granted")
        assert self.approve(lab).execute({"params": {}}) == {"decision": "not_needed"}

    def test_without_an_answer_in_time_nothing_is_published_and_that_is_on_record(self, lab):
        self.restored(lab, "unknown")
        shown = flow.publish(lab.name, dry_run=True)["content_sha256"]
        told = self.approve(lab).execute_complete({}, {"timedout": True, "chosen_options": []}, shown=shown)
        assert told["decision"] == "unanswered"
        assert lab.rows("SELECT outcome FROM event WHERE event_type = 'approval'") == [("warning",)]
        context = {"params": {}, "ti": SimpleNamespace(xcom_pull=lambda **_: told)}
        with pytest.raises(AirflowSkipException, match="nobody answered"):
            PublishOperator(task_id="publish", collection=lab.name).execute(context)

    def test_content_that_changed_after_the_approval_is_not_published(self, lab, settings_of, s3, catalog_url):
        self.restored(lab, "unknown")
        settings_of({**s3.environment("airflow"), "RESTORATION_DATABASE_URL": catalog_url("airflow")})
        told = {"decision": "approved", "content_sha256": "0" * 64}
        context = {"params": {}, "ti": SimpleNamespace(xcom_pull=lambda **_: told)}
        with pytest.raises(AirflowFailException, match="has changed since"):
            PublishOperator(task_id="publish", collection=lab.name).execute(context)

    @pytest.mark.parametrize("words", [None, "", " \n", 5, "x" * 5000])
    def test_an_answer_says_why(self, lab, words):
        with pytest.raises(AnswerNotUsable, match="asking again"):
            self.approve(lab).validate_params_input({"words": words})

    @pytest.mark.parametrize(
        ("user", "person"),
        [
            ({"id": "admin", "name": "admin"}, "admin"),
            ({"id": "7", "name": "Kim Lee"}, "Kim Lee (7)"),
            ({"id": "7"}, "7"),
        ],
    )
    def test_a_person_has_a_name(self, user, person):
        assert person_of(user) == person

    def test_nobody_is_no_person(self):
        with pytest.raises(AnswerNotUsable, match="log in"):
            person_of(None)


class TestRereading:
    def test_damage_fails_the_task_after_its_whole_part_and_the_report(self, lab):
        TestAsking().restored(lab, "granted")
        parts = json.loads(json.dumps(rereading.plan({"collection": lab.name, "everything": True})))
        assert [part["kind"] for part in parts] == ["damaged", "originals"]
        assert [rereading.read(part)["files"] for part in parts] == [0, 1]
        assert rereading.report({"read_0": "success"}) == {"damaged": 0, "overdue": 0}
        with pytest.raises(AirflowFailException, match="1 tasks failed"):
            rereading.report({"read_0": "failed"})
        lab.put("a.png", b"OK b")
        with pytest.raises(AirflowFailException, match="1 of 1 files are damaged"):
            rereading.read(rereading.plan({"everything": True})[1])
        with pytest.raises(AirflowFailException, match="1 originals or publications are damaged"):
            rereading.report({})
        lab.put("a.png", b"OK a")
        assert rereading.read(rereading.plan({})[0])["files"] == 1
        assert rereading.report({}) == {"damaged": 0, "overdue": 0}
