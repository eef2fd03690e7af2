"""The DAGs in a real Airflow, with real services and the real worker: S3 to published archive through the REST API."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
import sqlalchemy as sa

from restoration.catalog.collections import upsert_collection
from restoration.catalog.database import make_engine
from restoration.errors import EnvironmentProblem
from restoration.local.stack import DATABASE, SUPERUSER, Stack
from restoration.names import current_key

pytestmark = [pytest.mark.stack, pytest.mark.airflow]

DAG = "restore_collection"
WHOLE = "airflow-whole"
ASKED = "airflow-asked"
UNKNOWN = "airflow-night"
PUBLISH, VERIFY = "publish_collection", "verify_archive"
ENDED = {"success", "failed"}


class House:
    """Short words for what these tests do with the stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.api = stack.airflow.api()
        self.admin = stack.s3.client("admin")
        self.parallelism = int(stack.environment("airflow")["AIRFLOW__CORE__PARALLELISM"])
        self.db = make_engine(stack.postgres.url(SUPERUSER, DATABASE))

    def put_photos(self, collection: str, count: int, first: int = 0) -> None:
        for number in range(first, first + count):
            noise = np.random.default_rng([number, sum(collection.encode())])
            data = cv2.imencode(".png", noise.integers(0, 255, (64, 64), np.uint8))[1].tobytes()
            self.put(collection, f"{number:03d}.png", data)

    def put(self, collection: str, name: str, data: bytes) -> None:
        self.admin.put_object(Bucket="originals", Key=f"{collection}/{name}", Body=data)

    def trigger(self, collection: str, dag: str = DAG, **form: Any) -> str:
        conf = {"collection": collection, "source": f"s3://originals/{collection}/", "recipe": "identity"}
        return self.api.trigger(dag, conf | {"consent": "granted", "batch_size": 2} | form)

    def wait_for(self, condition: Callable[[], object], what: str, seconds: float = 450) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(0.4)

    def end_of(self, run: str, dag: str = DAG, seconds: float = 450) -> str:
        """State in which the run ends; the log of a failed task is shown."""
        self.wait_for(lambda: self.api.run_state(dag, run) in ENDED, f"end of {run}: {self.tasks(run, dag)}", seconds)
        return self.api.run_state(dag, run)

    def explain(self, run: str, dag: str = DAG) -> str:
        failed = [task for task in self.api.tasks(dag, run) if task["state"] == "failed"]
        return "\n".join(self.api.task_log(dag, run, task) for task in failed) or str(self.tasks(run, dag))

    def clear(self, run: str, task: str, index: int, dag: str = DAG) -> None:
        body = {"dry_run": False, "dag_run_id": run, "task_ids": [[task, index]], "only_failed": False}
        self.api._call("POST", f"/dags/{dag}/clearTaskInstances", json=body | {"reset_dag_runs": True})

    def tasks(self, run: str, dag: str = DAG) -> dict[str, Counter[str]]:
        """Task instances by task and state."""
        found: dict[str, Counter[str]] = {}
        for task in self.api.tasks(dag, run):
            found.setdefault(task["task_id"], Counter())[str(task["state"])] += 1
        return found

    def wait_until_parked(self, run: str, dag: str = DAG) -> None:
        """Wait for the question; a moment longer, because an answer right after parking may be lost."""
        self.wait_for(lambda: self.tasks(run, dag).get("approve") == {"awaiting_input": 1}, f"{run} parked")
        time.sleep(2)

    def try_of(self, run: str, dag: str = DAG) -> int:
        return next(task["try_number"] for task in self.api.tasks(dag, run) if task["task_id"] == "approve")

    def answer(self, run: str, option: str, words: str, dag: str = DAG) -> None:
        path = f"/dags/{dag}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"
        self.api._call("PATCH", path, json={"chosen_options": [option], "params_input": {"words": words}})

    def approvals(self, collection: str) -> list[sa.Row]:
        return self.sql(
            "SELECT e.* FROM event e JOIN collection c USING (collection_id)"
            " WHERE c.name = :name AND e.event_type = 'approval' ORDER BY seq",
            name=collection,
        )

    def sql(self, query: str, **values: Any) -> list[sa.Row]:
        with self.db.connect() as conn:
            return list(conn.execute(sa.text(query), values))

    def states(self, collection: str) -> Counter[str]:
        query = (
            "SELECT p.state::text FROM photo p JOIN collection c USING (collection_id) WHERE name = :name AND current"
        )
        return Counter(state for (state,) in self.sql(query, name=collection))

    def batches(self, run: str) -> Counter[str]:
        query = "SELECT b.state::text FROM batch b JOIN run r USING (run_id) WHERE dag_run_id = :run"
        return Counter(state for (state,) in self.sql(query, run=run))

    def asset_events(self, collection: str) -> list[dict[str, Any]]:
        events = self.api.get("/assets/events", limit=100)["asset_events"]
        return [event for event in events if event["extra"].get("collection") == collection]


@pytest.fixture(scope="module")
def house(stack: Stack) -> Iterator[House]:
    house = House(stack)
    yield house
    house.db.dispose()


@pytest.fixture
def no_worker(stack: Stack) -> Iterator[Callable[[], None]]:
    """The stack's worker is stopped; calling the fixture starts it again, and so does the test's end."""
    stack.worker.stop()

    def start() -> None:
        stack.worker.start()

    yield start
    stack.worker.start()
    stack.worker.wait_ready()


@pytest.fixture(scope="module")
def first(house) -> str:
    """The first run of a collection with five photographs and one file that is none."""
    house.put_photos(WHOLE, 5)
    house.put(WHOLE, "page.tif", b"<html>not a scan</html>")
    run = house.trigger(WHOLE)
    assert house.end_of(run) == "success", house.explain(run)
    return run


@pytest.fixture(scope="module")
def second(house, first) -> str:
    """The same once more, with nothing new."""
    run = house.trigger(WHOLE)
    assert house.end_of(run) == "success", house.explain(run)
    return run


def test_every_dag_is_there_without_import_errors(house):
    assert house.api.import_errors() == []
    assert house.api.dag_is_known("restore_collection")
    for dag in ("nightly_archive", "publish_collection", "verify_archive"):
        assert house.api.dag_is_known(dag)


@pytest.mark.parametrize(
    "form",
    [{"collection": "Not A Name"}, {"collection": "a", "recipe": "no-such"}, {"collection": "a", "batch_size": 0}],
)
def test_the_form_refuses_what_makes_no_sense(house, form):
    with pytest.raises(EnvironmentProblem, match="400"):
        house.api.trigger(DAG, form)


class TestFromScansToArchive:
    """One collection, run after run; ``first`` and ``second`` are the runs."""

    name = WHOLE

    def test_every_photograph_has_ended(self, house, first):
        assert house.states(self.name) == {"restored": 5, "rejected": 1}
        assert house.batches(first) == {"done": 3}
        assert house.sql("SELECT state::text FROM run WHERE dag_run_id = :run", run=first) == [("done",)]

    def test_the_archive_is_published(self, house, first):
        current = json.loads(house.admin.get_object(Bucket="archive", Key=current_key(self.name))["Body"].read())
        assert current["version"] == 1
        house.admin.head_object(Bucket="archive", Key=f"{self.name}/v0001/index.html")

    def test_an_asset_event_says_so(self, house, first):
        (event,) = house.asset_events(self.name)
        assert event["extra"]["version"] == 1
        assert event["source_dag_id"] == DAG

    def test_the_grid_and_the_links_can_be_read(self, house, first):
        labels = [t["rendered_map_index"] for t in house.api.tasks(DAG, first) if t["task_id"] == "restore"]
        assert labels == ["photos 1-6"]
        path = f"/dags/{DAG}/dagRuns/{first}/taskInstances"
        gallery = house.api.get(f"{path}/publish/links")["extra_links"]["Gallery"]
        assert gallery.endswith(f"{self.name}/v0001/index.html")
        assert "summarize" in house.api.get(f"{path}/summarize/links")["extra_links"]["Failures"]

    def test_nothing_secret_is_in_xcom_or_logs(self, house, first):
        secrets = {
            value
            for role in ("airflow", "worker")
            for key, value in house.stack.environment(role).items()
            if key in {"RESTORATION_DATABASE_URL", "RESTORATION_BROKER_URL", "RESTORATION_S3_SECRET_ACCESS_KEY"}
        }
        assert len(secrets) >= 5
        entries = house.api.get(f"/dags/{DAG}/dagRuns/{first}/taskInstances/~/xcomEntries", limit=100)["xcom_entries"]
        assert len(entries) >= 4
        for entry in entries:
            task, key, index = entry["task_id"], entry["key"], entry["map_index"]
            path = f"/dags/{DAG}/dagRuns/{first}/taskInstances/{task}/xcomEntries/{key}"
            told = json.dumps(house.api.get(path, map_index=index, stringify="true"))
            assert not [secret for secret in secrets if secret in told]
        for task in house.api.tasks(DAG, first):
            log = house.api.task_log(DAG, first, task, lines=10_000)
            assert log
            assert not [secret for secret in secrets if secret in log]

    def test_a_second_run_restores_and_publishes_nothing(self, house, second):
        assert house.batches(second) == {}
        assert house.tasks(second)["restore"] == {"skipped": 1}
        assert house.tasks(second)["publish"] == {"success": 1}
        assert len(house.asset_events(self.name)) == 1

    def test_the_night_restores_what_is_new_and_says_when_nothing_is(self, house, second):
        with house.db.begin() as conn:
            conn.execute(sa.text("UPDATE collection SET nightly = (name = :name)"), {"name": self.name})
            source = f"s3://originals/{UNKNOWN}/"
            upsert_collection(conn, name=UNKNOWN, source_uri=source, recipe="identity", nightly=True)
        house.put_photos(self.name, 1, first=50)
        house.put_photos(UNKNOWN, 1)
        night = house.api.trigger("nightly_archive", {})
        assert house.end_of(night, "nightly_archive") == "success", house.explain(night, "nightly_archive")
        assert house.states(self.name) == {"restored": 6, "rejected": 1}
        assert len(house.asset_events(self.name)) == 2
        assert house.states(UNKNOWN) == {"restored": 1}
        assert house.tasks(night, "nightly_archive")["ask"] == {"success": 1}
        (asked,) = house.api.get(f"/dags/{PUBLISH}/dagRuns", limit=100)["dag_runs"]
        assert asked["dag_run_id"].startswith(f"asked__{UNKNOWN}__")
        house.wait_until_parked(asked["dag_run_id"], PUBLISH)
        quiet = house.api.trigger("nightly_archive", {})
        assert house.end_of(quiet, "nightly_archive") == "success", house.explain(quiet, "nightly_archive")
        assert house.tasks(quiet, "nightly_archive")["restore"] == {"skipped": 1}
        (choose,) = [t for t in house.api.tasks("nightly_archive", quiet) if t["task_id"] == "choose"]
        assert "nothing new" in house.api.task_log("nightly_archive", quiet, choose)


def test_a_dry_run_only_counts(house):
    house.put_photos("airflow-dry", 3)
    run = house.trigger("airflow-dry", dry_run=True)
    assert house.end_of(run) == "success", house.explain(run)
    assert house.batches(run) == {}
    assert house.states("airflow-dry") == {"pending": 3}
    assert house.tasks(run)["publish"] == {"skipped": 1}
    (plan,) = [task for task in house.api.tasks(DAG, run) if task["task_id"] == "plan"]
    assert "would restore 3 photographs" in house.api.task_log(DAG, run, plan)


def test_refused_consent_restores_and_publishes_nothing(house):
    house.put_photos("airflow-refused", 2)
    run = house.trigger("airflow-refused", consent="refused")
    assert house.end_of(run) == "success", house.explain(run)
    assert house.states("airflow-refused") == {"skipped": 2}
    assert house.asset_events("airflow-refused") == []


def test_where_nobody_waits_publish_says_how_a_person_approves(house):
    house.put_photos("airflow-unknown", 2)
    run = house.trigger("airflow-unknown", consent="unknown", wait_for_approval=False)
    assert house.end_of(run) == "success", house.explain(run)
    assert house.states("airflow-unknown") == {"restored": 2}
    assert house.asset_events("airflow-unknown") == []
    (publish,) = [task for task in house.api.tasks(DAG, run) if task["task_id"] == "publish"]
    log = house.api.task_log(DAG, run, publish)
    assert "airflow-unknown is not published (consent_unknown)" in log
    assert "restoration publish airflow-unknown --approved-by" in log


@pytest.fixture(scope="module")
def asked(house) -> str:
    """A run that is parked until somebody answers."""
    house.put_photos(ASKED, 2)
    run = house.trigger(ASKED, consent="unknown", title="[x](http://evil.example) <b>`|")
    house.wait_until_parked(run)
    return run


class TestAskingAPerson:
    """One collection without known consent; ``asked`` is its first run."""

    name = ASKED

    def test_the_question_has_what_a_person_needs(self, house, asked):
        question = house.api.get(f"/dags/{DAG}/dagRuns/{asked}/taskInstances/approve/-1/hitlDetails")
        assert question["subject"] == f"Publish {self.name}?"
        assert question["options"] == ["Publish", "Publish, doubtful ones accepted", "Do not publish"]
        assert question["params"]["words"]["schema"]["minLength"] == 1
        assert "| Consent | unknown |" in question["body"]
        assert "`[x](http://evil.example) <b>'\u00a6`" in question["body"]
        assert f"`{self.name}/000.png`" in question["body"]
        assert not [task for task in house.api.tasks(DAG, asked) if task["state"] in {"running", "queued"}]

    def test_no_words_no_answer_and_then_it_is_published_with_name_and_words(self, house, asked):
        house.answer(asked, "Publish", "  ")
        house.wait_for(lambda: house.try_of(asked) == 2, "the question is asked again")
        house.wait_until_parked(asked)
        house.answer(asked, "Publish", "the family agreed")
        assert house.end_of(asked) == "success", house.explain(asked)
        (event,) = house.approvals(self.name)
        assert (event.agent, event.outcome) == ("admin", "success")
        assert event.detail["words"] == "the family agreed"
        (version,) = house.sql(
            "SELECT p.content_sha256 FROM publication p JOIN collection c USING (collection_id)"
            " WHERE c.name = :name AND p.state = 'current'",
            name=self.name,
        )
        assert version.content_sha256 == event.detail["content_sha256"]
        assert len(house.asset_events(self.name)) == 1

    def test_a_refusal_ends_the_run_well_and_changed_content_is_asked_about_anew(self, house, asked):
        def retitle(title: str) -> None:
            with house.db.begin() as conn:
                values = {"title": title, "name": self.name}
                conn.execute(sa.text("UPDATE collection SET title = :title WHERE name = :name"), values)

        retitle("New")
        run = house.api.trigger(PUBLISH, {"collection": self.name})
        house.wait_until_parked(run, PUBLISH)
        retitle("Newer")
        house.answer(run, "Publish", "fine", PUBLISH)
        house.wait_for(lambda: house.try_of(run, PUBLISH) == 2, "the question is asked again")
        house.wait_until_parked(run, PUBLISH)
        house.answer(run, "Do not publish", "not yet", PUBLISH)
        assert house.end_of(run, PUBLISH) == "success", house.explain(run, PUBLISH)
        assert house.tasks(run, PUBLISH)["publish"] == {"skipped": 1}
        event = house.approvals(self.name)[-1]
        assert (event.agent, event.outcome, event.detail["words"]) == ("admin", "failure", "not yet")
        assert len(house.asset_events(self.name)) == 1

    def test_what_is_kept_is_read_again_and_damage_turns_the_run_red(self, house, asked):
        house.admin.put_object(Bucket="originals", Key=f"{self.name}/000.png", Body=b"not what it was")
        failed = house.api.trigger(VERIFY, {"collection": self.name, "everything": True})
        assert house.end_of(failed, VERIFY) == "failed"
        assert house.tasks(failed, VERIFY) == {
            "plan": {"success": 1},
            "read": {"success": 2, "failed": 1},
            "report": {"failed": 1},
        }
        assert f"{self.name}/000.png" in house.explain(failed, VERIFY)
        labels = {task["rendered_map_index"] for task in house.api.tasks(VERIFY, failed) if task["task_id"] == "read"}
        assert labels == {"known damage", "2 originals", f"{self.name} v0001"}
        query = "SELECT name FROM audit.fixity_overdue WHERE collection = :name"
        assert house.sql(query, name=self.name) == [(f"{self.name}/000.png",)]


def test_forty_batches_in_flight_hold_no_worker_slot(house, no_worker):
    """No GPU worker runs, Airflow has few slots: all shards sleep, other runs go on; then everything is finished.

    On the way: a cleared task finds its batches again, and a run that is given up leaves no orphan.
    """
    house.put_photos("airflow-forty", 40)
    house.put_photos("airflow-given-up", 3)
    forty = house.trigger("airflow-forty", batch_size=1, publish=False)
    given_up = house.trigger("airflow-given-up", batch_size=1, publish=False)

    def asleep(run: str, batches: int) -> bool:
        return set(house.tasks(run).get("restore", {})) == {"deferred"} and house.batches(run) == {"queued": batches}

    house.wait_for(lambda: asleep(forty, 40) and asleep(given_up, 3), "both runs deferred")
    shards = house.tasks(forty)["restore"]["deferred"]
    assert shards > house.parallelism, "more shards than Airflow has slots"
    assert not [task for task in house.api.tasks(DAG, forty) if task["state"] in {"running", "queued"}]

    house.api.fail_run(DAG, given_up)
    assert house.end_of(given_up) == "failed"
    assert house.batches(given_up) == {"cancelled": 3}
    assert house.states("airflow-given-up") == {"pending": 3}

    before = house.sql("SELECT batch_id FROM batch ORDER BY 1")
    house.clear(forty, "restore", 0)
    house.wait_for(lambda: asleep(forty, 40), "the cleared shard deferred again")
    assert house.sql("SELECT batch_id FROM batch ORDER BY 1") == before

    no_worker()
    assert house.end_of(forty) == "success", house.explain(forty)
    assert house.batches(forty) == {"done": 40}
    assert house.states("airflow-forty") == {"restored": 40}
    assert house.states("airflow-given-up") == {"pending": 3}
    query = "SELECT count(*) FROM restoration x JOIN run r ON r.run_id = x.first_run_id WHERE dag_run_id = :run"
    assert house.sql(query, run=forty) == [(40,)]


def test_a_publication_that_fails_fails_the_run(house):
    name = "lost-outputs"
    house.put_photos(name, 1)
    assert house.end_of(house.trigger(name, publish=False)) == "success"
    ((key,),) = house.sql(
        "SELECT output_key FROM restoration JOIN photo USING (restoration_id) JOIN collection c USING (collection_id)"
        " WHERE c.name = :name",
        name=name,
    )
    house.admin.delete_object(Bucket="restored", Key=key)
    run = house.trigger(name)
    assert house.end_of(run) == "failed"
    tasks = house.tasks(run)
    assert tasks["publish"] == Counter({"failed": 1})
    assert tasks["cancel_leftovers"] == Counter({"failed": 1})
    assert house.states(name) == Counter({"restored": 1})
