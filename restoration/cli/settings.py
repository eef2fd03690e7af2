"""The command ``restoration settings``: every setting with its default and meaning."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command("settings")(show)


def show() -> None:
    """Print every setting as Markdown; ``docs/settings.md`` is this output."""
    typer.echo(as_markdown(), nl=False)


def as_markdown() -> str:
    """A Markdown page with one row a setting: environment name, default, meaning. Never prints a value that is set."""
    from restoration.settings import Settings

    prefix = str(Settings.model_config["env_prefix"])
    lines = [
        "# Settings",
        "",
        f"Each is an environment variable, or a line of `.env` in the working directory. All begin with `{prefix}`.",
        "This page is printed by `restoration settings`; a test fails when the two differ.",
        "",
        "| Variable | Default | Meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "none" if field.default is None else f"`{field.default}`"
        lines.append(f"| `{prefix}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"
