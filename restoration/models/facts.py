"""What can be said about a model without loading it: for the command line and for JSON. No torch."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from restoration.models.entries import size_table
from restoration.models.files import Registry
from restoration.models.headers import read_heads
from restoration.models.manifests import form_of
from restoration.models.registry import ModelEntry

_WEIGHTS = frozenset({".safetensors", ".pth", ".pt", ".ckpt"})


def facts_of(registry: Registry, entry: ModelEntry) -> dict[str, Any]:
    """The entry's fields, whether its file is here, and whether it is one of the user's own."""
    facts = asdict(entry)
    facts["options"] = {key: _listed(value) for key, value in entry.options}
    facts["size"] = size_table(entry.size)
    facts |= {"available": registry.available(entry.name), "own": entry.name in registry.own_names}
    return {key: _listed(value) for key, value in facts.items()}


def details_of(registry: Registry, entry: ModelEntry) -> dict[str, Any]:
    """The same with parameters and buffers counted, and with the file's place, size and bytes by type of number.

    Counts come from the manifest; where none ships, from the file, which does not tell the two apart (``parameters``
    then counts all numbers); else from what the entry declares. None: not known.

    :raises ModelError: the file is here and cannot be read.
    """
    path = registry.location(entry)
    here = path if path is not None and path.is_file() else None
    heads = _heads(here, entry)
    facts = {**facts_of(registry, entry), **_counts(entry, heads)}
    facts["path"] = str(path) if path else None
    facts["bytes"] = here.stat().st_size if here else None
    by_type: Counter[str] = Counter()
    for head in heads.values():
        by_type[head.dtype] += head.nbytes
    facts["bytes_by_type"] = dict(by_type)
    return facts


def _heads(here: Path | None, entry: ModelEntry) -> dict[str, Any]:
    if here is None or here.suffix not in _WEIGHTS:
        return {}
    return dict(read_heads(here, str(dict(entry.options).get("state_key", ""))))


def _counts(entry: ModelEntry, heads: dict[str, Any]) -> dict[str, Any]:
    if form := form_of(entry):
        return {"parameters": form.parameters, "buffers": form.buffer_numbers, "tensors": len(form.tensors)}
    if heads:
        return {"parameters": sum(h.numbers for h in heads.values()), "buffers": None, "tensors": len(heads)}
    return {"parameters": entry.parameters or None, "buffers": None, "tensors": None}


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value
