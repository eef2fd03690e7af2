"""Fetch model files by hash: resumable, checked, atomic. The only module of the models that uses a network.

Nothing fetches on its own: a person runs ``restoration models pull NAME``. Bytes go to ``<sha256>.<suffix>.part`` and
get their name only after their hash was checked, so whatever has the name is right, whoever fetched it.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from restoration.errors import ModelError, ReasonCode, StorageError
from restoration.models.atomic import locked, sync_folder
from restoration.models.files import Registry, file_sha256
from restoration.models.registry import ModelEntry
from restoration.settings import get_settings

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes in all (0 where the server does not say)."""

_CHUNK = 1024 * 1024
_TIMEOUT_S = 60
_ATTEMPTS = 4
_FIRST_PAUSE_S = 1.0
_PARTIAL = 206
_RANGE_NOT_SATISFIABLE = 416


class _CutOff(OSError):
    """The connection ended before the last byte; what is here is kept, and the next attempt goes on from there."""


def pull(
    registry: Registry,
    entry: ModelEntry,
    progress: Progress | None = None,
    waiting: Callable[[], None] | None = None,
) -> Path:
    """The entry's verified file, fetched first where it is not here.

    No more than ``RESTORATION_MODEL_MAX_BYTES`` are taken, whatever the server sends.
    A download that was cut off goes on where it stopped, by itself a few times, and when it is asked for again. Of two
    processes that want the same file one fetches, and the other waits for it.

    :param waiting: called once where another process is fetching this file.
    :raises ModelError: not to be had, too large, or no room for it (MODEL_MISSING); not the pinned bytes
        (MODEL_CORRUPT).
    :raises StorageError: the S3 service refused.
    """
    path = registry.location(entry)
    if path is not None and path.is_file():
        return registry.verify(entry)
    if path is None or entry.source_kind not in {"url", "s3"}:
        return registry.find(entry)
    with locked(path.with_name(path.name + ".lock"), waiting):
        if not path.is_file():
            _fetch_verified(entry, path, progress or _silent)
    return registry.verify(entry)


def _silent(done: int, total: int) -> None:
    """Nobody watches."""


def _fetch_verified(entry: ModelEntry, path: Path, progress: Progress) -> None:
    part = path.with_name(path.name + ".part")
    resumed = _size(part) > 0
    actual = _fetched(entry, part, progress)
    if actual != entry.sha256 and resumed:
        # the beginning that lay here may be another file's, or spoilt; only a whole download blames the source
        part.unlink()
        actual = _fetched(entry, part, progress)
    if actual != entry.sha256:
        part.unlink()
        raise ModelError(
            f"{entry.source} gave other bytes than pinned for {entry.name!r} (sha256 {actual}); nothing was kept",
            reason=ReasonCode.MODEL_CORRUPT,
        )
    os.replace(part, path)
    sync_folder(path.parent)


def _fetched(entry: ModelEntry, part: Path, progress: Progress) -> str:
    """Hash of the whole download, after as many attempts as are worth making."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _fetch(entry, part, progress)
            return file_sha256(part)
        except (OSError, http.client.HTTPException) as error:
            if attempt == _ATTEMPTS or not _worth_another(error):
                kept = f"{_size(part):,} bytes are kept; " if _size(part) else ""
                raise ModelError(
                    f"cannot fetch {entry.source}: {error}; {kept}run the command again to go on"
                ) from error
            time.sleep(_FIRST_PAUSE_S * 2 ** (attempt - 1))
    raise AssertionError("the last attempt returns or raises")


def _worth_another(error: Exception) -> bool:
    """Whether the line, not the disk or the address, is at fault."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, _CutOff | ConnectionResetError | TimeoutError | http.client.HTTPException)


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _fetch(entry: ModelEntry, part: Path, progress: Progress) -> None:
    """Bring the part up to the whole, from where it ends."""
    pieces = _s3_pieces if entry.source_kind == "s3" else _url_pieces
    stream = pieces(entry.source, _size(part))
    first, total = next(stream)
    limit = get_settings().model_max_bytes
    _require_modesty(entry, total, limit)
    _require_room(part.parent, total - first)
    with part.open("ab" if first else "wb") as file:
        done = first
        for piece, _ in stream:
            done += len(piece)
            _require_modesty(entry, done, limit)
            file.write(piece)
            progress(done, total)
        file.flush()
        os.fsync(file.fileno())
    if done < total:
        raise _CutOff(f"the connection ended after {done:,} of {total:,} bytes")


def _require_modesty(entry: ModelEntry, size: int, limit: int) -> None:
    if size > limit:
        raise ModelError(
            f"{entry.source} sends more than {limit:,} bytes, which is the most that is taken for a model; if "
            f"{entry.name!r} is that large, raise RESTORATION_MODEL_MAX_BYTES"
        )


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ModelError(
            f"{folder} has {free:,} bytes free, {needed:,} are needed; make room, or set RESTORATION_MODEL_DIR"
        )


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows http and https only, and never from https back to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        """The next request. :raises URLError: the redirection leads where nothing is fetched from."""
        before, after = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if after not in {"http", "https"} or (before == "https" and after != "https"):
            raise urllib.error.URLError(f"it redirects to {newurl}, which is not followed")
        return super().redirect_request(req, fp, code, msg, cast(http.client.HTTPMessage, headers), newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Knows http, https, their proxies (from the environment) and redirects; neither files, nor ftp, nor data."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _SafeRedirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _url_pieces(source: str, start: int) -> Iterator[Any]:
    """First (offset that the server begins at, bytes in all), then (piece, 0) until the end."""
    # numbers as they are: a packed answer could not be resumed, nor its length be compared
    headers = {"Accept-Encoding": "identity", "User-Agent": "archive-restoration"}
    request = urllib.request.Request(source.removeprefix("url:"), headers=headers)  # noqa: S310 - see _opener
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = _opener().open(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == _RANGE_NOT_SATISFIABLE and start:
                yield start, start  # all of it is here already; its hash decides
                return
            raise
    with response:
        first = _offset(response, start)
        yield first, first + int(response.headers.get("Content-Length") or 0)
        while piece := response.read(_CHUNK):
            yield piece, 0


def _offset(response: Any, start: int) -> int:
    """Where the answer begins: servers may ignore a wish for a part. :raises URLError: they begin somewhere else."""
    if response.status != _PARTIAL:
        return 0
    said = re.match(r"bytes (\d+)-", response.headers.get("Content-Range") or "")
    if said and int(said[1]) != start:
        raise urllib.error.URLError(f"the server was asked for bytes from {start} and gives them from {said[1]}")
    return start


def _s3_pieces(source: str, start: int) -> Iterator[Any]:
    """The same for ``s3://bucket/key``, with the settings' credentials."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    from restoration.storage.s3 import make_client

    bucket, key = source.removeprefix("s3://").split("/", 1)
    try:
        client = make_client()
        facts = client.head_object(Bucket=bucket, Key=key)
        size = int(facts["ContentLength"])
        first = start if start <= size else 0
        yield first, size
        if first == size:
            return
        body = client.get_object(Bucket=bucket, Key=key, Range=f"bytes={first}-", IfMatch=facts["ETag"])["Body"]
        for piece in body.iter_chunks(_CHUNK):
            yield piece, 0
    except HTTPClientError as error:
        raise _CutOff(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise StorageError(f"cannot fetch {source}: {error}") from error
