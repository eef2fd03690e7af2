"""``restoration evaluate``: compare colorizers on photographs, with or without known colours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from restoration.evaluate.colorizers import Evaluation
    from restoration.evaluate.statistics import Row

_NAMES_WIDTH, _FIGURE_WIDTH = 42, 12
"""Characters that names and one figure take; columns that a narrow terminal has no room for are in --out and --json."""

HELP = """Compare colorizers on one folder of photographs; a gray pass-through is always beside them.

With --reference the photographs are colour ones: they are made gray with their own L*, painted, and held against the
truth. With --no-reference they are real old photographs (gray or tinted scans), and only figures that need no truth
are given. Photographs are grouped by family: the file name up to the first underscore.

--out writes scores.csv, summary.json and a report with plots and pictures (report.html); --record keeps the scores in
the catalog. A TorchScript file given with --fid is a program and is run: take none from strangers.

Exit codes: 0 all compared; 1 some photographs could not be; 2 wrong usage; 3 something on this machine is missing.
"""


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("evaluate", help=HELP)(evaluate)


def evaluate(
    photos: Annotated[Path, typer.Option("--photos", "--data", help="Folder of photographs.", show_default=False)],
    models: Annotated[str, typer.Option(help="Registry names and recipe:NAME, comma-separated.")] = "house-colorizer",
    reference: Annotated[
        bool, typer.Option("--reference/--no-reference", help="Whether the photographs are colour truth.")
    ] = True,
    out: Annotated[Path | None, typer.Option(help="Folder for the report, scores.csv and summary.json.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Keep the scores in the catalog (worker's login).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a photograph and model on stdout.")] = False,
    data_set: Annotated[
        str, typer.Option(help="Name of the data set in reports and catalog; the folder's, if left out.")
    ] = "",
    long_side: Annotated[int, typer.Option(help="Long side at which to compare, in pixels.")] = 256,
    fid: Annotated[str, typer.Option(help="Feature net for FID: a TorchScript file, or a registry name.")] = "",
    fid_minimum: Annotated[int, typer.Option(help="Fewest photographs for which FID is given.")] = 2000,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or auto; the setting, if left out.")] = None,
) -> None:
    """See HELP."""
    from rich.console import Console

    from restoration.errors import UsageError
    from restoration.evaluate import report
    from restoration.evaluate.colorizers import Request, Run
    from restoration.models.loading import LoadedModels
    from restoration.settings import get_settings

    if device not in {None, "cpu", "cuda", "auto"}:
        raise UsageError(f"--device is {device!r}; it may be cpu, cuda or auto")
    if out is not None:
        report.check_folder(out, photos)
    if record:
        _check_catalog()
    settings = get_settings()
    chosen = device or settings.device
    loaded = LoadedModels(device=chosen, threads=settings.threads, precision=settings.precision)
    names = tuple(models.split(","))
    run = Run(Request(photos, names, reference, long_side, data_set, fid, fid_minimum), loaded)
    console = Console(stderr=True)
    with _progress(console, len(run.names)) as advance:
        for score in run.scores(advance):
            if as_json:
                typer.echo(json.dumps(score.flat()))
    evaluation = run.result()
    if not as_json:
        _print_tables(evaluation)
    if out is not None:
        console.print(f"report: {report.write_report(run, evaluation, out)}", markup=False, soft_wrap=True)
    if record:
        console.print(f"kept in the catalog as evaluation {_record(evaluation)}", markup=False)
    _tell_problems(console, evaluation)
    if evaluation.failed:
        raise typer.Exit(1)


def _check_catalog() -> None:
    """Fail before the work, not after it, where the scores could not be kept."""
    from restoration.catalog.database import make_engine
    from restoration.catalog.evaluations import check_may_record

    engine = make_engine(application_name="restoration-evaluate")
    try:
        with engine.connect() as conn:
            check_may_record(conn)
    finally:
        engine.dispose()


def _record(evaluation: Evaluation) -> int:
    from restoration.catalog.database import make_engine
    from restoration.catalog.evaluations import record_evaluation
    from restoration.evaluate.recording import evaluation_row

    engine = make_engine(application_name="restoration-evaluate")
    try:
        with engine.begin() as conn:
            return record_evaluation(conn, evaluation_row(evaluation))
    finally:
        engine.dispose()


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on stderr; gives the function that moves it on by one photograph."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("comparing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("comparing", total=total)
        yield lambda: bar.advance(task)


def _print_tables(evaluation: Evaluation) -> None:
    from rich.console import Console

    from restoration.evaluate import figures, statistics

    console = Console()
    metrics = figures.SHOWN_WITH_TRUTH if evaluation.request.with_reference else figures.SHOWN_WITHOUT
    groups = statistics.by_group(evaluation.scores)
    _print_means(console, "By family", "family", statistics.by_family(evaluation.scores), metrics)
    if groups:
        _print_means(console, "By skin group (ITA of the truth)", "group", groups, metrics)
        _print_fairness(console, groups)
    _print_pairs(console, evaluation)
    for model, distance in evaluation.fid.items():
        net = evaluation.fid_net
        console.print(f"FID {model}: {distance:.3f} ({net.name if net else ''})", markup=False)
    if evaluation.request.with_reference and not evaluation.perceptual:
        console.print("ST-LPIPS is left out: install the package stlpips-pytorch (extra 'train')", markup=False)


def _print_means(console: Console, title: str, kind: str, rows: Sequence[Row], metrics: Sequence[str]) -> None:
    from rich.table import Column, Table
    from rich.text import Text

    from restoration.evaluate.figures import FIGURES, shown

    kept = [metric for metric in metrics if any(metric in row.means for row in rows)]
    kept = kept[: max(3, (console.width - _NAMES_WIDTH) // _FIGURE_WIDTH)]
    numbers = [Column(FIGURES[metric].label, justify="right") for metric in kept]
    names = (kind, Column("model", no_wrap=True), Column("photos", justify="right"))
    table = Table(*names, *numbers, title=title, title_justify="left")
    last = ""
    for row in rows:
        if last and row.family != last:
            table.add_section()
        last = row.family
        cells = (Text(shown(metric, row.means.get(metric))) for metric in kept)
        table.add_row(Text(row.family), Text(row.model), Text(str(row.photos)), *cells)
    console.print(table)


def _print_fairness(console: Console, groups: Sequence[Row]) -> None:
    from restoration.evaluate.figures import FIGURES
    from restoration.evaluate.statistics import fairness

    for row in fairness(groups):
        if row.ratio is not None:
            label = FIGURES[row.metric].label
            console.print(
                f"{row.model}, {label}: worst group ({row.worst}) over best ({row.best}) is {row.ratio:.2f}",
                markup=False,
            )


def _print_pairs(console: Console, evaluation: Evaluation) -> None:
    """One line a pair: lines can be read in a narrow terminal, a table of so many columns cannot."""
    from rich.text import Text

    from restoration.evaluate.figures import FIGURES

    if evaluation.pairs:
        console.print("Model against model (mean difference, 95 % interval, Wilcoxon's p after Holm)", style="italic")
    for pair in evaluation.pairs:
        figure = FIGURES[pair.metric]
        digits = figure.digits + 1
        mean, low, high = (f"{value * figure.scale:+.{digits}f}" for value in (pair.mean, pair.low, pair.high))
        p = "p < 0.001" if pair.adjusted < 0.001 else f"p = {pair.adjusted:.3f}"
        told = (
            f"{figure.label}, {pair.first} less {pair.second}: {mean} ({low} to {high}), {p}, {pair.photos} photographs"
        )
        console.print(Text(f"  {told}: {pair.verdict}"))


def _tell_problems(console: Console, evaluation: Evaluation) -> None:
    """Every photograph that was not compared, with its reason."""
    from rich.text import Text

    from restoration.evaluate.files import plain

    for problem in evaluation.problems:
        kind = "left out" if problem.skipped else "failed"
        console.print(Text(f"  {kind} {plain(problem.name)} [{problem.reason}]: {plain(problem.message)}"))
