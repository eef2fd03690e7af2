"""Ingest on real Postgres and S3: what a bucket holds becomes rows, and doing it again changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from restoration.catalog.collections import upsert_collection
from restoration.catalog.hints import list_hints, remove_hint
from restoration.ingest.ingest import ingest_collection, source_of
from restoration.storage.s3 import ObjectStore, StoredObject
from tests.work import meter

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def store(s3) -> Iterator[ObjectStore]:
    client = s3.client("admin")
    yield ObjectStore(client)
    client.close()


@pytest.fixture
def collection(catalog):
    name = f"c{uuid4().hex[:10]}"
    with catalog.begin() as conn:
        # no slash at the end: a neighbour whose name only begins the same must stay out
        return upsert_collection(conn, name=name, source_uri=f"s3://originals/{name}", recipe="grade-only")


def rows(catalog) -> dict[str, sa.Row]:
    query = "SELECT * FROM photo WHERE current ORDER BY object_key"
    with catalog.connect() as conn:
        return {row.object_key.split("/", 1)[1]: row for row in conn.execute(sa.text(query))}


def put(store: ObjectStore, collection, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        store.put("originals", f"{collection.name}/{name}", data)


def test_names_are_checked_side_files_ignored_and_the_rest_goes_on(catalog, store, collection):
    put(
        store,
        collection,
        {
            "good.tif": b"x",
            "sub/also good é.png": b"x",
            "bad\nname.png": b"x",
            "Zoe\u0308.png": b"x",
            "Zo\u00eb.png": b"x",
            "empty.tif": b"",
            "big.tif": b"x" * 101,
            ".DS_Store": b"x",
            "sub/": b"",
            "scan.tif.md5": b"x",
        },
    )
    store.put("originals", f"{collection.name}-neighbour/x.tif", b"x")
    report = ingest_collection(catalog, store, collection, max_object_bytes=100)
    found = rows(catalog)
    assert {name: (row.state, row.reason) for name, row in found.items()} == {
        "good.tif": ("pending", None),
        "sub/also good é.png": ("pending", None),
        "bad\nname.png": ("rejected", "unsafe_name"),
        "Zoe\u0308.png": ("pending", None),
        "Zo\u00eb.png": ("rejected", "name_collision"),
        "empty.tif": ("rejected", "empty_file"),
        "big.tif": ("rejected", "too_large"),
    }
    assert report.ignored == {"system": 1, "folder": 1, "side_file": 1}
    assert report.refused == {"unsafe_name": 1, "name_collision": 1, "empty_file": 1, "too_large": 1}
    assert (report.listing.listed, report.listing.new) == (7, 7)
    assert found["bad\nname.png"].reason_detail.endswith("rename the scan")


def test_listing_again_changes_nothing_and_a_replaced_scan_is_a_new_photo(catalog, store, collection):
    put(store, collection, {"a.tif": b"one", "b.tif": b"one"})
    ingest_collection(catalog, store, collection)
    first = rows(catalog)
    again = ingest_collection(catalog, store, collection).listing
    assert (again.new, again.changed, again.unchanged, again.missing) == (0, 0, 2, 0)
    put(store, collection, {"b.tif": b"another"})
    store.client.delete_object(Bucket="originals", Key=f"{collection.name}/a.tif")
    third = ingest_collection(catalog, store, collection).listing
    assert (third.changed, third.missing) == (1, 1)
    assert rows(catalog)["b.tif"].photo_id != first["b.tif"].photo_id


def test_sidecar_becomes_dublin_core(catalog, store, collection):
    sidecar = "\ufefffilename;dc:title;Creator;shelf\r\na.tif;Großmutter;=SUM(1);7\r\nno.tif;x;y;z\r\n"
    put(store, collection, {"a.tif": b"1", "b.tif": b"2", "metadata.csv": sidecar.encode()})
    report = ingest_collection(catalog, store, collection)
    assert rows(catalog)["a.tif"].dublin_core == {"title": "Großmutter", "creator": "=SUM(1)"}
    assert rows(catalog)["b.tif"].dublin_core == {}
    assert report.sidecar.matched == 1
    assert dict(report.sidecar.counts) == {"unknown_column": 1, "formula": 1, "no_such_photo": 1, "no_row": 1}
    assert report.to_dict()["sidecar"]["found"] is True


HINTS = (
    "file,place,colour,ground,said_by,what\n"
    'a.tif,"0.5,0.8",#2c4f9e,memory,Eve,the dress\n'
    'a.tif,"0.1,0.1",blue,memory,Eve,the sky\n'
    'b.tif,"0.2,0.2",#3f6b35,object,Eve,the door\n'
)


def known_hints(catalog, collection) -> list[tuple[str, str, str, str]]:
    with catalog.connect() as conn:
        known = list_hints(conn, collection.collection_id)
    return [(one.object_key.split("/")[1], one.subject, one.given_through, one.added_by) for one in known]


def test_hints_beside_the_scans_are_put_on_record_once(catalog, role_engine, store, collection):
    put(store, collection, {"a.tif": b"1", "b.tif": b"2", "hints.csv": HINTS.encode()})
    engine = role_engine("ingest")
    report = ingest_collection(engine, store, collection)
    assert report.ignored == {"sidecar": 1}
    assert (report.listing.listed, report.hints.rows, report.hints.lines, report.hints.added) == (2, 3, 2, 2)
    ((row, kind, detail),) = report.to_dict()["hints"]["problems"]
    assert (row, kind) == (3, "bad_colour")
    assert "write red, green and blue as #rrggbb" in detail
    given = [("a.tif", "the dress", "hints.csv", "ingest"), ("b.tif", "the door", "hints.csv", "ingest")]
    assert known_hints(catalog, collection) == given
    assert ingest_collection(engine, store, collection).hints.added == 0
    with catalog.begin() as conn:
        first = list_hints(conn, collection.collection_id)[0]
        remove_hint(conn, collection.collection_id, first.hint_id, person="Eve")
    assert ingest_collection(engine, store, collection).hints.added == 0
    assert known_hints(catalog, collection) == given[1:]
    put(store, collection, {"hints.csv": HINTS.encode()[:60]})
    assert ingest_collection(engine, store, collection).hints.added == 0
    store.client.delete_object(Bucket="originals", Key=f"{collection.name}/hints.csv")
    assert ingest_collection(engine, store, collection).hints.found is False
    assert known_hints(catalog, collection) == given[1:]


def test_a_replaced_scan_is_given_its_hints_again_and_that_is_told(catalog, store, collection):
    put(store, collection, {"a.tif": b"1", "b.tif": b"2", "hints.csv": HINTS.encode()})
    ingest_collection(catalog, store, collection)
    put(store, collection, {"a.tif": b"another"})
    hints = ingest_collection(catalog, store, collection).hints
    assert hints.added == 1
    assert [(p.row, p.kind) for p in hints.problems] == [(3, "bad_colour"), (2, "replaced_scan")]
    with catalog.connect() as conn:
        assert [one.holds for one in list_hints(conn, collection.collection_id)] == [False, True, True]


def test_too_many_hints_of_one_photograph_do_not_stop_the_others(catalog, store, collection):
    many = "".join(f'a.tif,"0.5,0.{n:02}",#2c4f9e,memory,Eve,\n' for n in range(65))
    put(store, collection, {"a.tif": b"1", "b.tif": b"2", "hints.csv": (HINTS + many).encode()})
    hints = ingest_collection(catalog, store, collection).hints
    assert hints.added == 1
    assert [p.kind for p in hints.problems] == ["bad_colour", "not_recorded"]
    assert "at most 64" in hints.problems[1].detail
    assert [key for key, *_ in known_hints(catalog, collection)] == ["b.tif"]


def test_declared_hashes_come_from_the_sidecar_and_from_a_bag(catalog, store, collection):
    one, two, other = (hashlib.sha256(word).hexdigest() for word in (b"1", b"2", b"other"))
    put(
        store,
        collection,
        {
            "data/a.tif": b"1",
            "data/b%.tif": b"2",
            "data/c.tif": b"3",
            "data/d.tif": b"4",
            "bagit.txt": b"BagIt-Version: 1.0\n",
            "bag-info.txt": b"",
            "tagmanifest-sha256.txt": b"",
            "manifest-sha256.txt": f"{other}  data/a.tif\n{two} *data/b%25.tif\nno line\n{two}  gone\n".encode(),
            "metadata.csv": f"filename,title,SHA256\na.tif,A,{one.upper()}\nc.tif,C,\nd.tif,D,xyz\n".encode(),
        },
    )
    report = ingest_collection(catalog, store, collection)
    found = rows(catalog)
    assert {name: row.declared_sha256 for name, row in found.items()} == {
        "data/a.tif": one,
        "data/b%.tif": two,
        "data/c.tif": None,
        "data/d.tif": None,
    }
    assert found["data/a.tif"].dublin_core == {"title": "A"}
    assert (report.declared, report.ignored["bag"], report.listing.listed) == (2, 4, 4)
    assert {"sha256_conflict", "bad_sha256"} <= set(report.sidecar.counts)


def test_a_hash_declared_later_can_reject_and_a_right_one_brings_back(catalog, store, collection):
    right, wrong = "a" * 64, "b" * 64
    put(store, collection, {"a.tif": b"1", "metadata.csv": b"filename\na.tif\n"})
    ingest_collection(catalog, store, collection)
    with catalog.begin() as conn:
        conn.execute(
            sa.text(
                "UPDATE photo SET state = 'rejected', reason = 'fixity_changed', attempts = 2, declared_sha256 = :w"
            ),
            {"w": wrong},
        )
    put(store, collection, {"metadata.csv": f"filename,sha256\na.tif,{right}\n".encode()})
    ingest_collection(catalog, store, collection)
    (photo,) = rows(catalog).values()
    assert (photo.state, photo.reason, photo.attempts, photo.declared_sha256) == ("pending", None, 0, right)


def test_an_unreadable_sidecar_never_stops_the_ingest(catalog, store, collection):
    put(store, collection, {"a.tif": b"1", "metadata.csv": b"\xff\xfe\x00\xd8\x00"})
    report = ingest_collection(catalog, store, collection)
    assert report.listing.new == 1
    assert report.sidecar.counts["unreadable"] == 1


def test_the_ingest_role_has_rights_enough(role_engine, store, s3, collection):
    put(store, collection, {"a.tif": b"1", "metadata.csv": b"filename,title\na.tif,x\n"})
    report = ingest_collection(role_engine("ingest"), ObjectStore(s3.client("airflow")), collection)
    assert (report.listing.new, report.sidecar.matched) == (1, 1)


def test_a_hundred_thousand_unchanged_objects_are_merged_quickly(catalog, collection, postgres):
    class Bucket:
        """A bucket that lists at once, so that only the work beyond the listing is timed."""

        def stat(self, bucket: str, key: str) -> None:
            return None

        def list_pages(self, bucket: str, prefix: str):
            for page in range(100):
                yield [
                    StoredObject(f"{prefix}{page:03d}-{n:04d}.tif", "", "e" * 32, 5, datetime(2026, 1, 1, tzinfo=UTC))
                    for n in range(1000)
                ]

    ingest_collection(catalog, Bucket(), collection)
    spent = meter(postgres.pid())
    report = ingest_collection(catalog, Bucket(), collection)
    assert report.listing.unchanged == 100_000
    assert spent() < 10


def test_addresses_end_in_a_slash():
    assert source_of("s3://buck/p") == ("buck", "p/")
    assert source_of("s3://buck/p/") == ("buck", "p/")
    assert source_of("s3://buck") == ("buck", "")


def test_command_line(catalog_url, s3, store, monkeypatch):
    from restoration.cli import app
    from restoration.settings import get_settings

    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("ingest"))
    for name, value in s3.environment("airflow").items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    name = f"c{uuid4().hex[:10]}"
    store.put("originals", f"{name}/a.tif", b"x")
    store.put("originals", f"{name}/metadata.csv", b"filename,title\nno\x1b[31m.tif,x\n")
    run = CliRunner().invoke
    try:
        added = run(
            app, ["collection", "add", name, f"s3://originals/{name}", "--recipe", "grade-only", "--title", "T"]
        )
        assert added.exit_code == 0, added.output
        assert f"s3://originals/{name}/" in added.output
        again = run(app, ["collection", "add", name, f"s3://originals/{name}", "--consent", "granted"])
        assert "grade-only" in again.output  # what is left out stays as it is
        listed = run(app, ["collection", "list"])
        assert name in listed.output
        ingested = run(app, ["collection", "ingest", name])
        assert "1 scans: 1 new" in ingested.output
        assert "\x1b" not in ingested.output
        assert "no_such_photo" in ingested.output
        assert "hints.csv" not in ingested.output
        store.put("originals", f"{name}/hints.csv", HINTS.encode())
        hinted = run(app, ["collection", "ingest", name]).output
        assert "hints.csv: 3 lines, 1 can be used, 1 new on record\n" in hinted
        assert "  row 3: bad_colour: 'blue' is no colour; write red" in hinted
        assert "the next run of the collection paints by them" in hinted
        assert '"title": "T"' in run(app, ["collection", "show", name, "--json"]).output
        assert run(app, ["collection", "show", "unknown"]).exit_code != 0
    finally:
        get_settings.cache_clear()
