"""What triage found is on record in Postgres, and a model that may not be used stops a batch before the first photo."""

from __future__ import annotations

import pytest

from restoration.engine.engine import Engine
from restoration.engine.recipe import parse_recipe
from restoration.errors import ModelError, ModelRetired
from restoration.models.files import Registry
from restoration.models.loading import LoadedModels
from restoration.settings import Settings
from restoration.synthetic.ageing import tint_paper
from restoration.worker.batch import run_batch
from tests.stack.lab import Lab
from tests.unit.standins import entry_text, gray, hopper, models_with, png, seed_weights

pytestmark = pytest.mark.stack

TRIAGE = parse_recipe({"name": "triage", "steps": [{"step": "triage"}, {"step": "measure"}]}, "test")
COLORIZE = parse_recipe({"name": "mine", "steps": [{"step": "colorize", "model": "mine"}]}, "test")


@pytest.fixture
def lab(catalog, catalog_url, redis_url, s3, tmp_path) -> Lab:
    return Lab(catalog, catalog_url("worker"), redis_url, s3, tmp_path)


def test_the_tint_is_kept_in_the_step_record(lab, tmp_path):
    cyanotype = tint_paper(gray(hopper()), "cyanotype")
    (batch,) = lab.plan({"blue.png": png(cyanotype)}, recipe=TRIAGE)
    with lab.runtime(engine=Engine(lab.settings, models=models_with(tmp_path))) as runtime:
        run_batch(runtime, str(batch))
    ((status, detail),) = lab.rows("SELECT status::text, detail FROM step_record WHERE step = 'triage'")
    assert status == "applied"
    assert (detail["kind"], detail["tint"]) == ("tinted", "cyanotype")
    assert detail["tint_b"] < -5
    assert detail["tint_chroma"] > 5
    assert detail["spread"] < 6
    assert len(detail["border"]) == 4


def engine_with(lab, tmp_path, fields: str, architecture: str) -> Engine:
    """An engine whose registry holds one model, with these fields and said to be of this architecture."""
    path = tmp_path / "registry.toml"
    text = entry_text("mine", architecture, "colorize", seed_weights(tmp_path), fields=fields)
    path.write_text(text, encoding="utf-8")
    models = LoadedModels(Registry.load(path, settings=Settings()), device="cpu", threads=1)
    return Engine(lab.settings, models=models)


def test_a_retired_model_fails_the_batch_and_leaves_the_photographs(lab, tmp_path):
    (batch,) = lab.plan({"hopper.png": png(gray(hopper()))}, recipe=COLORIZE)
    engine = engine_with(lab, tmp_path, 'retired = "brown skies"', "seed-autoencoder")
    with lab.runtime(engine=engine) as runtime, pytest.raises(ModelRetired, match="brown skies"):
        run_batch(runtime, str(batch))
    assert lab.batch_states() == {"failed"}
    assert lab.states() == {"hopper.png": "pending"}


def test_a_model_that_does_not_fit_here_is_left_to_another_machine(lab, tmp_path):
    (batch,) = lab.plan({"hopper.png": png(gray(hopper()))}, recipe=COLORIZE)
    with lab.runtime(engine=engine_with(lab, tmp_path, "", "espcn")) as runtime:
        problem = run_batch(runtime, str(batch)).problem
    assert isinstance(problem, ModelError)
    assert "does not fit espcn" in problem.message
    assert lab.batch_states() == {"queued"}
    assert lab.states() == {"hopper.png": "queued"}
