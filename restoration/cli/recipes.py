"""Commands of ``restoration recipes``: what ships, what a recipe does, whether one is valid."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Which = Annotated[str, typer.Argument(help="Name of a shipped recipe, or path of a .toml file.")]

commands = typer.Typer(help="Recipes: the steps a photograph goes through.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(commands, name="recipes")


@commands.command("list")
def list_recipes(as_json: JsonFlag = False) -> None:
    """List the recipes that ship with the project."""
    from restoration.engine.recipe import load_recipe, recipe_names

    recipes = [load_recipe(name) for name in recipe_names()]
    if as_json:
        rows = [
            {"name": r.name, "title": r.title, "sha256": r.sha256, "invents": r.invents, "models": list(r.model_names)}
            for r in recipes
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Column, Table

    table = Table(Column("name", no_wrap=True), "steps", "adds content", "models")
    for r in recipes:
        steps = ", ".join(step.step for step in r.steps)
        table.add_row(r.name, steps, "yes" if r.invents else "no", ", ".join(r.model_names))
    Console().print(table)


@commands.command("show")
def show_recipe(which: Which, as_json: JsonFlag = False) -> None:
    """Show a recipe with every parameter spelled out."""
    from restoration.engine.recipe import load_recipe

    recipe = load_recipe(which)
    body: dict[str, Any] = {"title": recipe.title, "description": recipe.description.strip(), **recipe.canonical()}
    if as_json:
        typer.echo(json.dumps({**body, "sha256": recipe.sha256}, indent=2))
        return
    typer.echo(f"{recipe.name}: {recipe.title}\n{body['description']}\nsha256 {recipe.sha256}")
    for number, step in enumerate(recipe.steps, start=1):
        typer.echo(f"{number}. {step.step}")
        for key, value in step.parameters.model_dump(mode="json").items():
            typer.echo(f"     {key} = {json.dumps(value)}")
    typer.echo("review")
    for key, value in recipe.review.model_dump(mode="json").items():
        typer.echo(f"     {key} = {json.dumps(value)}")


@commands.command("check")
def check_recipe(which: Which, as_json: JsonFlag = False) -> None:
    """Check a recipe and its models. Exit code 2 if the recipe is wrong, 3 if a required model is not here."""
    from restoration.engine.prepare import prepare_recipe
    from restoration.engine.recipe import load_recipe
    from restoration.models.files import Registry

    recipe = load_recipe(which)
    registry = Registry.load()
    prepared = prepare_recipe(recipe, registry)
    here = {entry.name for entry in prepared.entries}
    optional = sorted(set(recipe.restorers) - here)
    if as_json:
        facts = {
            "name": recipe.name,
            "sha256": recipe.sha256,
            "models_sha256": prepared.models_sha256,
            "models": sorted(here),
            "missing_optional": optional,
        }
        typer.echo(json.dumps(facts, indent=2))
        return
    typer.echo(f"ok {recipe.name} {recipe.sha256}")
    for name in optional:
        typer.secho(f"   {name} is not used on this machine; the recipe runs without it", fg=typer.colors.YELLOW)
