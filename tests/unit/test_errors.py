"""The tree of errors: reason codes equal the catalog's, and errors survive a trip between processes."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from restoration import errors

SCHEMA = (Path(__file__).parents[2] / "sql" / "schema.sql").read_text(encoding="utf-8")


def sql_enum(name: str) -> list[str]:
    body = re.search(rf"CREATE TYPE (?:restoration\.)?{name} AS ENUM\s*\((.*?)\)", SCHEMA, re.DOTALL)
    assert body, f"{name} is not in schema.sql"
    return re.findall(r"'([a-z0-9_]+)'", body.group(1))


def test_reason_codes_are_those_of_the_catalog():
    assert sorted(sql_enum("reason_code")) == sorted(code.value for code in errors.ReasonCode)


def test_photo_states_are_those_of_the_catalog():
    assert sql_enum("photo_state") == [state.value for state in errors.PhotoState]


def all_errors(kind: type[errors.RestorationError]) -> list[type[errors.RestorationError]]:
    """The public tree; what a module derives for itself, whichever are imported already, stays inside it."""
    children = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [kind, *(leaf for child in children for leaf in all_errors(child))]


@pytest.mark.parametrize("kind", all_errors(errors.RestorationError))
def test_every_error_crosses_processes_with_reason_and_photo(kind):
    error = kind("it broke; mend it", reason=errors.ReasonCode.TRUNCATED, photo="box/7.tif")
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), back.message, back.reason, back.photo) == (kind, error.message, error.reason, error.photo)
    assert str(back) == "box/7.tif: it broke; mend it [truncated]"
    assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize(("kind", "code"), [(errors.UsageError, 2), (errors.ModelError, 3), (errors.PhotoFailed, 1)])
def test_exit_codes(kind, code):
    assert kind("x").exit_code == code
