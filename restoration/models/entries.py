"""Registry tables become entries and back: strictly, with messages that name file, entry and field."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from restoration.errors import ModelError, ReasonCode
from restoration.models.registry import ModelEntry, Precision, SizeRules, Task

Side = Annotated[int, Field(ge=1, le=16384)]
Bound = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class _SizeData(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    multiple_of: Side = 1
    minimum: Side = 1
    fixed: list[Side] | None = Field(default=None, min_length=2, max_length=2)
    working_side: int = Field(default=0, ge=0, le=16384)

    @model_validator(mode="after")
    def _fixed_stands_alone(self) -> _SizeData:
        if self.fixed and self.model_fields_set - {"fixed"}:
            raise ValueError("a fixed size goes with no other rule")
        return self

    def rules(self) -> SizeRules:
        fixed = (self.fixed[0], self.fixed[1]) if self.fixed else None
        return SizeRules(self.multiple_of, self.minimum, fixed, self.working_side)


class _EntryData(BaseModel):
    """One ``[[models]]`` table: validates types, refuses unknown names. Lists, because TOML has no tuples."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.+-]{0,62}$")
    version: Text
    architecture: Text
    task: Task
    source: str = Field(pattern=r"^(packaged:.|carried:[^/]+/.|url:https?://[^\s/]+/.|s3://[^/]+/.|file:.)")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    licence: Text
    training_data: Text
    training_rights: Text
    colour_space: Text
    input_range: list[Bound] = Field(min_length=2, max_length=2)
    output_range: list[Bound] = Field(min_length=2, max_length=2)
    size: _SizeData = _SizeData()
    precision: list[Precision] = Field(default=["fp32"], min_length=1)
    non_commercial: bool = False
    parameters: int = Field(default=0, ge=0)
    options: dict[str, Any] = {}
    retired: Annotated[str, Field(max_length=2000)] = ""

    @model_validator(mode="after")
    def _ranges_rise(self) -> _EntryData:
        for name in ("input_range", "output_range"):
            low, high = getattr(self, name)
            if low >= high:
                raise ValueError(f"{name}: {low} is not below {high}")
        return self

    def entry(self) -> ModelEntry:
        """As the frozen entry that steps and the catalog see."""
        data = self.model_dump(exclude={"size"})
        for name in ("input_range", "output_range"):
            data[name] = tuple(float(bound) for bound in data[name])
        data["precision"] = tuple(dict.fromkeys(self.precision))
        data["options"] = tuple(sorted((key, _frozen(value)) for key, value in self.options.items()))
        return ModelEntry(**data, size=self.size.rules())


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def read_entries(path: Path) -> dict[str, ModelEntry]:
    """All entries of a registry file by name, in the file's order.

    :raises ModelError: unreadable or malformed, naming file, entry and field (MODEL_CORRUPT).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read the model registry {path}: {error}", reason=ReasonCode.MODEL_CORRUPT) from error
    return parse_entries(text, path)


def parse_entries(text: str, path: Path) -> dict[str, ModelEntry]:
    """The same for the file's text; ``path`` is for messages.

    :raises ModelError: malformed, naming file, entry and field (MODEL_CORRUPT).
    """
    entries: dict[str, ModelEntry] = {}
    for number, table in enumerate(_tables(text, path), start=1):
        entry = _parse_entry(table, number, path)
        if entry.name in entries:
            raise _malformed(f"{path.name} names {entry.name!r} twice")
        entries[entry.name] = entry
    return entries


def _tables(text: str, path: Path) -> list[Any]:
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # no TOML, a number of too many digits, or too deep
        raise _malformed(f"cannot read the model registry {path}: {error}") from error
    if unknown := sorted(content.keys() - {"models"}):
        raise _malformed(f"{path.name} has {', '.join(unknown)} beside its [[models]] tables")
    tables = content.get("models", [])
    if not isinstance(tables, list):
        raise _malformed(f"{path.name}: write [[models]], with two brackets, before each model")
    return tables


def _parse_entry(table: Any, number: int, path: Path) -> ModelEntry:
    if not isinstance(table, dict):
        raise _malformed(f"{path.name}, model {number}: is no table")
    try:
        return _EntryData(**table).entry()
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        name = table.get("name", f"number {number}")
        message = problem["msg"].removeprefix("Value error, ")
        raise _malformed(f"{path.name}, model {name!r}{', ' if where else ''}{where}: {message}") from error


def _malformed(message: str) -> ModelError:
    return ModelError(message, reason=ReasonCode.MODEL_CORRUPT)


def entry_table(entry: ModelEntry) -> dict[str, Any]:
    """The entry as TOML and JSON take it: lists for tuples, fields in their order, those at their default left out."""
    table: dict[str, Any] = {}
    for field in fields(ModelEntry):
        value = getattr(entry, field.name)
        if value != field.default:
            table[field.name] = size_table(value) if isinstance(value, SizeRules) else _thawed(value)
    if entry.options:
        table["options"] = {key: _thawed(value) for key, value in entry.options}
    return table


def size_table(size: SizeRules) -> dict[str, Any]:
    """Size rules as TOML and JSON take them, those at their default left out."""
    return {f.name: _thawed(getattr(size, f.name)) for f in fields(SizeRules) if getattr(size, f.name) != f.default}


def _thawed(value: Any) -> Any:
    return [_thawed(item) for item in value] if isinstance(value, tuple) else value


def toml_text(entries: Mapping[str, ModelEntry]) -> str:
    """Entries as a registry file that :func:`parse_entries` reads back to the same entries."""
    return "\n".join(_toml_entry(entry) for entry in entries.values())


def _toml_entry(entry: ModelEntry) -> str:
    table = entry_table(entry)
    options = table.pop("options", {})
    lines = ["[[models]]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    if options:
        lines += ["[models.options]", *(f"{_toml(str(key))} = {_toml(value)}" for key, value in options.items())]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """One value. A JSON string is a TOML string but for the delete character."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml(str(key))} = {_toml(item)}' for key, item in value.items())} }}"
    return str(value)
