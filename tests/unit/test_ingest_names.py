"""Names of scans: which are photographs, which are refused, which are no photographs at all."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restoration.errors import ReasonCode
from restoration.ingest.names import NameCheck, ignored_kind, storable

PREFIX = "family/"


@pytest.mark.parametrize(
    "name",
    [
        "../x.png",
        "a/../../x.png",
        "a\\..\\x.png",
        "./x.png",
        "/etc/passwd",
        "a\nb.png",
        "a\rb.png",
        "a\x00b.png",
        "a\x1b[31mb.png",
        "a\x85b.png",
        "a\u2028b.png",
        "photo\u202egnp.exe",
        "x" * 256 + ".png",
        "é" * 128 + ".png",
        "/".join(["d" * 200] * 6),
    ],
)
def test_unsafe_names_are_refused(name):
    refusal = NameCheck(PREFIX).refusal(PREFIX + name)
    assert refusal is not None
    assert refusal.reason is ReasonCode.UNSAFE_NAME
    assert refusal.detail.endswith("rename the scan")


@pytest.mark.parametrize(
    "name",
    [
        "x.png",
        "a/b/c d.tif",
        "할머니.jpg",
        "<b>&'\".png",
        "x" * 251 + ".png",
        "a..b.png",
        "...png",
        "=1+1.png",
        "-rf.png",
    ],
)
def test_odd_but_harmless_names_are_accepted(name):
    assert NameCheck(PREFIX).refusal(PREFIX + name) is None


def test_of_two_unicode_twins_the_second_is_refused():
    check = NameCheck(PREFIX)
    composed, decomposed = (unicodedata.normalize(form, f"{PREFIX}Zoë.png") for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert check.refusal(decomposed) is None
    second = check.refusal(composed)
    assert second is not None
    assert second.reason is ReasonCode.NAME_COLLISION
    assert check.refusal(decomposed) is None


@given(st.text(min_size=1, max_size=60))
def test_whatever_is_accepted_can_be_printed_on_one_line_and_stays_in_its_folder(name):
    key = PREFIX + name
    if NameCheck(PREFIX).refusal(key) is None:
        assert len(key.splitlines()) == 1
        assert ".." not in name.replace("\\", "/").split("/")
        assert "\x00" not in key
    assert "\x00" not in storable(key)


@pytest.mark.parametrize(
    ("name", "size", "kind"),
    [
        ("metadata.csv", 10, "sidecar"),
        ("sub/metadata.csv", 10, "side_file"),
        ("", 0, "folder"),
        ("sub/", 0, "folder"),
        (".DS_Store", 6148, "system"),
        ("sub/Thumbs.db", 100, "system"),
        ("._scan.tif", 4096, "system"),
        ("__MACOSX/scan.tif", 10, "system"),
        ("scan.tif.md5", 32, "side_file"),
        ("scan.XMP", 32, "side_file"),
        ("1934/@eaDir/wedding.jpg/SYNOPHOTO_THUMB_M.jpg", 4651, "system"),
        ("#recycle/wedding.jpg", 10, "system"),
        ("a/$RECYCLE.BIN/S-1-5-21/$R1.jpg", 10, "system"),
        (".@__thumb/s100scan.jpg", 10, "system"),
        ("home/.thumbnails/large/1.png", 10, "system"),
        (".Trash-1000/files/scan.tif", 10, "system"),
        ("lost+found/scan.tif", 10, "system"),
        ("@Recycle/scan.tif", 10, "system"),
        ("sub/__MACOSX/._scan.tif", 10, "system"),
        (".keep", 0, "placeholder"),
        ("album/.scan.tif.icloud", 180, "placeholder"),
        ("scan.tif.part", 10, "placeholder"),
        ("IMG_1.AAE", 10, "side_file"),
        ("scan.json", 10, "side_file"),
        ("grandmother tells.mp3", 10, "sound"),
        ("READ ME.txt", 10, "text"),
        ("@eaDir", 10, None),
        ("recycled paper/scan.tif", 10, None),
        ("lost+found.tif", 10, None),
        ("scan.tif", 10, None),
        ("empty.png", 0, None),
        ("page.pdf", 10, None),
        ("noending", 10, None),
    ],
)
def test_what_is_no_photograph_is_ignored_by_kind(name, size, kind):
    assert ignored_kind(PREFIX + name, PREFIX, size) == kind
