"""The recipes that ship, and what a recipe may say."""

from __future__ import annotations

import json

import pytest

from restoration.engine.recipe import load_recipe, parse_recipe, recipe_for, recipe_from_canonical, recipe_names
from restoration.errors import RecipeError
from restoration.steps.parameters import Faces, Repair

SHIPPED = (
    "colorize-only",
    "gfpgan-seed-autoencoder",
    "grade-only",
    "historic-scene",
    "identity",
    "memorial-portrait",
    "memorial-portrait-full",
    "seed-autoencoder-gfpgan",
)


def test_the_recipes_that_ship():
    assert recipe_names() == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipe_is_valid_complete_and_comes_back_from_the_catalog(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.title
    assert recipe.description
    assert recipe.steps[-1].step == "measure"
    stored = json.loads(json.dumps(recipe.canonical()))
    again = recipe_from_canonical(stored, "run 1")
    assert again.sha256 == recipe.sha256
    assert [type(step.parameters) for step in again.steps] == [type(step.parameters) for step in recipe.steps]


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "gfpgan-seed-autoencoder"])
def test_steps_come_in_the_order_that_makes_sense(name):
    order = ["triage", "repair", "grade", "colorize", "faces", "upscale", "measure"]
    steps = [step.step for step in load_recipe(name).steps]
    assert steps == sorted(steps, key=order.index)


def test_the_seeds_chain_comes_in_both_orders_and_differs_in_nothing_else():
    one, other = load_recipe("seed-autoencoder-gfpgan"), load_recipe("gfpgan-seed-autoencoder")
    assert [step.step for step in one.steps] == ["triage", "colorize", "faces", "measure"]
    assert [step.step for step in other.steps] == ["triage", "faces", "colorize", "measure"]
    assert {step.step: step.parameters for step in one.steps} == {step.step: step.parameters for step in other.steps}
    assert one.review == other.review


def test_grade_only_and_identity_invent_nothing_and_need_no_model():
    for name in ("grade-only", "identity"):
        assert not load_recipe(name).invents
        assert load_recipe(name).model_names == ()
    assert load_recipe("memorial-portrait").invents


def test_one_recipe_alone_invents_parts_of_faces_and_never_on_a_sensitive_collection():
    def ways(recipe):
        return {step.parameters.face_parts for step in recipe.steps if isinstance(step.parameters, Repair)}

    assert [name for name in SHIPPED if "fill" in ways(load_recipe(name))] == ["memorial-portrait-full"]
    assert ways(recipe_for(load_recipe("memorial-portrait-full"), "sensitive")) == {"review"}


@pytest.mark.parametrize("name", SHIPPED)
def test_on_a_sensitive_collection_no_recipe_restores_faces_and_its_hash_says_so(name):
    recipe = load_recipe(name)
    kept = recipe_for(recipe, "sensitive")
    before = [step.parameters for step in recipe.steps if isinstance(step.parameters, Faces)]
    after = [step.parameters for step in kept.steps if isinstance(step.parameters, Faces)]
    assert [faces.restorers() for faces in after] == [()] * len(before)
    assert not any(faces.restorer_required for faces in after)
    restores = any(faces.restorer for faces in before)
    assert (kept.sha256 != recipe.sha256) is restores
    assert [step.step for step in kept.steps] == [step.step for step in recipe.steps]
    assert kept.review == recipe.review
    assert recipe_for(kept, "sensitive").sha256 == kept.sha256
    for sensitivity in ("normal", "memorial"):
        assert recipe_for(recipe, sensitivity) is recipe


def test_prose_does_not_change_the_identity_but_every_default_does():
    body = {"name": "x", "title": "a", "steps": [{"step": "grade"}]}
    plain = parse_recipe(body, "x")
    assert parse_recipe({**body, "title": "b"}, "x").sha256 == plain.sha256
    spelled = {**body, "steps": [{"step": "grade", **plain.steps[0].parameters.model_dump()}]}
    assert parse_recipe(spelled, "x").sha256 == plain.sha256
    assert parse_recipe({**body, "steps": [{"step": "grade", "strength": 0.7}]}, "x").sha256 != plain.sha256
    assert parse_recipe({**body, "review": {"ssim_below": 0.1}}, "x").sha256 != plain.sha256


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": "x", "steps": []}, "no steps"),
        ({"name": "x", "steps": [{"step": "dream"}]}, "no step 'dream'"),
        ({"name": "x", "steps": [{"step": "grade", "strenght": 0.5}]}, "strenght"),
        ({"name": "x", "steps": [{"step": "grade", "strength": 2.0}]}, "strength"),
        ({"name": "x", "steps": [{"step": "grade", "strength": "much"}]}, "strength"),
        ({"name": "X Y", "steps": [{"step": "grade"}]}, "name"),
        ({"name": "x", "steps": [{"step": "grade"}], "review": {"mood": 1}}, "mood"),
    ],
)
def test_wrong_recipes_say_what_is_wrong(body, message):
    with pytest.raises(RecipeError, match=message):
        parse_recipe(body, "wrong.toml")


def test_bodies_that_are_no_canonical_recipe_are_refused():
    for body in (
        {},
        {"name": "x", "steps": [{"step": "grade"}], "review": {}},
        {"name": "x", "steps": 1, "review": {}},
    ):
        with pytest.raises(RecipeError, match="canonical"):
            recipe_from_canonical(body, "run 1")


def test_unknown_names_and_broken_files(tmp_path):
    with pytest.raises(RecipeError, match="memorial-portrait"):
        load_recipe("absent")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(RecipeError, match="TOML"):
        load_recipe(str(broken))
