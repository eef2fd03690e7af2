"""How the demo looks in a terminal: a progress bar, the audit tables, the addresses."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from restoration.catalog.progress import RunProgress
from restoration.local.demo import DemoResult

PHOTO_COLUMNS = (
    "object_key", "state", "reason", "ai_altered", "faces", "lowest_identity", "seconds", "output_sha256", "models"
)  # fmt: skip
FAILURE_COLUMNS = ("object_key", "state", "reason", "reason_detail", "attempts")
_HASH_LENGTH = 12
_LOG_WIDTH = 160
_PUBLISHED = ("restored",)
_BEFORE_PLANNING = frozenset({"", "ingest", "plan"})
"""Stages in which nobody knows yet how many photographs there are to restore."""


def make_console() -> Console:
    """A console as wide as the terminal; in a log, wide enough for the tables."""
    console = Console()
    return console if console.is_terminal else Console(width=_LOG_WIDTH)


class TerminalReporter:
    """Tells a terminal; plain lines where there is none, so that logs stay readable."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task: Any = None
        self._last = ""
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("[bold]{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[words]}"),
                TimeElapsedColumn(),
                console=console,
            )

    def __enter__(self) -> TerminalReporter:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """One line."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def progress(self, progress: RunProgress, stage: str) -> None:
        """Move the bar; without a terminal, a line whenever something has changed."""
        words = how_far(progress, stage)
        if self._bar is not None:
            if self._task is None:
                self._task = self._bar.add_task("restoring", total=None, words=words)
            self._bar.update(self._task, total=progress.photos or None, completed=progress.finished, words=words)
        elif words != self._last and (stage or not self._last):  # between two tasks there is nothing to tell
            self._last = words
            self.say(words)


def how_far(progress: RunProgress, stage: str) -> str:
    """How far a run is, in words where there is nothing to count."""
    if progress.photos:
        counted = f"{progress.finished}/{progress.photos} photographs"
    elif _BEFORE_PLANNING.intersection(stage.split(", ")):
        counted = "looking for what is new"
    else:
        counted = "nothing was planned" if stage == "failed" else "nothing new"
    return f"{counted}, {stage}" if stage else counted


def show_result(console: Console, result: DemoResult) -> None:
    """The audit table, the collection's summary, the failures, what is new, and where the archive is."""
    console.print(audit_table("Every photograph", result.photos, PHOTO_COLUMNS))
    console.print(_upright("Collection", result.summary))
    if result.failures[1]:
        console.print(audit_table("Failures and their reasons", result.failures, FAILURE_COLUMNS))
    for line in (*_what_was_done(result), *_what_is_published(result)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    for task, log in result.failed_tasks.items():
        console.print(f"task {task} failed; the end of its log:\n{log}", highlight=False, markup=False, soft_wrap=True)
    # At the start of a line each, and never wrapped: programs read them.
    if result.archive is not None:
        console.print(f"archive: {result.archive}", highlight=False, markup=False, soft_wrap=True)
        console.print(f"gallery: {result.gallery}", highlight=False, markup=False, soft_wrap=True)
    if result.address is not None:
        words = f"with tiles to zoom into, while the stack is up (make up): {result.address}"
        console.print(words, highlight=False, markup=False, soft_wrap=True)


def audit_table(title: str, table: tuple[list[str], list[tuple[Any, ...]]], wanted: Sequence[str]) -> Table:
    """A table of the wanted columns, in that order; hashes are shortened."""
    columns, rows = table
    if "current" in columns:
        rows = [row for row in rows if row[columns.index("current")]]
    shown = [name for name in wanted if name in columns] or columns
    view = Table(title=title, title_justify="left", show_lines=False)
    for name in shown:
        view.add_column(name.replace("_", " "), overflow="fold")
    places = [columns.index(name) for name in shown]
    for row in sorted(rows, key=lambda row: str(row[places[0]])):
        view.add_row(*(_text(columns[place], row[place]) for place in places))
    return view


def _upright(title: str, table: tuple[list[str], list[tuple[Any, ...]]]) -> Table:
    view = Table(title=title, title_justify="left", show_header=False)
    columns, rows = table
    for row in rows:
        for name, value in zip(columns, row, strict=True):
            view.add_row(name.replace("_", " "), _text(name, value))
    return view


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "object_key":
        return str(value).partition("/")[2] or str(value)
    if name == "models":
        return ", ".join(model["name"] for model in value)
    if name.endswith("sha256"):
        return str(value)[:_HASH_LENGTH]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value)


def _what_was_done(result: DemoResult) -> list[str]:
    done = result.outcome
    if result.state != "success":
        return [f"{done.restored} of {done.planned} photographs were restored before the run ended {result.state}."]
    if done.planned == 0:
        return ["Nothing to restore: every photograph was done before, and nothing was restored twice."]
    again = f"; {done.linked} with bytes that had been restored before were not restored twice" if done.linked else ""
    return [f"{done.restored} of {done.planned} photographs were restored by this run{again}."]


def _what_is_published(result: DemoResult) -> list[str]:
    columns, rows = result.photos
    photos = [photo for photo in (dict(zip(columns, row, strict=True)) for row in rows) if photo["current"]]
    altered = sum(1 for photo in photos if photo.get("ai_altered"))
    lines = [f"{altered} of {len(photos)} photographs are AI-altered, and say so in the gallery and in their files."]
    left: dict[str, int] = {}
    for photo in photos:
        if photo["state"] not in _PUBLISHED:
            why = f"{photo['state']} ({photo.get('reason') or 'no reason given'})"
            left[why] = left.get(why, 0) + 1
    if left:
        lines.append("Not restored and published: " + ", ".join(f"{n} {why}" for why, n in sorted(left.items())) + ".")
    if result.archive is None:
        lines.append("Nothing is published of this collection.")
    return lines
