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

from restoration.errors import ReasonCode
from restoration.publish import layout
from restoration.publish.people import public_event, public_hints, public_review, public_source
from restoration.publish.showing import RejectedPhotos, ShownAs, showing_of

if TYPE_CHECKING:
    from restoration.catalog.publishing import PublishablePhoto


@dataclass(frozen=True)
class Payload:
    """One file that is copied from the restored bucket. ``key`` is content-addressed, so the hash is known."""

    path: str
    key: str
    sha256: str


@dataclass(frozen=True)
class ArchivedPhoto:
    """One photograph as the archive shows it. ``record`` is the catalog's own (see ``PublishablePhoto``).

    ``shown_as`` and ``reason`` are those of :mod:`restoration.publish.showing`. Of a withdrawn photograph the record
    holds nothing but its number and the published reason.
    """

    photo_id: int
    restoration_id: int | None
    name: str
    shown_as: ShownAs
    reason: str | None
    record: dict[str, Any]

    @property
    def shown(self) -> bool:
        """Whether the restored picture is shown."""
        return self.shown_as == "restored"

    @property
    def output_path(self) -> str | None:
        """Path of the restored picture, None where none is shown."""
        if not self.shown:
            return None
        return layout.photo_path(self.name, str(self.record["output"]["key"]).rsplit(".", 1)[-1])

    @property
    def mask_path(self) -> str | None:
        """Path of the mask that says where the restored picture was mended, None where there is none to show."""
        return layout.mask_path(self.name) if self.shown and self.record.get("mask") else None

    @property
    def access_path(self) -> str | None:
        """Path of the restored picture's copy for everyday use, None if there is none to show."""
        access = self.record.get("access") if self.shown else None
        return layout.access_path(self.name, str(access["key"]).rsplit(".", 1)[-1]) if access else None

    def payloads(self) -> Iterator[Payload]:
        """The photograph's files: restored picture, its copy, both previews and the mask, or what is shown of them."""
        stages: tuple[str, ...] = ("before",) if self.shown_as == "original" else ()
        if self.output_path is not None:
            output, stages = self.record["output"], ("before", "after")
            yield Payload(self.output_path, output["key"], output["sha256"])
        if self.access_path is not None:
            access = self.record["access"]
            yield Payload(self.access_path, access["key"], access["sha256"])
        for stage in stages:
            key = self.record["previews"][stage]
            yield Payload(layout.preview_path(self.name, stage), key, layout.sha256_of_key(key))
        if self.mask_path is not None:
            key = self.record["mask"]
            yield Payload(self.mask_path, key, layout.sha256_of_key(key))


@dataclass
class PhotoSpool:
    """Photographs on disk, one JSON line each, with counts and a hash of everything that would be shown.

    ``showing`` counts by ``shown_as``, ``reasons`` by the reason of those that are not shown restored.
    """

    path: Path
    count: int = 0
    states: Counter[str] = field(default_factory=Counter)
    showing: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    content_sha256: str = ""

    @property
    def shown(self) -> int:
        """Photographs that are shown restored."""
        return self.showing["restored"]

    @property
    def waiting(self) -> int:
        """Photographs that are shown as scanned because a person must look first."""
        return self.reasons[ReasonCode.AWAITING_REVIEW]

    def __iter__(self) -> Iterator[ArchivedPhoto]:
        """The photographs in the order of their object keys."""
        with self.path.open(encoding="utf-8") as lines:
            for line in lines:
                yield ArchivedPhoto(**json.loads(line))


def spool_photos(
    photos: Iterable[PublishablePhoto],
    path: Path,
    header: dict[str, Any],
    rejected_photos: RejectedPhotos = "original",
    *,
    names: bool = False,
    givers: bool = False,
) -> PhotoSpool:
    """Write the photographs to a file and hash what a publication of them would say.

    :param header: facts of the collection that the archive shows too (title, rights, ...); part of the hash.
    :param rejected_photos: see :func:`~restoration.publish.showing.showing_of`.
    :param names: whether the people who decided may be named (:mod:`restoration.publish.people`).
    :param givers: whether the people who gave colours may be.
    """
    spool = PhotoSpool(path)
    hasher = hashlib.sha256(_canonical({"layout": layout.LAYOUT, **header}))
    with path.open("w", encoding="utf-8") as lines:
        for photo in photos:
            archived = _archived(photo, rejected_photos, names=names, givers=givers)
            hasher.update(_canonical(_shown_facts(archived)))
            lines.write(json.dumps(vars(archived), ensure_ascii=True) + "\n")
            spool.count += 1
            spool.states[str(photo.state)] += 1
            spool.showing[archived.shown_as] += 1
            if archived.reason:
                spool.reasons[archived.reason] += 1
    spool.content_sha256 = hasher.hexdigest()
    return spool


def _archived(photo: PublishablePhoto, rejected_photos: RejectedPhotos, *, names: bool, givers: bool) -> ArchivedPhoto:
    shown_as, reason = showing_of(photo.record, rejected_photos)
    withdrawn = shown_as == "withdrawn"
    return ArchivedPhoto(
        photo.photo_id,
        None if withdrawn else photo.restoration_id,
        layout.payload_name(photo.photo_id),
        shown_as,
        None if reason is None else str(reason),
        _tombstone(photo.record) if withdrawn else _public(photo.record, names=names, givers=givers),
    )


def _public(record: dict[str, Any], *, names: bool, givers: bool) -> dict[str, Any]:
    return record | {
        "events": [public_event(event, names=names, givers=givers) for event in record.get("events") or []],
        "review": public_review(record.get("review"), names=names),
        "hints": public_hints(record.get("hints") or [], givers=givers),
        "source": public_source(record.get("source") or {}, names=names),
    }


def _tombstone(record: dict[str, Any]) -> dict[str, Any]:
    """All that is said of a withdrawn photograph: neither its name nor any hash by which a copy could be found."""
    withdrawal = record["withdrawal"]
    return {
        "photo_id": record["photo_id"],
        "state": "skipped",
        "reason": str(ReasonCode.WITHDRAWN),
        "reason_detail": withdrawal["reason"],
        "withdrawal": {"reason": withdrawal["reason"], "withdrawn_at": withdrawal["withdrawn_at"]},
    }


def _shown_facts(photo: ArchivedPhoto) -> dict[str, Any]:
    """What makes a new version necessary when it changes. Events and timings do not: they change with every run."""
    record = photo.record
    kept = ("object_key", "title", "dublin_core", "state", "reason", "reason_detail", "ai_altered", "recipe", "models")
    return {
        "shown_as": photo.shown_as,
        "why": photo.reason,
        "source": (record.get("source") or {}).get("sha256"),
        "output": (record.get("output") or {}).get("sha256"),
        "decision": (record.get("review") or {}).get("decision"),
        **{name: record.get(name) for name in kept},
        # only if there is one: what has none says what it said before there were any
        **{name: record[name] for name in ("mask", "hints", "access") if record.get(name)},
        **({"page": page} if (page := (record.get("source") or {}).get("page")) else {}),
        **({"part": part} if (part := (record.get("source") or {}).get("part")) else {}),
    }


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode() + b"\n"
