"""``restoration run``: restore a folder in this process, without any service."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from restoration.engine.folder import FolderRun, Item

INTERRUPTED = 130
HELP = """Restore a folder of scans into another folder, in this process.

Sub-folders are kept. Originals are never written, and an existing output is only replaced with --overwrite: a
photograph that was done before with the same recipe and models is skipped. OUT/restoration.jsonl records what was done,
and OUT/masks shows, for a picture of which parts were filled, which those are. If the recipe's [output]
asks for copies for everyday use, they lie in OUT/access.

Exit codes: 0 all done; 1 some photographs failed; 2 wrong usage; 3 something on this machine is missing;
130 interrupted (what is done stays done, the same command goes on).
"""


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("run", help=HELP)(run)


def run(
    in_folder: Annotated[Path, typer.Argument(help="Folder with scans.", show_default=False)],
    out_folder: Annotated[Path, typer.Argument(help="Folder for the results.", show_default=False)],
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="Name of a shipped recipe, or path of a .toml file.")
    ] = "memorial-portrait",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a photograph on stdout.")] = False,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or auto; the setting, if left out.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs.")] = False,
) -> None:
    """See HELP."""
    from rich.console import Console

    from restoration.engine.recipe import load_recipe
    from restoration.errors import UsageError

    if device not in {None, "cpu", "cuda", "auto"}:
        raise UsageError(f"--device is {device!r}; it may be cpu, cuda or auto")
    chosen = load_recipe(recipe)
    if not in_folder.is_dir():
        raise UsageError(f"{in_folder} is not a folder")

    from restoration.engine.engine import Engine
    from restoration.engine.folder import FolderRun
    from restoration.settings import get_settings

    settings = get_settings() if device is None else get_settings().model_copy(update={"device": device})
    console = Console(stderr=True)
    items: list[Item] = []
    interrupted = False
    with Engine(settings) as engine:
        folder = FolderRun.plan(in_folder, out_folder, engine, engine.prepare(chosen), overwrite=overwrite)
        try:
            with _progress(console, len(folder.outputs)) as advance:
                for item in folder.run():
                    items.append(item)
                    advance(len(folder.outputs))
                    if as_json:
                        typer.echo(json.dumps(_facts(item)))
        except KeyboardInterrupt:
            interrupted = True
        finally:
            folder.close()
    _summary(console, folder, items, interrupted=interrupted)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if any(item.failed for item in items):
        raise typer.Exit(1)


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Any]:
    """A progress bar on stderr; gives the function that moves it on by one photograph, of so many."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("restoring"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("restoring", total=total)
        yield lambda known: bar.update(task, advance=1, total=known)


def _facts(item: Item) -> dict[str, Any]:
    record = item.record or {}
    return {
        "source": item.source,
        "state": item.state,
        "reason": item.reason,
        "detail": item.detail,
        "output": item.output or None,
        "faces": record.get("faces", []),
        "metrics": record.get("metrics", {}),
    }


def _summary(console: Console, folder: FolderRun, items: list[Item], *, interrupted: bool) -> None:
    """Counts by state, then every photograph that needs a look or failed, with its reason."""
    from rich.text import Text

    counts = Counter(item.state for item in items)
    words = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(counts.items()))
    head = "interrupted: " if interrupted else ""
    console.print(Text(f"{head}{len(items)} of {len(folder.outputs)} photographs: {words or 'none'}"))
    if folder.others:
        console.print(Text(f"{folder.others} other files were left out (not named like a picture)"))
    if folder.links:
        console.print(Text(f"{folder.links} linked folders were not followed; name them as IN_FOLDER, or copy them"))
    if folder.left:
        done = "were removed" if folder.overwrite else "were left; --overwrite removes them"
        console.print(Text(f"{len(folder.left)} files of earlier runs, to which no scan leads any more, {done}:"))
        for one in folder.left:
            console.print(Text(_printable(f"  {one.path} (of {one.source})")))
    for item in items:
        if item.failed or item.state == "needs_review":
            detail = f": {item.detail}" if item.detail else ""
            console.print(Text(_printable(f"  {item.state} {item.source} [{item.reason}]{detail}")))


def _printable(text: str) -> str:
    """Names of files may hold anything: line breaks, control characters, bytes that are no text."""
    plain = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in plain)
