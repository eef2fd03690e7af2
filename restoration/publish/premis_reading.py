"""What PREMIS documents of an archive say of its files. The documents are not trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lxml import etree

from restoration.errors import PublicationError
from restoration.publish.premis import BAG_PATH, NAMESPACE

_P = f"{{{NAMESPACE}}}"


class PremisFile(NamedTuple):
    """One object that lies in the archive: its path, hashes by algorithm, and size (-1 where none is given)."""

    path: str
    digests: dict[str, str]
    size: int


def premis_files(document: Path) -> Iterator[PremisFile]:
    """The objects with a path in the bag; memory does not grow with the document.

    :raises PublicationError: no well-formed PREMIS 3.
    """
    try:
        with document.open("rb") as file:
            # entities and networks are off: nobody knows who wrote the document
            yield from _files(
                etree.iterparse(file, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False)
            )
    except (etree.XMLSyntaxError, ValueError) as error:
        raise PublicationError(f"it is not well-formed: {error}") from error


def _files(events: Iterator[tuple[str, etree._Element]]) -> Iterator[PremisFile]:
    _, root = next(events)
    if root.tag != f"{_P}premis" or root.get("version") != "3.0":
        raise PublicationError("it is not PREMIS of version 3.0")
    for event, element in events:
        if event == "end" and element.getparent() is root:
            if element.tag == f"{_P}object":
                yield from _file(element)
            element.clear()
            while element.getprevious() is not None:
                del root[0]


def _file(element: etree._Element) -> Iterator[PremisFile]:
    identifier = f"{_P}objectIdentifier"
    if element.findtext(f"{identifier}/{_P}objectIdentifierType") != BAG_PATH:
        return
    digests = {
        fixity.findtext(f"{_P}messageDigestAlgorithm", ""): fixity.findtext(f"{_P}messageDigest", "")
        for fixity in element.iter(f"{_P}fixity")
    }
    path = element.findtext(f"{identifier}/{_P}objectIdentifierValue", "")
    yield PremisFile(path, digests, int(element.findtext(f"{_P}objectCharacteristics/{_P}size", "-1")))
