"""Fetch model files by hash: resumable, checked, atomic. The only module of the models that uses a network.

Nothing fetches on its own: a person runs ``restoration models pull NAME``.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from restoration.errors import ModelError, ReasonCode, StorageError
from restoration.models.files import Registry, file_sha256
from restoration.models.registry import ModelEntry

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes in all (0 where the server does not say)."""

_CHUNK = 1024 * 1024
_TIMEOUT_S = 60
_RANGE_NOT_SATISFIABLE = 416


def pull(registry: Registry, entry: ModelEntry, progress: Progress | None = None) -> Path:
    """The entry's verified file, fetched first where it is not here.

    A download that was cut off goes on where it stopped. The file gets its name only after its sha256 was checked.

    :raises ModelError: not to be had (MODEL_MISSING), or the bytes are not the pinned ones (MODEL_CORRUPT).
    """
    path = registry.location(entry)
    if path is not None and path.is_file():
        return registry.verify(entry)
    if path is None or entry.source_kind not in {"url", "s3"}:
        return registry.find(entry)
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(entry, part, progress or _silent)
    except (OSError, urllib.error.URLError) as error:
        raise ModelError(f"cannot fetch {entry.source}: {error}; run the command again to go on") from error
    actual = file_sha256(part)
    if actual != entry.sha256:
        part.unlink()
        raise ModelError(
            f"{entry.source} gave other bytes than pinned for {entry.name!r} (sha256 {actual}); nothing was kept",
            reason=ReasonCode.MODEL_CORRUPT,
        )
    os.replace(part, path)
    return registry.verify(entry)


def _silent(done: int, total: int) -> None:
    """Nobody watches."""


def _fetch(entry: ModelEntry, part: Path, progress: Progress) -> None:
    start = part.stat().st_size if part.is_file() else 0
    pieces = _s3_pieces if entry.source_kind == "s3" else _url_pieces
    stream = pieces(entry.source, start)
    first, total = next(stream)
    with part.open("ab" if first else "wb") as file:
        done = first
        for piece, _ in stream:
            file.write(piece)
            done += len(piece)
            progress(done, total)
        file.flush()
        os.fsync(file.fileno())


def _url_pieces(source: str, start: int) -> Iterator[Any]:
    """First (offset that the server begins at, bytes in all), then (piece, 0) until the end."""
    address = source.removeprefix("url:")
    request = urllib.request.Request(address)  # noqa: S310 - the registry's pattern allows http and https only
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310 - see above
    except urllib.error.HTTPError as error:
        with error:
            if error.code == _RANGE_NOT_SATISFIABLE and start:
                yield start, start  # all of it is here already; its hash decides
                return
            raise
    with response:
        first = start if response.status == 206 else 0
        yield first, first + int(response.headers.get("Content-Length") or 0)
        while piece := response.read(_CHUNK):
            yield piece, 0


def _s3_pieces(source: str, start: int) -> Iterator[Any]:
    """The same for ``s3://bucket/key``, with the settings' credentials."""
    from botocore.exceptions import BotoCoreError, ClientError

    from restoration.storage.s3 import make_client

    bucket, key = source.removeprefix("s3://").split("/", 1)
    try:
        client = make_client()
        size = int(client.head_object(Bucket=bucket, Key=key)["ContentLength"])
        first = start if start < size else 0
        yield first, size
        body = client.get_object(Bucket=bucket, Key=key, Range=f"bytes={first}-")["Body"]
        for piece in body.iter_chunks(_CHUNK):
            yield piece, 0
    except (BotoCoreError, ClientError) as error:
        raise StorageError(f"cannot fetch {source}: {error}") from error
