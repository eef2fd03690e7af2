"""What a published picture says about itself, inside the file: XMP with IPTC's words for what a computer made.

Packets are made from the catalog's record alone, never from a clock, so the same record gives the same bytes. Reading
is strict: a label that lacks what every label says, says it twice or contradicts itself is no label.

Properties: IPTC Photo Metadata Standard 2025.1 (Digital Source Type, AI System Used, AI System Version Used, Image
Region), Dublin Core, XMP basic, rights management and media management (XMP Specification Part 1 and 2),
``photoshop:Instructions``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import Any

from lxml import etree

from restoration.errors import PublicationError, ReasonCode
from restoration.publish.embedding import get_xmp, put_xmp
from restoration.publish.premis import xml_text

_NAMES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "stRef": "http://ns.adobe.com/xap/1.0/sType/ResourceRef#",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_END = '\n<?xpacket end="r"?>'
_ADDRESS = re.compile(r"https?://\S+")

_TEXTS = {
    "source_type": "Iptc4xmpExt:DigitalSourceType",
    "ai_system": "Iptc4xmpExt:AISystemUsed",
    "ai_version": "Iptc4xmpExt:AISystemVersionUsed",
    "software": "xmp:CreatorTool",
    "identifier": "dc:identifier",
    "statement": "photoshop:Instructions",
    "rights_address": "xmpRights:WebStatement",
    "document_id": "xmpMM:DocumentID",
    "original_id": "xmpMM:OriginalDocumentID",
}
_TRANSLATABLE = {
    "title": ("dc:title", "x-default"),
    "description": ("dc:description", "x-default"),
    "description_ko": ("dc:description", "ko"),
    "rights": ("dc:rights", "x-default"),
    "usage": ("xmpRights:UsageTerms", "x-default"),
}
_STEP = {
    "action": "stEvt:action",
    "agent": "stEvt:softwareAgent",
    "parameters": "stEvt:parameters",
    "when": "stEvt:when",
}
_REGION = {
    "identifier": "Iptc4xmpExt:rId",
    "source_type": "Iptc4xmpExt:DigitalSourceType",
}
_BOX = tuple(f"Iptc4xmpExt:rb{side}" for side in "XYWH")
_SHAPE = {"Iptc4xmpExt:rbShape": "rectangle", "Iptc4xmpExt:rbUnit": "relative"}
_ALWAYS = ("software", "identifier", "statement", "title", "description", "document_id", "original_id", "derived_from")


@dataclass(frozen=True)
class Step:
    """One entry of ``xmpMM:History``: what was done, by which program and model, with which parameters, when."""

    action: str
    agent: str
    parameters: str = ""
    when: str = ""


@dataclass(frozen=True)
class Region:
    """A part of the picture that a computer filled: one entry of ``Iptc4xmpExt:ImageRegion``.

    ``source_type`` says how, as an address of :mod:`restoration.iptc`; ``role`` is the address of an image region role,
    or empty. ``box`` is left, top, width and height as shares of the picture, written as decimal numbers.
    """

    identifier: str
    name: str
    name_ko: str
    source_type: str
    box: tuple[str, str, str, str]
    role: str = ""


@dataclass(frozen=True)
class Labels:
    """What one file says about itself. Empty texts are left out of the file; any character may stand in a text.

    :param source_type: address of a term of :mod:`restoration.iptc`; empty where the vocabulary has no true word.
    :param statement: what a computer made of the picture, in plain words.
    :param description: of the picture, with the statement; ``description_ko`` with the statement in Korean.
    :param document_id: names this file's content; ``original_id`` and ``derived_from`` name the scan and what the file
        was made from, as ``sha256:`` and the hash.
    :param ai_system: models that generated parts of the picture; empty where none did.
    :param regions: where a computer filled the picture.
    """

    software: str
    identifier: str
    title: str
    statement: str
    description: str
    document_id: str
    original_id: str
    derived_from: str
    source_type: str = ""
    ai_system: str = ""
    ai_version: str = ""
    description_ko: str = ""
    creator: str = ""
    rights: str = ""
    history: tuple[Step, ...] = ()
    regions: tuple[Region, ...] = ()

    @property
    def usage(self) -> str:
        """Terms of use in words: the rights statement."""
        return self.rights

    @property
    def rights_address(self) -> str:
        """Address of the rights statement, where that is one."""
        return self.rights if _ADDRESS.fullmatch(self.rights) else ""

    def as_written(self) -> Labels:
        """The same with what XML cannot hold replaced by U+FFFD: what reading gives back."""
        history = tuple(Step(**{name: xml_text(value) for name, value in vars(step).items()}) for step in self.history)
        regions = tuple(replace(one, name=xml_text(one.name), name_ko=xml_text(one.name_ko)) for one in self.regions)
        lists = ("history", "regions")
        texts: dict[str, Any] = {
            field.name: xml_text(getattr(self, field.name)) for field in fields(self) if field.name not in lists
        }
        return replace(self, **texts, history=history, regions=regions)


def label(data: bytes, content_type: str, labels: Labels) -> bytes:
    """The same picture with these labels in place of whatever XMP it had; nothing else of the file changes.

    :raises PublicationError: label_invalid: a file that is not whole or not PNG or JPEG, or labels that do not fit.
    """
    return put_xmp(data, content_type, packet(labels))


def read_labels(data: bytes, content_type: str) -> Labels:
    """The labels that a picture carries.

    :raises PublicationError: label_invalid: there are none, or they do not say what :func:`label` always writes.
    """
    return parse(get_xmp(data, content_type))


# -- writing ---------------------------------------------------------------------------------------------------------


def packet(labels: Labels) -> bytes:
    """The XMP packet, UTF-8."""
    labels = labels.as_written()
    root = etree.Element(_tag("x:xmpmeta"), nsmap={"x": _NAMES["x"]})
    graph = etree.SubElement(root, _tag("rdf:RDF"), nsmap={"rdf": _NAMES["rdf"]})
    node = etree.SubElement(graph, _tag("rdf:Description"), {_tag("rdf:about"): ""}, nsmap=_node_names())
    for name, of in _TEXTS.items():
        _add(node, of, getattr(labels, name))
    for name, (of, language) in _TRANSLATABLE.items():
        if getattr(labels, name):
            alternatives = node.find(f"{_tag(of)}/{_tag('rdf:Alt')}")
            parent = _array(node, of, "rdf:Alt") if alternatives is None else alternatives
            etree.SubElement(parent, _tag("rdf:li"), {_LANGUAGE: language}).text = getattr(labels, name)
    if labels.creator:
        _add(_array(node, "dc:creator", "rdf:Seq"), "rdf:li", labels.creator)
    _add(_structure(node, "xmpMM:DerivedFrom"), "stRef:documentID", labels.derived_from)
    if labels.history:
        steps = _array(node, "xmpMM:History", "rdf:Seq")
        for step in labels.history:
            entry = _structure(steps, "rdf:li")
            for name, of in _STEP.items():
                _add(entry, of, getattr(step, name))
    if labels.regions:
        regions = _array(node, "Iptc4xmpExt:ImageRegion", "rdf:Bag")
        for region in labels.regions:
            _add_region(regions, region)
    etree.indent(root, space=" ")
    return f"{_BEGIN}{etree.tostring(root, encoding='unicode')}{_END}".encode()


def _add_region(regions: etree._Element, region: Region) -> None:
    entry = _structure(regions, "rdf:li")
    boundary = _structure(entry, "Iptc4xmpExt:RegionBoundary")
    for of, text in (*_SHAPE.items(), *zip(_BOX, region.box, strict=True)):
        _add(boundary, of, text)
    for name, of in _REGION.items():
        _add(entry, of, getattr(region, name))
    names = _array(entry, "Iptc4xmpExt:Name", "rdf:Alt")
    for language, text in (("x-default", region.name), ("ko", region.name_ko)):
        etree.SubElement(names, _tag("rdf:li"), {_LANGUAGE: language}).text = text
    if region.role:
        role = _structure(_array(entry, "Iptc4xmpExt:rRole", "rdf:Bag"), "rdf:li")
        _add(_array(role, "xmp:Identifier", "rdf:Bag"), "rdf:li", region.role)


def _tag(name: str) -> str:
    prefix, local = name.split(":")
    return f"{{{_NAMES[prefix]}}}{local}"


def _node_names() -> dict[str | None, str]:
    return {prefix: name for prefix, name in _NAMES.items() if prefix not in ("x", "rdf")}


def _add(parent: etree._Element, name: str, text: str) -> None:
    if text:
        etree.SubElement(parent, _tag(name)).text = text


def _array(parent: etree._Element, name: str, kind: str) -> etree._Element:
    return etree.SubElement(etree.SubElement(parent, _tag(name)), _tag(kind))


def _structure(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, _tag(name), {_tag("rdf:parseType"): "Resource"})


# -- reading ---------------------------------------------------------------------------------------------------------


def parse(data: bytes) -> Labels:
    """Labels of a packet. :raises PublicationError: label_invalid."""
    node = _description(data)
    found: dict[str, Any] = {}
    for name, of in _TEXTS.items():
        found[name] = _text(node, _tag(of))
    for name, (of, language) in _TRANSLATABLE.items():
        found[name] = _text(node, f"{_tag(of)}/{_tag('rdf:Alt')}/{_tag('rdf:li')}[@{_LANGUAGE}='{language}']")
    found["creator"] = _text(node, "/".join(map(_tag, ("dc:creator", "rdf:Seq", "rdf:li"))))
    found["derived_from"] = _text(node, "/".join(map(_tag, ("xmpMM:DerivedFrom", "stRef:documentID"))))
    missing = [name for name in _ALWAYS if not found[name]]
    if missing:
        raise _invalid(f"its label does not say: {', '.join(missing)}")
    derived = {name: found.pop(name) for name in ("usage", "rights_address")}
    labels = Labels(**found, history=_history(node), regions=_regions(node))
    if any(getattr(labels, name) != value for name, value in derived.items()):
        raise _invalid("its label contradicts itself about rights")
    return labels


def _description(data: bytes) -> etree._Element:
    # nobody knows who wrote the file: no entities, no network, no DTD
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _invalid(f"its XMP packet is not well-formed: {error}") from error
    nodes = root.findall(f"{_tag('rdf:RDF')}/{_tag('rdf:Description')}")
    if root.tag != _tag("x:xmpmeta") or len(nodes) != 1:
        raise _invalid("its XMP packet does not hold one description")
    twice = {child.tag for child in nodes[0] if len(nodes[0].findall(child.tag)) > 1}
    if twice:
        raise _invalid(f"its label says {min(twice)} more than once")
    return nodes[0]


def _text(node: etree._Element, path: str) -> str:
    return str(node.findtext(path) or "")


def _history(node: etree._Element) -> tuple[Step, ...]:
    entries = node.findall("/".join(map(_tag, ("xmpMM:History", "rdf:Seq", "rdf:li"))))
    return tuple(Step(**{name: _text(entry, _tag(of)) for name, of in _STEP.items()}) for entry in entries)


def _regions(node: etree._Element) -> tuple[Region, ...]:
    return tuple(map(_region, node.findall("/".join(map(_tag, ("Iptc4xmpExt:ImageRegion", "rdf:Bag", "rdf:li"))))))


def _region(entry: etree._Element) -> Region:
    boundary = f"{_tag('Iptc4xmpExt:RegionBoundary')}/"
    name = f"{_tag('Iptc4xmpExt:Name')}/{_tag('rdf:Alt')}/{_tag('rdf:li')}"
    role = ("Iptc4xmpExt:rRole", "rdf:Bag", "rdf:li", "xmp:Identifier", "rdf:Bag", "rdf:li")
    left, top, width, height = (_text(entry, boundary + _tag(of)) for of in _BOX)
    said = {
        **{field: _text(entry, _tag(of)) for field, of in _REGION.items()},
        "name": _text(entry, f"{name}[@{_LANGUAGE}='x-default']"),
        "name_ko": _text(entry, f"{name}[@{_LANGUAGE}='ko']"),
    }
    shape = {of: _text(entry, boundary + _tag(of)) for of in _SHAPE}
    if shape != _SHAPE or not all((*said.values(), left, top, width, height)):
        raise _invalid("its label names a region without saying what and where it is")
    return Region(**said, box=(left, top, width, height), role=_text(entry, "/".join(map(_tag, role))))


def _invalid(message: str) -> PublicationError:
    return PublicationError(message, reason=ReasonCode.LABEL_INVALID)
