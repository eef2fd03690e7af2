"""What differs between two versions of an archive, told from their metadata alone."""

from __future__ import annotations

import csv

import pytest

from restoration.errors import PublicationError
from restoration.publish.diff import Change, compare, read_rows

COLUMNS = ("id", "filename", "shown_as", "why_not_restored", "restored_sha256", "unlabelled_sha256", "original_sha256")


def row(number: int, **more: str) -> dict[str, str]:
    plain = {
        "id": f"{number:08d}",
        "filename": f"{number}.tif",
        "shown_as": "restored",
        "why_not_restored": "",
        "restored_sha256": "aa",
        "unlabelled_sha256": "bb",
        "original_sha256": "cc",
        "recipe": "memorial",
        "dc:title": "A wedding",
    }
    return plain | more


def test_equal_versions_do_not_differ_and_a_fresh_signature_is_no_difference():
    assert list(compare([row(1), row(2)], [row(1), row(2, restored_sha256="dd")])) == []


@pytest.mark.parametrize(
    ("after", "what"),
    [
        ({"unlabelled_sha256": "dd"}, ("picture",)),
        ({"original_sha256": "dd", "unlabelled_sha256": "ee"}, ("picture", "scan")),
        ({"recipe": "other"}, ("recipe",)),
        ({"dc:title": "Another"}, ("words",)),
        (
            {"shown_as": "original", "why_not_restored": "reviewer_rejected", "unlabelled_sha256": ""},
            ("showing",),
        ),
        ({"shown_as": "withdrawn", "filename": "", "original_sha256": "", "dc:title": ""}, ("withdrawn",)),
    ],
)
def test_each_kind_of_difference(after, what):
    (change,) = compare([row(1)], [row(1, **after)])
    assert change.what == what
    assert change.filename == "1.tif"
    assert (change.before, change.after) == ("restored", after.get("shown_as", "restored"))


def test_new_photographs_come_in_order_and_gone_ones_last():
    found = list(compare([row(1), row(2)], [row(3), row(2)]))
    assert found == [
        Change("00000003", "3.tif", ("added",), "", "restored"),
        Change("00000001", "1.tif", ("gone",), "restored", ""),
    ]
    assert [change.what for change in compare([], [row(1)])] == [("added",)]


def test_a_tombstone_that_stays_is_no_difference():
    gone = row(1, shown_as="withdrawn", filename="")
    assert list(compare([gone], [gone])) == []


def test_a_file_of_an_older_archive_is_refused(tmp_path):
    path = tmp_path / "metadata.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerow(["id", "filename"])
    with pytest.raises(PublicationError, match="shown_as"):
        list(read_rows(path))
