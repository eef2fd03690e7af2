"""``restoration evaluate --task repair``: what it runs, prints and writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from restoration.cli.evaluation_output import Asked, print_means, record_row, scored, tell_problems

if TYPE_CHECKING:
    from rich.console import Console

    from restoration.evaluate.repair.run import RepairRun
    from restoration.models.loading import LoadedModels


def evaluate_repair(asked: Asked, loaded: LoadedModels, seed: int | None, marks: Path | None) -> bool:
    """Compare, print and write; whether some photographs failed.

    :param marks: damage marked by hand, to hold finders against; None to make damage.
    :raises UsageError: no marks file, or none of its photographs is there.
    """
    from rich.console import Console

    from restoration.evaluate.repair.marked import MarkedRun
    from restoration.evaluate.repair.run import SEED, RepairRequest, RepairRun

    chosen = SEED if seed is None else seed
    request = RepairRequest(asked.photos, asked.models, chosen, data_set=asked.data_set)
    run = RepairRun(request, loaded) if marks is None else MarkedRun.of(request, loaded, marks)
    console = Console(stderr=True)
    scored(console, len(run.names), run.scores, as_json=asked.as_json)
    if not asked.as_json:
        _print_tables(run)
    _write(asked, run, console)
    if asked.record:
        from restoration.evaluate.recording import repair_evaluation_row

        console.print(f"kept in the catalog as evaluation {record_row(repair_evaluation_row(run))}", markup=False)
    tell_problems(console, run.problems)
    return bool(run.problems)


def _print_tables(run: RepairRun) -> None:
    from rich.console import Console

    from restoration.evaluate import figures, statistics
    from restoration.evaluate.repair.marked import MarkedRun

    shown = figures.SHOWN_MARKED if isinstance(run, MarkedRun) else figures.SHOWN_REPAIR
    console = Console()
    print_means(console, "By kind of damage", "damage", statistics.by_family(run.found), shown)
    if isinstance(run, MarkedRun):
        for name, values in run.pooled().items():
            told = ", ".join(
                f"{figures.figure_of(key).label} {figures.shown(key, value)}" for key, value in values.items()
            )
            console.print(f"{name}, pixels of all photographs together: {told}", markup=False, soft_wrap=True)


def _write(asked: Asked, run: RepairRun, console: Console) -> None:
    from restoration.evaluate.repair.files import write_files

    if asked.out is not None:
        console.print(f"written: {write_files(run, asked.out)}", markup=False, soft_wrap=True)
