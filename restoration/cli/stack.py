"""Commands ``up``, ``down``, ``status`` and ``demo``: the whole system on this machine."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from restoration.local.demo import DemoRequest, DemoResult
    from restoration.local.stack import Stack

Name = Annotated[str, typer.Option("--name", help="Name of the stack; its folder is .local/NAME.")]
DEFAULT_NAME = "main"
_INTERRUPTED = 130
_STOPPED = 1


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command()(demo)


def up(name: Name = DEFAULT_NAME) -> None:
    """Start Postgres, Redis, S3, Airflow, a worker and the review page on this machine, and keep them running."""
    from rich.console import Console

    console = Console()
    stack = _stack(name)
    with _interruptible():
        reused = stack.up(console.print)
    stack.keep()
    if reused:
        console.print("The stack was running already.")
    _say_addresses(console, stack)


def down(name: Name = DEFAULT_NAME) -> None:
    """Stop the stack; its data stay."""
    _stack(name).down()
    typer.echo("Stopped. Nothing of the stack is running; its data stay.")


def status(name: Name = DEFAULT_NAME) -> None:
    """Show what runs, where, and how much memory it takes. Exit code 3 unless all is well."""
    from rich.console import Console
    from rich.table import Table

    table = Table("service", "state", "address", "processes", "memory")
    services = _stack(name).status()
    for service in services:
        state = service.problem or "ok"
        table.add_row(service.name, state, service.address, str(service.processes or ""), f"{service.memory_mb:.0f} MB")
    memory = sum(service.memory_mb for service in services)
    table.add_row("all", "", "", str(sum(service.processes for service in services)), f"{memory:.0f} MB")
    Console().print(table)
    if any(service.problem for service in services):
        raise typer.Exit(3)


def demo(
    photos: Annotated[Path | None, typer.Option(help="Folder of your own; else the demo collection.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Recipe; `restoration recipes list` shows them.")] = None,
    collection: Annotated[str | None, typer.Option(help="Collection's name; else made from the folder's.")] = None,
    consent: Annotated[str, typer.Option(help="Consent of the people shown: granted, unknown or refused.")] = "granted",
    batch_size: Annotated[int | None, typer.Option(min=1, max=256, help="Photographs in one Celery task.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Plan every photograph again, finished or not.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running at the end.")] = False,
    name: Name = DEFAULT_NAME,
) -> None:
    """Restore a collection through the whole system, publish it, and show the audit."""
    from restoration.cli.demo_view import make_console
    from restoration.local.demo import DemoRequest

    console = make_console()
    request = DemoRequest(photos, recipe, collection, consent, batch_size, force)
    result = _run_demo(_stack(name), request, console, keep=keep)
    if result.state != "success":
        console.print(f"The run ended {result.state}.")
        raise typer.Exit(_STOPPED)


def _run_demo(stack: Stack, request: DemoRequest, console: Console, *, keep: bool) -> DemoResult:
    """The demo between starting and stopping; a stack that somebody keeps running is left running."""
    from restoration.cli.demo_view import TerminalReporter, show_result
    from restoration.engine.recipe import load_recipe
    from restoration.local.demo import Demo

    load_recipe(request.recipe_name)  # a misspelt name is told now and not after the start
    try:
        with _interruptible():
            console.print("Starting Postgres, Redis, S3, Airflow, a worker and the review page ...")
            stack.up(console.print)
            if keep:
                stack.keep()
            with TerminalReporter(console) as reporter:
                result = Demo(stack, request, reporter).run()
            show_result(console, result)
    finally:
        if not stack.is_kept():
            _stop(stack, console)
    if stack.is_kept():
        _say_addresses(console, stack)
    else:
        console.print("To decide on the review page about what waits for a person, start it again: make up")
    return result


def _stop(stack: Stack, console: Console) -> None:
    """Stop, whatever keys are pressed meanwhile."""
    before = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        stack.down()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    console.print("Everything is stopped; the data stay.")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end this program as Ctrl-C does: with its clean-up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("Interrupted; stopping.", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say_addresses(console: Console, stack: Stack) -> None:
    url, user, password = stack.login()
    lines = (
        f"Airflow: {url}  user {user}  password {password}",
        f"review: {stack.review.url}  sign in with Airflow's user and password",
        f"S3: {stack.s3.endpoint}",
        f"For the command line: set -a; . {stack.root}/admin.env; set +a   (or airflow, worker, audit, review .env)",
        "Stop with: make down",
    )
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _stack(name: str) -> Stack:
    from restoration.local.stack import Stack, stack_folder

    return Stack(stack_folder(name))
