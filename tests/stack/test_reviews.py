"""Reviews: what waits for a person, what a decision means, and what is on record of it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from restoration.catalog import reviews
from restoration.catalog.events import verify_chain
from restoration.errors import ReasonCode, UsageError
from tests.stack import catalog_builder as build
from tests.stack.reviewable import KEYS, restore, withdraw
from tests.work import meter

pytestmark = pytest.mark.stack


@pytest.fixture
def family(catalog):
    with catalog.begin() as conn:
        collection = build.add_collection(conn)
        restore(conn, collection, 1)
    return collection


@pytest.fixture
def conn(family, role_engine):
    """The publisher's connection: its role must be enough."""
    with role_engine("curator").connect() as connection:
        yield connection


def items(conn, family, which="all", **more) -> dict[str, reviews.ReviewItem]:
    found = reviews.list_review_items(conn, family.collection_id, which=which, **more)
    return {item.object_key.removeprefix("family/"): item for item in found}


def decide(conn, item: reviews.ReviewItem, decision: str, reviewer: str = "Eve", words: str = "") -> int:
    return reviews.decide(
        conn, item.photo_id, restoration_id=item.restoration_id, decision=decision, reviewer=reviewer, words=words
    )


def review_events(conn) -> list[sa.Row]:
    statement = "SELECT agent, photo_id, restoration_id, detail FROM event WHERE event_type = 'review' ORDER BY seq"
    return list(conn.execute(sa.text(statement)))


# -- lists -----------------------------------------------------------------------------------------------------------


def test_an_item_says_what_a_reviewer_needs_at_a_glance(conn, family):
    assert list(items(conn, family)) == KEYS
    bob = items(conn, family, "waiting")["bob.tif"]
    assert (bob.state, bob.reason, bob.awaits_review, bob.decision) == ("needs_review", "identity_low", True, None)
    assert (bob.faces, bob.faces_altered, round(bob.lowest_identity, 2)) == (2, 2, 0.41)
    assert (bob.width, bob.height, bob.ssim_y, bob.ai_altered, bob.variant) == (640, 480, 0.95, True, "")
    assert (bob.preview_before_key[3:], bob.preview_after_key[3:]) == ("before.jpg", "after.jpg")
    assert (bob.reviewer, bob.words, bob.decided_at, bob.damage_share) == (None, None, None, None)


def test_pages_follow_each_other_without_gap_or_repetition(conn, family):
    first = reviews.list_review_items(conn, family.collection_id, which="all", limit=2)
    second = reviews.list_review_items(conn, family.collection_id, which="all", limit=2, after=first[-1].cursor)
    third = reviews.list_review_items(conn, family.collection_id, which="all", limit=2, after=second[-1].cursor)
    assert [i.object_key for i in first + second + third] == [f"family/{key}" for key in KEYS]


def test_an_unknown_list_is_a_usage_error(conn, family):
    with pytest.raises(UsageError, match="no list 'mine'"):
        items(conn, family, "mine")


def test_withdrawn_photographs_are_in_no_list_and_cannot_be_decided(conn, family):
    bob = items(conn, family)["bob.tif"]
    withdraw(conn, "bob.tif")
    assert list(items(conn, family, "waiting")) == ["dan.tif"]
    assert "bob.tif" not in items(conn, family)
    with pytest.raises(UsageError, match="withdrawn"):
        decide(conn, bob, "accept")
    with pytest.raises(UsageError, match="nothing to review"):
        reviews.review_detail(conn, bob.photo_id)
    assert reviews.review_counts(conn, family.collection_id)["withdrawn"] == 1
    assert reviews.accept_waiting(conn, family.collection_id, reviewer="Eve", words="") == 1


def test_the_worst_come_first_and_what_waits_before_the_rest(catalog, conn, family):
    with catalog.begin() as owner:
        owner.execute(sa.text("UPDATE measurement SET value = 0.2 WHERE restoration_id = 5 AND metric = 'ssim_y'"))
        owner.execute(sa.text("UPDATE face SET identity = 0.3 WHERE restoration_id = 4 AND ordinal = 0"))
        owner.execute(
            sa.text("UPDATE step_record SET detail = '{\"damage\": 0.05}' WHERE restoration_id = 3 AND step = 'repair'")
        )
    worst = reviews.worst_items(conn, family.collection_id, 4)
    assert [i.object_key.removeprefix("family/") for i in worst] == ["dan.tif", "bob.tif", "eve.tif", "cat.tif"]
    assert worst[3].damage_share == 0.05


# -- decisions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", reviews.DECISIONS)
def test_a_decision_is_a_row_and_an_event_and_changes_no_state(conn, family, decision):
    bob = items(conn, family)["bob.tif"]
    number = decide(conn, bob, decision, "  Eve ", "the eyes are hers\0")
    after = items(conn, family)["bob.tif"]
    assert (after.state, after.decision, after.reviewer) == ("needs_review", decision, "Eve")
    assert after.words == "the eyes are hers\ufffd"
    assert not after.awaits_review
    assert list(items(conn, family, "decided")) == ["bob.tif"]
    ((agent, photo, restoration, detail),) = review_events(conn)
    assert (agent, photo, restoration) == ("Eve", bob.photo_id, bob.restoration_id)
    assert detail == {
        "decision": decision,
        "words": "the eyes are hers\ufffd",
        "review_id": number,
        "restoration_id": bob.restoration_id,
        "output_sha256": bob.output_key.rpartition("/")[2].removesuffix(".png"),
        "way": "terminal",
    }
    assert verify_chain(conn, family.collection_id).ok


def test_a_doubled_click_changes_nothing_and_another_word_does(conn, family):
    bob = items(conn, family)["bob.tif"]
    first = decide(conn, bob, "reject", words="not him")
    assert decide(conn, bob, "reject", words="not him") == first
    assert decide(conn, bob, "reject") == first
    assert len(review_events(conn)) == 1
    assert decide(conn, bob, "reject", words="the nose is another's") > first
    assert decide(conn, bob, "reject", reviewer="Ida") > first
    assert decide(conn, bob, "keep_original") < decide(conn, bob, "accept")
    history = reviews.review_detail(conn, bob.photo_id).history
    assert [past.decision for past in history] == ["accept", "keep_original", "reject", "reject", "reject"]


def test_two_people_at_once_make_two_decisions_in_one_order(family, role_engine):
    from concurrent.futures import ThreadPoolExecutor

    engine = role_engine("curator")
    with engine.connect() as conn:
        bob = items(conn, family)["bob.tif"]

    def click(number: int) -> int:
        with engine.begin() as conn:
            return decide(conn, bob, "accept", reviewer="Eve" if number % 2 else "Eve ")

    with ThreadPoolExecutor(4) as pool:
        numbers = set(pool.map(click, range(12)))
    assert len(numbers) == 1
    with engine.connect() as conn:
        assert len(review_events(conn)) == 1


def test_what_makes_no_sense_is_refused_and_nothing_is_written(conn, family):
    bob = items(conn, family)["bob.tif"]
    with pytest.raises(UsageError, match="names the person"):
        decide(conn, bob, "accept", reviewer="  ")
    with pytest.raises(UsageError, match="no decision 'maybe'"):
        decide(conn, bob, "maybe")
    with pytest.raises(UsageError, match="restored anew since"):
        reviews.decide(conn, bob.photo_id, restoration_id=999, decision="accept", reviewer="Eve")
    with pytest.raises(UsageError, match="no current photograph 999"):
        reviews.decide(conn, 999, restoration_id=1, decision="accept", reviewer="Eve")
    with pytest.raises(UsageError, match="nothing to review"):
        reviews.review_detail(conn, 999)
    assert review_events(conn) == []


def test_after_another_restoration_acceptances_lapse_and_other_decisions_hold(catalog, conn, family):
    with catalog.begin() as owner:
        before = items(owner, family)
        for key, decision in zip(KEYS, ["accept", "accept", "reject", "keep_original"], strict=False):
            decide(owner, before[key], decision)
    with catalog.begin() as owner:
        restore(owner, family, 2, build.OTHER_RECIPE)
    now = items(conn, family)
    decisions = {key: (item.decision, item.awaits_review) for key, item in now.items()}
    assert decisions == {
        "ada.tif": (None, False),  # accepted, but nothing asks for a person now
        "bob.tif": (None, True),
        "cat.tif": ("reject", True),  # restored anew after a rejection
        "dan.tif": ("keep_original", False),
        "eve.tif": (None, False),
    }
    assert list(items(conn, family, "waiting")) == ["bob.tif", "cat.tif"]
    with pytest.raises(UsageError, match="restored anew since"):
        decide(conn, before["bob.tif"], "accept")
    history = reviews.review_detail(conn, now["bob.tif"].photo_id).history
    assert [(past.decision, past.of_this_restoration) for past in history] == [("accept", False)]


def test_the_detail_tells_every_face_step_and_figure(conn, family):
    detail = reviews.review_detail(conn, items(conn, family)["bob.tif"].photo_id)
    low, sure = detail.faces
    assert (low.box, low.action, low.reason) == ((10.0, 20.0, 50.0, 60.0), "blended", "identity_low")
    assert (round(low.identity, 2), round(low.threshold, 2), low.certainty, low.blend) == (0.41, 0.6, 0.75, 1.0)
    assert low.landmarks == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]
    assert (sure.restorer, sure.identity_tried) == ("gfpgan", [0.8])
    assert [(step.step, step.status, step.model) for step in detail.steps] == [
        ("triage", "applied", None),
        ("repair", "not_needed", None),
        ("colorize", "applied", "house-colorizer"),
    ]
    assert detail.measurements["sharpness"] == {"source": 100.0, "restored": 180.0}
    assert detail.measurements["psnr"] == {"pair": 28.0}
    assert detail.history == []


def test_all_that_waits_can_be_accepted_at_once(conn, family):
    dan = items(conn, family)["dan.tif"]
    decide(conn, dan, "reject")
    assert reviews.accept_waiting(conn, family.collection_id, reviewer="Eve", words="seen in the contact sheet") == 1
    assert reviews.accept_waiting(conn, family.collection_id, reviewer="Eve", words="") == 0
    told = [(event.detail["decision"], event.detail["words"]) for event in review_events(conn)]
    assert told == [("reject", ""), ("accept", "seen in the contact sheet")]
    with pytest.raises(UsageError, match="names the person"):
        reviews.accept_waiting(conn, family.collection_id, reviewer="", words="")
    assert verify_chain(conn, family.collection_id).ok


def test_counts_say_how_far_the_review_is(catalog, conn, family):
    with catalog.begin() as owner:
        build.listing(owner, family, [*KEYS, "new.tif", build.listed("x.tif", reason=ReasonCode.EMPTY_FILE)])
    now = items(conn, family)
    for key, decision in zip(KEYS[:3], ["accept", "reject", "keep_original"], strict=True):
        decide(conn, now[key], decision)
    assert reviews.review_counts(conn, family.collection_id) == {
        "photos": 7,
        "withdrawn": 0,
        "unfinished": 1,
        "restored": 3,
        "needs_review": 2,
        "waiting": 1,
        "accept": 1,
        "reject": 1,
        "accept_without_faces": 0,
        "keep_original": 1,
        "rejected_by_system": 1,
        "quarantined": 0,
        "skipped": 0,
        "divided": 0,
    }


def test_the_worker_and_the_auditor_cannot_decide(family, role_engine):
    with role_engine("curator").connect() as conn:
        bob = items(conn, family)["bob.tif"]
    for role in ("worker", "auditor"):
        with role_engine(role).connect() as conn, pytest.raises(sa.exc.ProgrammingError):
            decide(conn, bob, "accept")


# -- many ------------------------------------------------------------------------------------------------------------


def test_ten_thousand_photographs_stay_quick(catalog, conn, family, postgres):
    """A page among 10,000 photographs takes well under a second, wherever it lies, and so do counts and decisions."""
    with catalog.begin() as owner:
        _many(owner, 10_000)
    timings = {}

    def timed(name, call):
        spent = meter(postgres.pid())
        answer = call()
        timings[name] = spent()
        return answer

    number = family.collection_id
    page = timed("all", lambda: reviews.list_review_items(conn, number, which="all"))
    timed("later", lambda: reviews.list_review_items(conn, number, which="all", after=("family/n09800",)))
    waiting = timed("waiting", lambda: reviews.list_review_items(conn, number, which="waiting", limit=1000))
    decided = timed("decided", lambda: reviews.list_review_items(conn, number, which="decided"))
    worst = timed("worst", lambda: reviews.worst_items(conn, number))
    counts = timed("counts", lambda: reviews.review_counts(conn, number))
    assert (len(page), len(waiting), len(decided), len(worst)) == (100, 102, 100, 20)
    assert (counts["photos"], counts["waiting"], counts["keep_original"]) == (10_005, 102, 500)
    assert all(item.awaits_review for item in worst)
    assert timed("accept", lambda: reviews.accept_waiting(conn, number, reviewer="Eve", words="")) == 102
    slow = {name: round(seconds, 2) for name, seconds in timings.items() if seconds > 1}
    assert slow == {}


def _many(owner: sa.Connection, count: int) -> None:
    """Copies of one restored photograph; each hundredth waits, each twentieth is decided."""
    statements = """
INSERT INTO restoration (source_sha256, recipe_sha256, models_sha256, recipe, state, output_key, output_sha256,
    output_bytes, output_format, output_width, output_height, output_bits, preview_before_key, preview_after_key,
    ai_altered, device, device_class, worker, code_version, seconds, first_run_id)
SELECT encode(sha256(n::text::bytea), 'hex'), recipe_sha256, models_sha256, recipe, 'restored', output_key,
    output_sha256, output_bytes, output_format, output_width, output_height, output_bits, preview_before_key,
    preview_after_key, ai_altered, device, device_class, worker, code_version, seconds, first_run_id
FROM restoration, generate_series(1, :count) AS n WHERE restoration_id = 1;
INSERT INTO photo (collection_id, object_key, etag, size_bytes, last_modified, state, restoration_id, recipe_sha256)
SELECT 1, 'family/n' || lpad(n::text, 5, '0'), 'e', 1, now(),
    CASE WHEN n % 100 = 7 THEN 'needs_review' ELSE 'restored' END::photo_state, r.restoration_id, r.recipe_sha256
FROM generate_series(1, :count) AS n JOIN restoration r ON r.source_sha256 = encode(sha256(n::text::bytea), 'hex');
INSERT INTO face (restoration_id, ordinal, x, y, width, height, confidence, landmarks, action, identity, detector_id)
SELECT r.restoration_id, 0, x, y, width, height, confidence, landmarks, action, 0.6, detector_id
FROM face, restoration r WHERE face.restoration_id = 1 AND ordinal = 0 AND r.restoration_id > 5;
INSERT INTO measurement SELECT r.restoration_id, 'ssim_y', 'pair', 0.9 FROM restoration r WHERE r.restoration_id > 5;
INSERT INTO review (photo_id, restoration_id, decision, reviewer)
SELECT photo_id, restoration_id, 'keep_original', 'Eve' FROM photo WHERE object_key ~ 'n...(05|25|45|65|85)$';
ANALYZE photo, restoration, face, measurement, review
"""
    for statement in statements.split(";"):
        owner.execute(sa.text(statement.replace("::", "\\:\\:")), {"count": count} if ":count" in statement else {})
