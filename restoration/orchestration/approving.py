"""The operator that asks a person before a collection is published, and parks the run until there is an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import TaskAwaitingInput

from restoration.orchestration.failing import usage_errors_are_final
from restoration.publish import question

if TYPE_CHECKING:
    from airflow.sdk import Context

    from restoration.publish.asking import Asker

WORDS = "words"

_FORM = Param(
    None,
    type="string",
    minLength=1,
    maxLength=4000,
    title="Your words",
    description="Why, in your own words: who agreed, what you looked at. They stay on record with your name.",
)


class AnswerNotUsable(RuntimeError):
    """An answer that does not count; the task's next try asks again, with what is there by then."""


class ApproveOperator(HITLOperator):
    """Ask whether exactly what is there now may be published.

    Passes at once where nobody need be asked, where the form says not to wait, and where nothing will be published.
    Else the run is parked (state ``awaiting_input``, no worker and no trigger) until somebody answers, or until the
    setting ``approval_hours`` has passed: then the publication is withheld, and that goes on record.

    :param collection: name of the collection.
    :param catalog_run_id: the catalog's run, as text; empty where there is none.
    :param ask_again: ask about photographs that wait even where the current version shows them so already.

    Returns ``decision`` (``not_needed``, ``not_asked``, ``approved``, ``refused``, ``unanswered``) and, where somebody
    decided, ``person``, ``content_sha256`` and ``accepted``.
    """

    template_fields: Sequence[str] = ("collection", "catalog_run_id")
    ui_color = "#f3e6ef"

    def __init__(self, *, collection: str, catalog_run_id: str = "", ask_again: bool = False, **kwargs: Any) -> None:
        from restoration.settings import get_settings

        self.hours = get_settings().approval_hours
        super().__init__(
            subject="Publish?",
            options=list(question.OPTIONS),
            defaults=question.REFUSE,
            response_timeout=timedelta(hours=self.hours),
            **kwargs,
        )
        self.collection = collection
        self.catalog_run_id = catalog_run_id
        self.ask_again = ask_again

    @property
    def serialized_params(self) -> dict[str, dict[str, Any]]:
        """The form's one field. No Param of the task itself: Airflow wants values of those before anybody is asked."""
        return {WORDS: _FORM.serialize()}

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask and park, or pass."""
        params = context["params"]
        if params.get("dry_run") or not params.get("publish", True):
            return {"decision": "not_asked"}
        if not params.get("wait_for_approval", True):
            self.log.info("the form says not to wait for a person; what needs one is not published")
            return {"decision": "not_asked"}
        with usage_errors_are_final(), self._asker() as asker:
            asked = asker.question(again=self.ask_again)
        if asked is None:
            self.log.info("nobody need be asked before %s is published", self.collection)
            return {"decision": "not_needed"}
        self.subject, self.body = asked.subject, asked.body
        self.log.info("%s: content %s, waiting for an answer for %d hours", asked.why, asked.content_sha256, self.hours)
        try:
            super().execute(context)
        except TaskAwaitingInput as parked:
            parked.kwargs = {**(parked.kwargs or {}), "shown": asked.content_sha256}
            raise
        raise AssertionError("unreachable: the task was parked")

    def execute_complete(self, context: Context, event: dict[str, Any], shown: str = "") -> dict[str, Any]:
        """Put the answer on record.

        :param shown: hash of the content that the person was shown.
        :raises AnswerNotUsable: it has no words, or the content has changed since; the next try asks again.
        """
        if event.get("timedout"):
            return self._unanswered(shown)
        answer = super().execute_complete(context, event)
        return self._answered(answer, shown)

    def validate_params_input(self, params_input: Mapping[str, Any]) -> None:
        """Airflow's API takes any answer; what the form demands is looked at here.

        :raises AnswerNotUsable: no words, or too many.
        """
        words = params_input.get(WORDS)
        if not isinstance(words, str) or not words.strip() or len(words) > _FORM.schema["maxLength"]:
            raise AnswerNotUsable(f"the answer does not say why: field {WORDS!r} is empty or too long; asking again")

    def _answered(self, answer: Mapping[str, Any], shown: str) -> dict[str, Any]:
        from restoration.catalog.approvals import Approval
        from restoration.publish.asking import ContentChanged

        option, words = answer["chosen_options"][0], str(answer["params_input"][WORDS])
        person = person_of(answer["responded_by_user"])
        try:
            with self._asker() as asker:
                told = asker.answer(option, Approval(person, words), shown)
        except ContentChanged as error:
            raise AnswerNotUsable(f"{error.message}; asking again") from error
        self.log.info("%s: %s by %s, %d photographs accepted", self.collection, told.decision, person, told.accepted)
        return {"person": person, **vars(told)}

    def _unanswered(self, shown: str) -> dict[str, Any]:
        with self._asker() as asker:
            noted = asker.unanswered(shown, self.hours)
        self.log.warning("nobody answered within %d hours; %s is not published%s", self.hours, self.collection,
                         "" if noted else " by this run; its content is settled or another by now")  # fmt: skip
        return {"decision": "unanswered", "content_sha256": shown}

    def _asker(self) -> AbstractContextManager[Asker]:
        return _asker(self.collection, UUID(self.catalog_run_id) if self.catalog_run_id else None)


@contextmanager
def _asker(collection: str, run_id: UUID | None) -> Iterator[Asker]:
    from restoration.orchestration.access import make_store
    from restoration.orchestration.flow import open_catalog
    from restoration.publish.asking import Asker
    from restoration.settings import get_settings

    with open_catalog() as db:
        yield Asker(db, make_store(), get_settings(), collection, run_id)


def person_of(user: Mapping[str, Any] | None) -> str:
    """Name of Airflow's user, with the id where that is another.

    :raises AnswerNotUsable: nobody; Airflow without login knows no persons.
    """
    name, number = str((user or {}).get("name") or "").strip(), str((user or {}).get("id") or "").strip()
    if not name and not number:
        raise AnswerNotUsable("Airflow does not say who answered; log in and answer again")
    return name if name == number or not number else f"{name} ({number})" if name else number
