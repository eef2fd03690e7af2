"""An evaluation of face restorers as a folder: ``report.html`` with plots and faces, ``scores.csv``, ``summary.json``.

With a reference the worst faces by identity and by perceptual distance come first, then the middle one of every family;
real old photographs are shown face by face, those first that the first model changed most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from restoration.engine.outputs import write_atomically
from restoration.evaluate import plots, statistics
from restoration.evaluate.face_files import scores_csv, summary_json
from restoration.evaluate.face_page import Shown, page
from restoration.evaluate.face_scoring import FaceScore
from restoration.evaluate.faces import FaceEvaluation, FaceRun
from restoration.evaluate.figures import figure_of
from restoration.evaluate.pictures import MOST_FAMILIES
from restoration.evaluate.report import PAGE, PICTURES, PLOTS, SCORES, SUMMARY, clear

WORST = 12
"""Faces shown for each figure that ranks them."""
MOST_FACES = 600
"""Faces of old photographs that are shown; with more the page would be too heavy to open."""
PLOTTED_WITH_TRUTH = ("st_lpips", "psnr", "identity", "sharpness_share", "clean_ssim_y")
PLOTTED_WITHOUT = ("given_identity", "sharpness_gain")


def write_face_report(run: FaceRun, evaluation: FaceEvaluation, folder: Path) -> Path:
    """Write everything; an earlier report is replaced. Returns the page.

    :param run: one whose request asked for pictures, exhausted.
    :raises StorageError: the file system refused.
    """
    clear(folder)
    write_atomically(folder / SCORES, scores_csv(evaluation))
    write_atomically(folder / SUMMARY, summary_json(evaluation))
    drawn = _write_plots(evaluation, folder)
    write_atomically(folder / PAGE, page(evaluation, drawn, _write_pictures(run, evaluation, folder)))
    return folder / PAGE


def cases(evaluation: FaceEvaluation) -> Iterator[tuple[str, str]]:
    """Headings and subjects of the faces to show, in order."""
    model = evaluation.models[0].name if evaluation.models else evaluation.request.floor
    own = [score for score in evaluation.scores if score.model == model]
    if not evaluation.request.with_reference:
        heading = f"Least like the given face first, by {model}"
        yield from ((heading, subject) for subject in _ranked(own, "given_identity")[:MOST_FACES])
        return
    for metric in ("identity", "st_lpips"):
        heading = f"Worst {figure_of(metric).label} of {model}"
        yield from ((heading, subject) for subject in _ranked(own, metric)[:WORST])
    sizes = Counter(score.family for score in own)
    for family in sorted(sorted(sizes, key=lambda name: (-sizes[name], name))[:MOST_FAMILIES]):
        order = _ranked([score for score in own if score.family == family], "psnr")
        yield f"The middle one of every family, by PSNR of {model}", order[len(order) // 2]


def _ranked(scores: Sequence[FaceScore], metric: str) -> list[str]:
    """Subjects, worst first; those without the figure are left out."""
    sign = 1.0 if figure_of(metric).direction == "higher" else -1.0
    kept = [score for score in scores if metric in score.values]
    return [score.subject for score in sorted(kept, key=lambda s: (sign * s.values[metric], s.subject))]


def _write_pictures(run: FaceRun, evaluation: FaceEvaluation, folder: Path) -> list[Shown]:
    """Every face once, however often it is shown. Names are numbers: what a photograph is called is in no path."""
    by_subject: dict[str, list[FaceScore]] = {}
    for score in evaluation.scores:
        by_subject.setdefault(score.subject, []).append(score)
    addresses: dict[str, str] = {}
    found = []
    for heading, subject in cases(evaluation):
        strip = run.strips[subject]
        if subject not in addresses:
            addresses[subject] = f"{PICTURES}/{len(addresses) + 1:04d}.jpg"
            write_atomically(folder / addresses[subject], strip.data)
        scores = tuple(by_subject[subject])
        with_truth = evaluation.request.with_reference
        found.append(Shown(heading, subject, addresses[subject], strip.width, strip.height, scores, with_truth))
    return found


def _write_plots(evaluation: FaceEvaluation, folder: Path) -> dict[str, tuple[str, str]]:
    """Plots by address, with heading and alternative text."""
    wanted = PLOTTED_WITH_TRUTH if evaluation.request.with_reference else PLOTTED_WITHOUT
    written: dict[str, tuple[str, str]] = {}
    overall = statistics.overall(evaluation.scores)
    for metric in wanted:
        figure = figure_of(metric)
        means = [f"{row.model} {row.means[metric] * figure.scale:.3f}" for row in overall if metric in row.means]
        if means:
            address = f"{PLOTS}/{metric}.svg"
            write_atomically(folder / address, plots.distribution(evaluation.scores, metric))
            words = f"Box plot with one dot a face of {figure.label} by model. Means: {', '.join(means)}."
            written[address] = (f"{figure.label}: {figure.description} One dot a face.", words)
    return written
