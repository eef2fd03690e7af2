"""Every kind of scan is read as an independent reader reads it, or refused for what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from restoration.errors import PhotoRejected, ReasonCode
from restoration.photo.decode import Decoder
from tests.unit.scan_kinds import difference, kinds, table

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as one:
        yield one


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind.see], ids=lambda kind: f"{kind.form}: {kind.name}")
def test_a_kind_that_is_read_is_read_right(decoder, kind):
    found = decoder.decode(kind.data, "scan").pixels
    seen = kind.see(kind.data)
    assert found.shape == seen.shape
    assert difference(found, seen) <= 1
    if kind.like is not None:
        assert difference(found, kind.like) < 3.5


@pytest.mark.parametrize("kind", [k for k in kinds() if not k.see], ids=lambda kind: f"{kind.form}: {kind.name}")
def test_a_kind_that_is_not_read_says_what_to_do(decoder, kind):
    with pytest.raises(PhotoRejected) as caught:
        decoder.decode(kind.data, "scan")
    assert caught.value.reason is ReasonCode.UNSUPPORTED_FORMAT
    assert "not read" in caught.value.message
    assert any(word in caught.value.message for word in ("save", "convert", "develop", "accepted", "use"))


def test_the_page_says_what_happens(decoder):
    assert table(decoder) in PAGE.read_text(encoding="utf-8")
