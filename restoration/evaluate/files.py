"""What an evaluation leaves behind for programs: ``scores.csv`` and ``summary.json``. No clock, no paths, no order of
reading goes into them: the same photographs, models and machine class give the same bytes.
"""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Any

import restoration
from restoration.evaluate import statistics
from restoration.evaluate.colorizers import Evaluation
from restoration.evaluate.features import SIDE
from restoration.evaluate.figures import FIGURES
from restoration.evaluate.perceptual import SHA256 as PERCEPTUAL_SHA256
from restoration.evaluate.scoring import rounded
from restoration.evaluate.text import json_bytes, plain
from restoration.spreadsheet import neutralise

IDENTITY = ("photo", "sha256", "family", "ita_group", "ita_degrees", "model")


def scores_csv(evaluation: Evaluation) -> bytes:
    """One row a photograph and model; a figure that does not apply is an empty cell. UTF-8, RFC 4180."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*IDENTITY, *FIGURES])
    angles = {member.name: member.angle for member in evaluation.members}
    for score in evaluation.scores:
        angle = angles[score.photo]
        who = [
            neutralise(plain(score.photo)),
            score.sha256,
            neutralise(plain(score.family)),
            score.group,
            "" if angle is None else rounded(angle),
            score.model,
        ]
        writer.writerow([*who, *(rounded(score.values[f]) if f in score.values else "" for f in FIGURES)])
    return out.getvalue().encode("utf-8")


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """Everything but the single scores, as plain objects."""
    groups = statistics.by_group(evaluation.scores)
    return {
        **parameters(evaluation),
        "figures": {name: _meaning(name) for name in FIGURES},
        "overall": statistics.as_dicts(statistics.overall(evaluation.scores)),
        "families": statistics.as_dicts(
            row for row in statistics.by_family(evaluation.scores) if row.family != statistics.ALL
        ),
        "ita_groups": [{"ita_group": row.pop("family"), **row} for row in statistics.as_dicts(groups)],
        "fairness": statistics.as_dicts(statistics.fairness(groups)),
        "comparisons": statistics.as_dicts(evaluation.pairs),
        "fid": dict(evaluation.fid),
        "problems": [asdict(problem) | {"name": plain(problem.name)} for problem in evaluation.problems],
    }


def parameters(evaluation: Evaluation) -> dict[str, Any]:
    """What the figures depend on: data set, models, sizes, software, kind of machine."""
    net = evaluation.fid_net
    return {
        "data_set": plain(evaluation.request.title),
        "data_set_sha256": evaluation.data_set_sha256,
        "photos": len(evaluation.members),
        "with_reference": evaluation.request.with_reference,
        "long_side": evaluation.request.long_side,
        "software": f"archive-restoration {restoration.__version__}",
        "device_class": evaluation.device_class,
        "models": [one.facts() for one in evaluation.models],
        "st_lpips_sha256": PERCEPTUAL_SHA256 if evaluation.perceptual else None,
        "feature_net": None
        if net is None
        else {"name": net.name, "sha256": net.sha256, "features": net.size, "side": SIDE},
    }


def summary_json(evaluation: Evaluation) -> bytes:
    """:func:`summary` as JSON; floats of nine significant digits."""
    return json_bytes(summary(evaluation))


def _meaning(name: str) -> dict[str, str]:
    figure = FIGURES[name]
    return {"direction": figure.direction, "meaning": figure.description}
