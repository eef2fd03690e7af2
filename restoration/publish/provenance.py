"""Provenance as JSON Lines in shards: what was done to each photograph, by what, with which result.

One object a photograph, so that a reader needs neither a database nor the whole file; shards, because one large file
breaks readers near a hundred thousand photographs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from restoration import __version__
from restoration.publish import layout
from restoration.publish.given import given_of
from restoration.publish.photos import ArchivedPhoto

PHOTOS_PER_SHARD = 1000


def write_provenance(photos: Iterable[ArchivedPhoto], folder: Path) -> Iterator[tuple[str, Path]]:
    """Write the shards; gives each one's path in the archive and on disk as soon as it is complete."""
    rest = iter(photos)
    shard = 0
    while batch := list(islice(rest, PHOTOS_PER_SHARD)):
        path = folder / f"part-{shard:05d}.jsonl"
        with path.open("w", encoding="utf-8", newline="\n") as lines:
            for photo in batch:
                lines.write(json.dumps(provenance_of(photo), ensure_ascii=False, sort_keys=True) + "\n")
        yield layout.provenance_path(shard), path
        shard += 1


def provenance_of(photo: ArchivedPhoto) -> dict[str, Any]:
    """One photograph's provenance.

    Keys: ``id``, ``original`` (address and hash of the untouched scan), ``restored`` (file and hash, None where
    none is shown; ``unlabelled_sha256`` is that of the restored file before labels were written into it),
    ``credentials`` (``original``: how signed content credentials name the scan; None where there are none),
    ``agents`` (software, models with weight hash and licence, device), ``events`` (PREMIS words), ``steps`` with
    their parameters, ``faces``, ``measurements``, ``metadata`` (Dublin Core), ``metadata_from`` (the source of
    each of its terms: metadata.csv, XMP, IPTC, EXIF, PNG), ``review`` (the last), ``decision``
    (the one in force), ``shown_as`` and ``why_not_restored`` (:mod:`restoration.publish.showing`), ``damage`` (what
    was found and how it was mended, a kind each), ``filled`` (``share`` of the picture that was invented, None
    where nobody recorded it, and the ``mask`` that says where, None where there is none), and, only if there are any,
    ``hints``: colours that people gave and it was painted by, with place, ground and, if they may be named, who and
    from what; and ``access``: the copy for everyday use, with what ``restored`` says of its file.
    """
    record = photo.record
    hints = [one.facts() for one in given_of(record)]
    output = record.get("output") if photo.shown else None
    return {
        "id": photo.name,
        "catalog_photo_id": photo.photo_id,
        "original": {"object_key": record.get("object_key"), **(record.get("source") or {})},
        "restored": {**output, "file": photo.output_path} if output else None,
        "shown_as": photo.shown_as,
        "why_not_restored": photo.reason,
        "state": record.get("state"),
        "reason": record.get("reason"),
        "reason_detail": record.get("reason_detail") or "",
        "ai_altered": bool(photo.shown and record.get("ai_altered")),
        "duplicate_of": record.get("duplicate_of"),
        "agents": _agents(record),
        "recipe": record.get("recipe"),
        "credentials": record.get("credentials"),
        "steps": record.get("steps") or [],
        "faces": record.get("faces") or [],
        "damage": record.get("damage") or [],
        "filled": {"share": record.get("filled_share"), "mask": record.get("mask_file")},
        "measurements": record.get("measurements") or {},
        "seconds": record.get("seconds"),
        "events": record.get("events") or [],
        "review": record.get("review"),
        "decision": record.get("decision"),
        "withdrawal": record.get("withdrawal"),
        "metadata": record.get("dublin_core") or {},
        "metadata_from": record.get("dublin_core_from") or {},
        **({"hints": hints} if hints else {}),
        **({"access": record["access"]} if photo.access_path else {}),
    }


def _agents(record: dict[str, Any]) -> list[dict[str, Any]]:
    software = {"type": "software", "name": "archive-restoration", "version": record.get("code_version") or __version__}
    models = [{"type": "model", **model} for model in record.get("models") or []]
    device = record.get("device")
    return [software, *models, *([{"type": "hardware", "name": device}] if device else [])]
