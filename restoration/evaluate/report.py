"""An evaluation as a folder: ``report.html`` with its plots and pictures, ``scores.csv`` and ``summary.json``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from restoration.engine.outputs import write_atomically
from restoration.errors import StorageError, UsageError
from restoration.evaluate import plots, statistics
from restoration.evaluate.colorizers import Evaluation, Run
from restoration.evaluate.figures import FIGURES
from restoration.evaluate.files import scores_csv, summary_json
from restoration.evaluate.page import Shown, page
from restoration.evaluate.pictures import Case, cases, jpeg, strips

PAGE, SCORES, SUMMARY = "report.html", "scores.csv", "summary.json"
PLOTS, PICTURES = "plots", "pictures"


def check_folder(folder: Path, photos: Path) -> None:
    """Make sure that a report may be written here: a new or empty folder, or one that holds an earlier report.

    :raises UsageError: the folder holds other things, lies within that of the photographs, or is a file.
    :raises EnvironmentProblem: Matplotlib is not installed.
    """
    plots.check_available()
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; --out names a folder")
    if photos.resolve() in {folder.resolve(), *folder.resolve().parents}:
        raise UsageError("--out must lie outside the folder of photographs: its pictures would be compared next time")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / SUMMARY).is_file():
        raise UsageError(f"{folder} holds other files and no earlier report; name a new folder with --out")


def write_report(run: Run, evaluation: Evaluation, folder: Path) -> Path:
    """Write everything; an earlier report is replaced. Returns the page.

    :raises StorageError: the file system refused.
    :raises PhotoFailed: a photograph changed during the run.
    """
    clear(folder)
    write_atomically(folder / SCORES, scores_csv(evaluation))
    write_atomically(folder / SUMMARY, summary_json(evaluation))
    shown = [_write_picture(folder, number, *one) for number, one in enumerate(strips(run, cases(evaluation)), start=1)]
    drawn = _write_plots(evaluation, folder)
    write_atomically(folder / PAGE, page(evaluation, drawn, shown))
    return folder / PAGE


def _write_picture(folder: Path, number: int, case: Case, sheet: NDArray[np.uint8]) -> Shown:
    """Names are numbers: what a photograph is called never becomes part of a path."""
    address = f"{PICTURES}/{number:04d}.jpg"
    write_atomically(folder / address, jpeg(sheet))
    return Shown(case, address, sheet.shape[1], sheet.shape[0])


def _write_plots(evaluation: Evaluation, folder: Path) -> dict[str, tuple[str, str]]:
    """Plots by address, with heading and alternative text."""
    wanted = plots.WITH_TRUTH if evaluation.request.with_reference else plots.WITHOUT
    written: dict[str, tuple[str, str]] = {}
    overall = statistics.overall(evaluation.scores)
    for metric in wanted:
        means = [
            f"{row.model} {row.means[metric] * FIGURES[metric].scale:.2f}" for row in overall if metric in row.means
        ]
        if not means:
            continue
        address, label = f"{PLOTS}/{metric}.svg", FIGURES[metric].label
        write_atomically(folder / address, plots.distribution(evaluation.scores, metric))
        words = f"Box plot with one dot a photograph of {label} by model. Means: {', '.join(means)}."
        written[address] = (f"{label}: {FIGURES[metric].description} One dot a photograph.", words)
    rows = statistics.by_family(evaluation.scores)
    metric = "delta_e00" if evaluation.request.with_reference else "face_colourfulness"
    if any(metric in row.means and row.family != statistics.ALL for row in rows):
        address, label = f"{PLOTS}/families.svg", FIGURES[metric].label
        write_atomically(folder / address, plots.families(rows, metric))
        written[address] = (
            f"Mean {label} by family.",
            f"Mean {label} of every model by family; the table of families holds the same numbers.",
        )
    return written


def clear(folder: Path) -> None:
    """Remove the plots and pictures of an earlier report, and nothing else."""
    try:
        for path in (*(folder / PLOTS).glob("*.svg"), *(folder / PICTURES).glob("[0-9][0-9][0-9][0-9].jpg")):
            path.unlink()
    except OSError as error:
        raise StorageError(f"cannot replace the earlier report in {folder}: {error}") from error
