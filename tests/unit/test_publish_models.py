"""Models of a publication: each once, with hash, count and card."""

from __future__ import annotations

import json

import pytest

from restoration.models.entries import read_entries
from restoration.models.files import REGISTRY_FILE
from restoration.publish import layout
from restoration.publish.models import card_path, model_files, models_used, plain_card, shipped_cards
from restoration.publish.photos import spool_photos
from tests.unit.test_publish_files import SHA, publishable

OWN = {"name": "own ../ model", "version": "1+2", "weights_sha256": SHA, "licence": "MIT\n# not a heading"}


def used(tmp_path, *photos):
    return models_used(spool_photos(photos, tmp_path / "photos.jsonl", {}))


def test_models_are_counted_once_each_and_only_where_a_picture_is_shown(tmp_path):
    hidden = publishable(3, models=[OWN | {"weights_sha256": "cd" * 32}], decision="reject")
    found = used(tmp_path, publishable(1, models=[OWN]), publishable(2, models=[OWN]), hidden)
    assert [(model["weights_sha256"], model["photos"]) for model in found] == [(SHA, 2)]


def test_a_model_without_a_card_gets_one_from_the_catalog(tmp_path):
    files = dict(model_files(used(tmp_path, publishable(1, models=[OWN]))))
    path = f"data/models/own-..-model-1-2-{SHA[:12]}.md"
    assert list(files) == [path, "data/models/models.json"]
    assert all(layout.is_safe_path(name) for name in files)
    text = files[path].decode()
    assert SHA in text
    assert text.count("\n#") == 0
    listed = json.loads(files[layout.MODELS])["models"]
    assert [(model["name"], model["card"], model["photos"]) for model in listed] == [("own ../ model", path, 1)]


def test_the_projects_own_cards_are_found_by_the_hash_of_the_weights(tmp_path):
    entry = read_entries(REGISTRY_FILE)["house-colorizer"]
    model = {"name": "renamed", "version": "9", "weights_sha256": entry.sha256}
    files = dict(model_files(used(tmp_path, publishable(1, models=[model]))))
    card = files[card_path(model)]
    assert card == shipped_cards()[entry.sha256].read_bytes()
    assert b"house" in card.lower()


@pytest.mark.parametrize("version", [None, ""])
def test_what_is_not_known_is_said_or_left_out(version):
    facts = dict.fromkeys(("version", "architecture", "licence", "source", "training_data")) | {"version": version}
    text = plain_card(facts | {"name": "m", "weights_sha256": SHA})
    assert "None" not in text
    assert ("Version: not known" in text) == (version == "")
