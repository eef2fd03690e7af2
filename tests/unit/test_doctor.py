"""The doctor: finds what is broken, names the cure, and keeps quiet about what is not set up."""

from __future__ import annotations

import json
import sys
from collections import namedtuple

import pytest
from typer.testing import CliRunner

from restoration.cli import app, doctor_checks
from restoration.errors import SettingsError
from restoration.local.ports import free_port
from restoration.settings import Settings


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """No settings from outside."""
    import os

    for name in [name for name in os.environ if name.startswith("RESTORATION_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def broken(**values) -> Settings:
    return Settings(_env_file=None, **values)


def test_services_that_are_not_set_up_are_notes_with_a_cure():
    for check in (
        doctor_checks.check_postgres,
        doctor_checks.check_broker,
        doctor_checks.check_s3,
        doctor_checks.check_airflow,
    ):
        finding = check(broken())
        assert finding.verdict == "note"
        assert "make up" in finding.cure


@pytest.mark.parametrize(
    ("check", "settings"),
    [
        (doctor_checks.check_postgres, {"database_url": "postgresql+psycopg2://nobody:pw-secret@127.0.0.1:{port}/x"}),
        (doctor_checks.check_postgres, {"database_url": "no address at all"}),
        (doctor_checks.check_broker, {"broker_url": "redis://:pw-secret@127.0.0.1:{port}/0"}),
        (doctor_checks.check_broker, {"broker_url": "carrier-pigeon://127.0.0.1"}),
        (doctor_checks.check_airflow, {"airflow_api_url": "http://127.0.0.1:{port}"}),
        (doctor_checks.check_airflow, {"airflow_api_url": "no address at all"}),
        (
            doctor_checks.check_s3,
            {"s3_endpoint_url": "no address", "s3_access_key_id": "a", "s3_secret_access_key": "pw-secret"},
        ),
        (doctor_checks.check_s3, {"s3_endpoint_url": "http://127.0.0.1:1", "s3_access_key_id": "only-half"}),
    ],
)
def test_broken_settings_are_problems_with_a_cure_and_no_secret(check, settings):
    port = free_port()
    finding = check(broken(**{name: value.format(port=port) for name, value in settings.items()}))
    assert finding.verdict == "problem"
    assert "RESTORATION_" in finding.cure
    assert "pw-secret" not in finding.found


def test_a_gpu_that_is_asked_for_and_missing_is_a_problem(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert doctor_checks.check_device(broken(device="cuda")).verdict == "problem"
    assert doctor_checks.check_device(broken(device="auto")).verdict == "note"


def test_missing_system_libraries_are_named_with_their_packages(monkeypatch):
    monkeypatch.setattr(doctor_checks, "SYSTEM_LIBRARIES", ("libNoSuchThing.so.1",))
    finding = doctor_checks.check_libraries(broken())
    assert finding.verdict == "problem"
    assert "libNoSuchThing" in finding.found
    assert "libgl1" in finding.cure


def test_an_old_python_is_a_problem(monkeypatch):
    monkeypatch.setattr(doctor_checks, "OLDEST_PYTHON", (sys.version_info[0] + 1, 0))
    assert doctor_checks.check_python(broken()).verdict == "problem"


def test_too_little_space_is_a_problem_even_where_the_model_folder_is_not_made_yet(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    settings = broken(model_dir=tmp_path / "not" / "made" / "yet")
    assert doctor_checks.check_space(settings).verdict in ("ok", "problem")
    monkeypatch.setattr(doctor_checks.shutil, "disk_usage", lambda _: usage(10, 10, 0))
    finding = doctor_checks.check_space(settings)
    assert finding.verdict == "problem"
    assert "2 GB" in finding.cure


def test_a_changed_weight_file_is_a_problem(monkeypatch):
    from restoration.errors import ModelError
    from restoration.models.files import Registry

    def spoilt(self, entry):
        raise ModelError(f"the file of {entry.name} is not the pinned one")

    monkeypatch.setattr(Registry, "available", lambda self, name: True)
    monkeypatch.setattr(Registry, "verify", spoilt)
    finding = doctor_checks.check_weights(broken())
    assert finding.verdict == "problem"
    assert "pinned" in finding.found


def test_command_exits_3_when_unwell_and_prints_json_lines(monkeypatch):
    monkeypatch.setenv("RESTORATION_AIRFLOW_API_URL", f"http://127.0.0.1:{free_port()}")
    result = CliRunner().invoke(app, ["doctor", "--json"])
    findings = {finding["subject"]: finding for finding in map(json.loads, result.stdout.splitlines())}
    assert result.exit_code == 3
    assert findings["airflow"]["verdict"] == "problem"
    assert set(findings) == {
        "python", "extras", "libGL", "gpu", "weights", "formats", "viewer", "signing", "postgres", "broker", "s3",
        "airflow", "space", "sandbox",
    }  # fmt: skip


def test_command_exits_0_when_well(monkeypatch):
    monkeypatch.setattr(doctor_checks, "CHECKS", (doctor_checks.check_python,))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert "python  ok" in result.stdout


def sandbox_findings(monkeypatch, states, **settings):
    from restoration.cli.doctor_sandbox import check_sandbox
    from restoration.photo.decode import Decoder

    monkeypatch.setattr(Decoder, "layers", lambda self: states)
    return list(check_sandbox(broken(**settings)))


def test_every_layer_of_the_sandbox_has_a_line_and_their_promises_one_more(monkeypatch):
    from restoration.photo.sandbox.layers import Held, Layer

    states = [Held(layer, True) for layer in Layer]
    assert [one.verdict for one in sandbox_findings(monkeypatch, states)] == ["ok"] * (len(Layer) + 1)
    states[-1] = Held(states[-1].layer, False, "this kernel does not know it (ENOSYS)")
    *_, layer, promises = sandbox_findings(monkeypatch, states)
    assert (layer.verdict, layer.found) == ("note", "not held, seccomp: this kernel does not know it (ENOSYS)")
    assert promises.verdict == "note"
    assert "starts no program" in promises.found
    *_, promises = sandbox_findings(monkeypatch, states, decoder_sandbox="required")
    assert promises.verdict == "problem"
    assert "RESTORATION_DECODER_SANDBOX" in promises.cure


def test_a_setting_of_the_wrong_kind_is_named(monkeypatch):
    monkeypatch.setenv("RESTORATION_MAX_ATTEMPTS", "many")
    result = CliRunner().invoke(app, ["doctor"])
    assert isinstance(result.exception, SettingsError)
    assert "RESTORATION_MAX_ATTEMPTS" in str(result.exception)
