"""Colours that people gave, as a published archive tells them: always the colour, names only if they may be."""

from __future__ import annotations

import json

import pytest

from restoration.colour_hints import HintGround
from restoration.colour_words import ColourWord
from restoration.publish.gallery import photo_details
from restoration.publish.given import given_of
from restoration.publish.label_words import given_line, given_sentence
from restoration.publish.labelling import PictureFacts
from restoration.publish.photos import spool_photos
from restoration.publish.provenance import provenance_of, write_provenance
from tests.given import DRESS, given_record, unnamed
from tests.unit.test_publish_files import SHA, publishable, spool


def spool_with(tmp_path, photos, **more):
    return spool_photos(photos, tmp_path / "photos.jsonl", {}, **more)


NAMES = ("daughter", "letter of May", "1998", "Eve")


def test_a_record_without_hints_gives_none():
    assert given_of({}) == given_of({"hints": []}) == given_of({"hints": None}) == ()


def test_a_point_has_a_box_of_its_reach_and_an_area_that_of_its_corners():
    dress, lawn = given_of(given_record())
    assert dress.box(400, 200) == pytest.approx((0.41, 0.59, 0.02, 0.04))
    assert lawn.box(400, 200) == pytest.approx((0.1, 0.8, 0.5, 0.2))
    (corner,) = given_of({"hints": [DRESS | {"place": [[1.0, 0.0]]}]})
    assert corner.box(100, 100) == pytest.approx((0.99, 0.0, 0.01, 0.01))
    assert (dress.where, lawn.where) == ("0.42,0.61", "0.1,0.8; 0.6,0.8; 0.5,1")


def test_sentences_say_who_knew_it_only_if_they_may():
    dress, lawn = given_of(given_record())
    assert given_line(dress) == "The blue of the dress was given by Ada's daughter, from her letter of May 1931."
    assert given_line(lawn) == "The green here was given by Eve <b>, from memory."
    (nobody,) = given_of({"hints": [unnamed(DRESS)]})
    assert given_line(nobody) == (
        "The blue of the dress was given by somebody who knew it, from a letter or other writing."
    )
    assert (
        given_line(nobody, "ko") == "the dress의 파란색은 그 색을 아는 사람이 알려 주었습니다(편지나 다른 글에 따라)."
    )


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_ground_and_colour_has_words(language):
    hints = [unnamed(DRESS | {"ground": str(ground)}) for ground in HintGround]
    lines = {given_line(one, language) for one in given_of({"hints": hints})}
    assert len(lines) == len(HintGround)
    colours = ["#000000", "#808080", "#ffffff", "#ff0000", "#ffa500", "#8b4513", "#ffff00", "#f5deb3", "#808000"]
    colours += ["#008000", "#40e0d0", "#0000ff", "#800080", "#ffc0cb"]
    lines = {
        given_line(one, language) for one in given_of({"hints": [unnamed(DRESS | {"colour": c}) for c in colours]})
    }
    assert len(lines) == len(ColourWord)


def test_a_label_names_a_few_colours_and_no_person():
    assert given_sentence(given_of(given_record())) == (
        "Given by people who knew them: blue for the dress (from a letter or other writing), green (from memory)."
    )
    many = [unnamed(DRESS | {"what": f"thing {number} {'x' * 200}"}) for number in range(10)]
    said = given_sentence(given_of({"hints": [*many, *many]}))
    assert said.count("blue for") == 6
    assert said.endswith(", and 4 more.")
    assert len(said) < 1000
    assert given_sentence(()) == ""


@pytest.mark.parametrize("givers", [False, True])
def test_provenance_names_givers_only_if_the_setting_allows_it(tmp_path, givers):
    photos = [publishable(1, **given_record()), publishable(2), publishable(3, hints=[])]
    kept = spool_with(tmp_path, photos, givers=givers)
    ((_, file),) = write_provenance(kept, tmp_path)
    lines = file.read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    dress, lawn = told[0]["hints"]
    assert (dress["place"], dress["colour"], dress["word"]) == ([[0.42, 0.61]], "#3b5ba9", "blue")
    assert (dress["what"], dress["ground"], dress["added_at"]) == ("the dress", "writing", DRESS["added_at"])
    assert "what" not in lawn
    assert [name in lines[0] for name in NAMES] == [givers] * 4
    assert [name in (tmp_path / "photos.jsonl").read_text() for name in NAMES] == [givers] * 4
    assert not any("hints" in one for one in told[1:])


def test_without_hints_every_word_is_what_it_was(tmp_path):
    plain, empty = (list(spool_with(tmp_path, [publishable(1, **more)])) for more in ({}, {"hints": []}))
    assert provenance_of(plain[0]) == provenance_of(empty[0])
    assert photo_details(plain[0]) == photo_details(empty[0])
    assert "given" not in photo_details(plain[0])
    facts = [PictureFacts(*photo, "restored", collection="a", rights="", sha256=SHA) for photo in (plain, empty)]
    assert facts[0].labels() == facts[1].labels()


def test_what_people_gave_makes_a_new_version_and_nothing_given_leaves_the_old(tmp_path):
    first = spool(tmp_path, publishable(1)).content_sha256
    assert spool(tmp_path, publishable(1, hints=[], variant="")).content_sha256 == first
    given = spool(tmp_path, publishable(1, hints=[DRESS])).content_sha256
    assert given != first
    assert spool(tmp_path, publishable(1, hints=[DRESS | {"said_by": "another"}])).content_sha256 == given
    named = spool_with(tmp_path, [publishable(1, hints=[DRESS])], givers=True).content_sha256
    assert named != spool_with(tmp_path, [publishable(1, hints=[DRESS])]).content_sha256


def test_a_withdrawn_photograph_says_nothing_of_its_colours(tmp_path):
    withdrawal = {"reason": "asked", "withdrawn_at": "2026"}
    (photo,) = spool_with(tmp_path, [publishable(1, withdrawal=withdrawal, **given_record())], givers=True)
    assert "hints" not in provenance_of(photo)
    assert "dress" not in (tmp_path / "photos.jsonl").read_text()
