"""On a sensitive collection no face is altered, whatever the recipe says: both planner and worker see to it."""

from __future__ import annotations

import cv2
import pytest
import sqlalchemy as sa

from restoration.engine.engine import Engine
from restoration.engine.recipe import load_recipe, parse_recipe, recipe_for, recipe_from_canonical
from restoration.errors import RecipeError
from restoration.orchestration import flow
from restoration.settings import get_settings
from restoration.worker.batch import run_batch
from tests.stack.lab import Lab
from tests.unit.standins import gray, hopper, models_with, png

pytestmark = pytest.mark.stack

RECIPE = parse_recipe(
    {"name": "faces", "steps": [{"step": "triage"}, {"step": "faces", "restorer": "sharpener"}, {"step": "measure"}]},
    "test",
)


@pytest.fixture
def lab(catalog, catalog_url, redis_url, s3, tmp_path) -> Lab:
    return Lab(catalog, catalog_url("worker"), redis_url, s3, tmp_path)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return models_with(tmp_path_factory.mktemp("models"))


def restore(lab: Lab, models, recipe, sensitivity: str) -> list[sa.Row]:
    """Restore one portrait; gives what is on record of its faces."""
    portrait = cv2.GaussianBlur(gray(hopper()), (0, 0), 1.5)  # a sharp one would be left alone
    (batch,) = lab.plan({"hopper.png": png(portrait)}, recipe=recipe, sensitivity=sensitivity)
    with lab.runtime(engine=Engine(lab.settings, models=models)) as runtime:
        run_batch(runtime, str(batch))
    return lab.rows("SELECT action::text, reason::text, restorer_id, blend, identity FROM face")


def test_the_recipe_restores_a_face_where_it_may(lab, models):
    ((action, reason, restorer, _, _),) = restore(lab, models, RECIPE, "normal")
    assert (action, reason) == ("restored", None)
    assert restorer is not None


def test_faces_are_recorded_and_the_restorer_is_never_used(lab, models):
    faces = restore(lab, models, recipe_for(RECIPE, "sensitive"), "sensitive")
    assert faces == [("recorded", "faces_off", None, None, None)]
    used = {name for (name,) in lab.rows("SELECT name FROM model_version")}
    assert "sharpener" not in used
    ((run_hash, hash_on_record),) = lab.rows("SELECT r.recipe_sha256, s.recipe_sha256 FROM run r, restoration s")
    assert run_hash == hash_on_record != RECIPE.sha256


def test_a_run_from_before_the_collection_was_sensitive_is_refused_by_the_worker(lab, models):
    (batch,) = lab.plan({"hopper.png": png(gray(hopper()))}, recipe=RECIPE)
    with lab.db.begin() as conn:
        conn.execute(sa.text("UPDATE collection SET sensitivity = 'sensitive'"))
    with (
        lab.runtime(engine=Engine(lab.settings, models=models)) as runtime,
        pytest.raises(RecipeError, match="sensitive"),
    ):
        run_batch(runtime, str(batch))
    assert lab.batch_states() == {"failed"}
    assert lab.states() == {"hopper.png": "pending"}
    assert lab.rows("SELECT count(*) FROM face") == [(0,)]


def test_the_run_is_opened_with_the_adapted_recipe(lab, catalog_url, monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    for name, value in {**lab.environment, "RESTORATION_DATABASE_URL": catalog_url("ingest")}.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    lab.put("a.png", b"x")
    form = {"collection": lab.name, "source": f"s3://originals/{lab.name}/", "recipe": "memorial-portrait"}
    kept = recipe_for(load_recipe("memorial-portrait"), "sensitive")
    try:
        listed = flow.ingest({**form, "sensitivity": "sensitive"}, "restore_collection", "manual__1")
        (shard,) = flow.plan(listed, form)
        ((batch,),) = lab.rows("SELECT batch_id FROM batch")
        with lab.runtime() as runtime:
            assert run_batch(runtime, str(batch)).photos == {"restored": 1}
        assert flow.nightly_work(lab.name) == 0
        with lab.db.begin() as conn:
            conn.execute(sa.text("UPDATE collection SET sensitivity = 'normal'"))
        assert flow.nightly_work(lab.name) == 1
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    assert shard["collection"] == lab.name
    ((name, sha256, body),) = lab.rows("SELECT recipe, recipe_sha256, recipe_body FROM run")
    assert (name, sha256) == ("memorial-portrait", kept.sha256)
    assert recipe_from_canonical(body, "run").sha256 == kept.sha256
