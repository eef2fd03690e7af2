"""The JSON that the review page's API takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from restoration.review.hint_models import Hint

Decision = Literal["accept", "reject", "accept_without_faces", "keep_original"]
Which = Literal["waiting", "decided", "all"]

LONGEST_WORDS = 2000


class _Model(BaseModel):
    model_config = ConfigDict(from_attributes=True, extra="ignore")


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Problem(BaseModel):
    """What went wrong: a machine-readable word, a sentence, and the photograph concerned where there is one."""

    reason: str
    message: str
    photo: str | None = None


class ErrorAnswer(BaseModel):
    """The one shape of every error."""

    error: Problem


class Health(BaseModel):
    """Whether the service can work."""

    status: Literal["ok"] = "ok"
    version: str


class SignInRequest(_Request):
    """A name with a password (``airflow``) or with the token (``token``)."""

    way: Literal["airflow", "token"]
    name: str = Field(max_length=400)
    secret: SecretStr = Field(max_length=1000)


class SessionAnswer(BaseModel):
    """Who is signed in, until when; and how one can sign in here. ``person`` is null where nobody is."""

    person: str | None
    way: str | None
    expires: datetime | None
    ways: list[str]


class CollectionAnswer(_Model):
    """A collection with its counts (:func:`restoration.catalog.reviews.review_counts`) and why photographs wait."""

    name: str
    title: str
    rights: str
    consent: str
    sensitivity: str
    counts: dict[str, int]
    reasons: dict[str, int]


class Collections(BaseModel):
    """Every collection."""

    collections: list[CollectionAnswer]


class Item(_Model):
    """One photograph of a list; figures are null where they were not measured."""

    photo_id: int
    collection: str
    object_key: str
    title: str | None
    state: str
    reason: str | None
    reason_detail: str
    restoration_id: int
    awaits_review: bool
    decision: Decision | None
    reviewer: str | None
    way: str | None
    words: str | None
    decided_at: datetime | None
    width: int
    height: int
    ai_altered: bool
    variant: str
    faces: int
    faces_altered: int
    lowest_identity: float | None
    damage_share: float | None
    ssim_y: float | None
    finished_at: datetime | None


class Page(BaseModel):
    """A page of a list. ``next`` is the cursor of the page behind it; null on the last one."""

    items: list[Item]
    next: str | None


class Face(_Model):
    """One face. ``box`` (x, y, width, height) in pixels of a picture of ``Photo.faces_size``, origin top left."""

    ordinal: int
    box: tuple[float, float, float, float]
    action: str
    reason: str | None
    identity: float | None
    threshold: float | None
    certainty: float | None
    blend: float | None
    confidence: float
    restorer: str | None


class Step(_Model):
    """What one step of the recipe did."""

    ordinal: int
    step: str
    status: str
    reason: str | None
    model: str | None
    seconds: float
    detail: dict[str, Any]


class Damage(_Model):
    """One kind of damage; shares are of the picture, 0..1."""

    kind: str
    found_share: float
    mended_share: float
    regions: int
    mending: str
    model: str | None


class Past(_Model):
    """An earlier decision; ``of_this_restoration``: about the restoration that is shown now."""

    review_id: int
    restoration_id: int
    decision: Decision
    reviewer: str
    way: str
    words: str
    decided_at: datetime
    of_this_restoration: bool


class Shown(BaseModel):
    """How one side can be shown: with tiles at full size, as the file itself, or as a preview alone."""

    tiles: bool
    file: bool


class Photo(BaseModel):
    """All that a person needs to decide about one photograph.

    ``filled_share`` is the share of the picture that was invented, null where nobody recorded it; ``mask``: whether
    there is a picture of where. ``hints`` are the colours that people gave and that hold; ``painted``: whether a
    colorizer painted it, so that a run can paint by them; ``previews``: whether that can be seen beforehand. Places of
    hints are the scan's own; ``turned`` is by how many degrees counterclockwise scan and result are shown turned.
    """

    item: Item
    collection_title: str
    dublin_core: dict[str, str]
    scan: dict[str, Any]
    output: dict[str, Any]
    recipe: str
    before: Shown
    after: Shown
    preview_side: int
    faces_size: tuple[int, int]
    faces: list[Face]
    steps: list[Step]
    measurements: dict[str, dict[str, float]]
    history: list[Past]
    damage: list[Damage]
    filled_share: float | None
    mask: bool
    hints: list[Hint]
    painted: bool
    previews: bool
    turned: int


class DecisionRequest(_Request):
    """What a person decides about the restoration that they see."""

    restoration_id: int
    decision: Decision
    words: str = Field(default="", max_length=LONGEST_WORDS)


class Decided(BaseModel):
    """The number of the review, and the photograph as it stands now."""

    review_id: int
    item: Item
    counts: dict[str, int]


class RunAnswer(BaseModel):
    """A run's photographs, by state."""

    run_id: UUID
    state: str
    photos: int
    finished: int
    states: dict[str, int]


class ContactSheet(BaseModel):
    """A collection at a glance: counts, and the photographs to look at first."""

    collection: CollectionAnswer
    run: RunAnswer | None
    worst: list[Item]
    made_at: datetime
    made_by: str
