"""The untouched scans, brought to disk while their restored pictures are signed. They are read and never written."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from restoration.errors import PhotoRejected, StorageError
from restoration.names import MEDIA_TYPES
from restoration.publish.photos import ArchivedPhoto

if TYPE_CHECKING:
    from restoration.storage.s3 import ObjectStore

Found = Literal["read", "gone", "changed", "unreachable", "unreadable"]
"""``read``: the bytes are those that were restored. Else only the catalog's facts of the scan are known: it is no
longer there, holds other bytes, could not be fetched, or is of a format that C2PA cannot parse."""

ATTEMPTS = 3


@dataclass(frozen=True)
class Original:
    """One scan: what the catalog knows of it, and its bytes where they are at hand.

    ``found`` is None where nobody looked.
    """

    title: str
    media_type: str
    sha256: str
    found: Found
    path: Path | None = None


class Originals:
    """Fetches scans into a folder, one temporary file each."""

    def __init__(self, store: ObjectStore, folder: Path) -> None:
        self._store, self._folder = store, folder

    @contextmanager
    def fetched(self, photo: ArchivedPhoto) -> Iterator[Original]:
        """The scan of a photograph; its file is removed afterwards. Never fails for the scan's sake."""
        source: dict[str, Any] = photo.record.get("source") or {}
        title = str(photo.record.get("object_key") or photo.name).rsplit("/", 1)[-1]
        media_type = MEDIA_TYPES.get(str(source.get("format")).lower(), "image/x-unknown")
        sha256 = str(source.get("sha256") or "unknown")
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix="scan-") as file:
            path = Path(file.name)
            found = self._fetch(source, path)
            if found == "read" and not _is_readable(media_type, path):
                found = "unreadable"
            yield Original(title, media_type, sha256, found, path if found == "read" else None)

    def _fetch(self, source: dict[str, Any], path: Path) -> Found:
        if not source.get("uri"):
            return "gone"
        bucket, _, key = str(source["uri"]).removeprefix("s3://").partition("/")
        for _ in range(ATTEMPTS):
            try:
                return self._download(bucket, key, source, path)
            except PhotoRejected:
                return "gone"
            except StorageError:
                continue
        return "unreachable"

    def _download(self, bucket: str, key: str, source: dict[str, Any], path: Path) -> Found:
        hasher = hashlib.sha256()
        with path.open("wb") as file:
            for chunk in self._store.stream(bucket, key, version_id=str(source.get("version_id") or "")):
                hasher.update(chunk)
                file.write(chunk)
        return "read" if hasher.hexdigest() == source.get("sha256") else "changed"


def _is_readable(media_type: str, path: Path) -> bool:
    """Whether C2PA can parse a file of this type, and this file."""
    import c2pa

    from restoration.publish.credentials import quiet_context

    if media_type not in c2pa.Builder.get_supported_mime_types():
        return False
    try:
        with path.open("rb") as scan, c2pa.Builder({"title": "x"}, context=quiet_context()) as builder:
            builder.add_ingredient({"title": "x", "relationship": "parentOf"}, media_type, scan)
    except c2pa.C2paError:
        return False
    return True
