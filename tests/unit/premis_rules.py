"""What the PREMIS 3.0 schema asks of the elements that a publication uses: which children, in which order, how often.

The schema itself belongs to the Library of Congress and is not part of this repository; these rules were written from
reading it (premis.xsd, version 3.0 of 18 January 2016).
"""

from __future__ import annotations

from lxml import etree

PREMIS = "{http://www.loc.gov/premis/v3}"
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
LINK = ("linkingEventIdentifier*",)

RULES: dict[str, tuple[str, ...]] = {
    "premis": ("object+", "event*", "agent*", "rights*"),
    "file": (
        "objectIdentifier+",
        "significantProperties*",
        "objectCharacteristics+",
        "originalName?",
        "storage*",
        "relationship*",
        *LINK,
    ),
    "intellectualEntity": ("objectIdentifier+", "significantProperties*", "originalName?", "relationship*", *LINK),
    "significantProperties": ("significantPropertiesType", "significantPropertiesValue?"),
    "objectCharacteristics": ("compositionLevel?", "fixity*", "size?", "format+", "creatingApplication*"),
    "fixity": ("messageDigestAlgorithm", "messageDigest", "messageDigestOriginator?"),
    "format": ("formatDesignation", "formatRegistry?", "formatNote*"),
    "formatDesignation": ("formatName", "formatVersion?"),
    "creatingApplication": ("creatingApplicationName", "creatingApplicationVersion?", "dateCreatedByApplication?"),
    "storage": ("contentLocation", "storageMedium?"),
    "relationship": (
        "relationshipType",
        "relationshipSubType",
        "relatedObjectIdentifier+",
        "relatedEventIdentifier*",
    ),
    "event": (
        "eventIdentifier",
        "eventType",
        "eventDateTime",
        "eventDetailInformation*",
        "eventOutcomeInformation*",
        "linkingAgentIdentifier*",
        "linkingObjectIdentifier*",
    ),
    "eventDetailInformation": ("eventDetail?", "eventDetailExtension*"),
    "eventOutcomeInformation": ("eventOutcome", "eventOutcomeDetail*"),
    "agent": ("agentIdentifier+", "agentName*", "agentType?", "agentVersion?", "agentNote*"),
    "rights": ("rightsStatement+",),
    "rightsStatement": (
        "rightsStatementIdentifier",
        "rightsBasis",
        "otherRightsInformation?",
        "linkingObjectIdentifier*",
    ),
    "otherRightsInformation": ("otherRightsBasis", "otherRightsNote*"),
}
for _of, _roles in {
    "objectIdentifier": (),
    "eventIdentifier": (),
    "agentIdentifier": (),
    "rightsStatementIdentifier": (),
    "contentLocation": (),
    "relatedObjectIdentifier": (),
    "linkingEventIdentifier": (),
    "linkingAgentIdentifier": ("linkingAgentRole*",),
    "linkingObjectIdentifier": ("linkingObjectRole*",),
}.items():
    RULES[_of] = (f"{_of}Type", f"{_of}Value", *_roles)

PARENTS_OF_TEXT = frozenset(name.rstrip("?*+") for children in RULES.values() for name in children) - set(RULES)


def problems(root: etree._Element) -> list[str]:
    """Everything that breaks a rule, in words; empty for a document that keeps them."""
    found = [] if root.tag == f"{PREMIS}premis" and root.get("version") == "3.0" else ["not a premis of version 3.0"]
    for element in root.iter():
        name = etree.QName(element).localname
        rule = element.get(TYPE, "no type") if name == "object" else name
        if rule in RULES:
            found += [f"{rule}: {problem}" for problem in _children(element, RULES[rule])]
        elif name not in PARENTS_OF_TEXT or len(element):
            found.append(f"{rule} is not in the rules")
    return found


def _children(element: etree._Element, rule: tuple[str, ...]) -> list[str]:
    left = [etree.QName(child).localname for child in element]
    if any(not child.tag.startswith(PREMIS) for child in element):
        return ["a child of another namespace"]
    for part in rule:
        name = part.rstrip("?*+")
        count = 0
        while left and left[0] == name:
            left.pop(0)
            count += 1
        if (count == 0 and part[-1] not in "?*") or (count > 1 and part[-1] not in "*+"):
            return [f"{count} times {name}"]
    return [f"{left[0]} out of its place"] if left else []
