"""Run inside a bare installation: every command with made-up arguments; prints one JSON object a command."""

import contextlib
import enum
import io
import json
import signal
import sys
import traceback
from pathlib import Path

import typer.main

from restoration import cli


def leaves(command, words):
    if hasattr(command, "commands"):
        for name, part in command.commands.items():
            yield from leaves(part, [*words, name])
    else:
        yield words, command


def values(parameter, folder):
    """Arguments that the parameter takes: the first choice, a number, a folder."""
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        value = str(next(iter(kind)).value)
    elif kind in (int, float):
        value = "1"
    else:
        value = folder if kind is Path else "house-colorizer"
    return [value] if parameter.param_type_name == "argument" else [parameter.opts[0], value]


def outcome(arguments):
    said = io.StringIO()
    signal.alarm(20)  # whatever waits or serves by then has not looked at what it needs
    sys.argv = ["restoration", *arguments]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            cli.main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001 - whatever it is, it is told
        code, said = "traceback", io.StringIO(traceback.format_exc())
    return code, said.getvalue()


def main():
    folder = sys.argv[1]
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    for words, command in leaves(typer.main.get_command(cli.app), []):
        wanted = [word for parameter in command.params if parameter.required for word in values(parameter, folder)]
        code, said = outcome([*words, *wanted])
        print(json.dumps({"command": " ".join(words), "code": code, "said": said[-1500:]}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
