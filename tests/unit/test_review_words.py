"""What a terminal says of a photograph's damage: how much, and who made what stands there now."""

from __future__ import annotations

import pytest

from restoration.catalog.reviews import ReviewDamage
from restoration.cli.review_words import damage_words


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
