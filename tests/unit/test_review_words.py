"""What a terminal says of a photograph: its damage and who made what stands there now, and how people wished it."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

import pytest

from restoration.catalog.reviews import ReviewDamage, ReviewItem
from restoration.catalog.wishes import Variant
from restoration.cli.review_words import damage_words, item_lines


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            ReviewDamage("scratch", 0.0123, 0.0123, 4, "surroundings", None),
            "scratch: 4 places, 1.23% of the picture, filled from the surroundings",
        ),
        (
            ReviewDamage("hole", 0.05, 0.02, 1, "net", "house-inpainter"),
            "hole: 1 place, 5.00% of the picture, filled by house-inpainter (2.00%)",
        ),
        (
            ReviewDamage("stain", 0.1, 0.1, 2, "tone", None),
            "stain: 2 places, 10.00% of the picture, brought to the tone of its surroundings",
        ),
        (
            ReviewDamage("writing", 0.004, 0.0, 3, "none", None),
            "writing: 3 places, 0.40% of the picture, left as it was",
        ),
    ],
)
def test_every_way_of_mending_has_its_words(damage, words):
    assert damage_words(damage) == words


def item(variant: str) -> ReviewItem:
    facts = dict.fromkeys((field.name for field in fields(ReviewItem)), None)
    counts = {"restoration_id": 7, "width": 40, "height": 30, "faces": 1, "faces_altered": 0}
    return ReviewItem(**facts | counts | {"object_key": "family/ada.tif", "reason_detail": "", "variant": variant})


@pytest.mark.parametrize("variant", get_args(Variant))
def test_every_variant_has_its_words(variant):
    told = "\n".join(item_lines(item(variant)))
    assert ("because a person decided so" in told) == ("faces_off" in variant)
    assert ("colours that people gave" in told) == ("hinted" in variant)
    assert "_" not in told
