"""Reading scans for a batch: a file once for its pages, and a large one held by nobody else than who asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

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


def photo(key, page=1, size=100):
    return SimpleNamespace(
        bucket="b", file_key=key, object_key=f"{key}#{page}", version_id=None, etag="e", page=page, size_bytes=size
    )


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
