"""Single entries of a stored ZIP file in S3, each with one ranged read, without fetching the file."""

from __future__ import annotations

import io
import struct
import threading
import zipfile
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

from restoration.errors import StorageError
from restoration.review.refusals import not_found

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_LOCAL_MAGIC = b"PK\x03\x04"
_SLACK = 64
_READ_AHEAD = 256 * 1024
MOST_ENTRY_BYTES = 16 * 1024 * 1024
"""Longest entry that is read."""


class RangeSource(Protocol):
    """What is needed of an object store."""

    def object_size(self, bucket: str, key: str) -> int:
        """Size in bytes."""

    def read_range(self, bucket: str, key: str, start: int, length: int) -> bytes:
        """Some bytes of an object."""


@dataclass(frozen=True)
class _Entry:
    offset: int
    size: int
    crc: int


class _Ranged(io.RawIOBase):
    """An object as a file for :mod:`zipfile` to find the table of contents in."""

    def __init__(self, source: RangeSource, bucket: str, key: str, size: int) -> None:
        self._source, self._bucket, self._key, self._size = source, bucket, key, size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        length = min(len(buffer), self._size - self._place)
        if length <= 0:
            return 0
        data = self._source.read_range(self._bucket, self._key, self._place, length)
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


class ZipReader:
    """Reads entries of ZIP files; remembers the tables of contents of the last few. Safe to share between threads.

    :param source: where the files lie.
    :param bucket: the bucket they lie in.
    :param remembered: how many tables of contents are kept; one of a large photograph takes about a megabyte.
    """

    def __init__(self, source: RangeSource, bucket: str, remembered: int = 32) -> None:
        self._source = source
        self._bucket = bucket
        self._remembered = remembered
        self._lock = threading.Lock()
        self._tables: OrderedDict[str, dict[str, _Entry]] = OrderedDict()

    def read(self, key: str, name: str) -> bytes:
        """The bytes of one entry, checked against its CRC.

        :raises Refusal: 404: the file has no such entry.
        :raises StorageError: the file is not a ZIP file of stored entries, is damaged, or S3 is out of reach.
        """
        entry = self._table(key).get(name)
        if entry is None:
            raise not_found(f"tile {name}")
        if entry.size > MOST_ENTRY_BYTES:
            raise StorageError(f"{key}: entry {name} has {entry.size} bytes, more than a tile may have")
        data = self._entry(key, entry, len(name.encode()))
        if len(data) != entry.size or zlib.crc32(data) != entry.crc:
            raise StorageError(f"{key}: entry {name} is damaged")
        return data

    def _entry(self, key: str, entry: _Entry, name_length: int) -> bytes:
        guess = _LOCAL_HEADER.size + name_length + _SLACK + entry.size
        data = self._source.read_range(self._bucket, key, entry.offset, guess)
        if len(data) < _LOCAL_HEADER.size or data[:4] != _LOCAL_MAGIC:
            raise StorageError(f"{key} is damaged: there is no entry where its table says")
        *_, named, extra = _LOCAL_HEADER.unpack_from(data)
        start = _LOCAL_HEADER.size + named + extra
        if start + entry.size > len(data) == guess:  # a longer header than usual
            return self._source.read_range(self._bucket, key, entry.offset + start, entry.size)
        return data[start : start + entry.size]

    def _table(self, key: str) -> dict[str, _Entry]:
        with self._lock:
            known = self._tables.get(key)
            if known is not None:
                self._tables.move_to_end(key)
                return known
        table = self._read_table(key)
        with self._lock:
            self._tables[key] = table
            while len(self._tables) > self._remembered:
                self._tables.popitem(last=False)
        return table

    def _read_table(self, key: str) -> dict[str, _Entry]:
        raw = _Ranged(self._source, self._bucket, key, self._source.object_size(self._bucket, key))
        try:
            with zipfile.ZipFile(io.BufferedReader(raw, _READ_AHEAD)) as archive:
                entries = archive.infolist()
        except zipfile.BadZipFile as error:
            raise StorageError(f"{key} is not a ZIP file: {error}") from error
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise StorageError(f"{key} holds compressed entries; tiles are stored")
        return {e.filename: _Entry(e.header_offset, e.file_size, e.CRC) for e in entries if not e.is_dir()}
