"""A person is asked where one is needed, sees what untrusted words cannot spoil, and answers for exactly that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from restoration.catalog.approvals import Approval, is_approved
from restoration.catalog.collections import upsert_collection
from restoration.catalog.reviews import decide, list_review_items
from restoration.errors import UsageError
from restoration.publish import question
from restoration.publish.asking import Asker, ContentChanged
from restoration.publish.publisher import publish_collection
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore
from tests.stack.archive import Archive

pytestmark = pytest.mark.stack
SETTINGS = Settings(restored_bucket="restored", archive_bucket="archive", gallery_url=None, _env_file=None)
REASONS = {
    "needs_review": "identity_low",
    "quarantined": "storage_failed",
    "rejected": "corrupt",
    "skipped": "withdrawn",
}
KIM = Approval("Kim Lee", "the family agreed")


@pytest.fixture(scope="module")
def store(s3) -> Iterator[ObjectStore]:
    client = s3.client("admin")
    yield ObjectStore(client)
    client.close()


def asker(archive: Archive, settings: Settings = SETTINGS, engine=None) -> Asker:
    return Asker(engine or archive.db, archive.store, settings, archive.name, archive.run_id)


def publish(archive: Archive, **options):
    return publish_collection(archive.db, archive.store, SETTINGS, archive.name, archive.run_id, **options)


def events(archive: Archive, event_type: str = "approval") -> list[sa.Row]:
    with archive.db.connect() as conn:
        query = sa.text("SELECT * FROM event WHERE event_type = :type AND collection_id = :c ORDER BY seq")
        return list(conn.execute(query, {"c": archive.collection.collection_id, "type": event_type}))


def retitle(archive: Archive, title: str) -> None:
    c = archive.collection
    with archive.db.begin() as conn:
        upsert_collection(conn, name=c.name, source_uri=c.source_uri, recipe=c.recipe, title=title)


class TestWhoIsAsked:
    @pytest.mark.parametrize(
        ("facts", "photos", "asked"),
        [
            ({}, ["restored"], False),
            ({}, ["restored", "needs_review"], True),
            ({"consent": "unknown"}, ["restored"], True),
            ({"sensitivity": "sensitive"}, ["restored"], True),
            ({"consent": "refused"}, ["restored"], False),
            ({"consent": "unknown"}, [], False),
            ({}, ["restored", "quarantined"], False),
            ({}, ["restored", "quarantined", "rejected"], True),
            ({}, ["restored", "skipped", "skipped"], False),
        ],
    )
    def test_where_one_is_needed(self, catalog, store, facts, photos, asked):
        archive = Archive(catalog, store, **facts)
        for number, state in enumerate(photos):
            archive.add(f"{number}.tif", state, reason=REASONS.get(state))
        assert (asker(archive).question() is not None) == asked

    def test_less_than_half_of_a_collection_is_not_published_unasked(self, catalog, store):
        archive = Archive(catalog, store)
        for number, state in enumerate(["restored", "quarantined", "quarantined"]):
            archive.add(f"{number}.tif", state, reason=REASONS.get(state))
        report = publish(archive)
        assert (report.state, report.reason) == ("withheld", "mostly_missing")
        assert "only 1 of 3 photographs came through" in report.detail
        asked = asker(archive).question()
        assert "Only 1 of 3 photographs came through" in asked.body
        asker(archive).answer(question.PUBLISH, KIM, asked.content_sha256)
        assert publish(archive, expects=asked.content_sha256).state == "published"

    def test_nobody_twice_about_what_is_settled(self, catalog, store):
        archive = Archive(catalog, store)
        archive.add("a.tif", "needs_review", reason="heavy_damage")
        asked = asker(archive).question()
        asker(archive).answer(question.PUBLISH, KIM, asked.content_sha256)
        assert asker(archive).question() is None
        publish(archive, expects=asked.content_sha256)
        assert asker(archive).question() is None
        assert asker(archive).question(again=True).waiting == 1

    def test_nobody_once_all_is_decided(self, catalog, store):
        archive = Archive(catalog, store)
        archive.add("a.tif", "needs_review", reason="heavy_damage")
        with catalog.begin() as conn:
            (item,) = list_review_items(conn, archive.collection.collection_id, which="waiting")
            decide(conn, item.photo_id, restoration_id=item.restoration_id, decision="reject", reviewer="Ann")
        assert asker(archive).question(again=True) is None


class TestWhatIsShown:
    def test_facts_counts_worst_and_links(self, catalog, store):
        archive = Archive(catalog, store, consent="unknown", rights="In copyright")
        archive.add("good.tif")
        archive.add("bad.tif", "needs_review", reason="identity_low", title="Grandmother")
        settings = SETTINGS.model_copy(update={"review_url": "https://review.example/"})
        asked = asker(archive, settings).question()
        assert (asked.waiting, asked.photos, asked.subject) == (1, 2, f"Publish {archive.name}?")
        for words in (
            "nobody has said whether",
            "| Consent | unknown |",
            "| Rights | `In copyright` |",
            f"| Content | `{asked.content_sha256[:12]}` |",
            "| needs_review | identity_low | 1 |",
            "| waiting for a person | 1 |",
            "`Grandmother`",
            f"(<https://review.example/collections/{archive.name}/contact-sheet?run={archive.run_id}>)",
        ):
            assert words.lower() in asked.body.lower(), words
        assert f"restoration review list {archive.name}" in asker(archive).question().body

    def test_at_most_twenty_photographs_are_shown(self, catalog, store):
        archive = Archive(catalog, store)
        for number in range(25):
            archive.add(f"{number:02}.tif", "needs_review", reason="heavy_damage")
        body = asker(archive).question().body
        assert "The 20 to look at first" in body
        assert body.count(f"`{archive.name}/") == 20

    @pytest.mark.parametrize(
        "text",
        [
            "<script>alert(1)</script>",
            "[click](javascript:alert(1))",
            "`` ` ``` [x](http://evil.example)",
            "a | b | [x](http://evil.example)",
            "line\n\n# heading\r\n- item",
            "\u202egnp.exe",
            "\\` \\| [x](y)",
            "\x00\x1b[31m",
        ],
    )
    def test_untrusted_words_stay_words(self, text):
        shown = question.code(text)
        assert shown == "\u2013" or (shown.startswith("`") and shown.endswith("`") and shown.count("`") == 2)
        assert not set(shown) & set("|\n\r\u202e\x00\x1b")
        assert len(question.code(text * 500)) <= question.MAX_TEXT + 2

    def test_untrusted_words_in_the_body(self, catalog, store):
        evil = "<img src=x onerror=alert(1)>|`[x](http://evil.example)\n# h"
        archive = Archive(catalog, store, consent="unknown", title=evil, rights=evil, contact=evil)
        archive.add("e.tif", "needs_review", reason="identity_low", title=evil)
        body = asker(archive).question().body
        for line in body.splitlines():
            outside = "".join(line.split("`")[::2])
            assert "<img" not in outside
            assert "evil.example" not in outside
            assert not line.startswith("# h")


class TestWhatBecomesOfTheAnswer:
    @pytest.fixture
    def archive(self, catalog, store) -> Archive:
        archive = Archive(catalog, store, consent="unknown")
        archive.add("a.tif")
        archive.add("b.tif", "needs_review", reason="identity_low")
        return archive

    def test_publish_shows_the_doubtful_as_scanned(self, archive, role_engine):
        one = asker(archive, engine=role_engine("airflow"))
        shown = one.question().content_sha256
        answered = one.answer(question.PUBLISH, KIM, shown)
        assert (answered.decision, answered.content_sha256, answered.accepted) == ("approved", shown, 0)
        report = publish(archive, expects=shown)
        assert (report.state, report.shown, report.original) == ("published", 1, 1)
        (event,) = events(archive)
        assert (event.agent, event.outcome, event.run_id) == ("Kim Lee", "success", archive.run_id)
        assert event.detail == {"words": KIM.words, "content_sha256": shown, "photos": 2, "option": "Publish"}

    def test_publish_all_accepts_each_photograph_that_waits(self, archive, role_engine):
        one = asker(archive, engine=role_engine("airflow"))
        shown = one.question().content_sha256
        answered = one.answer(question.PUBLISH_ALL, KIM, shown)
        assert answered.accepted == 1
        assert answered.content_sha256 != shown
        report = publish(archive, expects=answered.content_sha256)
        assert (report.state, report.shown, report.waiting) == ("published", 2, 0)
        (review,) = events(archive, "review")
        assert (review.agent, review.detail["decision"], review.detail["words"]) == ("Kim Lee", "accept", KIM.words)

    def test_no_is_on_record_ends_an_earlier_yes_and_withholds(self, archive):
        shown = asker(archive).question().content_sha256
        asker(archive).answer(question.PUBLISH, KIM, shown)
        asker(archive).answer(question.REFUSE, Approval("Ann", "a mistake"), shown)
        assert publish(archive).state == "withheld"
        assert [(event.agent, event.outcome) for event in events(archive)] == [
            ("Kim Lee", "success"),
            ("Ann", "failure"),
        ]

    @pytest.mark.parametrize("option", [question.PUBLISH, question.PUBLISH_ALL])
    def test_what_has_changed_since_is_not_approved(self, archive, option):
        shown = asker(archive).question().content_sha256
        archive.add("c.tif")
        with pytest.raises(ContentChanged, match="look again"):
            asker(archive).answer(option, KIM, shown)
        assert events(archive) == events(archive, "review") == []

    def test_what_changes_while_the_doubtful_are_accepted_is_not_approved(self, archive, monkeypatch):
        shown = asker(archive).question().content_sha256
        from restoration.publish import asking

        real = asking.reviews.accept_waiting

        def meanwhile(conn, number, **options):
            retitle(archive, "Another title")
            return real(conn, number, **options)

        monkeypatch.setattr(asking.reviews, "accept_waiting", meanwhile)
        with pytest.raises(ContentChanged):
            asker(archive).answer(question.PUBLISH_ALL, KIM, shown)
        assert events(archive) == []

    def test_no_answer_in_time(self, archive):
        shown = asker(archive).question().content_sha256
        assert asker(archive).unanswered(shown, 336)
        (event,) = events(archive)
        assert (event.agent, event.outcome, event.detail["hours"]) == ("approval request", "warning", 336)
        assert publish(archive).state == "withheld"

    def test_no_answer_to_what_is_settled_or_gone_is_no_news(self, archive):
        shown = asker(archive).question().content_sha256
        archive.add("c.tif")
        assert not asker(archive).unanswered(shown, 1)
        assert events(archive) == []

    def test_there_are_three_answers(self, archive):
        with pytest.raises(UsageError, match="none of the answers"):
            asker(archive).answer("Maybe", KIM, "0" * 64)
        with archive.db.connect() as conn:
            assert not is_approved(conn, archive.collection.collection_id, "0" * 64)
