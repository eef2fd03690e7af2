"""Whether a person has to be asked before a collection is published, and what becomes of the answer.

An answer holds for exactly the content that was shown. Where the content is another one by then, nothing is put on
record and :class:`ContentChanged` says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from restoration.catalog import approvals, reviews
from restoration.catalog.approvals import Approval
from restoration.catalog.collections import Collection, get_collection
from restoration.errors import ReasonCode, UsageError
from restoration.publish import question
from restoration.publish.policy import Shown, approval_needed
from restoration.publish.publisher import publish_collection
from restoration.publish.report import PublicationReport

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Engine

    from restoration.settings import Settings
    from restoration.storage.s3 import ObjectStore

ASKED_REASONS = frozenset({ReasonCode.CONSENT_UNKNOWN, ReasonCode.SENSITIVE, ReasonCode.MOSTLY_MISSING})
"""Reasons for which a publication is withheld until a person approves it."""


class ContentChanged(UsageError):
    """The collection is no longer what the person was shown; nothing of the answer is on record."""


@dataclass(frozen=True)
class Answered:
    """What became of an answer. ``accepted``: photographs that were accepted with it."""

    decision: Literal["approved", "refused"]
    content_sha256: str
    accepted: int = 0


class Asker:
    """Asks about one collection.

    :param run_id: the run on whose behalf, for the events.
    :raises UsageError: unknown collection.
    """

    def __init__(
        self, db: Engine, store: ObjectStore, settings: Settings, collection: str, run_id: UUID | None = None
    ) -> None:
        self._db, self._store, self._settings, self._run_id = db, store, settings, run_id
        with db.connect() as conn:
            self._collection: Collection = get_collection(conn, collection)

    def question(self, *, again: bool = False) -> question.Question | None:
        """What to ask a person; None where nobody need be asked.

        Asked is whether the collection's conditions want an approval that nobody has given for this content, and where
        photographs wait for a decision and a new version would show them as scanned.

        :param again: ask about photographs that wait even where the current version shows them so already.
        """
        report = self._examine()
        c = self._collection
        with self._db.connect() as conn:
            counts = reviews.review_counts(conn, c.collection_id)
            why = self._why(report, counts["waiting"], again=again)
            if why is None or report.content_sha256 is None:
                return None
            body = question.body(
                c,
                why=why,
                content_sha256=report.content_sha256,
                states=approvals.state_counts(conn, c.collection_id),
                decisions=counts,
                worst=reviews.worst_items(conn, c.collection_id, question.WORST),
                review_url=self._settings.review_url,
                run=None if self._run_id is None else str(self._run_id),
            )
        return question.Question(
            c.name, report.content_sha256, counts["waiting"], counts["photos"], why, question.subject(c), body
        )

    def _examine(self) -> PublicationReport:
        return publish_collection(self._db, self._store, self._settings, self._collection.name, dry_run=True)

    def _why(self, report: PublicationReport, waiting: int, *, again: bool) -> str | None:
        if report.state == "withheld":
            return self._approval_needed() if report.reason in ASKED_REASONS else None
        if not waiting or (report.state == "unchanged" and not again):
            return None
        if not again and report.content_sha256 is not None:
            with self._db.connect() as conn:
                if approvals.is_approved(conn, self._collection.collection_id, report.content_sha256):
                    return None
        return f"{waiting} restored photographs wait for a person's decision"

    def _approval_needed(self) -> str | None:
        with self._db.connect() as conn:
            shown = Shown(*approvals.shown_counts(conn, self._collection.collection_id))
        needed = approval_needed(self._collection, shown)
        return None if needed is None else needed[1]

    def answer(self, option: str, who: Approval, shown: str) -> Answered:
        """Put a person's answer on record.

        :param option: one of :data:`restoration.publish.question.OPTIONS`.
        :param who: the person, and that person's words.
        :param shown: hash of the content that the person was shown.
        :raises ContentChanged: it is no longer that.
        :raises UsageError: no such option.
        """
        number = self._collection.collection_id
        if option == question.REFUSE:
            with self._db.begin() as conn:
                approvals.record_refusal(conn, number, who, content_sha256=shown, run_id=self._run_id)
            return Answered("refused", shown)
        if option not in question.OPTIONS:
            raise UsageError(f"{option!r} is none of the answers {', '.join(question.OPTIONS)}")
        with self._db.connect() as conn:
            before = approvals.mark(conn, number)
        report = self._expect(shown)
        content, accepted = shown, 0
        if option == question.PUBLISH_ALL:
            with self._db.begin() as conn:
                if approvals.mark(conn, number) != before:
                    raise self._changed()
                accepted = reviews.accept_waiting(conn, number, reviewer=who.person, words=who.words, way="airflow")
            report = self._examine()
            content = str(report.content_sha256)
        with self._db.begin() as conn:
            # what the acceptance made of the content was shown to nobody; so nothing else may have changed with it
            after = approvals.mark(conn, number)
            if (after.photos, after.reviews) != (before.photos, before.reviews + accepted):
                raise self._changed()
            approvals.record_approval(
                conn, number, who, content_sha256=content, photos=report.photos, run_id=self._run_id, option=option
            )
        return Answered("approved", content, accepted)

    def _expect(self, shown: str) -> PublicationReport:
        report = self._examine()
        if report.content_sha256 != shown:
            raise self._changed()
        return report

    def _changed(self) -> ContentChanged:
        return ContentChanged(
            f"{self._collection.name} has changed since it was shown, so the answer does not count; look again"
        )

    def unanswered(self, shown: str, hours: int) -> bool:
        """Put on record that nobody answered in time; not where that content is settled, or is no longer there.

        :returns: whether it was put on record.
        """
        question_now = self.question(again=True)
        if question_now is None or question_now.content_sha256 != shown:
            return False
        with self._db.begin() as conn:
            approvals.record_unanswered(
                conn, self._collection.collection_id, content_sha256=shown, hours=hours, run_id=self._run_id
            )
        return True
