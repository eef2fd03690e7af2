"""The photographs of a publication, read from the catalog once and kept on disk while the archive is written.

The catalog's transaction is short, memory stays flat whatever the size of the collection, and every later pass
(gallery, metadata, provenance, copies) sees the very same photographs.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration.errors import PhotoState
from restoration.publish import layout

if TYPE_CHECKING:
    from restoration.catalog.publishing import PublishablePhoto

_SHOWN_STATES = frozenset({PhotoState.RESTORED, PhotoState.NEEDS_REVIEW})
_HIDING_DECISIONS = frozenset({"reject", "keep_original"})


@dataclass(frozen=True)
class Payload:
    """One file that is copied from the restored bucket. ``key`` is content-addressed, so the hash is known."""

    path: str
    key: str
    sha256: str


@dataclass(frozen=True)
class ArchivedPhoto:
    """One photograph as the archive shows it. ``record`` is the catalog's own (see ``PublishablePhoto``)."""

    photo_id: int
    restoration_id: int | None
    name: str
    shown: bool
    record: dict[str, Any]

    @property
    def output_path(self) -> str | None:
        """Path of the restored picture, None where none is shown."""
        if not self.shown:
            return None
        return layout.photo_path(self.name, str(self.record["output"]["key"]).rsplit(".", 1)[-1])

    def payloads(self) -> Iterator[Payload]:
        """The files that belong to the photograph: restored picture and both previews, or none at all."""
        if self.output_path is None:
            return
        output, previews = self.record["output"], self.record["previews"]
        yield Payload(self.output_path, output["key"], output["sha256"])
        for stage in ("before", "after"):
            key = previews[stage]
            yield Payload(layout.preview_path(self.name, stage), key, layout.sha256_of_key(key))


@dataclass
class PhotoSpool:
    """Photographs on disk, one JSON line each, with counts by state and a hash of everything that would be shown."""

    path: Path
    count: int = 0
    shown: int = 0
    states: Counter[str] = field(default_factory=Counter)
    content_sha256: str = ""

    def __iter__(self) -> Iterator[ArchivedPhoto]:
        """The photographs in the order of their object keys."""
        with self.path.open(encoding="utf-8") as lines:
            for line in lines:
                yield ArchivedPhoto(**json.loads(line))


def spool_photos(photos: Iterable[PublishablePhoto], path: Path, header: dict[str, Any]) -> PhotoSpool:
    """Write the photographs to a file and hash what a publication of them would say.

    :param header: facts of the collection that the archive shows too (title, rights, ...); part of the hash.
    """
    spool = PhotoSpool(path)
    hasher = hashlib.sha256(_canonical({"layout": layout.LAYOUT, **header}))
    with path.open("w", encoding="utf-8") as lines:
        for photo in photos:
            archived = _archived(photo)
            hasher.update(_canonical(_shown_facts(archived)))
            lines.write(json.dumps(vars(archived), ensure_ascii=True) + "\n")
            spool.count += 1
            spool.shown += archived.shown
            spool.states[str(photo.state)] += 1
    spool.content_sha256 = hasher.hexdigest()
    return spool


def _archived(photo: PublishablePhoto) -> ArchivedPhoto:
    review = photo.record.get("review") or {}
    shown = (
        photo.state in _SHOWN_STATES
        and bool(photo.record.get("output"))
        and review.get("decision") not in _HIDING_DECISIONS
    )
    return ArchivedPhoto(
        photo.photo_id, photo.restoration_id, layout.payload_name(photo.photo_id), shown, dict(photo.record)
    )


def _shown_facts(photo: ArchivedPhoto) -> dict[str, Any]:
    """What makes a new version necessary when it changes. Events and timings do not: they change with every run."""
    record = photo.record
    kept = ("object_key", "title", "dublin_core", "state", "reason", "reason_detail", "ai_altered", "recipe", "models")
    return {
        "shown": photo.shown,
        "source": (record.get("source") or {}).get("sha256"),
        "output": (record.get("output") or {}).get("sha256"),
        "decision": (record.get("review") or {}).get("decision"),
        **{name: record.get(name) for name in kept},
    }


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode() + b"\n"
