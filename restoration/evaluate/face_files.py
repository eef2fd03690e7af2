"""What an evaluation of face restorers leaves behind for programs: ``scores.csv`` and ``summary.json``.

No clock, no paths, no order of reading goes into them: the same photographs, models, seed and machine class give the
same bytes.
"""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Any

import restoration
from restoration.evaluate import statistics
from restoration.evaluate.faces import FaceEvaluation
from restoration.evaluate.figures import FACE_FIGURES
from restoration.evaluate.perceptual import SHA256 as PERCEPTUAL_SHA256
from restoration.evaluate.photos import CONFIDENCE
from restoration.evaluate.portraits import RECIPES, SMALLEST_SIDE
from restoration.evaluate.scoring import rounded
from restoration.evaluate.text import json_bytes, plain
from restoration.models.nets.house_restorer import SIDE
from restoration.models.registry import ModelEntry
from restoration.spreadsheet import neutralise

TASK = "restore-face"
WHO = ("photo", "face", "sha256", "family", "model")


def scores_csv(evaluation: FaceEvaluation) -> bytes:
    """One row a face and model; a figure that does not apply is an empty cell. UTF-8, RFC 4180."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    used = used_figures(evaluation)
    writer.writerow([*WHO, *used])
    for score in evaluation.scores:
        who = [neutralise(plain(score.photo)), score.number, score.sha256, neutralise(plain(score.family)), score.model]
        writer.writerow([*who, *(rounded(score.values[f]) if f in score.values else "" for f in used)])
    return out.getvalue().encode("utf-8")


def used_figures(evaluation: FaceEvaluation) -> list[str]:
    """Names of the figures that this kind of evaluation has, in the order of columns."""
    return [name for name in FACE_FIGURES if FACE_FIGURES[name].needs_truth == evaluation.request.with_reference]


def summary(evaluation: FaceEvaluation) -> dict[str, Any]:
    """Everything but the single scores, as plain objects."""
    return {
        **parameters(evaluation),
        "figures": {name: _meaning(name) for name in used_figures(evaluation)},
        "marks": [asdict(mark) for mark in evaluation.marks],
        "overall": statistics.as_dicts(statistics.overall(evaluation.scores)),
        "families": statistics.as_dicts(
            row for row in statistics.by_family(evaluation.scores) if row.family != statistics.ALL
        ),
        "distributions": statistics.as_dicts(statistics.spreads(evaluation.scores)),
        "comparisons": statistics.as_dicts(evaluation.pairs),
        "problems": [asdict(problem) | {"name": plain(problem.name)} for problem in evaluation.problems],
    }


def parameters(evaluation: FaceEvaluation) -> dict[str, Any]:
    """What the figures depend on: data set, seed, models, sizes, software, kind of machine."""
    request = evaluation.request
    with_truth = {"seed": request.seed, "smallest_side": SMALLEST_SIDE, "confidence": CONFIDENCE}
    without = {"least_eye_distance": RECIPES.min_eye_distance, "confidence": RECIPES.confidence}
    return {
        "task": TASK,
        "data_set": plain(request.title),
        "data_set_sha256": evaluation.data_set_sha256,
        "photos": len({member.photo for member in evaluation.members}),
        "faces": len(evaluation.members),
        "with_reference": request.with_reference,
        "side": SIDE,
        **(with_truth if request.with_reference else without),
        "software": f"archive-restoration {restoration.__version__}",
        "device_class": evaluation.device_class,
        "models": [one.facts() for one in evaluation.models],
        "detector": _named(evaluation.detector),
        "identity_model": _named(evaluation.identity),
        "st_lpips_sha256": PERCEPTUAL_SHA256 if evaluation.perceptual else None,
    }


def summary_json(evaluation: FaceEvaluation) -> bytes:
    """:func:`summary` as JSON; floats of nine significant digits."""
    return json_bytes(summary(evaluation))


def _named(entry: ModelEntry) -> dict[str, str]:
    return {"name": entry.name, "version": entry.version, "sha256": entry.sha256}


def _meaning(name: str) -> dict[str, str]:
    figure = FACE_FIGURES[name]
    return {"direction": figure.direction, "meaning": figure.description}
