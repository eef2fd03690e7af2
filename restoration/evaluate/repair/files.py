"""What a comparison of menders leaves behind: ``scores.csv``, ``summary.json`` and one sheet for each kind of damage.

No clock and no paths go into them: the same photographs, models, seed and machine class give the same bytes.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import restoration
from restoration.engine.outputs import write_atomically
from restoration.errors import StorageError
from restoration.evaluate import statistics
from restoration.evaluate.figures import REPAIR_FIGURES
from restoration.evaluate.photos import data_set_sha256
from restoration.evaluate.repair.run import RepairRun
from restoration.evaluate.scoring import rounded
from restoration.evaluate.text import json_bytes, plain
from restoration.spreadsheet import neutralise

TASK = "repair"


def write_files(run: RepairRun, folder: Path) -> Path:
    """Write everything; returns the folder.

    :raises StorageError: the file system refused.
    """
    write_atomically(folder / "scores.csv", scores_csv(run))
    write_atomically(folder / "summary.json", json_bytes(summary(run)))
    for kind, sheet in run.sheets.items():
        done, data = cv2.imencode(".jpg", np.rint(sheet[:, :, ::-1] * 255).astype(np.uint8))
        if not done:
            raise StorageError(f"the sheet of {kind} could not be encoded")
        write_atomically(folder / "sheets" / f"{kind}.jpg", bytes(data))
    return folder


def scores_csv(run: RepairRun) -> bytes:
    """One row a photograph, kind of damage and mender; a figure that does not apply is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["photo", "sha256", "damage", "model", *REPAIR_FIGURES])
    for score in run.found:
        figures = [rounded(score.values[name]) if name in score.values else "" for name in REPAIR_FIGURES]
        writer.writerow([neutralise(plain(score.photo)), score.sha256, score.family, score.model, *figures])
    return out.getvalue().encode("utf-8")


def data_set_hash(run: RepairRun) -> str:
    """Hash over names and contents of the photographs that were scored."""
    return data_set_sha256(iter({(score.sha256, score.photo) for score in run.found}))


def summary(run: RepairRun) -> dict[str, Any]:
    """Everything but the single scores."""
    return {
        "task": TASK,
        "data_set": plain(run.request.title),
        "data_set_sha256": data_set_hash(run),
        "seed": run.request.seed,
        "long_side": run.request.long_side,
        "software": f"archive-restoration {restoration.__version__}",
        "device_class": run.models.device_class,
        "models": [{"name": mender.name, **mender.facts} for mender in run.menders],
        "figures": {name: figure.description for name, figure in REPAIR_FIGURES.items()},
        "by_damage": statistics.as_dicts(statistics.by_family(run.found)),
        "problems": [{"name": plain(p.name), "reason": p.reason, "message": plain(p.message)} for p in run.problems],
    }
