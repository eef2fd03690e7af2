"""Commands of ``restoration models``: what the registry knows, and whether the files are here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from restoration.models.files import Registry
    from restoration.models.registry import ModelEntry

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Names = Annotated[list[str] | None, typer.Argument(help="Names of models; all whose files are here, if left out.")]

commands = typer.Typer(help="Models: names, licences, files, hashes.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(commands, name="models")


@commands.command("list")
def list_models(as_json: JsonFlag = False) -> None:
    """List every model: task, licence, and whether its file is on this machine."""
    from restoration.models.files import Registry

    registry = Registry.load()
    rows = [_facts(registry, entry) for entry in registry]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Column, Table

    table = Table(Column("name", no_wrap=True), "task", "version", "here", "non-commercial", "licence")
    for row in rows:
        here, limited = ("yes" if row["available"] else "no"), ("yes" if row["non_commercial"] else "")
        table.add_row(row["name"], row["task"], row["version"], here, limited, row["licence"])
    Console().print(table)


@commands.command("show")
def show_model(name: Annotated[str, typer.Argument(help="Name of the model.")], as_json: JsonFlag = False) -> None:
    """Show everything on record about one model."""
    from restoration.models.files import Registry

    registry = Registry.load()
    facts = _facts(registry, registry.entry(name))
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for key, value in facts.items():
        typer.echo(f"{key:15} {value}")


@commands.command("verify")
def verify_models(names: Names = None, as_json: JsonFlag = False) -> None:
    """Hash files and compare with the pins. Exit code 3 if one is missing or differs."""
    from restoration.errors import ModelError
    from restoration.models.files import Registry

    registry = Registry.load()
    entries = [registry.entry(name) for name in names] if names else [e for e in registry if registry.available(e.name)]
    failures: list[ModelError] = []
    rows = []
    for entry in entries:
        problem = ""
        try:
            registry.verify(entry)
        except ModelError as error:
            failures.append(error)
            problem = error.message
        rows.append({"name": entry.name, "ok": not problem, "sha256": entry.sha256, "problem": problem})
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            typer.echo(f"{'ok    ' if row['ok'] else 'FAILED'} {row['name']} {row['problem'] or row['sha256']}")
    if failures:
        raise typer.Exit(failures[0].exit_code)


@commands.command("pull")
def pull_model(name: Annotated[str, typer.Argument(help="Name of the model.")], as_json: JsonFlag = False) -> None:
    """Fetch one model's file by its pinned hash; a download that was cut off goes on."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from restoration.models.files import Registry
    from restoration.models.pull import pull

    registry = Registry.load()
    entry = registry.entry(name)
    if entry.non_commercial:
        typer.secho(f"{name}: licence forbids commercial use: {entry.licence}", err=True, fg=typer.colors.YELLOW)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        path = pull(registry, entry, lambda done, total: bar.update(task, completed=done, total=total or None))
    if as_json:
        typer.echo(json.dumps({**_facts(registry, entry), "path": str(path)}))
    else:
        typer.echo(str(path))


def _facts(registry: Registry, entry: ModelEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "version": entry.version,
        "task": entry.task,
        "architecture": entry.architecture,
        "source": entry.source,
        "sha256": entry.sha256,
        "available": registry.available(entry.name),
        "licence": entry.licence,
        "non_commercial": entry.non_commercial,
        "training_data": entry.training_data,
        "colour_space": entry.colour_space,
        "precision": list(entry.precision),
        "parameters": entry.parameters,
    }
