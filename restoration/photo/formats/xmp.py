"""XMP packets of files that nobody vouches for: the few properties in which people describe a photograph.

Expat reads them here without a document type, so that no entity is ever expanded, and with limits on bytes, elements
and depth. Properties count at the top of the description alone: those of ingredients and earlier versions are of other
pictures (XMP Specification Part 1, 7; IPTC Photo Metadata Standard 2025.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from restoration.photo.formats.texts import Said

MOST_BYTES = 4 << 20
_MOST_ELEMENTS, _MOST_DEPTH = 100_000, 64

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
_DC = "http://purl.org/dc/elements/1.1/ "
_XMP = "http://ns.adobe.com/xap/1.0/ "
_RIGHTS = "http://ns.adobe.com/xap/1.0/rights/ "
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/ "
_CORE = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/ "
_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/ "
_LANGUAGE = "http://www.w3.org/XML/1998/namespace lang"
_ARRAYS = frozenset({_RDF + "Alt", _RDF + "Bag", _RDF + "Seq"})

_PLACE = ("Sublocation", "City", "ProvinceState", "CountryName")
_FLAT_PLACE = (_CORE + "Location", _PHOTOSHOP + "City", _PHOTOSHOP + "State", _PHOTOSHOP + "Country")
_FIRST_OF = {
    "title": (_DC + "title", _PHOTOSHOP + "Headline"),
    "description": (_DC + "description",),
    "creator": (_DC + "creator",),
    "rights": (_DC + "rights", _RIGHTS + "UsageTerms", _RIGHTS + "WebStatement"),
}
"""Properties of an element; the first that says anything counts."""
_MACHINE_DAYS = (_XMP + "CreateDate", _XMP + "ModifyDate", _XMP + "MetadataDate")


def read_xmp(packet: bytes) -> Said:
    """What a packet says of its photograph.

    :raises ValueError: it is too large, declares a document type, is not well-formed, or nests too deep.
    """
    said = Said("XMP")
    nodes = list(_descriptions(_parsed(packet)))
    for term, names in _FIRST_OF.items():
        said.add(term, *next(filter(None, (_values(nodes, name) for name in names)), []))
    said.add_date(*(_values(nodes, _PHOTOSHOP + "DateCreated") or _values(nodes, _DC + "date")))
    said.add_machine_day(*(value for name in _MACHINE_DAYS for value in _values(nodes, name)))
    said.add("subject", *_people(nodes), *_values(nodes, _DC + "subject"))
    said.add("coverage", *_places(nodes))
    return said


def _parsed(packet: bytes) -> Element:
    if len(packet) > MOST_BYTES:
        raise ValueError(f"{len(packet)} bytes, more than the {MOST_BYTES} that are read")
    if packet[1:2] != b"\0" and packet[:1] != b"\0" and packet[:2] not in {b"\xff\xfe", b"\xfe\xff"}:
        # one byte a character: without padding, and without what is left of a first tag that a program cut
        packet = packet[packet.find(b"<") :] if b"<" in packet else packet
        packet = packet[: packet.rfind(b">") + 1] or packet
    return _Builder().build(packet)


class _Builder:
    """Expat with the limits, into a tree."""

    def __init__(self) -> None:
        self._tree, self._depth, self._elements = TreeBuilder(), 0, 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._tree.data

    def build(self, packet: bytes) -> Element:
        """The root. :raises ValueError: as :func:`read_xmp`."""
        try:
            self._parser.Parse(packet, True)
        except (expat.ExpatError, LookupError) as error:
            raise ValueError(f"it is not well-formed ({error})") from error
        return self._tree.close()

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > _MOST_DEPTH or self._elements > _MOST_ELEMENTS:
            raise ValueError("it nests too deep or has too many elements")
        self._tree.start(tag, attributes)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        self._tree.end(tag)


def _refuse_doctype(*_: object) -> None:
    raise ValueError("it declares a document type")


def _descriptions(root: Element) -> Iterator[Element]:
    """The descriptions at the top, with or without the element that Adobe puts round them."""
    graphs = [root] if root.tag == _RDF + "RDF" else [child for child in root if child.tag == _RDF + "RDF"]
    for graph in graphs:
        yield from (node for node in graph if node.tag == _RDF + "Description")


def _values(nodes: list[Element], name: str) -> list[str]:
    """All values of a property, as attribute, text or array; of alternatives the default language's first."""
    found = [text for node in nodes if (text := node.get(name, "").strip())]
    for node in nodes:
        for child in node:
            if child.tag == name:
                found += [text for item in _items(child) if (text := _text(item))]
    return found


def _text(item: Element) -> str:
    """The text of a simple value, or the address that it refers to."""
    return "".join(item.itertext()).strip() or item.get(_RDF + "resource", "").strip()


def _items(of: Element) -> list[Element]:
    """Members of an array, the one in the default language first; of a simple value the element itself."""
    arrays = [child for child in of if child.tag in _ARRAYS]
    if not arrays:
        return [of]
    members = [item for item in arrays[0] if item.tag == _RDF + "li"]
    return sorted(members, key=lambda item: item.get(_LANGUAGE) != "x-default")


def _structures(nodes: list[Element], name: str) -> Iterator[Element]:
    """Members of an array of structures; each field of one is an attribute or a child of it."""
    for node in nodes:
        for child in node:
            if child.tag == name:
                for item in _items(child):
                    inner = [one for one in item if one.tag == _RDF + "Description"]
                    yield inner[0] if inner else item


def _people(nodes: list[Element]) -> list[str]:
    """People in the picture (IPTC Extension), by name alone."""
    detailed = _structures(nodes, _EXT + "PersonInImageWDetails")
    names = [name for person in detailed for name in _values([person], _EXT + "PersonName")[:1]]
    return _values(nodes, _EXT + "PersonInImage") + names


def _places(nodes: list[Element]) -> list[str]:
    """What is shown, else what the older properties say, which leave open of what, else where it was taken."""
    flat = ", ".join(text for name in _FLAT_PLACE for text in _values(nodes, name)[:1])
    return (
        _values(nodes, _DC + "coverage")
        or _structured_places(nodes, "LocationShown")
        or ([flat] if flat else [])
        or _structured_places(nodes, "LocationCreated")
    )


def _structured_places(nodes: list[Element], name: str) -> list[str]:
    found = []
    for place in _structures(nodes, _EXT + name):
        parts = [text for part in _PLACE for text in _values([place], _EXT + part)[:1]]
        found.append(", ".join(parts or _values([place], _EXT + "LocationName")[:1]))
    return [place for place in found if place]
