"""Evaluations of models: which figures which model reached on which photographs. Written once, never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from restoration.catalog.values import clean_text, to_json
from restoration.errors import CatalogError

_CHUNK = 5000

_RIGHT = sa.text("""
SELECT has_table_privilege(c.oid, 'INSERT') FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'restoration' AND c.relname = 'evaluation_score'
""")

_EVALUATION = sa.text("""
INSERT INTO evaluation (task, data_set, data_set_sha256, with_reference, parameters, device_class, code_version)
VALUES (:task, :data_set, :data_set_sha256, :with_reference, CAST(:parameters AS jsonb), :device_class, :code_version)
RETURNING evaluation_id
""")

_MODELS = sa.text("""
INSERT INTO evaluation_model (evaluation_id, ordinal, name, version, weights_sha256)
VALUES (:evaluation_id, :ordinal, :name, :version, :weights_sha256)
""")

_PHOTOS = sa.text("""
INSERT INTO evaluation_photo (evaluation_id, ordinal, name, face, sha256, family, ita_group, ita_degrees)
SELECT :evaluation_id, * FROM unnest(CAST(:ordinal AS integer[]), CAST(:name AS text[]), CAST(:face AS integer[]),
    CAST(:sha256 AS text[]), CAST(:family AS text[]), CAST(:ita_group AS text[]),
    CAST(:ita_degrees AS double precision[]))
""")

_SCORES = sa.text("""
INSERT INTO evaluation_score (evaluation_id, photo_ordinal, model_ordinal, metric, value)
SELECT :evaluation_id, * FROM unnest(CAST(:photo AS integer[]), CAST(:model AS integer[]), CAST(:metric AS text[]),
    CAST(:value AS double precision[]))
""")


@dataclass(frozen=True)
class EvaluatedModel:
    """One model by registry name. Rows that nobody painted (gray, the truth) have neither version nor weights."""

    name: str
    version: str = ""
    weights_sha256: str | None = None


@dataclass(frozen=True)
class EvaluatedPhoto:
    """One photograph, or one face of it. ``ita_group`` and ``ita_degrees`` are those of the largest face, where there
    is one; ``face`` counts a photograph's faces from 1 and is 0 for the photograph as a whole.
    """

    name: str
    sha256: str
    family: str
    ita_group: str | None = None
    ita_degrees: float | None = None
    face: int = 0


@dataclass(frozen=True)
class ScoreRow:
    """One figure; ``photo`` and ``model`` are places in the evaluation's lists."""

    photo: int
    model: int
    metric: str
    value: float


@dataclass(frozen=True)
class NewEvaluation:
    """A finished evaluation, ready to be written. Hashes are sha256 in hex; ``parameters`` are kept as JSON; ``task``
    is that of its models in the registry.
    """

    data_set: str
    data_set_sha256: str
    with_reference: bool
    parameters: Mapping[str, Any]
    device_class: str
    code_version: str
    models: Sequence[EvaluatedModel]
    photos: Sequence[EvaluatedPhoto]
    scores: Sequence[ScoreRow]
    task: str = "colorize"


def check_may_record(conn: sa.Connection) -> None:
    """Make sure, before the work, that this login may write an evaluation.

    :raises CatalogError: the catalog is older than evaluations, or the login has not the worker's rights.
    """
    allowed = conn.execute(_RIGHT).scalar()
    if allowed is None:
        raise CatalogError("the catalog has no tables for evaluations; run: restoration catalog migrate")
    if not allowed:
        raise CatalogError("this login may not write evaluations; use one with the role restoration_worker")


def record_evaluation(conn: sa.Connection, new: NewEvaluation) -> int:
    """Write an evaluation with all its scores; returns its number. The worker role is enough."""
    values = {
        "task": new.task,
        "data_set": clean_text(new.data_set),
        "data_set_sha256": new.data_set_sha256,
        "with_reference": new.with_reference,
        "parameters": to_json(new.parameters),
        "device_class": new.device_class,
        "code_version": new.code_version,
    }
    number = int(conn.execute(_EVALUATION, values).scalar_one())
    models = [vars(model) | {"evaluation_id": number, "ordinal": place} for place, model in enumerate(new.models)]
    conn.execute(_MODELS, models)
    for start, photos in _chunks(new.photos):
        conn.execute(_PHOTOS, {"evaluation_id": number} | _photo_columns(photos, start))
    for _, scores in _chunks(new.scores):
        conn.execute(_SCORES, {"evaluation_id": number} | _score_columns(scores))
    return number


def _chunks(rows: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
    for start in range(0, len(rows), _CHUNK):
        yield start, rows[start : start + _CHUNK]


def _photo_columns(photos: Sequence[EvaluatedPhoto], start: int) -> dict[str, list[Any]]:
    return {
        "ordinal": list(range(start, start + len(photos))),
        "name": [clean_text(photo.name) for photo in photos],
        "face": [photo.face for photo in photos],
        "sha256": [photo.sha256 for photo in photos],
        "family": [clean_text(photo.family) for photo in photos],
        "ita_group": [photo.ita_group for photo in photos],
        "ita_degrees": [photo.ita_degrees for photo in photos],
    }


def _score_columns(scores: Sequence[ScoreRow]) -> dict[str, list[Any]]:
    return {
        "photo": [score.photo for score in scores],
        "model": [score.model for score in scores],
        "metric": [score.metric for score in scores],
        "value": [score.value for score in scores],
    }
