"""Reading scans for a batch: a file once for its pages, and a large one held by nobody else than who asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from restoration.errors import PhotoRejected, ReasonCode
from restoration.worker import reading
from restoration.worker.reading import ScanReader


class Store:
    """Counts what is read of it."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    def read(self, bucket, key, **options):
        self.reads.append(key)
        return key.encode(), "f" * 64


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def reader(store):
    with ThreadPoolExecutor(1) as readers:
        settings = SimpleNamespace(max_object_bytes=1 << 40)
        yield ScanReader(SimpleNamespace(readers=readers, store=store, settings=settings))


def photo(key, page=1, size=100, **more):
    name = f"{key}#{page}"
    facts = {"bucket": "b", "file_key": key, "object_key": name, "version_id": None, "etag": "e", "page": page}
    return SimpleNamespace(**(facts | {"size_bytes": size, "box": "", "declared_sha256": None} | more))


def test_pages_of_a_file_share_one_reading(reader, store):
    reads = [reader.read(photo("album.tif", page)).result() for page in (1, 2, 3)]
    assert [read.taken() for read in reads] == [b"album.tif"] * 3
    reader.read(photo("other.tif")).result()
    assert store.reads == ["album.tif", "other.tif"]


def test_a_large_file_is_let_go_by_who_took_it_and_its_further_pages_share_one_more_reading(reader, store):
    large = reading.GROUP_BYTES + 1
    first = reader.read(photo("album.tif", 1, large)).result()
    assert first.taken() == b"album.tif"
    assert first.data == b""
    further = [reader.read(photo("album.tif", page, large)).result() for page in (2, 3)]
    assert [read.taken() for read in further] == [b"album.tif"] * 2
    assert store.reads == ["album.tif", "album.tif"]


def test_what_is_cut_out_of_a_large_file_shares_one_reading(reader, store):
    large = reading.GROUP_BYTES + 1
    cut = [photo("bed.tif", 1, large, box=box) for box in ("a", "b", "c")]
    assert [reader.read(one).result().taken() for one in cut] == [b"bed.tif"] * 3
    assert store.reads == ["bed.tif"]


def test_what_was_to_be_cut_out_of_another_file_is_refused():
    read = reading.Read(b"", "f" * 64)
    whole, same, other = (
        photo("a"),
        photo("a", box="b", file_sha256="f" * 64),
        photo("a", box="b", file_sha256="e" * 64),
    )
    assert reading.declared(whole, read) is reading.declared(same, read) is read
    with pytest.raises(PhotoRejected, match="it was divided as e") as refused:
        reading.declared(other, read)
    assert refused.value.reason is ReasonCode.SOURCE_CHANGED
