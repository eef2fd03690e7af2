"""Evaluations in the catalog: what is written, who may write and read it, and the command that does it."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from restoration.catalog.evaluations import check_may_record, record_evaluation
from restoration.catalog.files import sql_dir
from restoration.cli import app
from restoration.errors import CatalogError
from restoration.settings import get_settings
from tests.stack import catalog_builder as build

pytestmark = pytest.mark.stack


def rows(engine, statement: str, **values) -> list[dict]:
    with engine.connect() as conn:
        return [dict(row._mapping) for row in conn.execute(sa.text(statement), values)]


def test_the_worker_writes_and_the_auditor_reads_means_by_family(role_engine):
    with role_engine("worker").begin() as conn:
        assert record_evaluation(conn, build.evaluation("family")) == 1
    found = rows(role_engine("auditor"), "SELECT * FROM audit.evaluation ORDER BY model, family NULLS LAST")
    assert len(found) == 4 * 3
    good = {row["family"]: row for row in found if row["model"] == "good"}
    assert {family: (row["photos"], row["delta_e00"]) for family, row in good.items()} == {
        "civ": (2, 3.5),
        "food": (1, 5.0),
        None: (3, 4.0),
    }
    assert good[None]["means"] == {"delta_e00": 4.0, "bleed": 0.25}
    assert (good[None]["model_version"], good[None]["weights_sha256"]) == ("2", build.sha("good"))
    truth = next(row for row in found if row["model"] == "truth" and row["family"] is None)
    assert (truth["delta_e00"], truth["bleed"], truth["weights_sha256"]) == (None, 0.25, None)


def test_single_scores_can_be_asked_for(role_engine):
    with role_engine("worker").begin() as conn:
        number = record_evaluation(conn, build.evaluation("family"))
    found = rows(
        role_engine("auditor"),
        "SELECT photo, ita_group, value FROM audit.evaluation_score "
        "WHERE evaluation_id = :number AND model = 'poor' AND metric = 'delta_e00' ORDER BY photo",
        number=number,
    )
    assert [tuple(row.values()) for row in found] == [
        ("civ_a.jpg", "tan", 8.0),
        ("civ_b.jpg", "dark", 9.0),
        ("food_c.jpg", None, 10.0),
    ]


def test_only_the_last_evaluation_of_a_data_set_is_the_latest(role_engine):
    with role_engine("worker").begin() as conn:
        record_evaluation(conn, build.evaluation("family"))
        record_evaluation(conn, build.evaluation("family", better=3.0))
        record_evaluation(conn, build.evaluation("others", better=2.0))
    found = rows(
        role_engine("auditor"),
        "SELECT evaluation_id, latest FROM audit.evaluation WHERE family IS NULL AND model = 'good' ORDER BY 1",
    )
    assert [(row["evaluation_id"], row["latest"]) for row in found] == [(1, False), (2, True), (3, True)]


def test_faces_of_one_photograph_are_kept_apart_and_tasks_do_not_hide_each_other(role_engine):
    with role_engine("worker").begin() as conn:
        record_evaluation(conn, build.evaluation("family"))
        number = record_evaluation(conn, build.face_evaluation("family"))
    found = rows(
        role_engine("auditor"),
        "SELECT task, latest, model, photos, identity FROM audit.evaluation WHERE family IS NULL AND model = 'good' "
        "ORDER BY task",
    )
    assert [tuple(row.values()) for row in found] == [
        ("colorize", True, "good", 3, None),
        ("restore-face", True, "good", 3, 0.75),
    ]
    single = rows(
        role_engine("auditor"),
        "SELECT photo, face, task FROM audit.evaluation_score WHERE evaluation_id = :number AND model = 'good' "
        "AND metric = 'identity' ORDER BY photo, face",
        number=number,
    )
    assert [tuple(row.values()) for row in single] == [
        ("civ_a.jpg", 1, "restore-face"),
        ("civ_a.jpg", 2, "restore-face"),
        ("twly_b.jpg", 0, "restore-face"),
    ]


def test_a_face_twice_and_an_unknown_task_are_refused(role_engine):
    new = build.face_evaluation("family")
    for broken in (replace(new, photos=[new.photos[0], new.photos[0]], scores=[]), replace(new, task="guess")):
        with role_engine("worker").connect() as conn, pytest.raises(sa.exc.IntegrityError):
            record_evaluation(conn, broken)


@pytest.mark.parametrize("role", ["ingest", "publisher", "auditor"])
def test_other_roles_may_not_write(role_engine, role):
    refused = pytest.raises(sa.exc.ProgrammingError, match=r"permission denied|does not exist")
    with role_engine(role).connect() as conn, refused:
        record_evaluation(conn, build.evaluation("family"))


@pytest.mark.parametrize("role", ["ingest", "publisher", "auditor"])
def test_other_roles_are_told_before_the_work(role_engine, role):
    with role_engine("worker").connect() as conn:
        check_may_record(conn)
    with role_engine(role).connect() as conn, pytest.raises(CatalogError, match="role restoration_worker"):
        check_may_record(conn)


def test_a_catalog_without_evaluations_is_told_before_the_work(catalog):
    with catalog.begin() as conn:
        conn.execute(sa.text("DROP TABLE evaluation_score CASCADE"))
        with pytest.raises(CatalogError, match="restoration catalog migrate"):
            check_may_record(conn)


@pytest.mark.parametrize("statement", ["UPDATE evaluation_score SET value = 0", "DELETE FROM evaluation_score"])
def test_scores_are_never_changed_by_a_working_role(role_engine, statement):
    with role_engine("worker").connect() as conn, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        conn.execute(sa.text(statement))


def test_values_that_are_no_numbers_are_refused(role_engine):
    broken = build.evaluation("family")
    score = type(broken.scores[0])(0, 0, "psnr", float("nan"))
    with role_engine("worker").connect() as conn, pytest.raises(sa.exc.IntegrityError):
        record_evaluation(conn, type(broken)(**{**vars(broken), "scores": [score]}))


def test_names_that_postgres_refuses_are_cleaned(role_engine):
    new = build.evaluation("a\0b")
    with role_engine("worker").begin() as conn:
        record_evaluation(conn, new)
    assert rows(role_engine("auditor"), "SELECT DISTINCT data_set FROM audit.evaluation") == [{"data_set": "a\ufffdb"}]


def test_the_command_records_what_it_prints(role_engine, catalog_url, tmp_path, monkeypatch):
    from tests.unit.standins import hopper

    face = cv2.resize(np.rint(hopper()[:, :, ::-1] * 255).astype(np.uint8), (96, 112), interpolation=cv2.INTER_AREA)
    (tmp_path / "set").mkdir()
    cv2.imwrite(str(tmp_path / "set" / "navy_1.png"), face)
    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("worker"))
    get_settings.cache_clear()
    words = ["evaluate", "--data", str(tmp_path / "set"), "--long-side", "128", "--record", "--json", "--device", "cpu"]
    answer = CliRunner().invoke(app, words, catch_exceptions=False)
    get_settings.cache_clear()
    assert answer.exit_code == 0
    printed = {score["model"]: score for score in map(json.loads, answer.stdout.splitlines())}
    found = rows(role_engine("auditor"), "SELECT model, data_set, delta_e00, parameters FROM audit.evaluation")
    assert {row["data_set"] for row in found} == {"set"}
    stored = {row["model"]: row["delta_e00"] for row in found}
    assert stored["house-colorizer"] == pytest.approx(printed["house-colorizer"]["delta_e00"], rel=1e-8)
    assert set(stored) == {"gray", "house-colorizer", "truth"}
    assert found[0]["parameters"]["long_side"] == 128


def test_the_command_records_what_menders_removed(role_engine, catalog_url, tmp_path, monkeypatch):
    from tests.unit.standins import hopper

    (tmp_path / "set").mkdir()
    small = cv2.resize(np.rint(hopper()[:, :, ::-1] * 255).astype(np.uint8), (160, 190), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "set" / "navy_1.png"), small)
    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("worker"))
    get_settings.cache_clear()
    words = ["evaluate", "--task", "repair", "--photos", str(tmp_path / "set"), "--record", "--json", "--device", "cpu"]
    answer = CliRunner().invoke(app, words, catch_exceptions=False)
    get_settings.cache_clear()
    assert answer.exit_code == 0
    printed = [json.loads(line) for line in answer.stdout.splitlines()]
    tears = {score["model"]: score["damage_removed"] for score in printed if score["family"] == "tear"}
    auditor = role_engine("auditor")
    found = rows(auditor, "SELECT model, task, means FROM audit.evaluation WHERE family IS NULL")
    assert {row["task"] for row in found} == {"repair"}
    assert {row["model"]: row["means"]["damage_removed_tear"] for row in found} == pytest.approx(tears, rel=1e-8)
    text = (sql_dir() / "queries" / "best-mender.sql").read_text()
    with auditor.connect() as conn:
        best = conn.execute(sa.text(text), {"collection": "set"}).mappings().all()
    assert best[0]["model"] == "true-mask"
    assert best[0]["tear"] == pytest.approx(tears["true-mask"], rel=1e-8)


def test_the_command_records_faces(role_engine, catalog_url, tmp_path, monkeypatch):
    from tests.unit.standins import hopper

    (tmp_path / "set").mkdir()
    face = np.rint(hopper()[:, :, ::-1] * 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "set" / "navy_1.png"), face)
    monkeypatch.setenv("RESTORATION_DATABASE_URL", catalog_url("worker"))
    get_settings.cache_clear()
    words = [
        "evaluate",
        "--task",
        "restore-face",
        "--photos",
        str(tmp_path / "set"),
        "--models",
        "degraded",
        "--record",
    ]
    answer = CliRunner().invoke(app, [*words, "--seed", "4", "--json", "--device", "cpu"], catch_exceptions=False)
    get_settings.cache_clear()
    assert answer.exit_code == 0
    (printed,) = map(json.loads, answer.stdout.splitlines())
    (stored,) = rows(role_engine("auditor"), "SELECT * FROM audit.evaluation WHERE family IS NULL")
    assert (stored["task"], stored["model"], stored["photos"]) == ("restore-face", "degraded", 1)
    assert stored["identity"] == pytest.approx(printed["identity"], rel=1e-8)
    assert stored["means"]["psnr_y"] == pytest.approx(printed["psnr_y"], rel=1e-8)
    assert stored["parameters"]["seed"] == 4
