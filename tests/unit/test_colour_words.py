"""Colours as people call them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoration.colour_words import ColourWord, colour_word

NAMED = {
    ColourWord.BLACK: ["#000000", "#1a1a1c", "#141018"],
    ColourWord.GRAY: ["#808080", "#5f6468", "#a9a9a9", "#c0c0c0"],
    ColourWord.WHITE: ["#ffffff", "#f8f8ff", "#fffafa", "#f4f1ec"],
    ColourWord.RED: ["#ff0000", "#b22222", "#8b0000", "#dc143c", "#9b1b30"],
    ColourWord.ORANGE: ["#ffa500", "#ff8c00", "#e8722a", "#ff7f50"],
    ColourWord.BROWN: ["#8b4513", "#5c3a21", "#a0522d", "#6f4e37"],
    ColourWord.YELLOW: ["#ffff00", "#ffd700", "#f0d050"],
    ColourWord.BEIGE: ["#f5deb3", "#d2b48c", "#e3d3b4", "#f5f5dc", "#c8b090"],
    ColourWord.OLIVE: ["#808000", "#6b6b2f", "#5d5a2c", "#7a7440"],
    ColourWord.GREEN: ["#008000", "#3f6b35", "#00ff00", "#2e8b57", "#9acd32", "#8fbc8f"],
    ColourWord.TURQUOISE: ["#40e0d0", "#008b8b", "#20b2aa", "#00ffff"],
    ColourWord.BLUE: ["#0000ff", "#3b5ba9", "#2c4f9e", "#000080", "#87ceeb", "#4682b4", "#1f2f5a", "#b0c4de"],
    ColourWord.PURPLE: ["#800080", "#8a2be2", "#663399", "#9370db", "#ff00ff"],
    ColourWord.PINK: ["#ffc0cb", "#ff69b4", "#e8a0b0", "#db7093", "#f4c2c2"],
}


@pytest.mark.parametrize(("word", "colour"), [(word, colour) for word, all_ in NAMED.items() for colour in all_])
def test_a_colour_is_called_as_people_call_it(word, colour):
    assert colour_word(colour) is word


def test_every_word_is_tried():
    assert set(NAMED) == set(ColourWord)


@given(st.integers(0, 0xFFFFFF))
def test_every_colour_has_a_word(number):
    assert colour_word(f"#{number:06x}") in ColourWord


@given(st.integers(0, 255))
def test_without_hue_there_are_three_words(level):
    assert colour_word(f"#{level:02x}{level:02x}{level:02x}") in {ColourWord.BLACK, ColourWord.GRAY, ColourWord.WHITE}
