"""Every command that the documentation names exists, with its options; every address inside the repository leads on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from restoration.catalog.audit import list_queries
from restoration.cli import app
from restoration.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    *(
        f"docs/{name}.md"
        for name in (
            "architecture",
            "catalog",
            "evaluation",
            "formats",
            "frames",
            "gallery",
            "hints",
            "labels",
            "metadata",
            "models",
            "operations",
            "publication",
            "review",
            "security-store",
            "training",
        )
    ),
]
COMMAND = re.compile(r"(?:^|`|\]\(|\$ )(restoration [a-z-][^`|#>;\n]*)", re.MULTILINE)


def commands(page: str) -> list[list[str]]:
    """Words of every command line on a page, in code spans and code blocks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    # a code span may be broken over two lines
    text = re.sub(r"`([^`\n]*)\n *([^`\n]*)`", r"`\1 \2`", text)
    return [match.group(1).split() for match in COMMAND.finditer(text)]


def problem(words: list[str]) -> str:
    """What is wrong with a command line, empty where nothing is."""
    command: Any = typer.main.get_command(app)
    rest = words[1:]
    while rest and hasattr(command, "commands"):
        if rest[0] not in command.commands:
            return "" if rest[0] == "--help" else f"{rest[0]} is no command"
        command = command.commands[rest.pop(0)]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in rest if word.startswith("-") and word not in known]
    if command.name == "audit":
        queries = {query.name for query in list_queries()} | {"list", "verify-chain", "QUERY"}
        unknown += [word for word in rest[:1] if word not in queries]
    return f"{words[1]} does not know {unknown}" if unknown else ""


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists_with_its_options(page):
    found = commands(page)
    assert [problem for problem in map(problem, found) if problem] == []


def test_commands_are_found_and_wrong_ones_are_noticed():
    assert sum(len(commands(page)) for page in PAGES) > 15
    assert problem(["restoration", "audit", "models", "--collection", "NAME"]) == "audit does not know ['models']"
    assert problem(["restoration", "collection", "add", "a", "--weekly"]) == "collection does not know ['--weekly']"
    assert problem(["restoration", "collection", "remove"]) == "remove is no command"
    assert problem(["restoration", "run", "IN", "OUT"]) == ""


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_that_is_named_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"\bRESTORATION_([A-Z0-9_]*[A-Z0-9])\b(?!\*)", text))
    own = {"LOGIN_PASSWORD", "SQL_DIR"}  # read by single commands
    names = {name.upper() for name in Settings.model_fields}
    assert {name for name in named - own if not any(known.startswith(name) for known in names)} == set()
