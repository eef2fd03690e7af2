"""docker-compose.yml and the images, held against the code; no Docker engine is needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from restoration.local.airflow import ADMIN
from restoration.local.redis import RIGHTS
from restoration.local.s3_keys import FILES
from restoration.local.s3_rights import BUCKETS, IDENTITIES, server_config
from restoration.local.stack import LOGINS
from restoration.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
TEXT = (ROOT / "docker-compose.yml").read_text()
LONG_RUNNING = {name for name, service in SERVICES.items() if service["restart"] == "unless-stopped"}
ONE_SHOT = {"s3-keys", "init"}
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)(:[?-][^}]*)?\}")


def environment(name: str) -> dict[str, str]:
    return SERVICES[name].get("environment", {})


def example() -> dict[str, str]:
    lines = (ROOT / "infra" / "env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_has_the_services_of_the_design():
    assert set(SERVICES) == {
        "postgres", "redis", "s3", "s3-keys", "init", "api-server", "scheduler", "dag-processor", "triggerer",
        "worker", "worker-gpu", "reaper", "review", "painter",
    }  # fmt: skip
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["worker-gpu"]
    device = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"][0]
    assert device["capabilities"] == ["gpu"]


def test_images_are_pinned_and_made_of_dockerfiles_that_exist():
    for name, service in SERVICES.items():
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file(), name
        else:
            assert re.search(r":\d+\.\d+", service["image"]), name
    for path in (ROOT / "infra").glob("*.Dockerfile"):
        bases = re.findall(r"^FROM (\S+)", path.read_text(), re.MULTILINE)
        assert bases
        assert all(re.search(r":\d+\.\d+\.\d+", base) for base in bases)


def test_whatever_keeps_running_has_a_health_check():
    assert {name for name in SERVICES if "healthcheck" in SERVICES[name]} == LONG_RUNNING - ONE_SHOT
    assert set(SERVICES) == LONG_RUNNING | ONE_SHOT


def test_services_wait_for_what_they_need():
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
            assert how["condition"] == wanted, name
    for name in ("api-server", "scheduler", "dag-processor", "triggerer", "worker", "worker-gpu", "review"):
        assert "init" in SERVICES[name]["depends_on"]


def test_every_setting_exists():
    fields = {f"RESTORATION_{name.upper()}" for name in Settings.model_fields}
    used = {key for name in SERVICES for key in environment(name) if key.startswith("RESTORATION_")}
    assert used
    assert used <= fields


def test_workers_get_no_airflow_secret_and_airflow_no_superuser():
    for name in ("worker", "worker-gpu"):
        assert not [key for key in environment(name) if key.startswith("AIRFLOW")]
        assert "restoration_gpu:" in environment(name)["RESTORATION_DATABASE_URL"]
        assert environment(name)["RESTORATION_S3_ACCESS_KEY_ID"] == "worker"
    for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
        assert "POSTGRES_PASSWORD" not in " ".join(environment(name).values())
        assert (
            json.loads(VARIABLE.sub("x", environment(name)["AIRFLOW_CONN_RESTORATION_DB"]))["login"]
            == "restoration_airflow"
        )
        assert json.loads(VARIABLE.sub("x", environment(name)["AIRFLOW_CONN_RESTORATION_S3"]))["login"] == "airflow"


def test_the_review_page_gets_no_secret_of_another():
    secrets = set(VARIABLE.findall(" ".join(environment("review").values())))
    assert {name for name, _ in secrets} == {
        "CATALOG_REVIEW_PASSWORD", "S3_REVIEW_SECRET_KEY", "REVIEW_SECRET", "RESTORATION_REVIEW_URL",
        "RESTORATION_REVIEW_PEOPLE",
    }  # fmt: skip
    port = Settings.model_fields["review_port"].default
    assert SERVICES["review"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f":{port}/api/health" in SERVICES["review"]["healthcheck"]["test"][-1]


def test_the_painter_gets_no_secret_and_is_the_one_that_the_page_asks():
    assert VARIABLE.findall(" ".join(environment("painter").values())) == []
    assert "ports" not in SERVICES["painter"]
    assert SERVICES["painter"]["image"] == SERVICES["worker"]["image"]
    port = Settings.model_fields["painter_port"].default
    assert environment("review")["RESTORATION_PAINTER_URL"] == f"http://painter:{port}"
    assert f":{port}/health" in SERVICES["painter"]["healthcheck"]["test"][-1]


def test_every_secret_comes_from_the_env_file_and_none_has_a_default():
    used = {match[1]: match[2] or "" for match in VARIABLE.finditer(TEXT)}
    assert set(used) == set(example())
    secret = {name for name, value in example().items() if value.startswith("generate")}
    assert {name for name in used if used[name].startswith(":?")} == secret
    addresses = {f"RESTORATION_{name}_URL" for name in ("ALERT", "GALLERY", "REVIEW")}
    assert set(example()) - secret == {"TORCH_INDEX_GPU", "RESTORATION_REVIEW_PEOPLE", *addresses}


def test_only_the_loopback_address_is_published():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_s3_identities_have_the_rights_of_the_local_stack():
    body = json.loads(VARIABLE.sub("x", COMPOSE["configs"]["s3"]["content"]))
    assert body == server_config({name: (name, "x") for name in IDENTITIES}, public=False)
    assert f"-bucket={','.join(BUCKETS)}" in SERVICES["s3"]["command"]


def test_the_store_is_started_where_its_keys_lie_and_nobody_else_has_them():
    folder = SERVICES["s3"]["working_dir"]
    assert SERVICES["s3-keys"]["command"][3] == folder
    assert f"s3-keys:{folder}:ro" in SERVICES["s3"]["volumes"]
    assert f"s3-keys:{folder}" in SERVICES["s3-keys"]["volumes"]
    holders = {name for name in SERVICES if "s3-keys:" in " ".join(SERVICES[name].get("volumes", []))}
    assert holders == {"s3", "s3-keys"}
    assert SERVICES["s3-keys"]["network_mode"] == "none"
    assert "security.toml" in FILES


def test_the_store_is_started_with_what_the_local_one_is_started_with(tmp_path):
    from tests.fixtures.services import new_s3

    server = new_s3(tmp_path)
    local = {word for word in server._command(tmp_path / "s3.json")[1:] if "port=" not in word or word.endswith("=0")}
    own = {"-dir", "-ip", "-ip.bind", "-s3.config", "-s3.localSocket", "-filer.localSocket", "-bucket"}

    def shared(words):
        return {word for word in words if word.split("=")[0] not in own and word != "-s3.port=8333"}

    assert shared(SERVICES["s3"]["command"]) == shared(local)


def test_the_brokers_password_has_the_rights_of_the_local_one():
    text = COMPOSE["configs"]["redis"]["content"]
    assert f"user default on >${{REDIS_PASSWORD:?run infra/make-env}} {RIGHTS}\n" in text
    for line in ("enable-debug-command no", "enable-module-command no", "enable-protected-configs no"):
        assert line in text.splitlines()


def test_postgres_logins_are_those_of_the_local_stack():
    sql = (ROOT / "infra" / "postgres" / "logins.sql").read_text()
    granted = {
        login: tuple(groups.split(", ")) for groups, login in re.findall(r"^GRANT (.+) TO (\w+);", sql, re.MULTILINE)
    }
    assert granted == LOGINS
    wanted = set(re.findall(r"^\\getenv \w+ (\w+)", sql, re.MULTILINE))
    assert wanted <= set(environment("postgres"))
    for volume in SERVICES["postgres"]["volumes"][1:]:
        assert (ROOT / volume.split(":")[0]).is_file()


def test_worker_command_names_the_real_app_and_queue():
    from restoration.worker.app import app

    command = SERVICES["worker"]["command"]
    assert command[command.index("-A") + 1] == "restoration.worker.app"
    assert app.main == "restoration"
    assert command[command.index("-Q") + 1] == Settings.model_fields["celery_queue"].default
    assert command[command.index("-c") + 1] == "1"
    life = environment("worker")["RESTORATION_LIVENESS_FILE"]
    assert f"find {life} -mmin -1" in SERVICES["worker"]["healthcheck"]["test"][1]


def test_one_service_sends_the_reaper_and_no_worker_does():
    assert "beat" in SERVICES["reaper"]["command"]
    assert [name for name in SERVICES if "-B" in SERVICES[name].get("command", ())] == []


def test_a_stopping_worker_has_the_time_to_drain():
    assert SERVICES["worker"]["stop_grace_period"] == "2m"
    assert Settings.model_fields["drain_seconds"].default < 120


def test_airflow_commands_and_health_checks_are_airflows_own():
    from airflow.cli.cli_parser import get_parser

    parser = get_parser()
    commands = [SERVICES[name]["command"][1:] for name in ("api-server", "scheduler", "dag-processor", "triggerer")]
    commands += [
        SERVICES[name]["healthcheck"]["test"][1].replace("$$", "$").split()[1:]
        for name in ("dag-processor", "triggerer")
    ]
    commands.append(["db", "migrate"])
    for command in commands:
        assert callable(parser.parse_args(command).func), command
    assert "airflow db migrate" in (ROOT / "infra" / "init.sh").read_text()


def test_init_uses_commands_that_exist():
    from typer.main import get_command

    from restoration.cli import app

    words = re.findall(r"^restoration (\w+) (\w+)$", (ROOT / "infra" / "init.sh").read_text(), re.MULTILINE)
    assert words == [("catalog", "migrate")]
    assert "migrate" in get_command(app).commands["catalog"].commands
    assert environment("api-server")["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == f"{ADMIN}:admin"
    assert os.access(ROOT / "infra" / "init.sh", os.X_OK)


def test_health_addresses_are_those_the_code_asks():
    import inspect

    from restoration.local import airflow_api, s3

    assert "/healthz" in inspect.getsource(s3)
    assert SERVICES["s3"]["healthcheck"]["test"][-1].endswith("/healthz")
    assert "/api/v2/monitor/health" in inspect.getsource(airflow_api)
    assert "/api/v2/monitor/health" in SERVICES["api-server"]["healthcheck"]["test"][-1]
    assert environment("scheduler")["AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK"] == "True"
    assert ":8974/health" in SERVICES["scheduler"]["healthcheck"]["test"][-1]


def test_airflow_options_exist():
    from airflow.configuration import conf

    for key in environment("api-server"):
        if key.startswith("AIRFLOW__"):
            section, option = key.removeprefix("AIRFLOW__").lower().split("__")
            known = conf.configuration_description.get(section, {}).get("options", {})
            assert option in known or section == "usage_data_collection", key


def test_images_run_as_an_ordinary_user_and_copy_what_exists():
    for name in ("airflow", "worker"):
        text = (ROOT / "infra" / f"{name}.Dockerfile").read_text()
        assert text.rindex("\nUSER restoration") > text.rindex("\nRUN ")
        for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE):
            for source in line.split()[:-1]:
                assert (ROOT / source).exists(), source
    worker = (ROOT / "infra" / "worker.Dockerfile").read_text()
    assert "libgl1" in worker
    assert "libglib2.0-0" in worker
    assert "torch" not in (ROOT / "infra" / "airflow.Dockerfile").read_text().split("FROM")[1].replace(
        "neither torch", ""
    )


def test_make_env_adds_what_a_newer_version_needs(tmp_path):
    target = tmp_path / ".env"
    target.write_text("POSTGRES_PASSWORD=mine\nREVIEW_SECRET=")
    subprocess.run([ROOT / "infra" / "make-env", target], check=True, capture_output=True)
    lines = target.read_text().splitlines()
    assert lines[:2] == ["POSTGRES_PASSWORD=mine", "REVIEW_SECRET="]
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(values) == set(example())
    assert (values["POSTGRES_PASSWORD"], len(values["CATALOG_REVIEW_PASSWORD"])) == ("mine", 64)


@pytest.mark.parametrize("times", [1, 2])
def test_make_env_writes_private_secrets_once(tmp_path, times):
    target = tmp_path / ".env"
    texts = []
    for _ in range(times):
        subprocess.run([ROOT / "infra" / "make-env", target], check=True, capture_output=True)
        texts.append(target.read_text())
    assert len(set(texts)) == 1
    assert target.stat().st_mode & 0o077 == 0
    values = dict(line.split("=", 1) for line in texts[0].splitlines() if line and not line.startswith("#"))
    assert set(values) == set(example())
    secrets = [value for name, value in values.items() if example()[name].startswith("generate")]
    assert len(set(secrets)) == len(secrets)
    assert all(len(value) >= 40 for value in secrets)
