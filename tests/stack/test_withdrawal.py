"""A family's wish: the photograph goes from the archive, a tombstone stays, and the record of it all is whole."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import bagit
import pytest
import sqlalchemy as sa

from restoration.catalog.collections import upsert_collection
from restoration.catalog.events import verify_chain
from restoration.catalog.publishing import list_publications
from restoration.catalog.withdrawals import lift, versions_showing_withdrawn, withdraw, withdraw_twins
from restoration.errors import PublicationError, ReasonCode, UsageError
from restoration.publish import removal
from restoration.publish.diff import compare, fetch_rows
from restoration.publish.export import export_collection
from restoration.publish.presence import check_presence
from restoration.publish.publisher import publish_collection
from restoration.publish.removal import remove_showing_withdrawn, retract
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore
from tests.stack.archive import Archive
from tests.stack.memory_store import Killed, MemoryStore

pytestmark = pytest.mark.stack
SETTINGS = Settings(restored_bucket="restored", archive_bucket="archive", gallery_url=None, _env_file=None)
WISH = "withdrawn at the family's wish"


@pytest.fixture(scope="module")
def store(s3) -> Iterator[ObjectStore]:
    client = s3.client("admin")
    yield ObjectStore(client)
    client.close()


@pytest.fixture
def archive(catalog, store) -> Archive:
    made = Archive(catalog, store)
    made.add("aunt.tif", title="Aunt Ok-sun, 1931")
    made.add("boats.tif", title="Boats")
    return made


def publish(archive: Archive, store: ObjectStore, engine: sa.Engine | None = None):
    return publish_collection(engine or archive.db, store, SETTINGS, archive.name, archive.run_id)


def take_out(archive: Archive, name: str = "aunt.tif", engine: sa.Engine | None = None):
    with (engine or archive.db).begin() as conn:
        key = f"{archive.name}/{name}"
        return withdraw(conn, archive.collection.collection_id, key, reason=WISH, person="Kim Lee")


def keys(store: ObjectStore, prefix: str) -> list[str]:
    return [item.key for page in store.list_pages("archive", prefix) for item in page]


def states(archive: Archive) -> list[str]:
    with archive.db.connect() as conn:
        return [p.state for p in list_publications(conn, archive.collection.collection_id)]


def events(archive: Archive, kind: str) -> list[sa.Row]:
    query = sa.text("SELECT * FROM event WHERE collection_id = :c AND event_type = :kind ORDER BY seq")
    with archive.db.connect() as conn:
        return list(conn.execute(query, {"c": archive.collection.collection_id, "kind": kind}))


def test_a_new_version_has_a_tombstone_and_nothing_else_of_the_photograph(archive, store, role_engine, tmp_path):
    publish(archive, store)
    # the scans of this test were never uploaded: an event of the collection names the first of them
    assert check_presence(archive.db, store, archive.collection).first == f"{archive.name}/aunt.tif"
    assert take_out(archive, engine=role_engine("airflow")).keys == (f"{archive.name}/aunt.tif",)
    report = publish(archive, store, role_engine("airflow"))
    assert (report.state, report.version, report.shown, report.withdrawn) == ("published", 2, 1, 1)
    out = tmp_path / "out"
    export_collection(store, SETTINGS, archive.name, out)
    assert bagit.Bag(str(out)).validate()
    files = [path for path in out.rglob("*") if path.is_file() and path.suffix != ".png"]
    text = "".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
    assert "aunt" not in text.lower()
    assert "Kim Lee" not in text
    assert WISH in text.replace("\\u0027", "'")
    with archive.db.connect() as conn:
        shown = conn.execute(
            sa.text(
                "SELECT pp.shown_as FROM publication_photo pp JOIN publication b USING (publication_id)"
                " WHERE b.collection_id = :c AND b.version = 2 ORDER BY pp.photo_id"
            ),
            {"c": archive.collection.collection_id},
        ).scalars()
        assert list(shown) == ["withdrawn", "restored"]
        assert verify_chain(conn, archive.collection.collection_id).ok
    (event,) = events(archive, "withdrawal")
    assert (event.agent, event.detail["reason"]) == ("Kim Lee", WISH)
    assert publish(archive, store).state == "unchanged"


def test_versions_differ_in_just_that(archive, store, tmp_path):
    publish(archive, store)
    take_out(archive)
    publish(archive, store)
    one, two = (fetch_rows(store, "archive", archive.name, version, tmp_path) for version in (1, 2))
    (change,) = compare(one, two)
    assert (change.what, change.filename) == (("withdrawn",), f"{archive.name}/aunt.tif")
    with pytest.raises(PublicationError, match="no version 9"):
        fetch_rows(store, "archive", archive.name, 9, tmp_path)


def test_earlier_versions_stay_until_somebody_wants_them_removed(archive, store):
    first = publish(archive, store)
    take_out(archive)
    with archive.db.connect() as conn:
        assert [v.version for v in versions_showing_withdrawn(conn, archive.collection.collection_id)] == [1]
    with pytest.raises(UsageError, match="still shows a withdrawn"):
        remove_showing_withdrawn(archive.db, store, "archive", archive.collection, "Kim Lee")
    assert len(keys(store, f"{archive.name}/v0001/")) == first.files
    publish(archive, store)
    assert remove_showing_withdrawn(archive.db, store, "archive", archive.collection, "Kim Lee") == [1]
    assert states(archive) == ["removed", "current"]
    assert keys(store, f"{archive.name}/v0001/") == []
    assert keys(store, f"{archive.name}/v0002/")
    (event,) = events(archive, "removal")
    assert event.agent == "Kim Lee"
    with archive.db.connect() as conn:
        (old, _) = list_publications(conn, archive.collection.collection_id)
        assert event.detail == {"version": 1, "manifest_sha256": old.manifest_sha256, "reason": "withdrawn"}
        left = conn.execute(
            sa.text("SELECT still_shown_in FROM audit.withdrawal WHERE collection = :c"), {"c": archive.name}
        ).scalar_one()
        assert left is None
    assert remove_showing_withdrawn(archive.db, store, "archive", archive.collection, "Kim Lee") == []


def test_a_removal_that_was_killed_is_finished_by_the_next_publication(archive, store, monkeypatch):
    publish(archive, store)
    take_out(archive)
    publish(archive, store)
    with monkeypatch.context() as patch:
        patch.setattr(removal, "finish_removals", lambda *_: None)
        remove_showing_withdrawn(archive.db, store, "archive", archive.collection, "Kim Lee")
    assert keys(store, f"{archive.name}/v0001/")
    assert publish(archive, store).state == "unchanged"
    assert keys(store, f"{archive.name}/v0001/") == []


def test_the_same_picture_under_another_name_goes_too_and_other_collections_are_named(catalog, store, archive):
    other = Archive(catalog, store)
    with catalog.begin() as conn:
        for where in (archive, other):
            conn.execute(
                sa.text(
                    "INSERT INTO photo (collection_id, object_key, etag, size_bytes, last_modified, content_sha256)"
                    " SELECT :to, :key, 'e', 1, now(), content_sha256 FROM photo WHERE object_key = :of"
                ),
                {
                    "to": where.collection.collection_id,
                    "key": f"{where.name}/copy.tif",
                    "of": f"{archive.name}/aunt.tif",
                },
            )
    found = take_out(archive)
    assert found.keys == (f"{archive.name}/aunt.tif", f"{archive.name}/copy.tif")
    assert found.elsewhere == ((other.name, f"{other.name}/copy.tif"),)
    assert take_out(archive).keys == ()
    assert len(events(archive, "withdrawal")) == 2


def test_a_copy_that_comes_later_under_another_name_goes_too_and_comes_back_with_it(archive, store, role_engine):
    take_out(archive)
    archive.add("aunt again.tif")
    again, aunt = f"{archive.name}/aunt again.tif", f"{archive.name}/aunt.tif"
    with archive.db.begin() as conn:
        conn.execute(
            sa.text(
                "UPDATE photo SET content_sha256 = (SELECT content_sha256 FROM photo WHERE object_key = :aunt)"
                " WHERE object_key = :again"
            ),
            {"aunt": aunt, "again": again},
        )
    report = publish(archive, store, role_engine("airflow"))
    assert (report.shown, report.withdrawn) == (1, 2)
    last = events(archive, "withdrawal")[-1]
    assert (last.agent, last.detail) == ("catalog", {"object_key": again, "because_of": aunt})
    with archive.db.begin() as conn:
        assert withdraw_twins(conn, archive.collection.collection_id) == []
        assert lift(conn, archive.collection.collection_id, aunt, person="Kim Lee").keys == (again, aunt)
    assert publish(archive, store).shown == 3


def test_a_newer_scan_of_the_same_name_stays_withdrawn_and_lifting_brings_it_back(archive, store):
    take_out(archive)
    with archive.db.begin() as conn:
        key = f"{archive.name}/aunt.tif"
        conn.execute(sa.text("UPDATE photo SET current = false WHERE object_key = :k"), {"k": key})
        conn.execute(
            sa.text(
                "INSERT INTO photo (collection_id, object_key, etag, size_bytes, last_modified, content_sha256, state,"
                " restoration_id, finished_at) SELECT collection_id, object_key, 'newer', size_bytes, now(), :sha,"
                " state, restoration_id, now() FROM photo WHERE object_key = :k"
            ),
            {"k": key, "sha": "99" * 32},
        )
    assert publish(archive, store).withdrawn == 1
    with archive.db.begin() as conn:
        lift(conn, archive.collection.collection_id, key, person="Kim Lee")
    report = publish(archive, store)
    assert (report.version, report.withdrawn, report.shown) == (2, 0, 2)
    assert [event.detail.get("lifted", False) for event in events(archive, "withdrawal")] == [False, True]
    with archive.db.begin() as conn, pytest.raises(UsageError, match="not withdrawn"):
        lift(conn, archive.collection.collection_id, key, person="Kim Lee")


def test_a_sensitive_collection_still_wants_approval_of_what_is_left(catalog, store):
    archive = Archive(catalog, store, sensitivity="sensitive")
    archive.add("aunt.tif")
    archive.add("boats.tif")
    take_out(archive)
    report = publish(archive, store)
    assert (report.state, report.reason, report.withdrawn) == ("withheld", ReasonCode.SENSITIVE, 1)


def refuse_consent(archive: Archive) -> None:
    with archive.db.begin() as conn:
        c = archive.collection
        upsert_collection(conn, name=c.name, source_uri=c.source_uri, recipe=c.recipe, consent="refused")


def test_an_archive_whose_consent_was_refused_is_taken_down_whole(archive, store, role_engine):
    publish(archive, store)
    archive.add("c.tif")
    publish(archive, store)
    refuse_consent(archive)
    refused = publish(archive, store)
    assert (refused.state, refused.reason) == ("withheld", ReasonCode.CONSENT_REFUSED)
    assert f"restoration retract {archive.name}" in refused.detail
    assert keys(store, f"{archive.name}/")
    gone = retract(role_engine("airflow"), store, "archive", archive.collection, "Kim Lee", "the heirs wrote to us")
    assert gone == [1, 2]
    assert states(archive) == ["removed", "removed"]
    assert keys(store, f"{archive.name}/") == []
    told = [(event.agent, event.detail["reason"], event.detail["words"]) for event in events(archive, "removal")]
    assert told == [("Kim Lee", "retracted", "the heirs wrote to us")] * 2
    assert publish(archive, store).version is None
    with pytest.raises(UsageError, match="say who"):
        retract(archive.db, store, "archive", archive.collection, "Kim Lee", " ")


@pytest.mark.parametrize("answered", [False, True])
def test_taking_down_that_was_killed_anywhere_is_finished_by_the_next_publication(catalog, answered):
    for call in itertools.count(1):
        store = MemoryStore()
        archive = Archive(catalog, store)
        archive.add("a.tif")
        publish(archive, store)
        store.die_at(call, answered=answered)
        try:
            retract(catalog, store, "archive", archive.collection, "Kim Lee", "as asked")
            break
        except Killed:
            store.die_at(10**9, answered=False)
        refuse_consent(archive)
        assert publish(archive, store).version is None
        assert not [key for bucket, key in store.objects if bucket == "archive"]
    assert call > 3


def test_after_taking_down_the_next_version_has_the_next_number(archive, store):
    publish(archive, store)
    retract(archive.db, store, "archive", archive.collection, "Kim Lee", "by mistake")
    assert publish(archive, store).version == 2
    assert states(archive) == ["removed", "current"]


@pytest.mark.parametrize(("reason", "person"), [("", "Kim"), ("x", " "), (" ", "Kim")])
def test_a_withdrawal_has_a_reason_and_a_person(archive, reason, person):
    number = archive.collection.collection_id
    with archive.db.begin() as conn, pytest.raises(UsageError, match="says why"):
        withdraw(conn, number, f"{archive.name}/aunt.tif", reason=reason, person=person)
    with archive.db.begin() as conn, pytest.raises(UsageError, match="no scan of that key"):
        withdraw(conn, number, "nothing.tif", reason="x", person="Kim")


def test_command_line(archive, catalog_url, s3, monkeypatch):
    from typer.testing import CliRunner

    from restoration.cli import app
    from restoration.settings import get_settings

    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("airflow"))
    for name, value in s3.environment("airflow").items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    run = CliRunner().invoke
    try:
        assert run(app, ["publish", archive.name]).exit_code == 0
        assert run(app, ["diff", archive.name]).output == "no differences\n"
        key = f"{archive.name}/aunt.tif"
        done = run(
            app, ["withdraw", archive.name, "aunt.tif", "--by", "Kim Lee", "--reason", WISH, "--remove-versions"]
        )
        assert f"withdrawn: {key}" in done.output
        assert "removed versions: 1" in done.output
        assert "still shows" not in done.output
        lifted = run(app, ["withdraw", archive.name, key, "--by", "Kim Lee", "--lift", "--no-publish"])
        assert lifted.output == f"lifted: {key}\n"
        lines = run(app, ["diff", archive.name, "--json"]).output.splitlines()
        assert [json.loads(line)["after"] for line in lines] == ["restored"]
        down = ["retract", archive.name, "--by", "Kim Lee", "--words", "as asked"]
        assert run(app, down, input="n\n").exit_code == 1
        assert "removed versions: 2" in run(app, [*down, "--yes"]).output
    finally:
        get_settings.cache_clear()
