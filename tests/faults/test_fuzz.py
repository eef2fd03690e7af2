"""What people and other programs write beside the scans, fuzzed: nothing but the documented errors."""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restoration.divisions import read_boxes
from restoration.engine.recipe import RECIPE_FOLDER, load_recipe, parse_recipe, recipe_from_canonical, recipe_names
from restoration.engine.splitting import read_record
from restoration.errors import ModelError, RecipeError, UsageError
from restoration.ingest.bag import declared_hashes
from restoration.ingest.hints_csv import COLUMNS, read_hints
from restoration.ingest.sidecar import read_sidecar
from restoration.models.entries import parse_entries
from tests.faults.mutations import mutated

KEYS = ["c/a.tif", "c/sub/b.tif", "c/é.png"]
METADATA = 'filename,dc:title,Date,sha256\na.tif,"=1+1 ""x""",1931,{}\nsub/b.tif,b,,\né.png,,,\n'.format(
    "0" * 64
).encode()
HINTS = (
    b'file,place,colour,ground,said_by\na.tif,"0.42,0.61",#3B5BA9,writing,Eve\nb,"0.1,0.1; 0.3,0.1; 0,1",red,rule,A\n'
)
MANIFEST = ("0" * 64 + "  a.tif\n" + "f" * 64 + " *sub/b.tif\n").encode()
RECIPES = {name: (RECIPE_FOLDER / f"{name}.toml").read_bytes() for name in recipe_names()}
BOX = {"centre": [0.25, 0.5], "size": [0.3, 0.4], "angle": 0.0}
PARTS = json.dumps({"scans": [{"sha256": "0" * 64, "file": "a.tif", "pages": [{"page": 1, "parts": [BOX]}]}]}).encode()
MODEL = b'[[model]]\nname = "a"\nversion = "1"\nrole = "colorizer"\nsha256 = "00"\nlicence = "x"\nbytes = 3\n'

seeds = st.integers(0, 2**32)
cells = st.one_of(
    st.text(max_size=12), st.sampled_from(["a.tif", "*", "", "\0", "0,0", "1e999", "nan", "#fff", "٣", "0" * 64])
)
words = st.one_of(st.sampled_from(["step", "steps", "self", "name", "upright"]), st.text(max_size=4))
leaves = (
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["triage", "measure"]),
)
values = st.recursive(
    st.one_of(*leaves),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=8,
)


def bent(data: bytes, seed: int) -> bytes:
    """One to three changes of a file that is well-formed."""
    chance = Random(seed)
    return mutated(data, [(place, 1) for place in range(len(data))], chance)


@settings(deadline=None)
@given(seeds)
def test_metadata_csv(seed):
    described, report = read_sidecar(bent(METADATA, seed), KEYS, "c/")
    assert set(described) <= set(KEYS)
    assert report.found


@settings(deadline=None)
@given(
    st.lists(st.lists(cells, max_size=6), max_size=5), st.sampled_from(["utf-8", "utf-16", "utf-32", "utf-7", "cp1252"])
)
def test_tables_of_any_cells(rows, encoding):
    out = io.StringIO()
    csv.writer(out).writerows([["filename", "title", "sha256", "date", "title", "file"], *rows])
    data = out.getvalue().encode(encoding, "replace")
    assert set(read_sidecar(data, KEYS, "c/")[0]) <= set(KEYS)
    out = io.StringIO()
    csv.writer(out).writerows([COLUMNS, *rows])
    lines, _ = read_hints(out.getvalue().encode(encoding, "replace"), KEYS, "c/")
    assert {line.key for line in lines} <= set(KEYS)


@settings(deadline=None)
@given(seeds)
def test_hints_csv(seed):
    lines, _ = read_hints(bent(HINTS, seed), KEYS, "c/")
    assert {line.key for line in lines} <= set(KEYS)


@settings(deadline=None)
@given(seeds)
def test_a_bags_manifest(seed):
    assert set(declared_hashes(bent(MANIFEST, seed), KEYS, "c/")) <= set(KEYS)


def comes_back(recipe) -> None:
    """What is accepted has a hash, and is the same when it is read from the catalog."""
    assert (
        recipe_from_canonical(json.loads(json.dumps(recipe.canonical(), allow_nan=False)), "x").sha256 == recipe.sha256
    )


@settings(deadline=None)
@given(seeds, st.sampled_from(sorted(RECIPES)))
def test_a_recipe_file(tmp_path_factory, seed, name):
    path = tmp_path_factory.getbasetemp() / "bent.toml"
    path.write_bytes(bent(RECIPES[name], seed))
    try:
        recipe = load_recipe(str(path))
    except RecipeError:
        return
    comes_back(recipe)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["name", "title", "description", "steps", "review", "output"]), values))
def test_a_recipe_of_any_values(body):
    try:
        recipe = parse_recipe(body, "any")
    except RecipeError:
        return
    comes_back(recipe)


@pytest.mark.parametrize(
    "text",
    ["steps = 3", "steps = ['x']", "[steps]\nstep = 'triage'", "review = 3\n[[steps]]\nstep = 'triage'",
     "output = 3\n[[steps]]\nstep = 'triage'", "steps = " + "[" * 5000 + "]" * 5000, "name = '\\u0000'", "\0"],
)  # fmt: skip
def test_a_recipe_of_the_wrong_shape(tmp_path, text):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(RecipeError):
        load_recipe(str(path))


@settings(deadline=None)
@given(st.text(max_size=300))
def test_a_recipes_name(name):
    with pytest.raises(RecipeError):
        load_recipe(f"no-such-{name}")


@settings(deadline=None)
@given(st.one_of(seeds, values))
def test_parts_json(tmp_path_factory, given_):
    path = tmp_path_factory.getbasetemp() / "parts.json"
    path.write_bytes(bent(PARTS, given_) if isinstance(given_, int) else json.dumps(given_).encode())
    for read in (read_boxes, read_record):
        try:
            read(path)
        except UsageError:
            continue


@settings(deadline=None)
@given(seeds)
def test_a_models_file(tmp_path_factory, seed):
    path = tmp_path_factory.getbasetemp() / "models.toml"
    with suppress(ModelError):
        parse_entries(bent(MODEL, seed).decode("utf-8", "replace"), path)
