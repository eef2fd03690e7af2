"""W3C PROV (PROV-O) as JSON-LD in shards: which picture was derived from which, by what activity, with which models.

The context is in the file itself, so it can be read without internet. Pictures of the archive have addresses relative
to the file; scans have their S3 address.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from restoration import __version__
from restoration.publish import layout
from restoration.publish.cut_out import cut_out_of
from restoration.publish.given import GivenColour, given_of
from restoration.publish.photos import ArchivedPhoto

PHOTOS_PER_SHARD = 500
CONTEXT = {
    "prov": "http://www.w3.org/ns/prov#",
    "dcterms": "http://purl.org/dc/terms/",
    "schema": "https://schema.org/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "endedAtTime": {"@id": "prov:endedAtTime", "@type": "xsd:dateTime"},
    "wasDerivedFrom": {"@id": "prov:wasDerivedFrom", "@type": "@id"},
    "wasGeneratedBy": {"@id": "prov:wasGeneratedBy", "@type": "@id"},
    "wasAssociatedWith": {"@id": "prov:wasAssociatedWith", "@type": "@id"},
    "used": {"@id": "prov:used", "@type": "@id"},
    "title": "dcterms:title",
    "identifier": "dcterms:identifier",
    "rights": "dcterms:rights",
    "description": "dcterms:description",
    "version": "schema:version",
    "sha256": "schema:sha256",
}


def write_prov(photos: Iterable[ArchivedPhoto], folder: Path) -> Iterator[tuple[str, Path]]:
    """Write the shards; gives each one's path in the archive and on disk as soon as it is complete."""
    rest, shard = iter(photos), 0
    while batch := list(islice(rest, PHOTOS_PER_SHARD)):
        path = folder / f"prov-{shard:05d}.jsonld"
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(f'{{"@context": {json.dumps(CONTEXT)},\n"@graph": [\n')
            file.write(",\n".join(json.dumps(node, ensure_ascii=False, sort_keys=True) for node in _graph(batch)))
            file.write("\n]}\n")
        yield layout.prov_path(shard), path
        shard += 1


def _graph(batch: list[ArchivedPhoto]) -> Iterator[dict[str, Any]]:
    shared: dict[str, dict[str, Any]] = {}
    scans = {_scan_id(photo) for photo in batch}  # a scan that is divided is the file of its photographs
    for photo in batch:
        yield _scan(photo)
        shared.update((node["@id"], node) for node in _file_of_pages(photo) if node["@id"] not in scans)
        if photo.shown:
            yield from _restored(photo)
            shared.update((node["@id"], node) for node in _agents(photo.record))
            shared.update((node["@id"], node) for one in given_of(photo.record) for node in _given(one))
    yield from shared.values()


def _scan(photo: ArchivedPhoto) -> dict[str, Any]:
    source = photo.record.get("source") or {}
    node = {"@id": _scan_id(photo), "@type": "prov:Entity", "identifier": photo.name}
    facts = {
        "title": photo.record.get("title"),
        "description": photo.record.get("object_key"),
        "sha256": None if source.get("page") else source.get("sha256"),
        "wasDerivedFrom": _file_id(source) if source.get("page") else None,
        **_cut_out(photo.record),
    }
    return node | {key: value for key, value in facts.items() if value}


def _cut_out(record: dict[str, Any]) -> dict[str, Any]:
    """Where on its page a photograph was, and who divided the scan: beside its key."""
    cut = cut_out_of(record)
    if cut is None:
        return {}
    said = f"{record.get('object_key')}: cut out of the page, {cut.where}; divided {cut.decided}"
    return {"description": said}


def _file_of_pages(photo: ArchivedPhoto) -> Iterator[dict[str, Any]]:
    """The file of a scan that is one page of several; its hash is the file's."""
    source = photo.record.get("source") or {}
    if source.get("page") and source.get("uri"):
        node = {"@id": _file_id(source), "@type": "prov:Entity", "sha256": source.get("sha256")}
        yield {key: value for key, value in node.items() if value}


def _file_id(source: dict[str, Any]) -> str:
    # an address with spaces or quotes in it is no IRI
    return quote(source["uri"], safe=":/")


def _scan_id(photo: ArchivedPhoto) -> str:
    source = photo.record.get("source") or {}
    if not source.get("uri"):
        return f"#scan-{photo.name}"
    part = f"&part={source['part']['number']}" if source.get("part") else ""
    return f"{_file_id(source)}#page={source['page']}{part}" if source.get("page") else _file_id(source)


def _restored(photo: ArchivedPhoto) -> Iterator[dict[str, Any]]:
    record, activity = photo.record, f"#restoration-{photo.restoration_id}-{photo.name}"
    scan = _scan_id(photo)
    recipe = record.get("recipe") or {}
    unlabelled = f"#unlabelled-{photo.name}"
    yield {
        "@id": f"../{str(photo.output_path).removeprefix('data/')}",
        "@type": "prov:Entity",
        "identifier": f"{photo.name} restored",
        "sha256": record["output"]["sha256"],
        "wasDerivedFrom": [scan, unlabelled],
        "wasGeneratedBy": activity,
        "description": "altered by AI" if record.get("ai_altered") else "not altered by AI",
    }
    yield {
        "@id": unlabelled,
        "@type": "prov:Entity",
        "identifier": f"{photo.name} restored, before labels were written into the file",
        "sha256": layout.sha256_of_key(record["output"]["key"]),
        "wasDerivedFrom": scan,
        "wasGeneratedBy": activity,
    }
    if (record.get("access") or {}).get("file"):
        yield {
            "@id": f"../{str(photo.access_path).removeprefix('data/')}",
            "@type": "prov:Entity",
            "identifier": f"{photo.name} access copy",
            "sha256": record["access"]["sha256"],
            "wasDerivedFrom": f"../{str(photo.output_path).removeprefix('data/')}",
            "wasGeneratedBy": activity,
            "description": "copy of the restored picture for everyday use",
        }
    if record.get("mask_file"):
        yield {
            "@id": f"../{str(photo.mask_path).removeprefix('data/')}",
            "@type": "prov:Entity",
            "identifier": f"{photo.name} mask",
            "sha256": record["mask_file"]["sha256"],
            "wasDerivedFrom": f"../{str(photo.output_path).removeprefix('data/')}",
            "wasGeneratedBy": activity,
            "description": "where the restored picture was mended",
        }
    node = {
        "@id": activity,
        "@type": "prov:Activity",
        "used": [
            scan,
            *(_model_id(model) for model in record.get("models") or []),
            *(_hint_id(one) for one in given_of(record)),
        ],
        "wasAssociatedWith": _software_id(record),
        "description": f"recipe {recipe.get('name')}, sha256 {recipe.get('sha256')}",
    }
    ended = record.get("restored_at")
    yield node | ({"endedAtTime": ended} if ended else {})


def _agents(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {
        "@id": _software_id(record),
        "@type": "prov:SoftwareAgent",
        "title": "archive-restoration",
        "version": record.get("code_version") or __version__,
    }
    for model in record.get("models") or []:
        facts = {
            "title": model.get("name"),
            "version": model.get("version"),
            "rights": model.get("licence"),
            "description": model.get("architecture"),
            "sha256": model["weights_sha256"],
        }
        known = {key: value for key, value in facts.items() if value}
        yield {"@id": _model_id(model), "@type": "prov:Entity", **known}


def _given(one: GivenColour) -> Iterator[dict[str, Any]]:
    """A colour that somebody gave, which the restoration used; the person is named if they may be."""
    what = f" for {one.what}" if one.what else ""
    words = [f"{one.colour} ({one.word}){what} at {one.where}", f"known from {one.ground}", one.source]
    giver = f"#giver-of-hint-{one.hint_id}"
    yield {
        "@id": _hint_id(one),
        "@type": "prov:Entity",
        "identifier": f"hint {one.hint_id}",
        "title": "colour given by a person",
        "description": "; ".join(filter(None, words)),
        "prov:generatedAtTime": {"@value": one.added_at, "@type": "xsd:dateTime"},
        **({"prov:wasAttributedTo": {"@id": giver}} if one.said_by else {}),
    }
    if one.said_by:
        yield {"@id": giver, "@type": "prov:Person", "title": one.said_by}


def _hint_id(one: GivenColour) -> str:
    return f"#hint-{one.hint_id}"


def _software_id(record: dict[str, Any]) -> str:
    return f"#archive-restoration-{quote(str(record.get('code_version') or __version__), safe='')}"


def _model_id(model: dict[str, Any]) -> str:
    return f"#model-{model['weights_sha256']}"
