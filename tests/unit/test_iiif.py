"""IIIF manifests and collections: valid by the library's models and by rules of our own, honest in two languages."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iiif_prezi3 import Collection, Manifest

from restoration.photo.pyramid import Pyramid
from restoration.photo.tiles import tiles_zip
from restoration.publish import gallery, iiif
from restoration.publish.photos import ArchivedPhoto
from restoration.publish.viewing import SETS, Viewing, needed_sets, remove_unneeded_sets
from restoration.settings import Settings
from tests.filled import filled_record
from tests.given import DRESS, LAWN, given_record, unnamed
from tests.stack.memory_store import MemoryStore

FACTS = {
    "title": "마을 사진첩 / The village album",
    "rights": "No known restrictions",
    "source_organization": "Town archive",
}
ROOT = "https://archive.example.org/album/v0003"


def settings(gallery_url: str | None = "https://archive.example.org") -> Settings:
    return Settings(_env_file=None, restored_bucket="restored", archive_bucket="archive", gallery_url=gallery_url)


class Album:
    """Photographs as a publication has them, with tiles in a store."""

    def __init__(self, folder: Path) -> None:
        self.store, self.folder = MemoryStore(), folder
        self.photos: list[ArchivedPhoto] = []

    def add(
        self, shown_as: str = "restored", *, tiles: bool = True, seed: int | None = None, **record: Any
    ) -> ArchivedPhoto:
        number = len(self.photos) + 1
        seed = number if seed is None else seed
        keys = {stage: self._zip(size, seed) for stage, size in (("before", (60, 40)), ("after", (120, 80)))}
        known: dict[str, Any] = {
            "object_key": f"scans/{number}.tif",
            "dublin_core": {"title": f"Photograph {number}", "creator": "Kim"},
            "source": {"width": 60, "height": 40},
            "output": {"key": "aa/bb/cc.png", "width": 120, "height": 80},
            "ai_altered": True,
            "tiles": keys if tiles else None,
        }
        self.photos.append(ArchivedPhoto(number, number, f"{number:08d}", shown_as, None, known | record))
        return self.photos[-1]

    def _zip(self, size: tuple[int, int], seed: int) -> str:
        pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
        return self.store.write_content("restored", tiles_zip(pixels, 128), "zip", "application/zip")

    def viewing(self, gallery_url: str | None = "https://archive.example.org") -> Viewing | None:
        return Viewing.unpack(self.store, settings(gallery_url), "album", self.photos, self.folder)

    def files(self) -> dict[str, dict[str, Any]]:
        viewing = self.viewing()
        assert viewing is not None
        return {path: json.loads(data) for path, data in viewing.files(self.photos, FACTS, "v0003")}

    def served(self, address: str) -> bytes:
        """What the bucket holds at a public address."""
        assert address.startswith("https://archive.example.org/")
        return self.store.objects["archive", address.removeprefix("https://archive.example.org/")]


@pytest.fixture
def album(tmp_path) -> Album:
    return Album(tmp_path)


def every(value: Any) -> Iterator[dict[str, Any]]:
    """Every object inside, at any depth."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from every(item)


def assert_sound(resource: dict[str, Any]) -> None:
    """What the specification asks and the models do not check."""
    assert resource["@context"] == "http://iiif.io/api/presentation/3/context.json"
    kinds = {"Manifest": Manifest, "Collection": Collection}
    assert json.loads(kinds[resource["type"]](**resource).json()) == resource
    ids = [part["id"] for part in every(resource) if part.get("type") in ("Canvas", "AnnotationPage", "Annotation")]
    assert len(ids) == len(set(ids))
    for part in every(resource):
        if "id" in part:
            assert part["id"].startswith("https://archive.example.org/")
        if part.get("type") == "Canvas":
            assert "#" not in part["id"]
            assert part["width"] > 0 < part["height"]
        if part.get("type") == "TextualBody":
            assert part["language"] in {"en", "ko"}
            assert not part["value"].startswith("<")
            continue
        for texts in (part.get("label"), part.get("value")):
            if texts is not None:
                assert texts.keys() <= {"en", "ko", "none"}
                assert all(
                    isinstance(line, str) and not line.startswith("<") for lines in texts.values() for line in lines
                )


def painted(manifest: dict[str, Any]) -> dict[str, Any]:
    (canvas,) = manifest["items"]
    ((annotation,),) = [page["items"] for page in canvas["items"]]
    assert annotation["motivation"] == "painting"
    assert annotation["target"] == canvas["id"]
    body: dict[str, Any] = annotation["body"]
    return body


def test_a_restored_photograph_is_a_choice_of_restored_and_original(album):
    album.add()
    files = album.files()
    assert files.keys() == {"iiif/00000001.json", "iiif/collection.json"}
    manifest = files["iiif/00000001.json"]
    assert_sound(manifest)
    assert manifest["id"] == f"{ROOT}/iiif/00000001.json"
    body = painted(manifest)
    assert body["type"] == "Choice"
    assert [item["label"]["en"] for item in body["items"]] == [["Restored, with parts made by AI"], ["Original scan"]]
    assert [item["label"]["ko"][0][:3] for item in body["items"]] == ["복원본", "원본 "]
    assert (manifest["items"][0]["width"], manifest["items"][0]["height"]) == (120, 80)
    for item, size in zip(body["items"], ((120, 80), (60, 40)), strict=True):
        (service,) = item["service"]
        info = json.loads(album.served(f"{service['id']}/info.json"))
        assert (info["id"], info["width"], info["height"]) == (service["id"], *size)
        assert album.served(item["id"])[:2] == b"\xff\xd8"
        for path in Pyramid.from_info(album.served(f"{service['id']}/info.json")).paths():
            assert album.served(f"{service['id']}/{path}")
    assert album.served(manifest["thumbnail"][0]["id"])


@pytest.mark.parametrize(
    ("shown_as", "ai", "english", "korean"),
    [
        ("restored", True, "AI-altered", "인공지능 수정"),
        ("restored", False, "without content made by AI", "인공지능이 만든 내용 없이"),
        ("original", True, "nothing was restored", "복원하지 않았습니다"),
    ],
)
def test_what_a_computer_made_is_said_in_both_languages(album, shown_as, ai, english, korean):
    album.add(shown_as, ai_altered=ai)
    said = album.files()["iiif/00000001.json"]["requiredStatement"]["value"]
    assert english in said["en"][0]
    assert korean in said["ko"][0]


def test_what_was_filled_is_annotated_with_the_mask_and_a_box_for_each_kind(album):
    album.add(**filled_record(width=120, height=80))
    manifest = album.files()["iiif/00000001.json"]
    assert_sound(manifest)
    painted(manifest)
    (canvas,) = manifest["items"]
    (page,) = canvas["annotations"]
    assert (page["type"], page["label"]["en"]) == ("AnnotationPage", ["What was filled"])
    assert {annotation["motivation"] for annotation in page["items"]} == {"commenting"}
    whole, hole, scratch = page["items"]
    image, english, korean = whole["body"]
    assert whole["target"] == canvas["id"]
    assert (image["id"], image["type"], image["format"]) == (f"{ROOT}/data/masks/00000001.png", "Image", "image/png")
    assert (image["width"], image["height"]) == (120, 80)
    assert english["value"].startswith("Shaded: made by a computer. 3.2 % of the picture was filled")
    assert (english["language"], korean["language"]) == ("en", "ko")
    assert "컴퓨터가 만든 부분" in korean["value"]
    assert hole["target"] == f"{canvas['id']}#xywh=96,64,24,16"
    assert "tears and holes by a trained model: 2.0 %" in hole["body"][0]["value"]
    assert scratch["target"] == f"{canvas['id']}#xywh=15,26,90,1"


def test_colours_that_people_gave_are_annotations_at_their_places(album):
    album.add(**given_record(unnamed(DRESS), LAWN))
    album.add(**(filled_record(width=120, height=80) | given_record(unnamed(DRESS))))
    files = album.files()
    manifest = files["iiif/00000001.json"]
    assert_sound(manifest)
    (canvas,) = manifest["items"]
    (page,) = canvas["annotations"]
    assert (page["id"], page["label"]["en"]) == (f"{ROOT}/iiif/00000001/given", ["Colours that people gave"])
    dress, lawn = page["items"]
    assert (dress["target"], lawn["target"]) == (f"{canvas['id']}#xywh=49,47,2,2", f"{canvas['id']}#xywh=12,64,60,16")
    assert dress["motivation"] == "commenting"
    assert [body["value"] for body in dress["body"]] == [
        "The blue of the dress was given by somebody who knew it, from a letter or other writing.",
        "the dress의 파란색은 그 색을 아는 사람이 알려 주었습니다(편지나 다른 글에 따라).",
    ]
    assert lawn["body"][0]["value"] == "The green here was given by Eve <b>, from memory."
    statement = manifest["requiredStatement"]["value"]
    assert statement["en"][0].startswith("AI-altered: parts of the restored picture")
    assert statement["en"][0].endswith("Some of the colours were given by people who knew them.")
    assert statement["ko"][0].endswith("일부 색은 그 색을 아는 사람들이 알려 주었습니다.")
    assert_sound(files["iiif/00000002.json"])
    pages = files["iiif/00000002.json"]["items"][0]["annotations"]
    assert [one["label"]["en"] for one in pages] == [["What was filled"], ["Colours that people gave"]]


@pytest.mark.parametrize(
    ("shown_as", "record"),
    [
        ("restored", {}),
        ("restored", {"hints": []}),
        ("original", given_record()),
        ("restored", filled_record() | {"filled_share": 0.0}),
        ("restored", {"mask": None, "filled_share": None, "damage": []}),
        ("original", filled_record()),
    ],
)
def test_where_nothing_was_filled_and_no_colour_given_there_are_no_annotations(album, shown_as, record):
    album.add(shown_as, **record)
    manifest = album.files()["iiif/00000001.json"]
    assert "annotations" not in manifest["items"][0]
    assert manifest["requiredStatement"]["value"] in iiif._SAID.values()


def test_an_original_shows_the_scan_alone_and_its_result_is_not_published(album):
    photo = album.add("original")
    manifest = album.files()["iiif/00000001.json"]
    assert_sound(manifest)
    assert painted(manifest)["label"] == iiif.ORIGINAL
    assert (manifest["items"][0]["width"], manifest["items"][0]["height"]) == (60, 40)
    viewing = album.viewing()
    ((_, sets),) = viewing.beside(album.photos)
    assert sets.keys() == {"before"}
    keys = {key.split("/")[2] for _, key in album.store.objects if key.startswith("album/tiles/")}
    assert keys == {sets["before"].id}
    assert photo.record["tiles"]["after"]


@pytest.mark.parametrize("shown_as", ["listed", "withdrawn"])
def test_what_is_not_shown_has_neither_manifest_nor_tiles(album, shown_as):
    album.add(shown_as)
    files = album.files()
    assert files.keys() == {"iiif/collection.json"}
    assert files["iiif/collection.json"]["items"] == []
    assert_sound(files["iiif/collection.json"])
    assert not [key for bucket, key in album.store.objects if bucket == "archive"]


def test_without_tiles_the_plain_pictures_are_shown(album):
    album.add(tiles=False)
    album.add("original", tiles=False)
    files = album.files()
    restored, original = files["iiif/00000001.json"], files["iiif/00000002.json"]
    assert_sound(restored)
    assert_sound(original)
    after, before = painted(restored)["items"]
    assert (after["id"], after["format"]) == (f"{ROOT}/data/photos/00000001.png", "image/png")
    assert (before["id"], before["format"]) == (f"{ROOT}/data/previews/00000001-before.jpg", "image/jpeg")
    assert not [part for part in (*every(restored), *every(original)) if "service" in part]
    assert painted(original)["id"] == f"{ROOT}/data/previews/00000002-before.jpg"


@pytest.mark.parametrize(
    ("rights", "address"),
    [
        ("http://rightsstatements.org/vocab/InC/1.0/", "http://rightsstatements.org/vocab/InC/1.0/"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "http://creativecommons.org/publicdomain/mark/1.0/"),
        ("https://example.org/rights", None),
        ("All rights reserved by https://creativecommons.org/licenses/by/4.0/", None),
        ("", None),
    ],
)
def test_rights_are_an_address_only_where_it_is_one_of_the_two_vocabularies(album, rights, address):
    album.add(dublin_core={"title": "x", "rights": rights})
    manifest = album.files()["iiif/00000001.json"]
    assert_sound(manifest)
    assert manifest.get("rights") == address
    shown = [row["value"] for row in manifest["metadata"] if row["label"]["en"] == ["Rights"]]
    assert shown == [{"none": [rights or FACTS["rights"]]}]


@pytest.mark.parametrize(
    ("title", "label"),
    [
        ("Grandmother", {"none": ["Grandmother"]}),
        ("할머니의 초상", {"ko": ["할머니의 초상"]}),
        ("할머니 / Grandmother", {"ko": ["할머니"], "en": ["Grandmother"]}),
        ("Grandmother | 할머니", {"ko": ["할머니"], "en": ["Grandmother"]}),
        ("서울 / 1950", {"ko": ["서울"], "none": ["1950"]}),
        ("Großmutter / 할머니", {"ko": ["할머니"], "none": ["Großmutter"]}),
        ("1950 / 1951", {"none": ["1950 / 1951"]}),
        ("<b>bold</b>", {"none": [" <b>bold</b>"]}),
        ("", {"none": ["1.tif"]}),
        ("\ud800 half a character", {"none": ["? half a character"]}),
    ],
)
def test_titles_carry_their_language_where_it_is_known(album, title, label):
    album.add(dublin_core={"title": title})
    assert album.files()["iiif/00000001.json"]["label"] == label


def test_provider_and_gallery_are_named(album):
    album.add()
    manifest = album.files()["iiif/00000001.json"]
    assert manifest["provider"][0]["label"] == {"none": ["Town archive"]}
    assert manifest["provider"][0]["homepage"][0]["id"] == f"{ROOT}/index.html"
    assert manifest["homepage"][0]["id"] == f"{ROOT}/index.html#photo/00000001"


@pytest.mark.parametrize(("count", "parts"), [(3, 1), (4, 2), (8, 3)])
def test_large_collections_are_nested_and_list_every_photograph_once(album, monkeypatch, count, parts):
    monkeypatch.setattr(iiif, "MANIFESTS_PER_COLLECTION", 3)
    for number in range(count):
        album.add(tiles=False)
        if number == 1:
            album.add("listed", tiles=False)
    files = album.files()
    for resource in files.values():
        assert_sound(resource)
    whole = files["iiif/collection.json"]
    assert {item["type"] for item in whole["items"]} == {"Manifest" if parts == 1 else "Collection"}
    below = [whole] if parts == 1 else [files[item["id"].removeprefix(f"{ROOT}/")] for item in whole["items"]]
    assert len(below) == parts
    listed = [item["id"].removeprefix(f"{ROOT}/") for part in below for item in part["items"]]
    assert listed == sorted(path for path in files if "collection" not in path)
    assert len(listed) == count


@pytest.mark.parametrize("address", [None, "", "s3://archive", "archive.example.org"])
def test_without_a_public_address_there_is_none_of_it(album, address):
    album.add()
    assert album.viewing(address) is None
    assert not [key for bucket, key in album.store.objects if bucket == "archive"]


def test_the_gallery_learns_where_tiles_and_manifest_are(album):
    album.add()
    album.add("original")
    album.add("listed")
    viewing = album.viewing()
    shown, original, listed = (gallery.photo_details(photo) for photo in viewing.annotated(album.photos))
    assert shown["iiif"] == "iiif/00000001.json"
    assert shown["tiles"]["side"] == 128
    assert shown["tiles"]["sizes"] == {"before": [60, 40], "after": [120, 80]}
    for stage in ("before", "after"):
        assert ("archive", f"album/{shown['tiles'][stage].removeprefix('../')}/info.json") in album.store.objects
    assert "after" not in original["tiles"]
    assert "tiles" not in listed
    assert "iiif" not in listed


def test_the_list_of_sets_names_each_with_its_hashes(album, tmp_path):
    album.add(seed=1)
    album.add(seed=1)
    album.add("original", seed=2)
    viewing = album.viewing()
    path = tmp_path / "sets.csv"
    viewing.write_sets(album.photos, path)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert rows == list(needed_sets(path.read_text().splitlines()))
    assert [(row["photo"], row["stage"]) for row in rows] == [
        ("00000001", "before"), ("00000001", "after"), ("00000002", "before"), ("00000002", "after"),
        ("00000003", "before"),
    ]  # fmt: skip
    assert rows[0]["id"] == rows[2]["id"] != rows[1]["id"]
    for row in rows:
        there = [key for _, key in album.store.objects if key.startswith(f"album/tiles/{row['id']}/")]
        assert len(there) == int(row["files"])


def test_sets_go_when_no_remaining_version_needs_them(album, tmp_path):
    def publish(version: str) -> set[str]:
        path = tmp_path / "sets.csv"
        album.viewing().write_sets(album.photos, path)
        album.store.put("archive", f"album/{version}/{SETS}", path.read_bytes())
        return {row["id"] for row in needed_sets(path.read_text().splitlines())}

    def there() -> set[str]:
        return {key.split("/")[2] for bucket, key in album.store.objects if key.startswith("album/tiles/")}

    album.add(seed=1)
    album.add(seed=2)
    first = publish("v0001")
    album.photos[0] = replace(album.photos[0], shown_as="withdrawn")
    second = publish("v0002")
    assert len(first) == 4
    assert second < first
    assert remove_unneeded_sets(album.store, "archive", "album", ["album/v0001/", "album/v0002/"]) == 0
    assert remove_unneeded_sets(album.store, "archive", "album", ["album/v0002/"]) == 2
    assert there() == second
    # a version from before tiles needs none
    assert remove_unneeded_sets(album.store, "archive", "album", ["album/v0000/"]) == 2
    assert there() == set()
