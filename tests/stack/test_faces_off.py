"""Accepted without faces: the photograph is restored again with no face altered, once, and withdrawn ones never."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import cv2
import pytest
import sqlalchemy as sa

from restoration.catalog import planning, reviews, wishes, work
from restoration.catalog.events import verify_chain
from restoration.engine.engine import Engine
from restoration.engine.recipe import parse_recipe, recipe_for, without_faces
from restoration.errors import PhotoState
from restoration.worker.batch import run_batch
from restoration.worker.runtime import WorkerRuntime
from tests.stack import catalog_builder as build
from tests.stack.lab import Lab, wait_for
from tests.stack.reviewable import withdraw
from tests.stack.stub_engine import StubEngine
from tests.unit.standins import gray, hopper, models_with, png

pytestmark = pytest.mark.stack

FACES = parse_recipe(
    {"name": "faces", "steps": [{"step": "triage"}, {"step": "faces", "restorer": "sharpener"}, {"step": "measure"}]},
    "test",
)
PLAIN = parse_recipe({"name": "plain", "steps": [{"step": "triage"}, {"step": "measure"}]}, "test")


def lift(conn: sa.Connection) -> None:
    conn.execute(sa.text("UPDATE withdrawal SET lifted_at = now(), lifted_by = 'Eve' WHERE lifted_at IS NULL"))


# -- with the real engine --------------------------------------------------------------------------------------------


@pytest.fixture
def lab(catalog, catalog_url, redis_url, s3, tmp_path) -> Lab:
    return Lab(catalog, catalog_url("worker"), redis_url, s3, tmp_path)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return models_with(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def portraits() -> dict[str, bytes]:
    """Two portraits, each with one face that the stand-in restorer alters."""
    blurred = cv2.GaussianBlur(gray(hopper()), (0, 0), 1.5)  # a sharp one would be left alone
    return {"ada.png": png(blurred), "bob.png": png(blurred[:, ::-1].copy())}


class Work:
    """Runs of one collection, with the real engine."""

    def __init__(self, lab: Lab, runtime: WorkerRuntime, portraits: dict[str, bytes]) -> None:
        self.lab, self.runtime, self.portraits, self.number = lab, runtime, portraits, 0

    def run(self, recipe=FACES, scans: dict[str, bytes] | None = None, **options) -> dict[str, int]:
        """One run to its end, each batch delivered twice; gives how its photographs ended in the first deliveries."""
        self.number += 1
        batches = self.lab.plan(scans or self.portraits, recipe=recipe, run=f"run-{self.number}", **options)
        ends: dict[str, int] = {}
        for batch in batches:
            ends |= run_batch(self.runtime, str(batch)).photos
            assert run_batch(self.runtime, str(batch)).state == "not_mine"
        return ends

    def decide(self, name: str, decision: reviews.Decision) -> None:
        with self.lab.db.begin() as conn:
            key = f"{self.lab.name}/{name}"
            row = conn.execute(
                sa.text("SELECT photo_id, restoration_id FROM photo WHERE object_key = :key AND current"), {"key": key}
            ).one()
            reviews.decide(
                conn, row.photo_id, restoration_id=row.restoration_id, decision=decision, reviewer="Eve", words="hers"
            )

    def shown(self) -> dict[str, tuple[str, str, list[str]]]:
        """Recipe hash, variant and actions on faces of what each photograph shows, by file name."""
        rows = self.lab.rows(
            "SELECT p.object_key, r.recipe_sha256, r.variant, ARRAY(SELECT f.action::text FROM face f "
            "WHERE f.restoration_id = r.restoration_id) FROM photo p JOIN restoration r USING (restoration_id) "
            "WHERE p.current ORDER BY p.object_key"
        )
        return {key.rpartition("/")[2]: (sha256, variant, list(actions)) for key, sha256, variant, actions in rows}


@pytest.fixture
def at_work(lab, models, portraits) -> Iterator[Work]:
    with lab.runtime(engine=Engine(lab.settings, models=models)) as runtime:
        yield Work(lab, runtime, portraits)


def test_a_photograph_accepted_without_faces_is_restored_again_without_altering_one(at_work):
    assert at_work.run() == {"restored": 2}
    at_work.decide("ada.png", "accept_without_faces")
    assert at_work.run() == {"restored": 1}
    kept = without_faces(FACES)
    assert kept.sha256 != FACES.sha256
    assert at_work.shown() == {
        "ada.png": (kept.sha256, "faces_off", ["recorded"]),
        "bob.png": (FACES.sha256, "", ["restored"]),
    }
    assert at_work.lab.rows("SELECT DISTINCT recipe_sha256 FROM photo") == [(FACES.sha256,)]
    ((key, decision),) = at_work.lab.rows(
        "SELECT object_key, decision_in_force FROM audit.photo "
        "WHERE decision_in_force IS NOT NULL AND NOT awaits_review AND variant = 'faces_off'"
    )
    assert (key.rpartition("/")[2], decision) == ("ada.png", "accept_without_faces")
    assert at_work.run() == {}  # not due again


def test_event_and_lineage_name_the_variant_and_its_recipe(at_work, catalog):
    at_work.run()
    at_work.decide("ada.png", "accept_without_faces")
    at_work.run()
    last = at_work.lab.rows("SELECT detail FROM event WHERE event_type = 'restoration' ORDER BY seq DESC LIMIT 1")
    assert last[0].detail["variant"] == "faces_off"
    assert last[0].detail["recipe_sha256"] == without_faces(FACES).sha256
    lineage = at_work.lab.rows(
        "SELECT variant, recipe_sha256 FROM audit.lineage WHERE object_key LIKE '%ada.png' ORDER BY finished_at"
    )
    assert lineage == [("", FACES.sha256), ("faces_off", without_faces(FACES).sha256)]
    with catalog.connect() as conn:
        assert verify_chain(conn, 1).ok


def test_the_same_is_linked_where_it_is_there_already(at_work, portraits):
    """A twin by content, decided the same way later, gets the restoration that the first one has."""
    twins = {"ada.png": portraits["ada.png"], "copy.png": portraits["ada.png"]}
    assert at_work.run(scans=twins) == {"restored": 1, "linked": 1}
    at_work.decide("ada.png", "accept_without_faces")
    assert at_work.run(scans=twins) == {"restored": 1}
    at_work.decide("copy.png", "accept_without_faces")
    assert at_work.run(scans=twins) == {"linked": 1}
    shown = at_work.shown()
    assert shown["ada.png"] == shown["copy.png"] == (without_faces(FACES).sha256, "faces_off", ["recorded"])
    linked = at_work.lab.rows("SELECT detail FROM event WHERE event_type = 'deduplication' ORDER BY seq DESC LIMIT 1")
    assert linked[0].detail["variant"] == "faces_off"


def test_one_batch_holds_photographs_of_both_kinds(at_work, portraits):
    """With another recipe all are due: the decision still holds for the one, and the others' faces are restored."""
    twins = portraits | {"copy.png": portraits["ada.png"]}
    at_work.run(scans=twins)
    at_work.decide("ada.png", "accept_without_faces")
    other = parse_recipe({"name": "other", "steps": [{"step": "faces", "restorer": "sharpener"}]}, "test")
    assert at_work.run(other, twins) == {"restored": 3}
    assert at_work.shown() == {
        "ada.png": (without_faces(other).sha256, "faces_off", ["recorded"]),
        "bob.png": (other.sha256, "", ["restored"]),
        "copy.png": (other.sha256, "", ["restored"]),
    }


def test_another_decision_ends_it(at_work):
    at_work.run()
    at_work.decide("ada.png", "accept_without_faces")
    at_work.decide("ada.png", "accept")
    assert at_work.run() == {}
    at_work.decide("bob.png", "accept_without_faces")
    at_work.run()
    at_work.decide("bob.png", "accept")
    assert at_work.run() == {}
    assert at_work.shown()["bob.png"][1] == "faces_off"


def test_a_recipe_without_restorers_needs_no_variant(at_work):
    at_work.run()
    at_work.decide("ada.png", "accept_without_faces")
    assert at_work.run(PLAIN) == {"restored": 2}
    assert {variant for _, variant, _ in at_work.shown().values()} == {""}
    assert at_work.run(PLAIN) == {}


def test_sensitive_collections_stay_as_they_are(at_work):
    sensitive = recipe_for(FACES, "sensitive")
    at_work.run(sensitive, sensitivity="sensitive")
    at_work.decide("ada.png", "accept_without_faces")
    assert at_work.run(sensitive, sensitivity="sensitive") == {}
    assert set(at_work.shown()) == {"ada.png", "bob.png"}
    assert {(sha256, variant) for sha256, variant, _ in at_work.shown().values()} == {(sensitive.sha256, "")}


def test_the_two_recipes_of_the_same_collection_share_one_form():
    assert recipe_for(FACES, "sensitive").sha256 == without_faces(FACES).sha256
    assert recipe_for(FACES, "normal") is FACES
    assert without_faces(PLAIN) is PLAIN
    assert without_faces(without_faces(FACES)).restorers == ()


# -- withdrawn between planning and work -----------------------------------------------------------------------------


def test_a_photograph_withdrawn_since_planning_is_skipped(lab):
    (batch,) = lab.plan({"a.png": b"OK a", "b.png": b"OK b"})
    with lab.db.begin() as conn:
        withdraw(conn, "a.png")
    with lab.runtime(engine=StubEngine()) as runtime:
        report = run_batch(runtime, str(batch))
    assert (report.state, report.photos) == ("done", {"restored": 1, "skipped": 1})
    assert lab.states() == {"a.png": "skipped", "b.png": "restored"}
    assert lab.reasons() == {"a.png": "withdrawn", "b.png": None}
    ((detail,),) = lab.rows("SELECT detail FROM event WHERE event_type = 'cancellation'")
    assert detail == {"state": "skipped", "reason": "withdrawn"}
    with lab.db.begin() as conn:
        assert planning.finish_run(conn, lab.run_id).reasons == {"withdrawn": 1}
    assert lab.plan({}, run="run-2") == []
    with lab.db.begin() as conn:
        lift(conn)
    (batch,) = lab.plan({}, run="run-3")
    with lab.runtime(engine=StubEngine()) as runtime:
        run_batch(runtime, str(batch))
    assert lab.states() == {"a.png": "restored", "b.png": "restored"}


def test_a_decision_and_a_withdrawal_in_one_group_never_wait_for_each_other(lab):
    """The worker skips one photograph while a person decides about the next: no deadlock, whoever is first."""
    (batch,) = lab.plan({"a.png": b"OK a", "b.png": b"OK b", "c.png": b"OK c"})
    with lab.runtime(engine=StubEngine()) as runtime:
        run_batch(runtime, str(batch))
    other = parse_recipe({"name": "other", "steps": [{"step": "triage"}]}, "test")
    (batch,) = lab.plan({}, run="run-2", recipe=other)
    with lab.db.begin() as conn:
        withdraw(conn, "a.png")
        row = conn.execute(sa.text("SELECT photo_id, restoration_id FROM photo WHERE object_key LIKE '%/b.png'")).one()
    with lab.db.connect() as person, lab.runtime(engine=StubEngine()) as runtime:
        person.execute(sa.text("SELECT FROM photo WHERE photo_id = :p FOR NO KEY UPDATE"), {"p": row.photo_id})
        thread = threading.Thread(target=run_batch, args=(runtime, str(batch)))
        thread.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        wait_for(lambda: lab.rows(waiting)[0][0] > 0, what="the worker at the photograph that the person holds")
        # the end of the chain must be free now
        reviews.decide(person, row.photo_id, restoration_id=row.restoration_id, decision="accept", reviewer="Eve")
        person.commit()
        thread.join()
    assert lab.batch_states() == {"done"}
    assert lab.states() == {"a.png": "restored", "b.png": "restored", "c.png": "restored"}
    outcomes = lab.rows("SELECT reason::text FROM batch_photo WHERE batch_id = :b ORDER BY photo_id", b=str(batch))
    assert [reason for (reason,) in outcomes] == ["withdrawn", None, None]


# -- what is due, without an engine ----------------------------------------------------------------------------------


@pytest.fixture
def conn(catalog):
    with catalog.connect() as connection:
        yield connection


@pytest.fixture
def family(conn):
    """Three restored photographs with an altered face each."""
    collection = build.add_collection(conn)
    build.listing(conn, collection, ["a.tif", "b.tif", "c.tif"])
    restore(conn, collection, 1)
    return collection


def restore(conn, family, number: int, *, force: bool = False) -> list[str]:
    """A whole run; gives the keys that it took."""
    run_id = build.add_run(conn, family, number)
    build.plan(conn, run_id, force=force)
    taken = []
    for batch in build.claimed(conn, run_id):
        for photo in batch.photos:
            lease = build.lease(conn, batch.batch_id, photo.photo_id)
            key = photo.object_key.removeprefix("family/")
            asked = "faces_off" if lease.wishes.faces_off else ""
            taken.append(f"{key} {asked}".strip())
            off = {"variant": "faces_off", "recipe_sha256": build.sha("recipe without faces")} if asked else {}
            new = build.restored(key, faces=[build.face(0, 0.7, "recorded" if off else "restored")], **off)
            work.record_restored(conn, batch.batch_id, photo.photo_id, build.WORKER, new)
    return taken


def decide(conn, key: str, decision: reviews.Decision) -> None:
    row = conn.execute(
        sa.text("SELECT photo_id, restoration_id FROM photo WHERE object_key = :key AND current"),
        {"key": f"family/{key}"},
    ).one()
    reviews.decide(conn, row.photo_id, restoration_id=row.restoration_id, decision=decision, reviewer="Eve")


def due(conn, family) -> int:
    return planning.nightly_work(conn, family.collection_id, build.RECIPE["sha256"])


def test_the_nightly_run_counts_what_was_accepted_without_faces(conn, family):
    assert due(conn, family) == 0
    decide(conn, "a.tif", "accept_without_faces")
    decide(conn, "b.tif", "accept")
    assert due(conn, family) == 1
    assert restore(conn, family, 2) == ["a.tif faces_off"]
    assert due(conn, family) == 0
    assert restore(conn, family, 3, force=True) == ["a.tif faces_off", "b.tif", "c.tif"]


def test_a_cancelled_run_is_opened_again_for_what_was_accepted_without_faces(conn, family):
    decide(conn, "a.tif", "accept_without_faces")
    run_id = build.add_run(conn, family, 2)
    build.plan(conn, run_id)
    planning.cancel_run(conn, run_id, "a person stopped it")
    assert due(conn, family) == 1
    (batch,) = build.claimed(conn, run_id)
    assert [photo.object_key for photo in batch.photos] == ["family/a.tif"]


def test_withdrawn_photographs_are_never_due_until_it_is_lifted(conn, family):
    build.listing(conn, family, ["a.tif", "b.tif", "c.tif", "new.tif"])
    decide(conn, "a.tif", "accept_without_faces")
    for key in ("a.tif", "b.tif", "new.tif"):
        withdraw(conn, key)
    assert due(conn, family) == 0
    run_id = build.add_run(conn, family, 2)
    (shard,) = build.plan(conn, run_id, force=True)
    assert shard.photos == 1
    states = dict(conn.execute(sa.text("SELECT object_key, state::text FROM photo")).all())
    assert (states["family/new.tif"], states["family/a.tif"]) == ("skipped", "restored")
    planning.cancel_run(conn, run_id, "over")
    assert planning.finish_run(conn, run_id).reasons == {"withdrawn": 1, "cancelled": 1}
    lift(conn)
    assert due(conn, family) == 2
    assert restore(conn, family, 3) == ["a.tif faces_off", "new.tif"]


def test_a_withdrawal_during_a_second_run_leaves_the_first_result(conn, family):
    run_id = build.add_run(conn, family, 2)
    build.plan(conn, run_id, force=True)
    (batch,) = build.claimed(conn, run_id)
    withdraw(conn, "a.tif")
    first = batch.photos[0].photo_id
    lease = build.lease(conn, batch.batch_id, first)
    assert (lease.granted, lease.busy, lease.state) == (False, False, PhotoState.SKIPPED)
    row = conn.execute(
        sa.text("SELECT p.state::text AS state, p.restoration_id, bp.state::text AS ended, bp.reason::text AS reason "
                "FROM photo p JOIN batch_photo bp USING (photo_id) WHERE photo_id = :p AND batch_id = :b"),
        {"p": first, "b": batch.batch_id},
    ).one()  # fmt: skip
    assert tuple(row) == ("restored", 1, "skipped", "withdrawn")
    assert not build.lease(conn, batch.batch_id, first).granted
    assert conn.execute(sa.text("SELECT count(*) FROM event WHERE event_type = 'cancellation'")).scalar() == 1


def test_a_withdrawn_scan_is_not_opened_again_with_a_cancelled_run(conn):
    collection = build.add_collection(conn)
    build.listing(conn, collection, ["a.tif", "b.tif"])
    run_id = build.add_run(conn, collection)
    build.plan(conn, run_id)
    planning.cancel_run(conn, run_id, "over")
    withdraw(conn, "a.tif")
    (batch,) = build.claimed(conn, run_id)
    assert [photo.object_key for photo in batch.photos] == ["family/b.tif"]


def test_wishes_are_read_with_the_workers_role(conn, family, role_engine):
    decide(conn, "a.tif", "accept_without_faces")
    withdraw(conn, "b.tif")
    conn.commit()
    with role_engine("worker").connect() as worker:
        assert wishes.read_wishes(worker, 1) == wishes.Wishes(faces_off=True)
        assert wishes.read_wishes(worker, 2) == wishes.Wishes(withdrawn=True)
        assert wishes.read_wishes(worker, 3) == wishes.Wishes()
    with role_engine("ingest").connect() as ingest:
        assert due(ingest, family) == 1
