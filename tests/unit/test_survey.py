"""What is told of a folder before anything of it is sent: as an ingest would see it, and nothing is decoded."""

from __future__ import annotations

import os

import numpy as np
import pytest

from restoration.errors import StorageError, UsageError
from restoration.ingest.survey import problems, survey
from tests.unit.standins import png

GOOD = png(np.full((20, 30, 3), 0.5, np.float32))


@pytest.fixture
def folder(tmp_path):
    scans = tmp_path / "Onze familie"
    (scans / "1912").mkdir(parents=True)
    (scans / "a.png").write_bytes(GOOD)
    (scans / "1912" / "Zo\u00eb.png").write_bytes(GOOD)
    return scans


def found_in(folder, **options):
    return survey(folder, **({"max_bytes": 10_000_000} | options))[0]


def test_every_photograph_counts_and_all_files_are_to_be_sent(folder):
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / ".hidden.png").write_bytes(GOOD)
    found, files = survey(folder, max_bytes=10_000_000)
    assert found.photographs == ["1912/Zo\u00eb.png", "a.png"]
    assert found.refused == []
    assert found.bytes == 2 * len(GOOD)
    assert sum(found.others.values()) == 1
    assert {path.name for path in files} == {"Zo\u00eb.png", "a.png", "Thumbs.db"}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("page.tif", b"<html><body>404 not found</body></html>", "not_an_image"),
        ("raw.jpg", b"GIF89a" + bytes(50), "unsupported_format"),
        ("empty.tif", b"", "empty_file"),
        ("Zoe\u0308.png", GOOD, "name_collision"),
        ("line\nbreak.png", GOOD, "unsafe_name"),
        ("large.png", GOOD + bytes(5000), "too_large"),
    ],
)
def test_what_would_be_refused_is_told_with_its_reason_and_sent_all_the_same(folder, name, content, reason):
    path = folder / ("1912" if "Zo" in name else "") / name
    path.write_bytes(content)
    found, files = survey(folder, max_bytes=5000)
    (refused,) = found.refused
    # of two spellings of one name the second listed is refused, as in the bucket
    assert str(refused.reason) == reason
    assert refused.detail
    assert path in files
    assert len(found.photographs) == 2


def test_a_name_that_is_no_text_is_told_and_not_sent(folder):
    (folder / os.fsdecode(b"\xb0\xa1\xc1\xb7.png")).write_bytes(GOOD)  # CP949, as an archive from elsewhere leaves it
    found, files = survey(folder, max_bytes=10_000_000)
    assert [(one.name, str(one.reason)) for one in found.refused] == [
        ("\\udcb0\\udca1\\udcc1\\udcb7.png", "unsafe_name")
    ]
    assert {path.name for path in files} == {"Zo\u00eb.png", "a.png"}
    found.to_dict()["refused"][0]["name"].encode()


def test_a_backslash_in_a_name_would_take_the_place_of_another_scan_and_is_not_sent(folder):
    (folder / "1912\\Zo\u00eb.png").write_bytes(GOOD)
    found, files = survey(folder, max_bytes=10_000_000)
    assert [one.name for one in found.refused] == ["1912\\Zo\u00eb.png"]
    assert "backslash" in found.refused[0].detail
    assert len(files) == 2


def test_what_becomes_of_the_columns_is_told(folder):
    (folder / "metadata.csv").write_text("filename,dc:title,shelf\na.png,Grandmother,7\nnone.png,x,1\n")
    (folder / "hints.csv").write_text("file,place,colour,ground,said_by\na.png,middle,blue,memory,Eve\n")
    found = found_in(folder)
    assert found.metadata.columns == ("title",)
    assert found.metadata.matched == 1
    assert {"line 1: 'shelf' is no Dublin Core element and is not kept"} < set(problems(found.metadata))
    assert (found.hints.rows, found.hints.lines) == (1, 0)
    assert found.to_dict()["metadata"]["matched"] == 1
    assert found.others == {"sidecar": 2}


def test_links_that_lead_out_are_named_and_never_followed(folder, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(GOOD)
    (folder / "link.png").symlink_to(secret)
    (folder / "elsewhere").symlink_to(tmp_path)
    found, files = survey(folder, max_bytes=10_000_000)
    assert found.elsewhere == ["elsewhere", "link.png"]
    assert {path.name for path in files} == {"Zo\u00eb.png", "a.png"}


def test_a_folder_without_photographs_is_refused(tmp_path):
    with pytest.raises(UsageError, match="is not a folder"):
        found_in(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UsageError, match=r"holds no photographs \(of 1 files none may be one\)"):
        found_in(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_told(folder):
    (folder / "a.png").chmod(0)
    with pytest.raises(StorageError, match=r"cannot read .*a\.png"):
        found_in(folder)
