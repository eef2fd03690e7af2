"""Consent belongs to the picture: what is withdrawn or refused in one collection is shown through no other."""

from __future__ import annotations

import hashlib

import pytest
import sqlalchemy as sa

from restoration.catalog.collections import upsert_collection
from restoration.catalog.events import verify_chain
from restoration.catalog.withdrawals import ELSEWHERE, lift, refused_elsewhere, withdraw, withdraw_twins
from restoration.errors import UsageError
from restoration.worker.batch import run_batch
from tests.stack import catalog_builder as build
from tests.stack.lab import Lab
from tests.stack.reviewable import restore

pytestmark = pytest.mark.stack

SAME = hashlib.sha256(b"OK same").hexdigest()


@pytest.fixture
def two(catalog):
    """Collections ``family`` and ``cousins`` with one picture in both, restored."""
    made = []
    with catalog.begin() as conn:
        for name in ("family", "cousins"):
            made.append(build.add_collection(conn, name))
        restore(conn, made[0], 1, keys=["ada.tif", "cat.tif"])
        conn.execute(
            sa.text(
                "INSERT INTO photo (collection_id, object_key, etag, size_bytes, last_modified, content_sha256)"
                " SELECT :to, 'cousins/great-aunt.tif', 'e', 1, now(), content_sha256 FROM photo"
                " WHERE object_key = 'family/ada.tif'"
            ),
            {"to": made[1].collection_id},
        )
    return made


def withdrawn(conn, collection) -> list[tuple[str, str]]:
    query = "SELECT object_key, reason FROM withdrawal WHERE collection_id = :c AND lifted_at IS NULL"
    return [tuple(row) for row in conn.execute(sa.text(query), {"c": collection.collection_id})]


def test_what_is_withdrawn_in_one_collection_goes_from_the_other_until_a_person_says_otherwise(
    two, role_engine, catalog
):
    family, cousins = two
    with role_engine("curator").begin() as conn:
        withdraw(conn, family.collection_id, "family/ada.tif", reason="her son asks", person="Eve")
    # with the rights of a program that plans, and of one that publishes
    with role_engine("ingest").begin() as conn:
        assert withdraw_twins(conn, cousins.collection_id) == ["cousins/great-aunt.tif"]
    with role_engine("publisher").begin() as conn:
        assert withdraw_twins(conn, cousins.collection_id) == []
        assert withdrawn(conn, cousins) == [("cousins/great-aunt.tif", ELSEWHERE)]
    # a person lifts it, on record, and it stays lifted
    with role_engine("curator").begin() as conn:
        lift(conn, cousins.collection_id, "cousins/great-aunt.tif", person="Kim")
    with role_engine("ingest").begin() as conn:
        assert withdraw_twins(conn, cousins.collection_id) == []
    with catalog.connect() as conn:
        said = conn.execute(
            sa.text(
                "SELECT agent, detail FROM event WHERE collection_id = :c AND event_type = 'withdrawal' ORDER BY seq"
            ),
            {"c": cousins.collection_id},
        ).all()
        assert [row.agent for row in said] == ["catalog", "Kim"]
        assert said[0].detail["because_of"] == "collection family"
        assert verify_chain(conn, cousins.collection_id).ok
    # until somebody withdraws it anew
    with catalog.begin() as conn:
        lift(conn, family.collection_id, "family/ada.tif", person="Eve")
    with catalog.begin() as conn:
        withdraw(conn, family.collection_id, "family/ada.tif", reason="her daughter asks", person="Eve")
    with catalog.begin() as conn:
        assert withdraw_twins(conn, cousins.collection_id) == ["cousins/great-aunt.tif"]


def test_a_refused_collection_takes_its_pictures_out_of_the_others(two, catalog):
    family, cousins = two
    with catalog.begin() as conn:
        assert withdraw_twins(conn, family.collection_id) == []
        upsert_collection(conn, name="cousins", source_uri=cousins.source_uri, recipe=cousins.recipe, consent="refused")
        assert withdraw_twins(conn, family.collection_id) == ["family/ada.tif"]
    with catalog.begin() as conn:
        lift(conn, family.collection_id, "family/ada.tif", person="Eve")
    with catalog.begin() as conn:
        assert withdraw_twins(conn, family.collection_id) == []
        content = conn.execute(sa.text("SELECT content_sha256 FROM photo WHERE object_key = 'family/ada.tif'")).scalar()
        assert refused_elsewhere(conn, family.collection_id, {"family/ada.tif": content}) == {}
        assert refused_elsewhere(conn, family.collection_id, {"family/new.tif": content}) == {
            "family/new.tif": "cousins"
        }


def test_a_worker_restores_nothing_that_another_collection_refused(catalog, catalog_url, redis_url, s3, tmp_path):
    lab = Lab(catalog, catalog_url("worker"), redis_url, s3, tmp_path)
    try:
        with catalog.begin() as conn:
            others = build.add_collection(conn, "cousins", consent="refused")
            # nobody ever read it: its giver says what it is
            conn.execute(
                sa.text(
                    "INSERT INTO photo (collection_id, object_key, etag, size_bytes, last_modified, declared_sha256)"
                    " VALUES (:c, 'cousins/a.png', 'e', 1, now(), :sha)"
                ),
                {"c": others.collection_id, "sha": SAME},
            )
        (batch,) = lab.plan({"same.png": b"OK same", "mine.png": b"OK mine"})
        with lab.runtime() as runtime:
            report = run_batch(runtime, str(batch))
        assert (report.state, report.photos) == ("done", {"skipped": 1, "restored": 1})
        assert lab.states() == {"same.png": "skipped", "mine.png": "restored", "a.png": "pending"}
        assert lab.reasons()["same.png"] == "withdrawn"
        assert lab.rows("SELECT count(*) FROM restoration") == [(1,)]
        ((agent, detail),) = lab.rows("SELECT login, detail FROM event WHERE event_type = 'cancellation'")
        assert (agent, detail["because_of"]) == ("test_worker", "collection cousins")
        with catalog.begin() as conn:
            number = conn.execute(
                sa.text("SELECT collection_id FROM collection WHERE name = :n"), {"n": lab.name}
            ).scalar()
            assert withdraw_twins(conn, number) == [f"{lab.name}/same.png"]
            # a person says so on record: it is due, and restored
            lift(conn, number, f"{lab.name}/same.png", person="Kim")
        (batch,) = lab.plan({}, run="run-2")
        with lab.runtime() as runtime:
            assert run_batch(runtime, str(batch)).photos == {"restored": 1}
    finally:
        lab.stop()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("s3://originals", "is a whole bucket"),
        ("s3://originals/", "is a whole bucket"),
        ("s3://archive/family/", "holds what the system itself writes"),
        ("s3://restored/ab/", "holds what the system itself writes"),
        ("s3://elsewhere/family/", "RESTORATION_SOURCE_BUCKETS allows originals"),
        ("s3://originals/family/", "overlaps s3://originals/family/ of collection 'family'"),
        ("s3://originals/family", "overlaps"),
        ("s3://originals/family/1912/", "overlaps"),
        ("https://originals/x", "is not an S3 address"),
    ],
)
def test_a_source_that_may_not_be_one_is_refused_in_one_sentence(catalog, source, words):
    with catalog.begin() as conn:
        build.add_collection(conn)
    with catalog.begin() as conn, pytest.raises(UsageError, match=words) as refused:
        upsert_collection(conn, name="new", source_uri=source, recipe="x")
    assert "\n" not in refused.value.message


def test_sources_beside_each_other_and_those_that_stay_are_fine(catalog, role_engine):
    with role_engine("ingest").begin() as conn:
        upsert_collection(conn, name="a", source_uri="s3://originals/family/", recipe="x")
        upsert_collection(conn, name="b", source_uri="s3://originals/family-2/", recipe="x")
    with catalog.begin() as conn:  # from before there was a rule
        conn.execute(sa.text("UPDATE collection SET source_uri = 's3://old/' WHERE name = 'a'"))
    with catalog.begin() as conn:
        assert upsert_collection(conn, name="a", source_uri="s3://old/", recipe="y").recipe == "y"
        with pytest.raises(UsageError, match="overlaps"):
            upsert_collection(conn, name="a", source_uri="s3://originals/family-2/x/", recipe="y")
