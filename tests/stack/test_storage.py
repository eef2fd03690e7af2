"""The object store against a real S3 server: listing, fixity on read, conditional writes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from restoration.errors import PhotoRejected, ReasonCode, SettingsError, StorageError, UsageError, WriteConflict
from restoration.names import output_key
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore, _content_md5, make_client, parse_s3_uri
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def store(s3) -> Iterator[ObjectStore]:
    client = s3.client("admin")
    yield ObjectStore(client)
    client.close()


@pytest.fixture
def prefix() -> str:
    return f"t{uuid4().hex[:8]}/"


def listed(store: ObjectStore, bucket: str, prefix: str):
    return [item for page in store.list_pages(bucket, prefix) for item in page]


def test_lists_page_by_page_with_etag_size_and_odd_names(store, prefix):
    names = ["a.png", "b c.png", "é.png", "e\u0301.png", "line\nbreak.png", "<i>&.png", "sub/x.png"]
    for name in names:
        store.put("originals", prefix + name, name.encode())
    found = {item.key.removeprefix(prefix): item for item in listed(store, "originals", prefix)}
    assert sorted(found) == sorted(names)
    for name, item in found.items():
        assert item.size == len(name.encode())
        assert item.etag == hashlib.md5(name.encode()).hexdigest()
        assert item.version_id == ""
        assert item.last_modified.tzinfo is not None


def test_more_than_one_page(store, prefix):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.put("originals", f"{prefix}{n:04d}", b"x"), range(1003)))
    pages = list(store.list_pages("originals", prefix))
    assert [len(page) for page in pages] == [1000, 3]
    assert [item.key for page in pages for item in page] == [f"{prefix}{n:04d}" for n in range(1003)]
    assert store.delete_prefix("originals", prefix) == 1003
    assert listed(store, "originals", prefix) == []


def test_versioned_buckets_give_version_ids_and_read_that_version(store):
    bucket = f"versioned-{uuid4().hex[:8]}"
    store.client.create_bucket(Bucket=bucket)
    store.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    store.put(bucket, "a.png", b"first")
    first = listed(store, bucket, "")[0]
    store.put(bucket, "a.png", b"second")
    store.put(bucket, "gone.png", b"x")
    store.client.delete_object(Bucket=bucket, Key="gone.png")
    now = listed(store, bucket, "")
    assert [item.key for item in now] == ["a.png"]
    assert now[0].version_id not in ("", first.version_id)
    assert store.read(bucket, "a.png", version_id=first.version_id)[0] == b"first"


def test_reads_with_hash_and_notices_a_replaced_object(store, prefix):
    key = f"{prefix}a.png"
    store.put("originals", key, b"one")
    etag = store.stat("originals", key).etag
    assert store.read("originals", key, expected_etag=etag) == (b"one", hashlib.sha256(b"one").hexdigest())
    store.put("originals", key, b"two")
    with pytest.raises(PhotoRejected) as changed:
        store.read("originals", key, expected_etag=etag)
    assert changed.value.reason is ReasonCode.SOURCE_CHANGED
    assert changed.value.photo == key


def test_missing_and_too_large_objects(store, prefix):
    with pytest.raises(PhotoRejected) as missing:
        store.read("originals", f"{prefix}no.png")
    assert missing.value.reason is ReasonCode.SOURCE_MISSING
    store.put("originals", f"{prefix}big.png", b"x" * 3_000_000)
    with pytest.raises(PhotoRejected) as large:
        store.read("originals", f"{prefix}big.png", max_bytes=2_999_999)
    assert large.value.reason is ReasonCode.TOO_LARGE
    assert len(store.read("originals", f"{prefix}big.png", max_bytes=3_000_000)[0]) == 3_000_000
    assert store.stat("originals", f"{prefix}no.png") is None


def test_bytes_that_were_changed_on_their_way_are_no_scan(s3, prefix):
    """In an uncompressed scan nothing else would tell."""
    proxy = Proxy(s3.endpoint)
    key = s3.identities["admin"]
    client = make_client(
        endpoint_url=proxy.endpoint, access_key_id=key.access_key_id, secret_access_key=key.secret_access_key
    )
    try:
        through = ObjectStore(client)
        through.put("originals", f"{prefix}a.bmp", b"a scan" * 100)
        etag = through.stat("originals", f"{prefix}a.bmp").etag
        proxy.mode = "flip-reads"
        with pytest.raises(StorageError, match="not those that its ETag"):
            through.read("originals", f"{prefix}a.bmp", expected_etag=etag)
        assert through.hash_object("originals", f"{prefix}a.bmp")[1] == 600  # a check of fixity has to see them
        proxy.mode = ""
        assert through.read("originals", f"{prefix}a.bmp", expected_etag=etag)[0] == b"a scan" * 100
    finally:
        client.close()
        proxy.stop()


@pytest.mark.parametrize(
    ("answer", "md5"),
    [
        ({"ETag": f'"{"A" * 32}"'}, "a" * 32),
        ({"ETag": f'"{"a" * 32}"', "ServerSideEncryption": "AES256"}, "a" * 32),
        ({"ETag": f'"{"a" * 32}"', "ServerSideEncryption": "aws:kms"}, None),
        ({"ETag": f'"{"a" * 32}"', "SSECustomerAlgorithm": "AES256"}, None),
        ({"ETag": f'"{"a" * 32}-3"'}, None),
    ],
)
def test_which_etags_are_the_contents_md5(answer, md5):
    assert _content_md5(answer) == md5


def test_content_is_written_once_under_its_hash_also_by_many_at_once(store):
    data = uuid4().bytes
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: store.write_content("restored", data, "png", "image/png"), range(16)))
    sha256 = hashlib.sha256(data).hexdigest()
    assert keys == {output_key(sha256, "png")}
    assert store.hash_object("restored", keys.pop()) == (sha256, len(data))


def test_content_that_was_cut_short_is_written_again(store):
    data = uuid4().bytes
    key = output_key(hashlib.sha256(data).hexdigest(), "png")
    store.put("restored", key, data[:5])
    assert store.write_content("restored", data, "png", "image/png") == key
    assert store.read("restored", key)[0] == data


def test_atomic_put_refuses_when_somebody_else_was_faster(store, prefix):
    key = f"{prefix}current.json"
    first = store.put_atomic("archive", key, b"1", replaces=None)
    with pytest.raises(WriteConflict):
        store.put_atomic("archive", key, b"2", replaces=None)
    second = store.put_atomic("archive", key, b"2", replaces=first)
    with pytest.raises(WriteConflict):
        store.put_atomic("archive", key, b"3", replaces=first)
    assert store.read("archive", key)[0] == b"2"
    assert store.stat("archive", key).etag == second


def test_copy_between_buckets_keeps_bytes_and_sets_the_type(store, prefix):
    key = store.write_content("restored", prefix.encode(), "png", "image/png")
    store.copy("restored", key, "archive", f"{prefix}photo.png", content_type="image/png")
    head = store.client.head_object(Bucket="archive", Key=f"{prefix}photo.png")
    assert head["ContentType"] == "image/png"
    assert store.read("archive", f"{prefix}photo.png")[0] == prefix.encode()
    with pytest.raises(PhotoRejected) as missing:
        store.copy("restored", "no/such", "archive", f"{prefix}x")
    assert missing.value.reason is ReasonCode.SOURCE_MISSING


def test_deleting_a_prefix_spares_its_neighbours(store, prefix):
    store.put("archive", f"{prefix}v0001/a", b"1")
    store.put("archive", f"{prefix}v00010", b"2")
    assert store.delete_prefix("archive", f"{prefix}v0001/") == 1
    assert [item.key for item in listed(store, "archive", prefix)] == [f"{prefix}v00010"]
    with pytest.raises(UsageError):
        store.delete_prefix("archive", f"{prefix}v0001")


def test_a_worker_may_read_originals_and_not_write_them(s3, store, prefix):
    store.put("originals", f"{prefix}a.png", b"x")
    worker = ObjectStore(s3.client("worker"))
    assert worker.read("originals", f"{prefix}a.png")[0] == b"x"
    with pytest.raises(StorageError, match="AccessDenied"):
        worker.put("originals", f"{prefix}a.png", b"y")


def test_errors_name_the_place_and_no_secret(s3):
    key_id = s3.identities["worker"].access_key_id
    client = make_client(Settings(), endpoint_url=s3.endpoint, access_key_id=key_id, secret_access_key="wrong-secret")
    with pytest.raises(StorageError) as refused:
        list(ObjectStore(client).list_pages("originals"))
    assert "s3://originals/" in str(refused.value)
    assert "wrong-secret" not in str(refused.value)
    assert key_id not in str(refused.value)


def test_out_of_reach_is_said_quickly():
    client = make_client(Settings(), endpoint_url="http://127.0.0.1:9", access_key_id="a", secret_access_key="b")
    with pytest.raises(StorageError, match="out of reach") as error:
        list(ObjectStore(client).list_pages("originals"))
    assert error.value.exit_code == 3


def test_half_a_key_pair_is_a_settings_error():
    with pytest.raises(SettingsError, match="SECRET_ACCESS_KEY"):
        make_client(Settings(s3_access_key_id="a", s3_secret_access_key=None, _env_file=None))


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://my.bucket-1/a/b/", ("my.bucket-1", "a/b/")),
        ("s3://bucket/é ü", ("bucket", "é ü")),
    ],
)
def test_addresses(uri, parts):
    assert parse_s3_uri(uri) == parts


@pytest.mark.parametrize(
    "uri", ["", "bucket/a", "http://bucket/a", "s3:/bucket", "s3://", "s3://UPPER/a", "s3://a_b/c"]
)
def test_wrong_addresses(uri):
    with pytest.raises(UsageError, match="S3 address"):
        parse_s3_uri(uri)
