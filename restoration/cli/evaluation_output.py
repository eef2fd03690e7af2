"""What the evaluation of any task prints and keeps: progress, tables of means, tests, problems, the catalog."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from restoration.catalog.evaluations import NewEvaluation
    from restoration.evaluate.photos import Problem
    from restoration.evaluate.scoring import Score
    from restoration.evaluate.statistics import Pair, Row

_NAMES_WIDTH, _FIGURE_WIDTH = 42, 12
"""Characters that names and one figure take; columns that a narrow terminal has no room for are in --out and --json."""


@dataclass(frozen=True)
class Asked:
    """What the command was told, whatever the task."""

    photos: Path
    models: tuple[str, ...]
    with_reference: bool
    out: Path | None
    record: bool
    as_json: bool
    data_set: str


NO_ST_LPIPS = "ST-LPIPS is left out: install the package stlpips-pytorch (extra 'train')"


def check_catalog() -> None:
    """Fail before the work, not after it, where the scores could not be kept."""
    from restoration.catalog.database import make_engine
    from restoration.catalog.evaluations import check_may_record

    engine = make_engine(application_name="restoration-evaluate")
    try:
        with engine.connect() as conn:
            check_may_record(conn)
    finally:
        engine.dispose()


def record_row(row: NewEvaluation) -> int:
    """Write an evaluation with the worker's login; returns its number."""
    from restoration.catalog.database import make_engine
    from restoration.catalog.evaluations import record_evaluation

    engine = make_engine(application_name="restoration-evaluate")
    try:
        with engine.begin() as conn:
            return record_evaluation(conn, row)
    finally:
        engine.dispose()


@contextmanager
def progress(console: Console, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on stderr; gives the function that moves it on by one photograph."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("comparing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("comparing", total=total)
        yield lambda: bar.advance(task)


def scored(
    console: Console, photos: int, scores: Callable[[Callable[[], None]], Iterator[Score]], *, as_json: bool
) -> None:
    """Run a comparison to its end under a progress bar; with ``as_json`` every score is a line on stdout.

    :param scores: a run's generator of scores, given the function that moves the bar on by one photograph.
    """
    with progress(console, photos) as advance:
        for score in scores(advance):
            if as_json:
                typer.echo(json.dumps(score.flat()))


def print_means(
    console: Console, title: str, kind: str, rows: Sequence[Row], metrics: Sequence[str], unit: str = "photos"
) -> None:
    """Means as a table; ``kind`` names what the rows are told apart by, ``unit`` what is counted."""
    from rich.table import Column, Table
    from rich.text import Text

    from restoration.evaluate.figures import figure_of, shown

    kept = [metric for metric in metrics if any(metric in row.means for row in rows)]
    kept = kept[: max(3, (console.width - _NAMES_WIDTH) // _FIGURE_WIDTH)]
    numbers = [Column(figure_of(metric).label, justify="right") for metric in kept]
    names = (kind, Column("model", no_wrap=True), Column(unit, justify="right"))
    table = Table(*names, *numbers, title=title, title_justify="left")
    last = ""
    for row in rows:
        if last and row.family != last:
            table.add_section()
        last = row.family
        cells = (Text(shown(metric, row.means.get(metric))) for metric in kept)
        table.add_row(Text(row.family), Text(row.model), Text(str(row.photos)), *cells)
    console.print(table)


def print_pairs(console: Console, pairs: Iterable[Pair], unit: str = "photographs") -> None:
    """One line a pair: lines can be read in a narrow terminal, a table of so many columns cannot."""
    from rich.text import Text

    from restoration.evaluate.figures import figure_of

    found = list(pairs)
    if found:
        console.print("Model against model (mean difference, 95 % interval, Wilcoxon's p after Holm)", style="italic")
    for pair in found:
        figure = figure_of(pair.metric)
        digits = figure.digits + 1
        mean, low, high = (f"{value * figure.scale:+.{digits}f}" for value in (pair.mean, pair.low, pair.high))
        p = "p < 0.001" if pair.adjusted < 0.001 else f"p = {pair.adjusted:.3f}"
        told = f"{figure.label}, {pair.first} less {pair.second}: {mean} ({low} to {high}), {p}, {pair.photos} {unit}"
        console.print(Text(f"  {told}: {pair.verdict}"))


def tell_problems(console: Console, problems: Iterable[Problem]) -> None:
    """Every photograph that was not compared, with its reason."""
    from rich.text import Text

    from restoration.evaluate.text import plain

    for problem in problems:
        kind = "left out" if problem.skipped else "failed"
        console.print(Text(f"  {kind} {plain(problem.name)} [{problem.reason}]: {plain(problem.message)}"))
