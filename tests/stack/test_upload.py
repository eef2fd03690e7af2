"""``restoration upload`` against a real S3 and Postgres: what is told, sent, registered, and found again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from restoration.catalog.collections import get_collection
from restoration.cli import app
from restoration.errors import StorageError, UsageError
from restoration.ingest.ingest import ingest_collection
from restoration.local.postgres import SUPERUSER
from restoration.settings import get_settings
from restoration.storage.s3 import ObjectStore
from tests.unit.standins import png

pytestmark = pytest.mark.stack


def picture(seed: int) -> bytes:
    return png(np.random.default_rng(seed).random((20, 30, 3), np.float32))


@pytest.fixture
def store(s3):
    return ObjectStore(s3.client("admin"))


@pytest.fixture
def folder(tmp_path):
    scans = tmp_path / "Family 1912"
    (scans / "album").mkdir(parents=True)
    (scans / "a.png").write_bytes(picture(1))
    (scans / "album" / "b c.png").write_bytes(picture(2))
    (scans / "letter.tif").write_bytes(b"<html>404</html>")
    (scans / "metadata.csv").write_text("filename,title,shelf\na.png,Grandmother,7\n")
    return scans


@pytest.fixture
def command(catalog_url, s3, monkeypatch):
    for name, value in s3.environment("admin").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url(SUPERUSER))
    get_settings.cache_clear()
    yield lambda *words: CliRunner().invoke(app, ["upload", *map(str, words)])
    get_settings.cache_clear()


def keys(store, prefix: str) -> set[str]:
    return {found.key for page in store.list_pages("originals", prefix) for found in page}


def test_a_folder_is_told_sent_and_registered_and_the_same_command_sends_nothing(command, catalog, store, folder):
    result = command(folder, "up-1912")
    assert result.exit_code == 0, result.output
    assert "2 photographs" in result.stderr
    assert "letter.tif [not_an_image]" in result.stderr
    assert "columns that are kept: title" in result.stderr
    assert "'shelf' is no Dublin Core element" in result.stderr
    assert "4 files sent to s3://originals/up-1912/" in result.stderr
    assert keys(store, "up-1912/") == {
        f"up-1912/{name}" for name in ("a.png", "album/b c.png", "letter.tif", "metadata.csv")
    }
    with catalog.connect() as conn:
        collection = get_collection(conn, "up-1912")
    assert (collection.title, collection.consent, collection.recipe) == ("Family 1912", "unknown", "memorial-portrait")
    again = command(folder, "up-1912", "--title", "The family", "--json")
    facts = json.loads(again.stdout)
    assert facts["sent"] == {"sent": 0, "already_there": 4, "bytes_sent": 0, "replaced": 0}
    assert facts["found"]["refused"][0]["name"] == "letter.tif"
    with catalog.connect() as conn:
        collection = get_collection(conn, "up-1912")
    assert collection.title == "The family"
    assert ingest_collection(catalog, store, collection).listing.new == 3


def test_nothing_is_sent_for_a_look(command, store, folder):
    result = command(folder, "up-look", "--check")
    assert result.exit_code == 0
    assert "2 photographs" in result.stderr
    assert keys(store, "up-look/") == set()


def test_another_content_under_a_name_is_sent_and_told(command, store, folder):
    command(folder, "up-changed")
    (folder / "a.png").write_bytes(picture(3))
    result = command(folder, "up-changed")
    assert "1 files sent" in result.stderr
    assert "1 of them in place of another content" in result.stderr
    assert store.hash_object("originals", "up-changed/a.png")[1] == len(picture(3))


def test_wrong_names_are_refused_before_anything_is_sent(command, catalog, store, folder):
    result = command(folder, "Family 1912")
    assert isinstance(result.exception, UsageError)
    assert "perhaps family-1912" in str(result.exception)
    with catalog.begin() as conn:
        from restoration.catalog.collections import upsert_collection

        upsert_collection(conn, name="up-other", source_uri="s3://originals/elsewhere/", recipe="identity")
    result = command(folder, "up-other")
    assert "takes its scans from s3://originals/elsewhere/" in str(result.exception)
    assert keys(store, "up-other/") == set()


def test_bytes_that_change_on_the_way_are_refused(store, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(picture(1))

    class Spoiled:
        def __getattr__(self, name):
            return getattr(store.client, name)

        def put_object(self, **arguments):
            return store.client.put_object(**arguments | {"Body": arguments["Body"].read()[:-1] + b"?"})

    with pytest.raises(StorageError, match=r"Digest"):
        ObjectStore(Spoiled()).put_file("originals", "spoiled/a.png", path, "image/png")
    assert keys(store, "spoiled/") == set()


def test_a_file_in_parts_is_read_again(store, tmp_path, monkeypatch):
    monkeypatch.setattr("restoration.storage.s3.MAX_SINGLE_PUT_BYTES", 1000)
    path = tmp_path / "large.tif"
    path.write_bytes(np.random.default_rng(1).bytes(9 * 1024**2))
    store.put_file("originals", "parts/large.tif", path, "image/tiff")
    monkeypatch.setattr(store, "hash_object", lambda *_: ("0" * 64, 1))
    with pytest.raises(StorageError, match="holds other bytes"):
        store.put_file("originals", "parts/large.tif", path, "image/tiff")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("s3://originals/up-mispelt/", r"did you mean s3://originals/up-misspelt/\?"),
        ("s3://originals/wholly-else/", r"0 photographs under s3://originals/wholly-else/: there is nothing \[usage"),
        ("s3://originals/up-notes/", "none of 1 objects there is named like one"),
    ],
)
def test_a_collection_without_a_single_photograph_is_an_error(catalog, store, source, words):
    from restoration.catalog.collections import upsert_collection

    store.put("originals", "up-misspelt/a.png", picture(1))
    store.put("originals", "up-notes/notes.txt", b"x")
    with catalog.begin() as conn:
        collection = upsert_collection(conn, name="up-empty", source_uri=source, recipe="identity")
    with pytest.raises(UsageError, match=words):
        ingest_collection(catalog, store, collection)


def test_a_bucket_that_does_not_exist_is_one_sentence(catalog, store, monkeypatch):
    from restoration.catalog.collections import upsert_collection

    monkeypatch.setenv("RESTORATION_SOURCE_BUCKETS", "originals,orignals")
    get_settings.cache_clear()
    with catalog.begin() as conn:
        collection = upsert_collection(conn, name="up-bucket", source_uri="s3://orignals/a/", recipe="identity")
    with pytest.raises(StorageError, match="there is no such bucket"):
        ingest_collection(catalog, store, collection)
    get_settings.cache_clear()


def test_a_collection_whose_scans_went_is_none_that_never_had_any(catalog, store):
    from restoration.catalog.collections import upsert_collection

    with catalog.begin() as conn:
        collection = upsert_collection(conn, name="up-gone", source_uri="s3://originals/up-gone/", recipe="identity")
    store.put("originals", "up-gone/a.png", picture(1))
    ingest_collection(catalog, store, collection)
    store.delete("originals", "up-gone/a.png")
    assert ingest_collection(catalog, store, collection).listing.missing == 1
    assert ingest_collection(catalog, store, collection).listing.listed == 0
