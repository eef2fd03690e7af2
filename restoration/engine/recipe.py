"""Recipes: ordered steps with parameters, as data. Imports nothing heavy, so that Airflow can check one.

A recipe is a TOML file: ``name``, ``title``, ``description``, a ``[[steps]]`` table per step (``step`` and parameters),
``[review]`` with the rules that ask for a person, and ``[output]`` with the formats of what comes out. Its canonical
form is JSON with every parameter spelled out, keys sorted and no spaces (RFC 8785 in spirit); the sha256 of that is the
recipe's identity in the catalog.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from restoration.colour_hints import ColourHint
from restoration.engine.output_rules import OutputRules
from restoration.errors import RecipeError
from restoration.steps.parameters import PARAMETERS, Colorize, Faces, Repair, StepParameters, Triage

RECIPE_FOLDER = Path(__file__).parent / "recipes"


class ReviewRules(BaseModel):
    """When a person must look at the result."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    damage_above: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.08, description="Share of the picture marked as damage."
    )
    doubtful_fill_above: Annotated[float, Field(ge=0, le=1)] = Field(
        default=1.0,
        description="Share of the picture of the largest filled place that is shorter than a quarter of the long side, "
        "if no more than 1 % was filled in all: it may have been a thing. 1 never asks.",
    )
    identity_below: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5, description="Lowest identity of any restored face."
    )
    ssim_below: Annotated[float, Field(ge=-1, le=1)] = Field(
        default=0.6, description="SSIM on Y between source (a print without its dots) and result."
    )
    luminance_above: Annotated[float, Field(ge=0)] = Field(
        default=0.5, description="Largest change of L* that the colorizer may make."
    )
    faces_left_alone_above: Annotated[int, Field(ge=0)] = Field(
        default=1000, description="Faces that were to be restored and were left alone."
    )

    @model_serializer(mode="wrap")
    def _without_late_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A rule that came later is no part of a recipe that does not name it: the recipe keeps its hash."""
        facts: dict[str, Any] = handler(self)
        return {key: value for key, value in facts.items() if (key, value) != ("doubtful_fill_above", 1.0)}


class RecipeStep(BaseModel):
    """One step with all its parameters."""

    model_config = ConfigDict(frozen=True)
    step: str
    parameters: StepParameters


class Recipe(BaseModel):
    """A validated recipe. ``given_output`` is its ``[output]`` table; None if it has none, which means the defaults."""

    model_config = ConfigDict(frozen=True)
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    title: str
    description: str
    steps: tuple[RecipeStep, ...]
    review: ReviewRules
    given_output: OutputRules | None = None

    @property
    def output(self) -> OutputRules:
        """The formats of what comes out."""
        return self.given_output or OutputRules()

    def canonical(self) -> dict[str, Any]:
        """The recipe without its prose, every parameter spelled out; ``output`` only if it has that table."""
        output = {} if self.given_output is None else {"output": self.given_output.model_dump(mode="json")}
        return {
            "name": self.name,
            "steps": [{"step": s.step, "parameters": s.parameters.model_dump(mode="json")} for s in self.steps],
            "review": self.review.model_dump(mode="json"),
            **output,
        }

    @cached_property
    def sha256(self) -> str:
        """Hash of the canonical form, lower-case hexadecimal."""
        body = json.dumps(self.canonical(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(body.encode()).hexdigest()

    @property
    def model_names(self) -> tuple[str, ...]:
        """Registry names of every model the recipe may use, in order, once each."""
        return tuple(dict.fromkeys(name for s in self.steps for name in s.parameters.model_names()))

    @property
    def restorers(self) -> tuple[str, ...]:
        """Registry names of the face restorers it names, fallbacks too, once each."""
        faces = (s.parameters for s in self.steps if isinstance(s.parameters, Faces))
        return tuple(dict.fromkeys(name for parameters in faces for name in parameters.restorers()))

    @property
    def divides(self) -> bool:
        """Whether scans on which several photographs are surely seen are to be divided."""
        return any(isinstance(s.parameters, Triage) and s.parameters.several == "split" for s in self.steps)

    @property
    def invents(self) -> bool:
        """Whether any step can add content that the scan did not hold."""
        return any(s.parameters.invents for s in self.steps)


def recipe_for(recipe: Recipe, sensitivity: str) -> Recipe:
    """The recipe as a collection of that sensitivity may have it: on a sensitive one no face is altered."""
    return without_faces(recipe) if sensitivity == "sensitive" else recipe


def without_faces(recipe: Recipe) -> Recipe:
    """The recipe with its face restorers taken out, and no part of a face invented; the very recipe if it has neither.

    Faces are still found and recorded (reason ``faces_off``). It is another recipe with another hash, which is what the
    catalog then names.
    """
    return _with_steps(recipe, tuple(_faces_off(step) for step in recipe.steps))


def with_hints(recipe: Recipe, hints: Sequence[ColourHint]) -> Recipe:
    """The recipe with colours that people gave for one photograph; the very recipe if there are none, or if it paints
    nothing. It is another recipe with another hash, as for :func:`without_faces`.
    """
    return _with_steps(recipe, tuple(_hinted(step, tuple(hints)) for step in recipe.steps)) if hints else recipe


def _with_steps(recipe: Recipe, steps: tuple[RecipeStep, ...]) -> Recipe:
    """The recipe with other steps; the very recipe if they are the same."""
    if steps == recipe.steps:
        return recipe
    return Recipe(
        name=recipe.name,
        title=recipe.title,
        description=recipe.description,
        steps=steps,
        review=recipe.review,
        given_output=recipe.given_output,
    )


def _hinted(step: RecipeStep, hints: tuple[ColourHint, ...]) -> RecipeStep:
    if not isinstance(step.parameters, Colorize):
        return step
    return RecipeStep(step=step.step, parameters=step.parameters.model_copy(update={"hints": hints}))


def _faces_off(step: RecipeStep) -> RecipeStep:
    if isinstance(step.parameters, Repair):
        return RecipeStep(step=step.step, parameters=step.parameters.model_copy(update={"face_parts": "review"}))
    if not isinstance(step.parameters, Faces) or not step.parameters.restorers():
        return step
    off = step.parameters.model_copy(update={"restorer": "", "fallback_restorer": "", "restorer_required": False})
    return RecipeStep(step=step.step, parameters=off)


def parse_recipe(body: dict[str, Any], origin: str) -> Recipe:
    """Validate a recipe's data.

    :param body: the TOML document as a dictionary.
    :param origin: file name or address, for messages.
    :raises RecipeError: naming the step and parameter that is wrong.
    """
    entries = body.get("steps", [])
    if not isinstance(entries, list):
        raise RecipeError(f"{origin}: write [[steps]], with two brackets, before each step")
    steps = []
    for number, entry in enumerate(entries, start=1):
        where = f"{origin}, step {number}"
        steps.append(_parse_step(_table(entry, where), where))
    if not steps:
        raise RecipeError(f"{origin} has no steps; add at least one [[steps]] table")
    if any(isinstance(step.parameters, Triage) and step.parameters.upright == "output" for step in steps[1:]):
        raise RecipeError(f'{origin}: triage comes first if it has upright = "output": places are of the turned scan')
    try:
        return Recipe(
            name=body.get("name", ""),
            title=body.get("title", ""),
            description=body.get("description", ""),
            steps=tuple(steps),
            review=ReviewRules(**_table(body.get("review", {}), f"{origin}, review")),
            given_output=OutputRules(**_table(body["output"], f"{origin}, output")) if "output" in body else None,
        )
    except ValidationError as error:
        raise RecipeError(f"{origin}: {_first_problem(error)}") from error


def _table(value: Any, where: str) -> dict[str, Any]:
    """A copy of a TOML table. :raises RecipeError: it is something else."""
    if not isinstance(value, dict):
        raise RecipeError(f"{where}: this is no table, but {value!r:.60}")
    return dict(value)


def _parse_step(entry: dict[str, Any], where: str) -> RecipeStep:
    name = entry.pop("step", None)
    kind = PARAMETERS.get(str(name))
    if kind is None:
        raise RecipeError(f"{where}: there is no step {name!r}; steps are {', '.join(PARAMETERS)}")
    try:
        return RecipeStep(step=str(name), parameters=kind(**entry))
    except ValidationError as error:
        raise RecipeError(f"{where} ({name}): {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    return f"{'.'.join(str(p) for p in problem['loc']) or 'value'}: {problem['msg']}"


def recipe_from_canonical(body: dict[str, Any], origin: str) -> Recipe:
    """The recipe again, from what :meth:`Recipe.canonical` gave (as the catalog keeps it in ``run.recipe_body``).

    :raises RecipeError: not a canonical recipe, or one that this version no longer knows.
    """
    try:
        steps = [{"step": step["step"], **step["parameters"]} for step in body["steps"]]
        output = {"output": dict(body["output"])} if "output" in body else {}
        flat = {"name": body["name"], "steps": steps, "review": dict(body["review"]), **output}
    except (KeyError, TypeError) as error:
        raise RecipeError(f"{origin} is not the canonical form of a recipe: {error!r}") from error
    return parse_recipe(flat, origin)


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that ship with the project, sorted."""
    return tuple(sorted(path.stem for path in RECIPE_FOLDER.glob("*.toml")))


def load_recipe(name_or_path: str) -> Recipe:
    """Read a shipped recipe by name, or any recipe by the path of its TOML file.

    :raises RecipeError: no such recipe, or one that does not validate.
    """
    path = Path(name_or_path) if name_or_path.endswith(".toml") else RECIPE_FOLDER / f"{name_or_path}.toml"
    if not path.is_file():
        raise RecipeError(f"there is no recipe {name_or_path!r}; shipped ones are {', '.join(recipe_names())}")
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # what is no TOML, no UTF-8, a number of too many digits, or too deep
        raise RecipeError(f"{path.name} is not valid TOML: {error}") from error
    return parse_recipe(body, path.name)
