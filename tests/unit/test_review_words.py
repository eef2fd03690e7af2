"""What a terminal says of a photograph: how it was restored, what was damaged, and who made what stands there now."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from restoration.catalog.reviews import ReviewDamage, ReviewItem
from restoration.cli.review_words import damage_words, item_lines

_FACTS = {"object_key": "family/ada.tif", "awaits_review": False, "reason": None, "title": None, "variant": ""}
ITEM = ReviewItem(**dict.fromkeys((field.name for field in fields(ReviewItem)), 0) | _FACTS)


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


@pytest.mark.parametrize(
    ("variant", "said"),
    [
        ("", []),
        ("faces_off", ["restored without its faces, because a person decided so"]),
        ("hinted", ["painted by colours that people gave"]),
        (
            "faces_off_hinted",
            ["restored without its faces, because a person decided so", "painted by colours that people gave"],
        ),
    ],
)
def test_every_form_of_a_recipe_is_told(variant, said):
    lines = [line.strip() for line in item_lines(replace(ITEM, variant=variant))]
    assert [line for line in lines if line.startswith(("restored without", "painted by"))] == said
