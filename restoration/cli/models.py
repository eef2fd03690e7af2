"""Commands of ``restoration models``: what the registry knows, whether the files are here, and one's own models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from restoration.errors import ModelError
    from restoration.models.files import Registry
    from restoration.models.registry import ModelEntry

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Name = Annotated[str, typer.Argument(help="Name of the model.")]
Names = Annotated[list[str] | None, typer.Argument(help="Names of models; all whose files are here, if left out.")]
TomlFile = Annotated[
    Path, typer.Argument(metavar="FILE.toml", help="Registry file with one or more [[models]] tables.")
]

commands = typer.Typer(help="Models: names, rights, files, hashes, and your own.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(commands, name="models")


@commands.command("list")
def list_models(as_json: JsonFlag = False) -> None:
    """List every model: task, licence, and whether its file is on this machine."""
    from restoration.models.facts import facts_of
    from restoration.models.files import Registry

    registry = Registry.load()
    rows = [facts_of(registry, entry) for entry in registry]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Column, Table

    table = Table(
        Column("name", no_wrap=True),
        Column("task", no_wrap=True),
        "version",
        "here",
        Column("terms", no_wrap=True),
        "licence",
    )
    for row in rows:
        terms = [row["non_commercial"] and "non-commercial", row["own"] and "own", row["retired"] and "retired"]
        here = "yes" if row["available"] else "no"
        words = ", ".join(word for word in terms if word)
        table.add_row(row["name"], row["task"], row["version"], here, words, row["licence"])
    Console().print(table)


@commands.command("show")
def show_model(name: Name, as_json: JsonFlag = False) -> None:
    """Show everything on record about one model: rights, what goes in and comes out, parameters, file."""
    from restoration.models.facts import details_of
    from restoration.models.files import Registry

    registry = Registry.load()
    facts = details_of(registry, registry.entry(name))
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for key, value in facts.items():
        typer.echo(f"{key:16} {_plain(value)}")


def _plain(value: Any) -> str:
    """A value for people: thousands apart, pairs as ``name value``, nothing as a dash."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items()) or "-"
    if isinstance(value, list):
        return " ".join(_plain(one) for one in value) if len(value) <= 8 else f"{len(value)} values"
    return str(value) if value not in (None, "") else "-"


@commands.command("verify")
def verify_models(names: Names = None, as_json: JsonFlag = False) -> None:
    """Compare files with their pins, and their tensors with their architectures. Exit code 3 if one is wrong."""
    from restoration.models.files import Registry

    registry = Registry.load()
    entries = [registry.entry(name) for name in names] if names else [e for e in registry if registry.available(e.name)]
    problems = [(entry, _problem(registry, entry)) for entry in entries]
    if as_json:
        rows = [
            {"name": entry.name, "ok": error is None, "sha256": entry.sha256, "problem": error.message if error else ""}
            for entry, error in problems
        ]
        typer.echo(json.dumps(rows, indent=2))
    else:
        for entry, error in problems:
            typer.echo(f"{'FAILED' if error else 'ok    '} {entry.name} {error.message if error else entry.sha256}")
    if failures := [error for _, error in problems if error]:
        raise typer.Exit(failures[0].exit_code)


def _problem(registry: Registry, entry: ModelEntry) -> ModelError | None:
    """What is wrong with a model's file; None where nothing is."""
    from restoration.errors import ModelError
    from restoration.models.loading import check_file

    try:
        check_file(registry, entry)
    except ModelError as error:
        return error
    return None


@commands.command("pull")
def pull_model(name: Name, as_json: JsonFlag = False) -> None:
    """Fetch one model's file by its pinned hash; a download that was cut off goes on."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from restoration.models.facts import facts_of
    from restoration.models.files import Registry
    from restoration.models.loading import check_file
    from restoration.models.pull import pull

    registry = Registry.load()
    entry = registry.entry(name)
    if entry.non_commercial:
        typer.secho(f"{name}: commercial use is forbidden: {entry.licence}", err=True, fg=typer.colors.YELLOW)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        pull(
            registry,
            entry,
            lambda done, total: bar.update(task, completed=done, total=total or None),
            lambda: bar.console.print(f"another process is fetching {name}; waiting for it"),
        )
    path = check_file(registry, entry)
    typer.echo(json.dumps({**facts_of(registry, entry), "path": str(path)}) if as_json else str(path))


@commands.command("add")
def add_models(file: TomlFile, as_json: JsonFlag = False) -> None:
    """Add models to your own registry (RESTORATION_MODEL_REGISTRY): all entries of a file, or none."""
    from restoration.models.own import add
    from restoration.settings import get_settings

    added = add(file, get_settings())
    if as_json:
        typer.echo(json.dumps({"added": list(added.new), "already_there": list(added.known)}))
        return
    for name in added.new:
        typer.echo(f"added {name}")
    for name in added.known:
        typer.echo(f"{name} is there already, with the same content")


@commands.command("remove")
def remove_model(name: Name, as_json: JsonFlag = False) -> None:
    """Take a model out of your own registry; its file stays where it is."""
    from restoration.models.own import remove
    from restoration.settings import get_settings

    path = remove(name, get_settings())
    typer.echo(json.dumps({"removed": name, "registry": str(path)}) if as_json else f"removed {name} from {path}")
