"""``restoration evaluate --task restore-face``: what it runs, prints, writes and records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restoration.cli.evaluation_output import (
    NO_ST_LPIPS,
    Asked,
    print_means,
    print_pairs,
    record_row,
    scored,
    tell_problems,
)

if TYPE_CHECKING:
    from rich.console import Console

    from restoration.evaluate.faces import FaceEvaluation
    from restoration.evaluate.marks import Mark
    from restoration.models.loading import LoadedModels


def evaluate_faces(asked: Asked, loaded: LoadedModels, seed: int | None) -> bool:
    """Compare, print, write and record; whether some photographs failed."""
    from rich.console import Console

    from restoration.evaluate.face_report import write_face_report
    from restoration.evaluate.faces import SEED, FaceRequest, FaceRun
    from restoration.evaluate.recording import face_evaluation_row

    chosen = SEED if seed is None else seed
    wanted = asked.out is not None
    request = FaceRequest(asked.photos, asked.models, asked.with_reference, chosen, asked.data_set, pictures=wanted)
    run = FaceRun(request, loaded)
    console = Console(stderr=True)
    scored(console, len(run.names), run.scores, as_json=asked.as_json)
    evaluation = run.result()
    if not asked.as_json:
        _print_tables(evaluation)
    if asked.out is not None:
        console.print(f"report: {write_face_report(run, evaluation, asked.out)}", markup=False, soft_wrap=True)
    if asked.record:
        number = record_row(face_evaluation_row(evaluation))
        console.print(f"kept in the catalog as evaluation {number}", markup=False)
    tell_problems(console, evaluation.problems)
    return evaluation.failed


def _print_tables(evaluation: FaceEvaluation) -> None:
    from rich.console import Console

    from restoration.evaluate import figures, statistics

    console = Console()
    rows = statistics.by_family(evaluation.scores)
    metrics = figures.SHOWN_FACES_WITH_TRUTH if evaluation.request.with_reference else figures.SHOWN_FACES_WITHOUT
    print_means(console, "By family", "family", rows, metrics, unit="faces")
    print_pairs(console, evaluation.pairs, unit="faces")
    _print_marks(console, evaluation.marks)
    if evaluation.request.with_reference and not evaluation.perceptual:
        console.print(NO_ST_LPIPS, markup=False)


def _print_marks(console: Console, marks: list[Mark]) -> None:
    """One line a mark: what was asked, what came out, and how sure that is."""
    from rich.text import Text

    if marks:
        console.print("What is asked of a restorer (means against doing nothing)", style="italic")
    for mark in marks:
        sure = "" if mark.interval is None else f" ({mark.interval[0]:+.3f} to {mark.interval[1]:+.3f})"
        told = f"{mark.goal}: {'reached' if mark.reached else 'NOT reached'}"
        if mark.aim_reached is not None:
            told += f"; aim {mark.aim}: {'reached' if mark.aim_reached else 'not reached'}"
        console.print(Text(f"  {mark.model}, {mark.label}: {mark.value:+.3f}{sure}; {told}"))
