"""Who is named in a published archive: nobody, unless the institution says so."""

from __future__ import annotations

from restoration.publish.people import SOMEBODY, public_event, public_review

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


def test_a_review_without_names_says_what_and_when():
    review = {"decision": "accept", "reviewer": "Kim", "words": "fine", "decided_at": "2026"}
    assert public_review(review, names=False) == {"decision": "accept", "decided_at": "2026"}
    assert public_review(review, names=True) == review
    assert public_review(None, names=False) is None
