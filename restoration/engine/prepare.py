"""Which models a recipe will really use on this machine. Imports no torch, so that Airflow can ask too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from restoration import names
from restoration.engine.recipe import Recipe
from restoration.models.files import Registry
from restoration.models.registry import ModelEntry
from restoration.steps.parameters import Faces, StepParameters


@dataclass(frozen=True)
class Prepared:
    """A recipe whose models are known to be here, ready to run."""

    recipe: Recipe
    models_sha256: str
    entries: tuple[ModelEntry, ...]


def prepare_recipe(recipe: Recipe, registry: Registry, available: Callable[[str], bool] | None = None) -> Prepared:
    """Resolve a recipe's models: required ones must be here, optional ones count where they are here.

    :param available: what the steps will be told about optional models; the registry's answer, if left out.
    :raises ModelError: a model is unknown or retired, or a required one's file is missing.
    """
    entries = {entry.name: entry for step in recipe.steps for entry in _entries(step.parameters, registry, available)}
    return Prepared(recipe, _entries_sha256(entries.values()), tuple(entries.values()))


def recipe_models_sha256(recipe: Recipe, registry: Registry) -> str:
    """Hash over the pins of all models the recipe requires, and of the optional ones whose file is on this machine.

    A required model counts whether its file is here or not, so the planning side, which has no weights, can ask.

    :raises ModelError: a model is unknown or retired.
    """
    wanted: dict[str, ModelEntry] = {}
    for step in recipe.steps:
        for name, required in model_needs(step.parameters, registry.available):
            entry = registry.entry_for_run(name)
            if required or registry.available(name):
                wanted[name] = entry
    return _entries_sha256(wanted.values())


def model_needs(parameters: StepParameters, available: Callable[[str], bool]) -> Iterator[tuple[str, bool]]:
    """Registry names a step may use on a machine, each with whether the step refuses to start without it.

    A face restorer is optional unless ``restorer_required``: without it its fallback does the work, and without that
    faces are recorded and left alone. The identity model is only used together with a restorer.

    :param available: whether a model's file is on the machine.
    """
    if not isinstance(parameters, Faces):
        yield from ((name, True) for name in parameters.model_names())
        return
    yield parameters.detector, True
    if restorers := parameters.restorers():
        required = parameters.restorer_required
        yield (restorers[0] if required else parameters.restorer_here(available) or restorers[0]), required
        yield parameters.identity, True


def _entries(
    parameters: StepParameters, registry: Registry, available: Callable[[str], bool] | None
) -> Iterator[ModelEntry]:
    here = available or registry.available
    for name, required in model_needs(parameters, here):
        entry = registry.entry_for_run(name)
        if required:
            registry.find(entry)
        if required or here(name):
            yield entry


def _entries_sha256(entries: Iterable[ModelEntry]) -> str:
    """An entry's options count through its version: whoever changes them raises it."""
    return names.models_sha256({f"{entry.name} {entry.version}": entry.sha256 for entry in entries})
