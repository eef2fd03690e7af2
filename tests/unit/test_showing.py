"""What a publication shows of a photograph, by its state, a person's decision and a family's wish."""

from __future__ import annotations

import pytest

from restoration.publish.showing import showing_of

OUTPUT = {"key": "k.png"}
TOUCHED = [{"action": "left_alone"}, {"action": "blended"}]
UNTOUCHED = [{"action": "left_alone"}, {"action": "recorded"}]


def record(state="restored", **more):
    return {"state": state, "reason": None, "output": OUTPUT, "decision": None, "awaits_review": False} | more


@pytest.mark.parametrize(
    ("given", "shown_as", "reason"),
    [
        (record(), "restored", None),
        (record(decision="accept"), "restored", None),
        (record("needs_review", decision="accept", reason="identity_low"), "restored", None),
        (record("needs_review", awaits_review=True, reason="identity_low"), "original", "awaiting_review"),
        (record(decision="reject"), "original", "reviewer_rejected"),
        (record(decision="reject", awaits_review=True), "original", "awaiting_review"),
        (record(decision="keep_original"), "original", "reviewer_kept_original"),
        (record(decision="accept_without_faces", faces=TOUCHED), "original", "awaiting_faces_off"),
        (record(decision="accept_without_faces", faces=UNTOUCHED), "restored", None),
        (record("rejected", output=None, reason="truncated"), "listed", "truncated"),
        (record("quarantined", output=None, reason="worker_lost"), "listed", "worker_lost"),
        (record("pending", reason=None), "listed", None),
        (record(withdrawal={"reason": "asked"}), "withdrawn", "withdrawn"),
        (record("rejected", output=None, withdrawal={"reason": "asked"}), "withdrawn", "withdrawn"),
    ],
)
def test_each_case(given, shown_as, reason):
    assert showing_of(given) == (shown_as, reason)


def test_an_institution_may_withhold_what_was_rejected():
    assert showing_of(record(decision="reject"), "withheld") == ("listed", "reviewer_rejected")
    assert showing_of(record(decision="keep_original"), "withheld") == ("original", "reviewer_kept_original")
    assert showing_of(record(decision="reject", awaits_review=True), "withheld") == ("original", "awaiting_review")
