"""An evaluation as plain rows for the catalog."""

from __future__ import annotations

import restoration
from restoration.catalog.evaluations import EvaluatedModel, EvaluatedPhoto, NewEvaluation, ScoreRow
from restoration.evaluate.colorizers import Evaluation
from restoration.evaluate.face_files import TASK as RESTORE_FACE
from restoration.evaluate.face_files import parameters as face_parameters
from restoration.evaluate.faces import FaceEvaluation
from restoration.evaluate.files import parameters
from restoration.evaluate.photos import family_of
from restoration.evaluate.repair.files import TASK as REPAIR
from restoration.evaluate.repair.files import data_set_hash
from restoration.evaluate.repair.marked import MARKED
from restoration.evaluate.repair.run import WHOLE, RepairRun
from restoration.evaluate.scoring import GRAY, TRUTH, Score


def evaluation_row(evaluation: Evaluation) -> NewEvaluation:
    """Photographs and models by their place, and one row a photograph, model and figure."""
    request = evaluation.request
    entries = [EvaluatedModel(e.name, e.version, e.sha256) for e in evaluation.models]
    models = [EvaluatedModel(GRAY), *entries, *([EvaluatedModel(TRUTH)] if request.with_reference else [])]
    place_of_model = {model.name: place for place, model in enumerate(models)}
    place_of_photo = {member.name: place for place, member in enumerate(evaluation.members)}
    scores = [
        ScoreRow(place_of_photo[score.photo], place_of_model[score.model], name, value)
        for score in evaluation.scores
        for name, value in score.values.items()
    ]
    return NewEvaluation(
        data_set=request.title,
        data_set_sha256=evaluation.data_set_sha256,
        with_reference=request.with_reference,
        parameters=parameters(evaluation) | {"fid": dict(evaluation.fid)},
        device_class=evaluation.device_class,
        code_version=restoration.__version__,
        models=models,
        photos=[EvaluatedPhoto(m.name, m.sha256, m.family, m.group or None, m.angle) for m in evaluation.members],
        scores=scores,
    )


def face_evaluation_row(evaluation: FaceEvaluation) -> NewEvaluation:
    """The same for face restorers: a row of the catalog's photographs is one face."""
    request = evaluation.request
    entries = [EvaluatedModel(one.name, one.version, one.sha256) for one in evaluation.models]
    models = [EvaluatedModel(request.floor), *entries]
    place_of_model = {model.name: place for place, model in enumerate(models)}
    place_of_face = {member.subject: place for place, member in enumerate(evaluation.members)}
    scores = [
        ScoreRow(place_of_face[score.subject], place_of_model[score.model], name, value)
        for score in evaluation.scores
        for name, value in score.values.items()
    ]
    return NewEvaluation(
        task=RESTORE_FACE,
        data_set=request.title,
        data_set_sha256=evaluation.data_set_sha256,
        with_reference=request.with_reference,
        parameters=face_parameters(evaluation) | {"marks": {f"{m.model} {m.name}": m.value for m in evaluation.marks}},
        device_class=evaluation.device_class,
        code_version=restoration.__version__,
        models=models,
        photos=[EvaluatedPhoto(m.photo, m.sha256, m.family, face=m.number) for m in evaluation.members],
        scores=scores,
    )


def repair_evaluation_row(run: RepairRun) -> NewEvaluation:
    """The same for menders. A photograph meets every kind of damage, so the kind is part of the figure's name."""
    photos = list(dict.fromkeys((score.photo, score.sha256) for score in run.found))
    place_of_model = {mender.name: place for place, mender in enumerate(run.menders)}
    place_of_photo = {name: place for place, (name, _) in enumerate(photos)}
    scores = [
        ScoreRow(place_of_photo[score.photo], place_of_model[score.model], _figure_of(score, name), value)
        for score in run.found
        for name, value in score.values.items()
    ]
    request = run.request
    return NewEvaluation(
        task=REPAIR,
        data_set=request.title,
        data_set_sha256=data_set_hash(run),
        with_reference=True,
        parameters={"seed": request.seed, "long_side": request.long_side},
        device_class=run.models.device_class,
        code_version=restoration.__version__,
        models=[
            EvaluatedModel(one.name, str(one.facts.get("version", "")), one.facts.get("sha256")) for one in run.menders
        ],
        photos=[EvaluatedPhoto(name, sha256, family_of(name)) for name, sha256 in photos],
        scores=scores,
    )


def _figure_of(score: Score, name: str) -> str:
    """``damage_removed`` of the trial with tears is ``damage_removed_tear``; without trials it stays."""
    return name if score.family in {WHOLE, MARKED} else f"{name}_{score.family}"
