"""Originals and publications are read again in time; whatever is damaged is an event, stays in view, and is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from restoration.catalog.audit import run_query
from restoration.catalog.events import verify_chain
from restoration.catalog.fixity import Presence
from restoration.errors import StorageError, UsageError
from restoration.publish import fixity_run, layout
from restoration.publish.fixity_plan import MAX_PARTS, plan_check
from restoration.publish.presence import check_presence
from restoration.publish.publisher import publish_collection
from restoration.publish.rereading import Reading, Rereader
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore
from tests.stack.archive import Archive
from tests.stack.test_publish_iiif import add_tiles

pytestmark = pytest.mark.stack
SETTINGS = Settings(restored_bucket="restored", archive_bucket="archive", gallery_url=None, _env_file=None)


@pytest.fixture(scope="module")
def store(s3) -> Iterator[ObjectStore]:
    client = s3.client("admin")
    yield ObjectStore(client)
    client.close()


class Kept:
    """A published collection whose originals are really there."""

    def __init__(self, catalog, store: ObjectStore, engine, photos: int = 3) -> None:
        self.db, self.store, self.engine = catalog, store, engine
        self.archive = Archive(catalog, store)
        self.name = self.archive.name
        self.settings = SETTINGS
        for number in range(photos):
            self.add(f"{number}.tif")
        publish_collection(catalog, store, SETTINGS, self.name, self.archive.run_id)

    def add(self, name: str) -> None:
        # what Archive gives as the scan's hash is that of these bytes
        data = f"{self.name}/{name}".encode()
        self.archive.add(name)
        etag = self.store.client.put_object(Bucket="originals", Key=f"{self.name}/{name}", Body=data)["ETag"]
        with self.db.begin() as conn:
            conn.execute(
                sa.text("UPDATE photo SET etag = :etag, size_bytes = :size WHERE object_key = :key"),
                {"etag": etag.strip('"'), "size": len(data), "key": f"{self.name}/{name}"},
            )

    def check(self, *, everything: bool = False, **settings) -> Reading:
        used, total = self.settings.model_copy(update=settings), Reading()
        for part in fixity_run.plan(self.engine, used, self.name, everything=everything):
            total.add(fixity_run.read(self.engine, self.store, used, json.loads(json.dumps(part))))
        return total

    def sql(self, query: str, **values) -> list[sa.Row]:
        with self.db.connect() as conn:
            return list(conn.execute(sa.text(query), values))

    def ask(self, question: str) -> list[tuple]:
        with self.db.connect() as conn:
            return run_query(conn, question, self.name)[1]

    def events(self, outcome: str) -> list[dict]:
        query = (
            "SELECT detail FROM event WHERE event_type = 'fixity_check' AND outcome = :outcome AND collection_id = :c"
            " AND NOT detail ? 'files' ORDER BY seq"
        )
        return [dict(row.detail) for row in self.sql(query, outcome=outcome, c=self.archive.collection.collection_id)]

    def overdue(self) -> list[tuple]:
        query = "SELECT kind, name, found FROM audit.fixity_overdue WHERE collection = :name ORDER BY 1, 2"
        return [tuple(row) for row in self.sql(query, name=self.name)]

    def get(self, bucket: str, key: str) -> bytes:
        return self.store.read(bucket, key)[0]

    def files(self) -> list[str]:
        return [item.key for page in self.store.list_pages("archive", f"{self.name}/v0001/") for item in page]

    def age(self, days: float) -> None:
        """Let so many days pass for everything that has been read."""
        with self.db.begin() as conn:
            for table, columns in (
                ("photo", ("fixity_checked_at", "finished_at", "first_seen_at")),
                ("publication", ("fixity_checked_at", "verified_at")),
            ):
                shifted = ", ".join(f"{column} = {column} - :by" for column in columns)
                conn.execute(sa.text(f"UPDATE {table} SET {shifted}"), {"by": timedelta(days=days)})


@pytest.fixture
def kept(catalog, store, role_engine) -> Kept:
    return Kept(catalog, store, role_engine("publisher"))


def test_all_is_intact_and_on_record_once_a_set(kept):
    reading = kept.check()
    assert reading.damage == []
    assert (reading.files, reading.completed) == (3 + len(kept.files()), 1)
    assert kept.sql("SELECT DISTINCT fixity FROM photo UNION SELECT fixity FROM publication") == [("intact",)]
    sets = [row.detail for row in kept.sql("SELECT detail FROM event WHERE event_type = 'fixity_check' ORDER BY seq")]
    assert [(one["kind"], one["files"], one["intact"]) for one in sets] == [
        ("originals", 3, 3),
        ("publication", len(kept.files()), len(kept.files())),
    ]
    assert kept.overdue() == []


def test_one_byte_of_an_original(kept):
    key = f"{kept.name}/1.tif"
    right = kept.get("originals", key)
    kept.store.put("originals", key, right[:-1] + b"?")
    (damage,) = kept.check().damage
    assert (damage.kind, damage.path, damage.found, damage.new) == ("original", key, "changed", True)
    (event,) = kept.events("failure")
    assert event["reason"] == "fixity_changed"
    assert event["messageDigestAlgorithm"] == "SHA-256"
    assert event["expected"] == damage.expected != event["actual"] == damage.actual
    assert kept.overdue() == [("original", key, "changed")]
    assert [row[:3] for row in kept.ask("fixity-overdue")] == [(kept.name, "original", key)]
    ((_, _, _, outcome, kind, name, _, found, *_),) = kept.ask("fixity-failures")
    assert (outcome, kind, name, found) == ("failure", "original", key, "changed")
    (again,) = kept.check().damage
    assert not again.new
    assert len(kept.events("failure")) == 1
    kept.store.put("originals", key, right)
    assert kept.check().damage == []
    assert [event["found"] for event in kept.events("success")] == ["intact"]
    assert kept.overdue() == []
    with kept.db.connect() as conn:
        assert verify_chain(conn, kept.archive.collection.collection_id).ok


def test_what_one_part_finds_is_not_told_again_by_the_part_of_known_damage(kept):
    kept.check()
    kept.store.put("originals", f"{kept.name}/1.tif", b"?")
    kept.store.put("archive", next(key for key in kept.files() if key.endswith(".html")), b"?")
    known, *others = fixity_run.plan(kept.engine, kept.settings, kept.name, everything=True)
    found = [fixity_run.read(kept.engine, kept.store, kept.settings, part) for part in others]
    assert [len(reading.damage) for reading in found] == [1, 1]
    # parts run side by side, and this one may well begin when the others have ended
    late = fixity_run.read(kept.engine, kept.store, kept.settings, known)
    assert (late.files, late.damage) == (0, [])
    known, *_ = fixity_run.plan(kept.engine, kept.settings, kept.name)
    assert len(fixity_run.read(kept.engine, kept.store, kept.settings, known).damage) == 2


def test_a_lost_original_is_missing_and_a_replaced_one_is_said_to_be(kept):
    kept.store.client.delete_object(Bucket="originals", Key=f"{kept.name}/0.tif")
    kept.store.put("originals", f"{kept.name}/2.tif", b"another scan")
    damage = {item.path.rsplit("/")[-1]: item for item in kept.check().damage}
    assert {name: item.found for name, item in damage.items()} == {"0.tif": "missing", "2.tif": "changed"}
    assert "another file was written in its place" in damage["2.tif"].note


def test_before_a_publication_one_listing_says_whether_the_originals_are_there(kept):
    assert check_presence(kept.engine, kept.store, kept.archive.collection) == Presence(3, 0, 0, None)
    kept.store.client.delete_object(Bucket="originals", Key=f"{kept.name}/0.tif")
    kept.store.put("originals", f"{kept.name}/2.tif", b"another scan")
    found = check_presence(kept.engine, kept.store, kept.archive.collection)
    assert found == Presence(3, 1, 1, f"{kept.name}/0.tif")
    query = "SELECT outcome, detail FROM event WHERE event_type = 'fixity_check'"
    assert kept.sql(query) == [("warning", {"kind": "presence", **vars(found)})]


def test_a_published_file_changed_lost_or_added(kept):
    files = kept.files()
    changed = next(key for key in files if "/data/photos/" in key)
    lost = next(key for key in files if key.endswith("index.html"))
    stray = f"{kept.name}/v0001/data/photos/stray.png"
    right = {key: kept.get("archive", key) for key in (changed, lost)}
    kept.store.put("archive", changed, b"x" + right[changed][1:])
    kept.store.client.delete_object(Bucket="archive", Key=lost)
    kept.store.put("archive", stray, b"who put me here?")
    prefix = len(f"{kept.name}/v0001/")
    expected = {changed[prefix:]: "changed", lost[prefix:]: "missing", stray[prefix:]: "changed"}
    assert {item.path: item.found for item in kept.check().damage} == expected
    assert {event["path"] for event in kept.events("failure")} == set(expected)
    assert [(kind, found) for kind, _, found in kept.overdue()] == [("publication", "missing")]
    for key, data in right.items():
        kept.store.put("archive", key, data)
    assert {item.path for item in kept.check().damage} == {stray[prefix:]}
    kept.store.client.delete_object(Bucket="archive", Key=stray)
    assert kept.check().damage == []
    assert kept.overdue() == []
    assert len(kept.events("success")) == 3


@pytest.mark.parametrize("name", [layout.SEAL, "manifest-sha256.txt", "tagmanifest-sha512.txt", "manifest-sha512.txt"])
def test_manifests_are_checked_against_the_seal_in_the_catalog(kept, name):
    key = f"{kept.name}/v0001/{name}"
    right = kept.get("archive", key)
    forged = right.replace(right[:1], b"0" if right[:1] != b"0" else b"1", 1)
    kept.store.put("archive", key, forged)
    damage = kept.check().damage
    assert damage
    assert {item.found for item in damage} == {"changed"}
    kept.store.put("archive", key, right)
    assert kept.check().damage == []
    assert kept.check().completed == 1
    assert kept.overdue() == []


def test_tiles_are_read_with_the_newest_version_that_needs_them(catalog, store, role_engine):
    kept = Kept(catalog, store, role_engine("publisher"), photos=0)
    kept.add("0.tif")
    add_tiles(kept.archive, store)
    with_tiles = SETTINGS.model_copy(update={"gallery_url": "https://photos.example.org"})
    for name in ("1.tif", "2.tif"):
        kept.add(name)
        publish_collection(catalog, store, with_tiles, kept.name, kept.archive.run_id)
    keys = [item.key for page in store.list_pages("archive", f"{kept.name}/tiles/") for item in page]
    good = kept.check(everything=True)
    assert good.damage == []
    assert good.completed == 2
    tile = next(key for key in keys if key.endswith(".jpg"))
    right = kept.get("archive", tile)
    store.put("archive", tile, right + b"x")
    (damage,) = kept.check(everything=True).damage
    identifier = tile.split("/")[2]
    assert (damage.path, damage.found, damage.version) == (f"tiles/{identifier}", "changed", 2)
    store.put("archive", tile, right)
    assert kept.check().damage == []
    assert kept.overdue() == []


def test_a_check_that_is_killed_goes_on_where_it_stopped(kept, monkeypatch):
    read = Rereader._note
    sets = []

    def die_after_two(self, *arguments, **options):
        if len(sets) == 2:
            raise KeyboardInterrupt
        sets.append(options["cursor"])
        return read(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Rereader, "_note", die_after_two)
        with pytest.raises(KeyboardInterrupt):
            kept.check(fixity_batch_files=4)
    ((cursor,),) = kept.sql("SELECT fixity_cursor FROM publication")
    assert cursor == sets[-1] != ""
    rest = kept.check(fixity_batch_files=100)
    originals = 3  # three were read before the publication, and there is time for them again
    assert rest.files == len(kept.files()) - 8 + originals
    assert kept.sql("SELECT fixity_cursor, fixity FROM publication") == [("", "intact")]


def test_a_store_out_of_reach_is_an_error_and_no_damage(kept, monkeypatch):
    original = ObjectStore.object_fixity

    def refuse(self, bucket, key, **options):
        if key.endswith("2.tif"):
            raise StorageError("out of reach")
        return original(self, bucket, key, **options)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "object_fixity", refuse)
        with pytest.raises(StorageError):
            kept.check()
    assert kept.events("failure") == []
    assert kept.sql("SELECT fixity FROM photo ORDER BY object_key") == [("intact",), ("intact",), (None,)]
    assert kept.check().damage == []


def test_a_version_that_was_removed_is_not_missed(kept):
    with kept.db.begin() as conn:
        conn.execute(sa.text("UPDATE publication SET state = 'removed', removed_at = now()"))
    assert kept.check().files == 3


def test_everything_is_read_within_the_days(catalog, store, role_engine):
    """A night a day, sets of two files: after that many nights nothing was left out, and nothing is ever late."""
    kept = Kept(catalog, store, role_engine("publisher"), photos=16)
    seen: set[str] = set()
    days = 6
    for _ in range(days):
        kept.check(fixity_days=days, fixity_batch_files=2, fixity_batch_bytes=100)
        assert kept.overdue() == []
        seen |= {row.object_key for row in kept.sql("SELECT object_key FROM photo WHERE fixity IS NOT NULL")}
        kept.age(1)
    assert len(seen) == 16
    assert kept.sql("SELECT count(*) FROM publication WHERE fixity_checked_at IS NOT NULL") == [(1,)]


def test_what_was_never_read_becomes_overdue_and_is_then_read(kept):
    kept.check()
    kept.age(91)
    assert {found for _, _, found in kept.overdue()} == {"intact"}
    assert len(kept.overdue()) == 4
    kept.check(fixity_batch_files=1, fixity_batch_bytes=1)
    assert kept.overdue() == []


def test_all_reads_all(kept):
    kept.check()
    reading = kept.check(everything=True, fixity_batch_files=2)
    assert (reading.files, reading.completed) == (3 + len(kept.files()), 1)


def test_the_setting_becomes_the_policy(kept):
    kept.check(fixity_days=30)
    assert kept.sql("SELECT fixity_days FROM policy") == [(30,)]
    with pytest.raises(UsageError, match="no collection"):
        fixity_run.plan(kept.engine, SETTINGS, "nobody")


def test_a_large_archive_is_laid_into_few_parts_of_bounded_size(catalog, store, role_engine):
    archive = Archive(catalog, store)
    with catalog.begin() as conn:
        conn.execute(
            sa.text("""
                INSERT INTO photo (collection_id, object_key, etag, size_bytes, last_modified, content_sha256, state,
                                   reason, finished_at)
                SELECT :c, 'k' || n, 'e', CASE WHEN n % 50 = 0 THEN 1000000 ELSE 1000 END, now(),
                       encode(sha256(n::text::bytea), 'hex'), 'rejected', 'too_small', now() - make_interval(days => 80)
                FROM generate_series(1, 50000) AS n"""),
            {"c": archive.collection.collection_id},
        )
        settings = SETTINGS.model_copy(update={"fixity_batch_files": 100, "fixity_batch_bytes": 10**7})
        today = [part for part in plan_check(conn, settings) if part["kind"] == "originals"]
        assert 50000 / 81 <= sum(part["files"] for part in today) < 2500
        assert all(part["files"] <= 100 and part["bytes"] <= 10**7 + 10**6 for part in today)
        every = [part for part in plan_check(conn, settings, everything=True) if part["kind"] == "originals"]
        assert sum(part["files"] for part in every) == 50000
        assert len(every) < MAX_PARTS


def test_an_alarm_reaches_the_webhook_and_a_broken_webhook_stops_nothing(kept, caplog):
    told = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_) -> None:
            """Nothing."""

    kept.store.put("originals", f"{kept.name}/1.tif", b"bad")
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = SecretStr(f"http://127.0.0.1:{server.server_port}/s3cret-token")
        assert len(kept.check(alert_url=url).damage) == 1
    assert told[0]["kind"] == "fixity"
    assert told[0]["damage"][0]["path"] == f"{kept.name}/1.tif"
    kept.store.put("originals", f"{kept.name}/2.tif", b"bad")
    for broken in ("http://127.0.0.1:1/s3cret-token", "ftp://s3cret-token", "http://bad host/s3cret-token"):
        kept.check(alert_url=SecretStr(broken))
        kept.sql("SELECT 1")
    assert "s3cret" not in caplog.text


def test_command_line(kept, catalog_url, s3, monkeypatch):
    from typer.testing import CliRunner

    from restoration.cli import app
    from restoration.settings import get_settings

    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("publisher"))
    for name, value in s3.environment("airflow").items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    run = CliRunner().invoke
    try:
        good = run(app, ["fixity", "check", "--collection", kept.name])
        assert good.exit_code == 0, good.output
        assert "all of it is intact" in good.output
        assert run(app, ["fixity", "overdue"]).exit_code == 0
        kept.store.put("originals", f"{kept.name}/1.tif", b"bad")
        bad = run(app, ["fixity", "check", "--all", "--json"])
        assert bad.exit_code == 1
        assert json.loads(bad.output.splitlines()[-1])["damage"][0]["found"] == "changed"
        monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("auditor"))
        get_settings.cache_clear()
        late = run(app, ["fixity", "overdue", "--json"])
        assert late.exit_code == 1
        assert [row["name"] for row in json.loads(late.output)] == [f"{kept.name}/1.tif"]
        assert "changed: original" in run(app, ["fixity", "overdue"]).output
    finally:
        get_settings.cache_clear()
