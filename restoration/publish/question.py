"""The question whether a collection may be published, in Markdown, as a person reads it in Airflow.

Titles, names and keys are whatever somebody typed. Each stands in a code span, in which Markdown knows neither links
nor HTML, and loses the characters that could end the span, the table's cell or the line.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from restoration.names import contact_sheet_url, review_page_url

if TYPE_CHECKING:
    from restoration.catalog.collections import Collection
    from restoration.catalog.reviews import ReviewItem

PUBLISH = "Publish"
PUBLISH_ALL = "Publish, doubtful ones accepted"
REFUSE = "Do not publish"
OPTIONS = (PUBLISH, PUBLISH_ALL, REFUSE)

WORST = 20
MAX_TEXT = 80
_SAFER = str.maketrans({"`": "'", "|": "\u00a6"})

_DECISIONS = {
    "accept": "accepted",
    "accept_without_faces": "accepted without restored faces",
    "keep_original": "original kept",
    "reject": "rejected by a person",
    "waiting": "waiting for a person",
}


@dataclass(frozen=True)
class Question:
    """What a person is asked, and for exactly which content.

    :param why: one sentence.
    :param waiting: photographs that wait for a person's decision.
    """

    collection: str
    content_sha256: str
    waiting: int
    photos: int
    why: str
    subject: str
    body: str


def code(text: str | None, most: int = MAX_TEXT) -> str:
    """Untrusted text as a code span on one line, or a dash where there is none."""
    plain = "".join(c if _is_plain(c) else " " for c in (text or "")[: 4 * most]).translate(_SAFER)
    words = " ".join(plain.split())
    if not words:
        return "\u2013"
    if len(words) > most:
        words = f"{words[: most - 1]}\u2026"
    return f"`{words}`"


def _is_plain(character: str) -> bool:
    """No control character, no line break, nothing that changes the reading direction."""
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def subject(collection: Collection) -> str:
    """One line, shown as it stands: the collection's name has letters, digits and hyphens only."""
    return f"Publish {collection.name}?"


def body(
    collection: Collection,
    *,
    why: str,
    content_sha256: str,
    states: Sequence[tuple[str, str, int]],
    decisions: Mapping[str, int],
    worst: Sequence[ReviewItem],
    review_url: str | None,
    run: str | None = None,
) -> str:
    """What a person needs to decide.

    :param states: photographs by state and reason.
    :param decisions: photographs by decision in force, and those that wait, as
        :func:`restoration.catalog.reviews.review_counts` gives them.
    :param worst: those to look at first.
    :param review_url: the setting of that name.
    :param run: the catalog's id of the run, for the contact sheet.
    """
    parts = [
        f"{_sentence(why)} Whatever you choose goes on record with your name and your words.",
        _facts(collection, content_sha256),
        _where(collection, review_url, run),
        "### Photographs",
        _table(("State", "Reason", "Photographs"), ((state, reason, str(n)) for state, reason, n in states)),
        _decided(decisions),
        _options(decisions.get("waiting", 0)),
    ]
    if worst:
        parts += [f"### The {len(worst)} to look at first", _worst(worst)]
    return "\n\n".join(part for part in parts if part)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _facts(collection: Collection, content_sha256: str) -> str:
    rows = [
        ("Collection", f"`{collection.name}`"),
        ("Title", code(collection.title)),
        ("Consent", collection.consent),
        ("Sensitivity", collection.sensitivity),
        ("Rights", code(collection.rights)),
        ("Contact", code(collection.contact)),
        ("Content", f"`{content_sha256[:12]}`"),
    ]
    return _table(("", ""), rows)


def _where(collection: Collection, review_url: str | None, run: str | None) -> str:
    if review_url is None:
        return (
            f"Look at the photographs with `restoration review list {collection.name}` (the setting review_url would "
            "put links to the review page here)."
        )
    sheet, page = contact_sheet_url(review_url, collection.name, run), review_page_url(review_url, collection.name)
    return f"[Contact sheet](<{sheet}>) · [Review page](<{page}>)"


def _decided(decisions: Mapping[str, int]) -> str:
    rows = [(words, str(decisions[name])) for name, words in _DECISIONS.items() if decisions.get(name)]
    return _table(("Decision", "Photographs"), rows) if rows else ""


def _options(waiting: int) -> str:
    doubtful = (
        f"{waiting} doubtful photographs that nobody has decided about are shown as they were scanned"
        if waiting
        else "no photograph waits for a decision"
    )
    return (
        f"- **{PUBLISH}**: exactly this content; {doubtful}.\n"
        f"- **{PUBLISH_ALL}**: you accept every photograph that waits, and they are shown restored.\n"
        f"- **{REFUSE}**: nothing is published, and what was published before stays.\n\n"
        "If the photographs change before you answer, you are asked again."
    )


def _worst(items: Sequence[ReviewItem]) -> str:
    header = ("Photograph", "Title", "State", "Reason", "Lowest identity", "Damage", "SSIM", "Faces changed")
    rows = (
        (
            code(item.object_key, 60),
            code(item.title, 40),
            "waits" if item.awaits_review else (item.decision or item.state).replace("_", " "),
            _reason(item),
            _figure(item.lowest_identity),
            _figure(item.damage_share),
            _figure(item.ssim_y),
            f"{item.faces_altered} of {item.faces}",
        )
        for item in items
    )
    return _table(header, rows)


def _reason(item: ReviewItem) -> str:
    words = (item.reason or "").replace("_", " ")
    return f"{words} {code(item.reason_detail, 60)}" if item.reason_detail else words


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [_row(header), _row(["---"] * len(header)), *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"
