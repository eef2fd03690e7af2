"""PREMIS 3 (Library of Congress, http://www.loc.gov/premis/v3): objects, events, agents and rights as XML.

``collection.xml`` speaks of the collection: its rights, and events such as approvals and publications, with the head of
the chain of events. ``photos-*.xml`` hold some photographs each: the scan (outside this archive, by its address and
hash), the restored picture and the previews (with the hashes of the manifests), and every event of the photograph.
Each event carries its place in the collection's chain, its own hash and the one before.

Elements stand in the order of the schema's sequences; documents are written piece by piece.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from lxml import etree

from restoration import __version__
from restoration.fixity import Fixity
from restoration.names import MEDIA_TYPES
from restoration.publish import layout
from restoration.publish.cut_out import cut_out_of
from restoration.publish.filled import filled_of
from restoration.publish.fixities import StagedPhoto
from restoration.publish.given import given_of
from restoration.publish.people import is_persons

NAMESPACE = "http://www.loc.gov/premis/v3"
SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
PHOTOS_PER_SHARD = 500
BAG_PATH = "bag path"
"""Type of the identifier that is the file's path in the bag."""
SCAN = "scan"
UNLABELLED = "sha256 before labels"
"""Type of the identifier that is the hash of the file that was labelled; it lies outside the archive."""
CHAIN = "event chain"

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REASONS = (("reason", "reason"), ("reason in words", "reason_detail"))


def write_collection(facts: dict[str, Any], events: Iterable[dict[str, Any]], path: Path) -> None:
    """Write ``collection.xml``.

    :param facts: name, title, rights, consent, sensitivity, version, event_chain_head.
    :param events: the collection's own (:func:`restoration.catalog.publishing.list_collection_events`).
    """
    name, kept = facts["name"], list(events)
    people = _Agents()
    for event in kept:
        people.add_of(event)
    parts = [
        _collection_object(facts),
        *(_event(name, event, [("collection", name, None)]) for event in kept),
        *people.elements(),
        _rights(facts),
    ]
    _write(path, parts)


def write_photos(collection: str, photos: Iterable[StagedPhoto], folder: Path) -> Iterator[tuple[str, Path]]:
    """Write the shards; gives each one's path in the archive and on disk as soon as it is complete."""
    rest, shard = iter(photos), 0
    while batch := list(islice(rest, PHOTOS_PER_SHARD)):
        path = folder / f"premis-{shard:05d}.xml"
        _write(path, _shard(collection, batch))
        yield layout.premis_path(shard), path
        shard += 1


def _shard(collection: str, batch: list[StagedPhoto]) -> Iterator[etree._Element]:
    # the schema wants all objects, then all events, then all agents
    agents = _Agents()
    for staged in batch:
        yield from _objects(collection, staged)
    for staged in batch:
        agents.add_software(staged.photo.record)
        for event in staged.photo.record.get("events") or []:
            agents.add_of(event)
            yield _event(collection, event, _subjects(collection, staged, event), _makers(staged, event))
    yield from agents.elements()


def _write(path: Path, parts: Iterable[etree._Element]) -> None:
    names: dict[str | None, str] = {None: NAMESPACE, "xsi": SCHEMA_INSTANCE}
    with etree.xmlfile(str(path), encoding="UTF-8") as xml:
        xml.write_declaration()
        with xml.element(_tag("premis"), {"version": "3.0"}, nsmap=names):
            for part in parts:
                xml.write("\n", part)
            xml.write("\n")


# -- objects ---------------------------------------------------------------------------------------------------------


def _collection_object(facts: dict[str, Any]) -> etree._Element:
    properties = {
        "title": facts["title"],
        "version": facts["version"],
        "consent": facts["consent"],
        "sensitivity": facts["sensitivity"],
        "head of the event chain": facts["event_chain_head"],
    }
    return _object(
        "intellectualEntity",
        _identifier("object", "collection", facts["name"]),
        *(_property(name, value) for name, value in properties.items()),
        ("originalName", facts["name"]),
    )


def _objects(collection: str, staged: StagedPhoto) -> Iterator[etree._Element]:
    photo = staged.photo
    scan = _scan_name(collection, staged)
    yield _scan(collection, staged)
    restored = photo.output_path
    unlabelled = {payload.path: layout.sha256_of_key(payload.key) for payload in photo.payloads()}
    for path, fixity in staged.files.items():
        source = (SCAN, scan) if path == restored or path.endswith("-before.jpg") else (BAG_PATH, str(restored))
        yield _file(collection, staged, path, fixity, [source, (UNLABELLED, unlabelled[path])])


def _scan(collection: str, staged: StagedPhoto) -> etree._Element:
    record = staged.photo.record
    source = record.get("source") or {}
    hashes = [("sha256", source["sha256"])] if source.get("sha256") else []
    uri = source.get("uri")
    return _object(
        "file",
        _identifier("object", SCAN, _scan_name(collection, staged)),
        _property("state in this archive", record.get("state")),
        _property("shown as", staged.photo.shown_as),
        *(_property(name, record[key]) for name, key in _REASONS if record.get(key)),
        *([_property("why not restored", staged.photo.reason)] if staged.photo.reason else []),
        *([_property("page of the file", source["page"])] if source.get("page") else []),
        *_cut_out(record),
        _characteristics(hashes, source.get("size"), source.get("format")),
        *([("originalName", _original_name(record))] if record.get("object_key") else []),
        *([_element("storage", _element("contentLocation", *_pair("contentLocation", "URI", uri)))] if uri else []),
        *_linked_events(collection, record.get("events") or []),
    )


def _cut_out(record: dict[str, Any]) -> Iterator[etree._Element]:
    """Where on its page a photograph was, and who divided the scan."""
    cut = cut_out_of(record)
    if cut is not None:
        yield _property("photograph on the page", f"{cut.place} of {cut.of}")
        yield _property("cut out of the page", cut.where)
        yield _property("page divided", cut.decided)


def _original_name(record: dict[str, Any]) -> str:
    """Name of the file as it was given; a page is in the file that it is named after."""
    source = record.get("source") or {}
    uri = str(source.get("uri") or "") if source.get("page") else ""
    return uri.removeprefix("s3://").partition("/")[2] or str(record["object_key"])


def _file(
    collection: str, staged: StagedPhoto, path: str, fixity: Fixity, sources: Iterable[tuple[str, str]]
) -> etree._Element:
    record, mask = staged.photo.record, staged.photo.mask_path
    restored = path != mask and not path.endswith("-before.jpg")
    altered = "yes" if record.get("ai_altered") and restored else "no"
    application = [("creatingApplicationName", "archive-restoration")]
    application += [("creatingApplicationVersion", record.get("code_version") or __version__)]
    if record.get("restored_at"):
        application.append(("dateCreatedByApplication", record["restored_at"]))
    return _object(
        "file",
        _identifier("object", BAG_PATH, path),
        _property("altered by AI", altered),
        *([_property("shows", "where the restored picture was mended")] if path == mask else []),
        *([_property("use", "access copy")] if path == staged.photo.access_path else []),
        *((*_filled(record), *_given(record)) if restored else []),
        _characteristics(
            [("sha256", fixity.sha256), ("sha512", fixity.sha512)],
            fixity.size,
            path.rsplit(".", 1)[-1],
            _element("creatingApplication", *application),
        ),
        *(_derived_from(*source) for source in sources),
        *_linked_events(collection, _made_by(staged)),
    )


def _filled(record: dict[str, Any]) -> Iterator[etree._Element]:
    """How much of the restored picture was invented, and of which damage."""
    filled = filled_of(record)
    if filled:
        yield _property("share filled by a computer", f"{filled.share:.6f}")
    for area in filled.areas:
        by = f"net {area.model}" if area.by_net else "its surroundings"
        yield _property("filled", f"{area.kind}, {area.share:.6f} of the picture, from {by}")


def _given(record: dict[str, Any]) -> Iterator[etree._Element]:
    """Colours that people gave and the restored picture was painted by."""
    for one in given_of(record):
        reach = f", radius {one.radius:g}" if len(one.place) == 1 else ""
        what = f" for {one.what}" if one.what else ""
        told = [f"{one.colour} ({one.word}){what} at {one.where}{reach}", f"from {one.ground}"]
        told += [f"by {one.said_by}"] if one.said_by else []
        told += [one.source] if one.source else []
        yield _property("colour given by people", "; ".join((*told, f"hint {one.hint_id} of {one.added_at}")))


def _derived_from(kind: str, value: str) -> etree._Element:
    related = _element("relatedObjectIdentifier", *_pair("relatedObjectIdentifier", kind, value))
    return _element("relationship", ("relationshipType", "derivation"), ("relationshipSubType", "has source"), related)


def _characteristics(hashes: list[tuple[str, str]], size: Any, form: Any, *more: etree._Element) -> etree._Element:
    name = MEDIA_TYPES.get(str(form).lower(), str(form) if form else "unknown")
    return _element(
        "objectCharacteristics",
        ("compositionLevel", 0),
        *(_element("fixity", ("messageDigestAlgorithm", a), ("messageDigest", digest)) for a, digest in hashes),
        *([("size", size)] if size is not None else []),
        _element("format", _element("formatDesignation", ("formatName", name))),
        *more,
    )


def _made_by(staged: StagedPhoto) -> list[dict[str, Any]]:
    """The events that made, or linked, what is shown."""
    number = staged.photo.restoration_id
    events = staged.photo.record.get("events") or []
    return [event for event in events if number is not None and event.get("restoration_id") == number]


def _linked_events(collection: str, events: Iterable[dict[str, Any]]) -> Iterator[etree._Element]:
    for event in events:
        yield _element("linkingEventIdentifier", *_pair("linkingEventIdentifier", *_chain_place(collection, event)))


def _scan_name(collection: str, staged: StagedPhoto) -> str:
    return f"{collection}/{staged.photo.name}"


# -- events and agents -----------------------------------------------------------------------------------------------


def _chain_place(collection: str, event: dict[str, Any]) -> tuple[str, str]:
    return CHAIN, f"{collection}/{event['seq']}"


def _event(
    collection: str,
    event: dict[str, Any],
    subjects: Iterable[tuple[str, str, str | None]],
    makers: Iterable[tuple[str, str, str]] = (),
) -> etree._Element:
    told = {"detail": event.get("detail") or {}, "prev_sha256": event.get("prev_sha256"), "sha256": event.get("sha256")}
    if event.get("withheld"):
        told["withheld"] = event["withheld"]
    agents = [("agent", event["agent"], "implementer"), *makers]
    return _element(
        "event",
        _identifier("event", *_chain_place(collection, event)),
        ("eventType", event["type"]),
        ("eventDateTime", event["occurred_at"]),
        _element("eventDetailInformation", ("eventDetail", json.dumps(told, ensure_ascii=False, sort_keys=True))),
        _element("eventOutcomeInformation", ("eventOutcome", event["outcome"])),
        *(_linked("Agent", *agent) for agent in agents),
        *(_linked("Object", *subject) for subject in subjects),
    )


def _subjects(collection: str, staged: StagedPhoto, event: dict[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    yield SCAN, _scan_name(collection, staged), "source"
    if event in _made_by(staged):
        yield from ((BAG_PATH, path, "outcome") for path in staged.files)


def _makers(staged: StagedPhoto, event: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    if event in _made_by(staged):
        record = staged.photo.record
        yield "software", _software(record), "executing program"
        for model in record.get("models") or []:
            yield "sha256 of weights", model["weights_sha256"], "model"


def _software(record: dict[str, Any]) -> str:
    return f"archive-restoration {record.get('code_version') or __version__}"


class _Agents:
    """Everybody and everything that acted, each once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], etree._Element] = {}

    def add_of(self, event: dict[str, Any]) -> None:
        """Whoever an event names."""
        name, kind = event["agent"], "person" if is_persons(event) else "software"
        self._add("agent", name, ("agentName", name), ("agentType", kind))

    def add_software(self, record: dict[str, Any]) -> None:
        """The program and the models that made a photograph's restoration."""
        name = _software(record)
        version = record.get("code_version") or __version__
        parts = ("agentName", "archive-restoration"), ("agentType", "software"), ("agentVersion", version)
        self._add("software", name, *parts)
        for model in record.get("models") or []:
            notes = [f"{key}: {model[key]}" for key in ("architecture", "licence", "source") if model.get(key)]
            self._add(
                "sha256 of weights",
                model["weights_sha256"],
                ("agentName", model["name"]),
                ("agentType", "software"),
                *([("agentVersion", model["version"])] if model.get("version") else []),
                *(("agentNote", note) for note in notes),
            )

    def _add(self, kind: str, value: str, *parts: Any) -> None:
        if (kind, value) not in self._known:
            self._known[kind, value] = _element("agent", _identifier("agent", kind, value), *parts)

    def elements(self) -> Iterable[etree._Element]:
        """In the order in which they appeared."""
        return self._known.values()


def _rights(facts: dict[str, Any]) -> etree._Element:
    words = facts.get("rights") or "not stated"
    statement = _element(
        "rightsStatement",
        _identifier("rightsStatement", "collection", facts["name"]),
        ("rightsBasis", "other"),
        _element(
            "otherRightsInformation",
            ("otherRightsBasis", "statement of the collection"),
            ("otherRightsNote", words),
        ),
        _linked("Object", "collection", facts["name"], None),
    )
    return _element("rights", statement)


# -- elements --------------------------------------------------------------------------------------------------------


def xml_text(value: Any) -> str:
    """Text that XML 1.0 can hold: characters that it has no way to write become U+FFFD."""
    return _NOT_XML.sub("\ufffd", str(value))


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _element(name: str, *children: Any) -> etree._Element:
    element = etree.Element(_tag(name), nsmap={None: NAMESPACE, "xsi": SCHEMA_INSTANCE})
    for child in children:
        if isinstance(child, tuple):
            etree.SubElement(element, _tag(child[0])).text = xml_text(child[1])
        else:
            element.append(child)
    return element


def _object(category: str, *children: Any) -> etree._Element:
    element = _element("object", *children)
    element.set(f"{{{SCHEMA_INSTANCE}}}type", category)
    return element


def _pair(name: str, kind: str, value: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Type and value, as PREMIS names them of an identifier or a location."""
    return (f"{name}Type", kind), (f"{name}Value", value)


def _identifier(of: str, kind: str, value: str) -> etree._Element:
    return _element(f"{of}Identifier", *_pair(f"{of}Identifier", kind, value))


def _linked(to: str, kind: str, value: str, role: str | None) -> etree._Element:
    name = f"linking{to}Identifier"
    return _element(name, *_pair(name, kind, value), *([(f"linking{to}Role", role)] if role else []))


def _property(name: str, value: Any) -> etree._Element:
    return _element("significantProperties", ("significantPropertiesType", name), ("significantPropertiesValue", value))
