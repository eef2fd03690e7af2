"""DAG files: they parse, quickly and without heavy libraries; forms, tags and manuals are what they should be."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from restoration.engine.recipe import recipe_names
from restoration.orchestration.vocabulary import TAGS

DAGS = Path(__file__).parents[2] / "dags"
FILES = {
    "nightly_archive.py": "nightly_archive",
    "publish_collection.py": "publish_collection",
    "restore_collection.py": "restore_collection",
    "verify_archive.py": "verify_archive",
}
PARSE_SECONDS = 0.5
HEAVY = ("torch", "cv2", "gfpgan", "skimage", "pyvips", "scipy", "boto3", "psycopg2", "celery")

PROBE = """
import json, pathlib, runpy, sys, time, warnings
from airflow.sdk import DAG, BaseOperator, Param, dag, task
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
before = set(sys.modules)
found = {}
for path in sys.argv[1:]:
    started = time.process_time()
    values = runpy.run_path(path)
    seconds = time.process_time() - started
    one = values[pathlib.Path(path).stem]()
    found[path] = {
        "seconds": seconds,
        "dag_id": one.dag_id,
        "tags": sorted(one.tags),
        "doc": one.doc_md or "",
        "catchup": one.catchup,
        "max_active_runs": one.max_active_runs,
        "schedule": str(one.schedule),
        "params": {name: {"value": p.value if p.has_value else None, "schema": p.schema, "title": p.schema.get("title"),
                          "description": p.schema.get("description") or p.description}
                   for name in one.params for p in [one.params.get_param(name)]},
        "tasks": {t.task_id: {"retries": t.retries, "delay": t.retry_delay.total_seconds(),
                              "rule": t.trigger_rule.value,
                              "teardown": t.is_teardown, "mapped": t.is_mapped,
                              "downstream": sorted(t.downstream_task_ids)} for t in one.tasks},
    }
found["modules"] = sorted({m.split(".")[0] for m in sys.modules})
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a bare Python with Airflow finds in every DAG file."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("RESTORATION_", "AIRFLOW"))
    }
    environment |= {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")), "PYTHONWARNINGS": "error::SyntaxWarning"}
    command = [sys.executable, "-c", PROBE, *(str(DAGS / name) for name in FILES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def dag_of(parsed: dict, name: str) -> dict:
    return parsed[str(DAGS / name)]


def test_every_dag_file_is_listed_here():
    assert {path.name for path in DAGS.glob("*.py")} == set(FILES)


@pytest.mark.parametrize(("name", "dag_id"), FILES.items())
def test_file_parses_to_the_dag_of_its_name(parsed, name, dag_id):
    assert dag_of(parsed, name)["dag_id"] == dag_id


@pytest.mark.parametrize("name", FILES)
def test_file_parses_within_the_limit(parsed, name):
    assert dag_of(parsed, name)["seconds"] < PARSE_SECONDS


def test_parsing_imports_nothing_heavy(parsed):
    assert not set(HEAVY) & set(parsed["modules"])


@pytest.mark.parametrize("name", FILES)
def test_tags_come_from_the_closed_vocabulary(parsed, name):
    tags = set(dag_of(parsed, name)["tags"])
    assert tags
    assert tags <= TAGS


@pytest.mark.parametrize("name", FILES)
def test_the_docstring_is_the_manual(parsed, name):
    docstring = ast.get_docstring(ast.parse((DAGS / name).read_text()), clean=False)
    shown = dag_of(parsed, name)["doc"]
    assert shown.strip() == docstring.strip()
    assert "**When it fails.**" in shown


@pytest.mark.parametrize("name", FILES)
def test_retries_are_few_and_short(parsed, name):
    for task_id, task in dag_of(parsed, name)["tasks"].items():
        assert task["retries"] <= 2, task_id
        assert task["delay"] <= 60, task_id


def test_every_field_of_the_form_explains_itself(parsed):
    params = dag_of(parsed, "restore_collection.py")["params"]
    assert list(params) == [
        "collection", "source", "recipe", "title", "consent", "sensitivity", "rights", "contact", "batch_size",
        "dry_run", "publish", "wait_for_approval", "force",
    ]  # fmt: skip
    assert list(dag_of(parsed, "publish_collection.py")["params"]) == ["collection", "dry_run"]
    assert list(dag_of(parsed, "verify_archive.py")["params"]) == ["collection", "everything"]
    for name, param in [item for file in FILES for item in dag_of(parsed, file)["params"].items()]:
        assert param["title"], name
        assert len(param["description"]) > 20, name
        assert "type" in param["schema"], name
        if None in (param["schema"].get("enum") or []):
            assert "as the catalog has it" in param["schema"]["values_display"]["null"], name


def test_the_form_offers_exactly_the_shipped_recipes(parsed):
    schema = dag_of(parsed, "restore_collection.py")["params"]["recipe"]["schema"]
    assert [name for name in schema["enum"] if name] == list(recipe_names())


@pytest.mark.parametrize("bad", ["", "Upper", "-x", "a/b", "../x", "a" * 64, "x\n"])
def test_collection_pattern_refuses(parsed, bad):
    pattern = dag_of(parsed, "restore_collection.py")["params"]["collection"]["schema"]["pattern"]
    assert not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), bad)


@pytest.mark.parametrize("name", ["restore_collection.py", "publish_collection.py"])
def test_only_the_collection_must_be_filled_in(parsed, name):
    params = dag_of(parsed, name)["params"]
    needed = [name for name, p in params.items() if p["value"] is None and "null" not in p["schema"]["type"]]
    assert needed == ["collection"]


def test_restore_collection_goes_through_its_steps_in_order(parsed):
    tasks = dag_of(parsed, "restore_collection.py")["tasks"]
    assert set(tasks) == {"ingest", "plan", "restore", "summarize", "approve", "publish", "cancel_leftovers"}
    assert tasks["restore"]["mapped"]
    assert "restore" in tasks["plan"]["downstream"]
    assert "summarize" in tasks["restore"]["downstream"]
    assert "approve" in tasks["summarize"]["downstream"]
    assert "publish" in tasks["approve"]["downstream"]
    assert tasks["cancel_leftovers"]["teardown"]
    # a map of length zero is skipped, and the run must go on behind it
    assert {tasks[name]["rule"] for name in ("summarize", "approve", "publish")} == {"none_failed"}


def test_what_is_parked_for_a_person_keeps_no_other_run_waiting(parsed):
    for name in ("restore_collection.py", "publish_collection.py"):
        assert dag_of(parsed, name)["max_active_runs"] >= 100


def test_the_night_asks_after_it_restored_and_a_failure_shows(parsed):
    tasks = dag_of(parsed, "nightly_archive.py")["tasks"]
    assert "questions" in tasks["restore"]["downstream"]
    assert "ask" in tasks["questions"]["downstream"]
    assert "report" in tasks["ask"]["downstream"]


def test_fixity_is_read_in_parts_and_reported_whatever_happened(parsed):
    tasks = dag_of(parsed, "verify_archive.py")["tasks"]
    assert tasks["read"]["mapped"]
    assert "report" in tasks["read"]["downstream"]
    assert tasks["report"]["rule"] == "all_done"


def test_a_nightly_look_that_failed_fails_the_report(parsed):
    tasks = dag_of(parsed, "nightly_archive.py")["tasks"]
    assert {"restore", "look"} <= {name for name, task in tasks.items() if "report" in task["downstream"]}
    assert tasks["report"]["rule"] == "none_failed"
    assert tasks["choose"]["rule"] == "all_done"
