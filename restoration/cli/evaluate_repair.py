"""``restoration evaluate --task repair``: what it runs, prints and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restoration.cli.evaluation_output import Asked, print_means, scored, tell_problems

if TYPE_CHECKING:
    from restoration.models.loading import LoadedModels


def evaluate_repair(asked: Asked, loaded: LoadedModels, seed: int | None) -> bool:
    """Compare, print and write; whether some photographs failed."""
    from rich.console import Console

    from restoration.evaluate import figures, statistics
    from restoration.evaluate.repair.files import write_files
    from restoration.evaluate.repair.run import SEED, RepairRequest, RepairRun

    chosen = SEED if seed is None else seed
    run = RepairRun(RepairRequest(asked.photos, asked.models, chosen, data_set=asked.data_set), loaded)
    console = Console(stderr=True)
    scored(console, len(run.names), run.scores, as_json=asked.as_json)
    if not asked.as_json:
        rows = statistics.by_family(run.found)
        print_means(Console(), "By kind of damage", "damage", rows, figures.SHOWN_REPAIR)
    if asked.out is not None:
        console.print(f"written: {write_files(run, asked.out)}", markup=False, soft_wrap=True)
    tell_problems(console, run.problems)
    return bool(run.problems)
