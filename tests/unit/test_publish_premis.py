"""PREMIS and PROV of a publication: the schema's rules, the manifests' hashes, the chain of events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from restoration.fixity import Fixity, fixity_of_bytes
from restoration.publish import premis, prov
from restoration.publish.fixities import FixityLog, StagedFile, StagedPhoto
from restoration.publish.photos import PhotoSpool, spool_photos
from tests.filled import INPAINTER, filled_record
from tests.given import given_record
from tests.unit.premis_rules import PREMIS, TYPE, problems
from tests.unit.test_publish_files import SHA, publishable

FACTS = {
    "name": "album",
    "title": "An album",
    "rights": "Public domain",
    "consent": "granted",
    "sensitivity": "normal",
    "version": 3,
    "event_chain_head": "ef" * 32,
}


def event(seq: int, kind: str, **more: object) -> dict[str, object]:
    return {
        "seq": seq,
        "type": kind,
        "outcome": "success",
        "agent": "worker 1",
        "occurred_at": "2026-11-21T04:00:00+00:00",
        "detail": {"width": 4},
        "prev_sha256": "aa" * 32,
        "sha256": f"{seq:064x}",
    } | more


def staged(tmp_path: Path, *photos: object, givers: bool = False) -> tuple[PhotoSpool, list[StagedPhoto]]:
    spool = spool_photos(photos, tmp_path / "photos.jsonl", {}, givers=givers)
    log = FixityLog(tmp_path / "fixities")
    files = (
        (payload, StagedFile(fixity_of_bytes(payload.path.encode()))) for photo in spool for payload in photo.payloads()
    )
    masks = sum(photo.mask_path is not None for photo in spool)
    assert len(list(log.keep(files))) == 3 * spool.shown + masks
    return spool, list(log.beside(spool))


def find(root: etree._Element, name: str) -> list[etree._Element]:
    return list(root.iter(f"{PREMIS}{name}"))


def value(element: etree._Element, name: str) -> str:
    return find(element, name)[0].text


def photos_xml(tmp_path: Path, *photos: object, givers: bool = False) -> etree._Element:
    _, kept = staged(tmp_path, *photos, givers=givers)
    ((path, file),) = premis.write_photos("album", kept, tmp_path)
    assert path == "data/premis/photos-00000.xml"
    return etree.parse(str(file)).getroot()


def test_photographs_keep_the_schemas_rules_and_carry_both_hashes(tmp_path):
    events = [event(4, "ingestion"), event(9, "restoration", restoration_id=1)]
    root = photos_xml(tmp_path, publishable(1, events=events), publishable(2, "rejected", output=None, previews=None))
    assert problems(root) == []
    objects = {value(element, "objectIdentifierValue"): element for element in find(root, "object")}
    assert list(objects) == [
        "album/00000001",
        "data/photos/00000001.png",
        "data/previews/00000001-before.jpg",
        "data/previews/00000001-after.jpg",
        "album/00000002",
    ]
    assert {element.get(TYPE) for element in objects.values()} == {"file"}
    picture = objects["data/photos/00000001.png"]
    fixity = fixity_of_bytes(b"data/photos/00000001.png")
    assert [element.text for element in find(picture, "messageDigest")] == [fixity.sha256, fixity.sha512]
    assert value(picture, "size") == str(fixity.size)
    assert value(picture, "relatedObjectIdentifierValue") == "album/00000001"
    assert value(objects["album/00000001"], "originalName") == "scans/1.tif"
    assert value(objects["album/00000001"], "contentLocationValue") == "s3://originals/scans/1.tif"


def test_a_mask_is_an_object_derived_from_the_picture_whose_fill_it_shows(tmp_path):
    filled = filled_record(width=4, height=3) | {"models": [INPAINTER]}
    root = photos_xml(tmp_path, publishable(1, **filled), publishable(2))
    assert problems(root) == []
    objects = {value(element, "objectIdentifierValue"): element for element in find(root, "object")}
    mask = objects["data/masks/00000001.png"]

    def said(path: str) -> dict[str, list[str]]:
        properties: dict[str, list[str]] = {}
        for one in find(objects[path], "significantProperties"):
            properties.setdefault(value(one, "significantPropertiesType"), []).append(
                value(one, "significantPropertiesValue")
            )
        return properties

    assert said("data/masks/00000001.png") == {
        "altered by AI": ["no"],
        "shows": ["where the restored picture was mended"],
    }
    assert value(mask, "relatedObjectIdentifierValue") == "data/photos/00000001.png"
    assert said("data/photos/00000001.png") == {
        "altered by AI": ["yes"],
        "share filled by a computer": ["0.032500"],
        "filled": [
            "hole, 0.020000 of the picture, from net house-inpainter",
            "scratch, 0.012500 of the picture, from its surroundings",
        ],
    }
    assert said("data/previews/00000001-before.jpg") == {"altered by AI": ["no"]}
    assert said("data/photos/00000002.png") == {"altered by AI": ["yes"]}


def properties_of(root: etree._Element, path: str) -> list[tuple[str, str]]:
    (found,) = (one for one in find(root, "object") if value(one, "objectIdentifierValue") == path)
    return [
        (value(one, "significantPropertiesType"), value(one, "significantPropertiesValue"))
        for one in find(found, "significantProperties")
    ]


@pytest.mark.parametrize("givers", [False, True])
def test_colours_that_people_gave_are_properties_of_the_restored_picture(tmp_path, givers):
    root = photos_xml(tmp_path, publishable(1, **given_record()), publishable(2), givers=givers)
    assert problems(root) == []
    at = "2026-11-21T04:00:00+00:00"
    dress = "#3b5ba9 (blue) for the dress at 0.42,0.61, radius 0.01; from writing"
    named = "; by Ada's daughter; her letter of May 1931" if givers else ""
    lawn = "#3f6b35 (green) at 0.1,0.8; 0.6,0.8; 0.5,1; from memory" + ("; by Eve <b>" if givers else "")
    told = [
        ("altered by AI", "yes"),
        ("colour given by people", f"{dress}{named}; hint 12 of {at}"),
        ("colour given by people", f"{lawn}; hint 13 of {at}"),
    ]
    assert properties_of(root, "data/photos/00000001.png") == told
    assert properties_of(root, "data/previews/00000001-after.jpg") == told
    assert properties_of(root, "data/previews/00000001-before.jpg") == [("altered by AI", "no")]
    assert properties_of(root, "data/photos/00000002.png") == [("altered by AI", "yes")]


def test_events_carry_the_chain_and_name_software_and_models(tmp_path):
    events = [event(4, "ingestion"), event(9, "restoration", restoration_id=1, prev_sha256=f"{4:064x}")]
    root = photos_xml(tmp_path, publishable(1, events=events))
    first, second = find(root, "event")
    assert value(second, "eventIdentifierValue") == "album/9"
    told = json.loads(value(second, "eventDetail"))
    assert (told["prev_sha256"], told["sha256"]) == (json.loads(value(first, "eventDetail"))["sha256"], f"{9:064x}")
    assert [element.text for element in find(second, "linkingAgentIdentifierValue")] == [
        "worker 1",
        "archive-restoration 1.2",
        SHA,
    ]
    assert len(find(second, "linkingObjectIdentifier")) == 4
    assert len(find(first, "linkingObjectIdentifier")) == 1
    agents = {value(agent, "agentIdentifierValue") for agent in find(root, "agent")}
    named = {element.text for element in find(root, "linkingAgentIdentifierValue")}
    assert named <= agents
    places = {value(element, "eventIdentifierValue") for element in find(root, "event")}
    assert {element.text for element in find(root, "linkingEventIdentifierValue")} <= places


def test_the_collections_document_has_rights_approvals_and_the_head_of_the_chain(tmp_path):
    approval = event(3, "approval", agent="Kim", detail={"words": "The family agrees"})
    premis.write_collection(FACTS, [event(1, "run_opened"), approval], tmp_path / "c.xml")
    root = etree.parse(str(tmp_path / "c.xml")).getroot()
    assert problems(root) == []
    assert "ef" * 32 in [element.text for element in find(root, "significantPropertiesValue")]
    assert value(root, "otherRightsNote") == "Public domain"
    assert {value(a, "agentName"): value(a, "agentType") for a in find(root, "agent")} == {
        "worker 1": "software",
        "Kim": "person",
    }


def test_a_collection_without_events_or_rights_is_still_a_whole_document(tmp_path):
    premis.write_collection(FACTS | {"rights": ""}, [], tmp_path / "c.xml")
    assert problems(etree.parse(str(tmp_path / "c.xml")).getroot()) == []


def test_rules_notice_what_is_wrong(tmp_path):
    root = photos_xml(tmp_path, publishable(1, events=[event(4, "ingestion")]))
    find(root, "object")[0].append(etree.Element(f"{PREMIS}objectIdentifier"))
    find(root, "event")[0].remove(find(root, "eventType")[0])
    root.set("version", "2.2")
    assert len(problems(root)) >= 3


def test_shards_hold_five_hundred_photographs(tmp_path):
    _, kept = staged(tmp_path, *(publishable(n) for n in range(1, 502)))
    shards = list(premis.write_photos("album", kept, tmp_path))
    assert [path for path, _ in shards] == ["data/premis/photos-00000.xml", "data/premis/photos-00001.xml"]
    assert [len(find(etree.parse(str(file)).getroot(), "object")) for _, file in shards] == [2000, 4]


@given(st.text(max_size=30))
def test_any_name_can_be_written(text):
    element = etree.Element("x")
    element.text = premis.xml_text(text)
    assert len(premis.xml_text(text)) == len(text)


@pytest.mark.parametrize("name", ["a\x00b\x1b[31m\ud800.tif", "<object>&amp;</object>.tif"])
def test_hostile_names_stay_text(tmp_path, name):
    _, kept = staged(tmp_path, publishable(1))
    kept[0].photo.record["object_key"] = name
    ((_, file),) = premis.write_photos("album", kept, tmp_path)
    root = etree.parse(str(file)).getroot()
    assert problems(root) == []
    assert value(root, "originalName") == name.replace("\x00", "\ufffd").replace("\x1b", "\ufffd").replace(
        "\ud800", "\ufffd"
    )


def test_prov_says_what_was_derived_from_what_by_which_models(tmp_path):
    odd = {"uri": "s3://originals/scans/two words.tif", "sha256": SHA}
    spool, _ = staged(
        tmp_path, publishable(1, source=odd), publishable(2), publishable(3, "rejected", output=None, previews=None)
    )
    ((path, file),) = prov.write_prov(spool, tmp_path)
    document = json.loads(file.read_text(encoding="utf-8"))
    assert path == "data/provenance/prov-00000.jsonld"
    assert document["@context"]["prov"] == "http://www.w3.org/ns/prov#"
    nodes = {node["@id"]: node for node in document["@graph"]}
    assert len(nodes) == len(document["@graph"])
    picture = nodes["../photos/00000001.png"]
    scan, unlabelled = picture["wasDerivedFrom"]
    assert scan == "s3://originals/scans/two%20words.tif"
    assert (nodes[unlabelled]["sha256"], nodes[unlabelled]["wasDerivedFrom"]) == (SHA, scan)
    activity = nodes[picture["wasGeneratedBy"]]
    assert activity["used"] == [scan, f"#model-{SHA}"]
    assert activity["wasAssociatedWith"] in nodes
    assert nodes[f"#model-{SHA}"]["sha256"] == SHA
    assert "s3://originals/scans/3.tif" in nodes
    terms = set().union(*(node for node in document["@graph"])) - {"@id", "@type"}
    assert terms <= set(document["@context"])


@pytest.mark.parametrize("givers", [False, True])
def test_prov_says_that_the_restoration_used_what_people_gave(tmp_path, givers):
    spool, _ = staged(tmp_path, publishable(1, **given_record()), publishable(2), givers=givers)
    ((_, file),) = prov.write_prov(spool, tmp_path)
    text = file.read_text(encoding="utf-8")
    document = json.loads(text)
    nodes = {node["@id"]: node for node in document["@graph"]}
    activity = nodes[nodes["../photos/00000001.png"]["wasGeneratedBy"]]
    assert activity["used"][-2:] == ["#hint-12", "#hint-13"]
    dress = nodes["#hint-12"]
    letter = "; her letter of May 1931" if givers else ""
    assert dress["description"] == f"#3b5ba9 (blue) for the dress at 0.42,0.61; known from writing{letter}"
    assert dress["prov:generatedAtTime"] == {"@value": "2026-11-21T04:00:00+00:00", "@type": "xsd:dateTime"}
    assert dress.get("prov:wasAttributedTo") == ({"@id": "#giver-of-hint-12"} if givers else None)
    assert ("daughter" in text) is givers
    assert not givers or nodes["#giver-of-hint-12"] == {
        "@id": "#giver-of-hint-12",
        "@type": "prov:Person",
        "title": "Ada's daughter",
    }
    assert not any("hint" in used for used in nodes[nodes["../photos/00000002.png"]["wasGeneratedBy"]]["used"])
    terms = set().union(*(node for node in document["@graph"])) - {"@id", "@type"}
    assert {term for term in terms if not term.startswith("prov:")} <= set(document["@context"])


def test_prov_knows_the_mask_and_fixities_name_its_published_file(tmp_path):
    _, kept = staged(tmp_path, publishable(1, **filled_record(width=4, height=3)), publishable(2))
    told = kept[0].photo.record["mask_file"]
    fixity = fixity_of_bytes(b"data/masks/00000001.png")
    assert (told["file"], told["sha256"], told["bytes"]) == ("data/masks/00000001.png", fixity.sha256, fixity.size)
    assert told["unlabelled_sha256"] in kept[0].photo.record["mask"]
    assert "mask_file" not in kept[1].photo.record
    ((_, file),) = prov.write_prov([one.photo for one in kept], tmp_path)
    nodes = {node["@id"]: node for node in json.loads(file.read_text(encoding="utf-8"))["@graph"]}
    assert nodes["../masks/00000001.png"]["wasDerivedFrom"] == "../photos/00000001.png"
    assert nodes["../masks/00000001.png"]["sha256"] == fixity.sha256
    assert "../masks/00000002.png" not in nodes


def test_fixities_come_back_beside_their_photographs(tmp_path):
    _, kept = staged(tmp_path, publishable(1), publishable(2, "rejected", output=None), publishable(3))
    assert [len(photo.files) for photo in kept] == [3, 0, 3]
    path = "data/previews/00000003-after.jpg"
    assert kept[2].files[path] == Fixity(*fixity_of_bytes(path.encode()))
