"""Who is named in a published archive: nobody, unless the institution says so."""

from __future__ import annotations

import pytest

from restoration.publish.people import (
    SOMEBODY,
    is_persons,
    public_collection_event,
    public_event,
    public_hints,
    public_review,
)
from tests.given import DRESS, unnamed

APPROVAL = {
    "seq": 3,
    "type": "approval",
    "agent": "Kim Lee",
    "detail": {"words": "asked Aunt Ok", "content_sha256": "ab", "photos": 2, "answered_by": "kim@example.org"},
    "sha256": "cd",
    "prev_sha256": "ef",
}


def test_a_persons_event_keeps_its_hashes_and_says_what_is_left_out():
    told = public_event(APPROVAL, names=False)
    assert told["agent"] == SOMEBODY
    assert told["detail"] == {"content_sha256": "ab", "photos": 2}
    assert told["withheld"] == ["agent", "detail.answered_by", "detail.words"]
    assert (told["seq"], told["sha256"], told["prev_sha256"]) == (3, "cd", "ef")
    assert not any(word in str(told) for word in ("Kim", "Aunt", "example.org"))


def test_with_names_or_of_a_program_an_event_is_told_whole():
    assert public_event(APPROVAL, names=True) == APPROVAL
    restored = APPROVAL | {"type": "restoration", "agent": "worker 1"}
    assert public_event(restored, names=False) == restored


FILE_CHECK = {
    "seq": 9,
    "type": "fixity_check",
    "agent": "fixity",
    "detail": {"kind": "publication", "path": "data/photos/00000001.png", "found": "changed", "expected": "aa"},
    "sha256": "cd",
    "prev_sha256": "ef",
}


@pytest.mark.parametrize("names", [False, True])
def test_a_check_of_single_files_says_neither_keys_nor_hashes(names):
    told = public_collection_event(FILE_CHECK, names=names)
    assert told["detail"] == {"kind": "publication", "path": "data/photos/00000001.png", "found": "changed"}
    assert (told["agent"], told["withheld"], told["sha256"]) == ("fixity", ["detail.expected"], "cd")
    presence = FILE_CHECK | {"detail": {"kind": "presence", "missing": 1, "first": "scans/aunt.tif"}}
    assert public_collection_event(presence, names=names)["detail"] == {"kind": "presence", "missing": 1}
    counts = FILE_CHECK | {"detail": {"kind": "originals", "files": 3, "intact": 3}}
    assert public_collection_event(counts, names=names) == counts


GIVEN = {
    "seq": 5,
    "type": "colour_hint",
    "agent": "Eve",
    "detail": {
        "hint_id": 1,
        "outline": [[0.5, 0.5]],
        "radius": 0.008,
        "colour": "#3b5ba9",
        "ground": "memory",
        "given_through": "review page",
        "words_sha256": "ab",
    },
    "sha256": "cd",
    "prev_sha256": "ef",
}


@pytest.mark.parametrize(("names", "givers"), [(False, False), (True, False), (False, True)])
def test_who_put_a_colour_on_record_is_named_only_where_both_kinds_of_people_are(names, givers):
    told = public_event(GIVEN, names=names, givers=givers)
    assert (told["agent"], told["withheld"], told["detail"]) == (SOMEBODY, ["agent"], GIVEN["detail"])
    removed = GIVEN | {"type": "colour_hint_removal", "detail": {"hint_id": 1}}
    assert public_event(removed, names=names, givers=givers)["agent"] == SOMEBODY
    assert public_event(GIVEN, names=True, givers=True) == GIVEN


def test_a_colour_from_a_list_was_put_on_record_by_a_program():
    listed = GIVEN | {"agent": "ingest", "detail": GIVEN["detail"] | {"given_through": "hints.csv"}}
    assert public_event(listed, names=False) == listed
    assert (is_persons(listed), is_persons(GIVEN)) == (False, True)


def test_a_hint_without_names_says_which_colour_for_what_and_on_what_ground():
    assert public_hints([DRESS], givers=False) == [unnamed(DRESS)]
    assert public_hints([DRESS], givers=True) == [DRESS]
    assert not any(word in str(unnamed(DRESS)) for word in ("daughter", "letter", "1998"))


def test_a_review_without_names_says_what_and_when():
    review = {"decision": "accept", "reviewer": "Kim", "words": "fine", "decided_at": "2026"}
    assert public_review(review, names=False) == {"decision": "accept", "decided_at": "2026"}
    assert public_review(review, names=True) == review
    assert public_review(None, names=False) is None
