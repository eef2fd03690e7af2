"""What can be compared: a colorizer of the registry, or a whole recipe (``recipe:NAME``).

A recipe's steps run as the engine runs them, on the gray picture; so the order of colorizing and restoring faces, or
the worth of grading first, can be held against the truth like a model can.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from restoration.engine.prepare import prepare_recipe
from restoration.engine.recipe import Recipe, load_recipe
from restoration.errors import ModelError, PhotoFailed, ReasonCode, RestorationError, UsageError
from restoration.evaluate.photos import Photo, frame_of
from restoration.evaluate.scoring import TRUTH
from restoration.models.loading import LoadedModels
from restoration.models.registry import ModelEntry
from restoration.photo.picture import FloatImage
from restoration.steps.parameters import PARAMETERS, StepParameters
from restoration.steps.protocol import BaseStep, Frame
from restoration.steps.turning import of_scan, turned_back

RECIPE = "recipe:"
"""What a recipe's name is written with, so that it is never taken for a model's."""
FILE = "file:"
"""What the path of a face restorer's weights is written with, so that it is never taken for a model's name."""

Answer = FloatImage | RestorationError


class Contestant(Protocol):
    """``sha256`` pins what it is made of: a model's weights, or all models of a recipe."""

    @property
    def name(self) -> str:
        """As it was asked for; the name of its rows."""

    @property
    def version(self) -> str:
        """Version of the model; the first digits of a recipe's hash."""

    @property
    def sha256(self) -> str:
        """64 hexadecimal digits."""

    def facts(self) -> dict[str, Any]:
        """What files and catalog keep about it; ``about`` is for people."""

    def paint(self, photos: Sequence[Photo]) -> list[Answer]:
        """One picture of the photograph's own size, or one failure, for every photograph."""


@dataclass(frozen=True)
class Registered:
    """What a registry entry says of a contestant."""

    entry: ModelEntry

    @property
    def name(self) -> str:
        """The registry's name."""
        return self.entry.name

    @property
    def version(self) -> str:
        """The registry's version."""
        return self.entry.version

    @property
    def sha256(self) -> str:
        """Of the weights."""
        return self.entry.sha256

    def facts(self) -> dict[str, Any]:
        """The registry's."""
        entry = self.entry
        named = {"name": entry.name, "version": entry.version, "architecture": entry.architecture}
        rest = {"sha256": entry.sha256, "licence": entry.licence, "training_data": entry.training_data}
        return named | rest | {"about": f"{entry.architecture}, {entry.licence}"}


@dataclass(frozen=True)
class Colorizer(Registered):
    """A model of the registry, used by the step that recipes use."""

    models: LoadedModels

    def paint(self, photos: Sequence[Photo]) -> list[Answer]:
        """Gray pictures through the step ``colorize``."""
        parameters = PARAMETERS["colorize"].model_validate({"model": self.entry.name})
        return _through([("colorize", parameters)], photos, self.models)


@dataclass(frozen=True)
class RecipeContestant:
    """A recipe, all its steps but ``measure``."""

    recipe: Recipe
    models_sha256: str
    models: LoadedModels
    used: tuple[ModelEntry, ...]

    @property
    def name(self) -> str:
        """With the prefix ``recipe:``."""
        return f"{RECIPE}{self.recipe.name}"

    @property
    def version(self) -> str:
        """First twelve digits of the recipe's hash."""
        return self.recipe.sha256[:12]

    @property
    def sha256(self) -> str:
        """Over the pins of all models that it uses on this machine."""
        return self.models_sha256

    def facts(self) -> dict[str, Any]:
        """The recipe's hash, and its models."""
        named = {"name": self.name, "version": self.version, "recipe_sha256": self.recipe.sha256}
        used = [{"name": entry.name, "version": entry.version, "sha256": entry.sha256} for entry in self.used]
        chain = ", ".join(step.step for step in self.recipe.steps if step.step != "measure")
        return named | {"sha256": self.sha256, "models": used, "about": f"recipe: {chain}"}

    def paint(self, photos: Sequence[Photo]) -> list[Answer]:
        """Gray pictures through all steps; a recipe that changes the size fails on every photograph."""
        steps = [(step.step, step.parameters) for step in self.recipe.steps if step.step != "measure"]
        return [
            _of_size(answer, photo) for answer, photo in zip(_through(steps, photos, self.models), photos, strict=True)
        ]


def contestant(name: str, models: LoadedModels) -> Contestant:
    """The colorizer or recipe of that name, its weights loaded.

    :raises ModelError: unknown, missing, broken, or a model that is no colorizer.
    :raises RecipeError: no such recipe.
    :raises UsageError: a weight file, which only face restorers may be.
    """
    if name.startswith(RECIPE):
        recipe = load_recipe(name.removeprefix(RECIPE))
        prepared = prepare_recipe(recipe, models.registry, models.available)
        for entry in prepared.entries:
            models.load(entry.name)
        return RecipeContestant(recipe, prepared.models_sha256, models, prepared.entries)
    if name.startswith(FILE):
        raise UsageError(
            f"{name}: weight files are compared with --task restore-face; add a colorizer with: restoration models add"
        )
    entry = models.entry(name)
    if entry.task != "colorize" or name == TRUTH:
        raise ModelError(
            f"model {name!r} is no colorizer (its task is {entry.task}); see `restoration models list`",
            reason=ReasonCode.MODEL_UNKNOWN,
        )
    models.load(name)
    return Colorizer(entry, models)


def _through(
    steps: Sequence[tuple[str, StepParameters]], photos: Sequence[Photo], models: LoadedModels
) -> list[Answer]:
    """Photographs through steps; where a step cannot say which one it fails on, each is tried alone."""
    frames = [frame_of(photo) for photo in photos]
    failed: dict[int, RestorationError] = {}
    try:
        for name, parameters in steps:
            _advance(name, parameters, frames, failed, models)
    except PhotoFailed as error:
        if len(photos) == 1:
            return [error]
        return [answer for photo in photos for answer in _through(steps, [photo], models)]
    # a recipe may show a photograph turned; it is compared with what was given
    return [failed.get(place, turned_back(frame.picture.pixels, of_scan(frame))) for place, frame in enumerate(frames)]


def _advance(
    name: str,
    parameters: StepParameters,
    frames: Sequence[Frame],
    failed: dict[int, RestorationError],
    models: LoadedModels,
) -> None:
    """One step over all photographs that have not failed yet."""
    step: BaseStep[Any] = importlib.import_module(f"restoration.steps.{name}").Step()
    places = [place for place in range(len(frames)) if place not in failed]
    answers = step.apply_many([frames[place] for place in places], parameters, models)
    for place, answer in zip(places, answers, strict=True):
        if isinstance(answer, RestorationError):
            failed[place] = answer
        else:
            frames[place].picture = answer.picture


def _of_size(answer: Answer, photo: Photo) -> Answer:
    if isinstance(answer, RestorationError) or answer.shape == photo.gray.shape:
        return answer
    height, width = answer.shape[:2]
    return PhotoFailed(
        f"the recipe makes it {width} x {height}; only pictures of one size can be compared", photo=photo.name
    )
