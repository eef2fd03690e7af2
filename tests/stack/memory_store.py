"""An object store in memory that can be told to die at its n-th call, before or after the call took effect."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from restoration.errors import PhotoRejected, ReasonCode, WriteConflict
from restoration.fixity import Fixity, fixity_of_bytes
from restoration.names import output_key
from restoration.storage.s3 import StoredObject


class Killed(BaseException):
    """Stands for kill -9: nothing of the program's own handling may run on it."""


class MemoryStore:
    """The publisher's calls of :class:`restoration.storage.s3.ObjectStore`, on a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.left, self.answered, self._lock = 10**9, False, threading.Lock()

    def die_at(self, call: int, *, answered: bool) -> None:
        """Let ``call - 1`` calls through; ``answered``: the next one still takes effect before all is over."""
        self.left, self.answered = call, answered

    def _call(self, work: Any) -> Any:
        with self._lock:
            self.left -= 1
            if self.left < 0 or (self.left == 0 and not self.answered):
                raise Killed
            result = work()
            if self.left == 0:
                raise Killed
            return result

    def _etag(self, bucket: str, key: str) -> str | None:
        data = self.objects.get((bucket, key))
        return None if data is None else hashlib.md5(data).hexdigest()

    def _get(self, bucket: str, key: str) -> bytes:
        if (bucket, key) not in self.objects:
            raise PhotoRejected("missing", reason=ReasonCode.SOURCE_MISSING, photo=key)
        return self.objects[bucket, key]

    def list_pages(self, bucket: str, prefix: str = "") -> Iterator[list[StoredObject]]:
        now = datetime.now(UTC)
        keys = self._call(lambda: sorted(k for b, k in self.objects if b == bucket and k.startswith(prefix)))
        if keys:
            yield [StoredObject(k, "", self._etag(bucket, k) or "", len(self.objects[bucket, k]), now) for k in keys]

    def list_folders(self, bucket: str, prefix: str) -> Iterator[str]:
        below = self._call(
            lambda: [k.removeprefix(prefix) for b, k in self.objects if b == bucket and k.startswith(prefix)]
        )
        yield from sorted({key.split("/", 1)[0] for key in below if "/" in key})

    def stat(self, bucket: str, key: str) -> StoredObject | None:
        etag = self._call(lambda: self._etag(bucket, key))
        return None if etag is None else StoredObject(key, "", etag, 0, datetime.now(UTC))

    def read(self, bucket: str, key: str, **_: object) -> tuple[bytes, str]:
        data = self._call(lambda: self._get(bucket, key))
        return data, hashlib.sha256(data).hexdigest()

    def stream(self, bucket: str, key: str, **_: object) -> Iterator[bytes]:
        yield self.read(bucket, key)[0]

    def hash_object(self, bucket: str, key: str) -> tuple[str, int]:
        data, sha256 = self.read(bucket, key)
        return sha256, len(data)

    def object_fixity(self, bucket: str, key: str) -> Fixity:
        return fixity_of_bytes(self.read(bucket, key)[0])

    def put(self, bucket: str, key: str, data: bytes, content_type: str = "") -> None:
        self._call(lambda: self.objects.__setitem__((bucket, key), data))

    def put_file(self, bucket: str, key: str, path: Path, content_type: str) -> None:
        self.put(bucket, key, path.read_bytes())

    def write_content(self, bucket: str, data: bytes, extension: str, content_type: str) -> str:
        key = output_key(hashlib.sha256(data).hexdigest(), extension)
        self.put(bucket, key, data)
        return key

    def copy(self, bucket: str, key: str, to_bucket: str, to_key: str, *, content_type: str | None = None) -> None:
        self._call(lambda: self.objects.__setitem__((to_bucket, to_key), self._get(bucket, key)))

    def put_atomic(self, bucket: str, key: str, data: bytes, *, replaces: str | None) -> str:
        def write() -> str:
            if self._etag(bucket, key) != replaces:
                raise WriteConflict("changed")
            self.objects[bucket, key] = data
            return str(self._etag(bucket, key))

        return self._call(write)

    def delete(self, bucket: str, key: str) -> None:
        self._call(lambda: self.objects.pop((bucket, key), None))

    def delete_prefix(self, bucket: str, prefix: str) -> int:
        """One call an object, so that a kill can leave half of them."""
        keys = [k for b, k in self.objects if b == bucket and k.startswith(prefix)]
        for key in keys:
            self._call(lambda key=key: self.objects.pop((bucket, key)))
        return len(keys)
