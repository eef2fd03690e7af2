"""The stack as a whole: up, reuse, leftovers of a killed one, down."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time

import httpx
import psutil
import pytest
import sqlalchemy as sa

from restoration.catalog.database import make_engine
from restoration.cli.doctor_checks import check_airflow, check_broker, check_postgres, check_s3
from restoration.errors import CatalogError, EnvironmentProblem, UsageError
from restoration.local.demo import settings_of
from restoration.local.process import MARKER, SERVICE, Process, members
from restoration.local.stack import ROLES, Stack
from restoration.local.state import load_state
from tests.stack.lab import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.airflow]


def test_every_service_is_well_and_known_by_name(stack):
    services = {service.name: service for service in stack.status()}
    assert set(services) == {
        "postgres", "redis", "s3", "airflow-api-server", "airflow-scheduler", "airflow-triggerer",
        "airflow-dag-processor", "worker", "review", "painter",
    }  # fmt: skip
    assert {name: service.problem for name, service in services.items() if service.problem} == {}
    assert 100 < sum(service.memory_mb for service in services.values()) < 3000


def test_starting_a_running_stack_changes_nothing(stack):
    before = {process.pid for process in members(stack.root) if process.ppid() in (1, os.getpid())}
    started = time.process_time()  # a busy machine is no fault; a start from nothing costs far more than this
    assert Stack(stack.root, durable=False).up() is True
    assert time.process_time() - started < 10
    assert {process.pid for process in members(stack.root)} >= before


def test_everything_listens_on_the_loopback_address_only(stack):
    pids = {process.pid for process in members(stack.root)} | {stack.postgres.pid()}
    listening = [c for c in psutil.net_connections("tcp") if c.pid in pids and c.status == psutil.CONN_LISTEN]
    assert listening
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}


def test_secrets_are_private_and_on_no_command_line(stack):
    for name in ("stack.json", *(f"{role}.env" for role in ROLES)):
        assert stat.S_IMODE((stack.root / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(stack.root.stat().st_mode) == 0o700
    state = json.loads((stack.root / "stack.json").read_text())
    secrets = [state["redis_password"], *state["airflow"].values()]
    secrets += [key["secret_access_key"] for key in state["s3_identities"].values()]
    lines = [" ".join(process.cmdline()) for process in members(stack.root)]
    assert lines
    assert [line for line in lines for secret in secrets if secret in line] == []


def test_processes_get_their_own_credentials_and_no_others(stack):
    worker = stack.worker.process.find().environ()
    scheduler = stack.airflow.processes["scheduler"].find().environ()
    assert "restoration_gpu:" in worker["RESTORATION_DATABASE_URL"]
    assert worker["RESTORATION_S3_ACCESS_KEY_ID"] == "worker"
    assert not [name for name in worker if name.startswith("AIRFLOW")]
    connection = json.loads(scheduler["AIRFLOW_CONN_RESTORATION_DB"])
    assert connection["login"] == "restoration_airflow"
    assert json.loads(scheduler["AIRFLOW_CONN_RESTORATION_S3"])["login"] == "airflow"
    superuser = stack.postgres.url()
    assert superuser.split(":")[2].split("@")[0] not in " ".join((*worker.values(), *scheduler.values()))


def test_worker_login_may_not_rewrite_history(stack):
    engine = make_engine(stack.environment("worker")["RESTORATION_DATABASE_URL"])
    try:
        with engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            connection.execute(sa.text("DELETE FROM event"))
        with engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            connection.execute(sa.text("UPDATE publication SET state = 'abandoned'"))
    finally:
        engine.dispose()


def test_auditor_sees_views_only(stack):
    engine = make_engine(stack.environment("audit")["RESTORATION_DATABASE_URL"])
    try:
        with engine.connect() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM audit.photo")).scalar_one() >= 0
        with engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            connection.execute(sa.text("SELECT * FROM restoration.photo"))
    finally:
        engine.dispose()


def test_airflow_asks_for_a_password(stack, airflow):
    assert httpx.get(f"{airflow.url}/api/v2/dags").status_code == 401
    refused = httpx.post(f"{airflow.url}/auth/token", json={"username": "admin", "password": "admin"})
    assert refused.status_code == 401
    assert airflow.api().get("/version")["version"].startswith("3.")


def test_airflows_users_sign_in_to_the_review_page(stack):
    _, user, password = stack.login()
    with httpx.Client(base_url=stack.review.url, headers={"x-restoration-review": "1"}, timeout=30) as client:
        body = {"way": "airflow", "name": user, "secret": password}
        assert client.post("/api/session", json=body | {"secret": password + "x"}).status_code == 401
        assert client.get("/api/collections").status_code == 401
        assert client.post("/api/session", json=body).json()["person"] == user
        assert client.get("/api/collections").status_code == 200
    review = stack.review.process.find().environ()
    assert "restoration_review:" in review["RESTORATION_DATABASE_URL"]
    assert review["RESTORATION_S3_ACCESS_KEY_ID"] == "review"
    assert "RESTORATION_BROKER_URL" not in review
    assert password not in stack.review.process.log.read_text()
    scheduler = stack.airflow.processes["scheduler"].find().environ()
    assert scheduler["RESTORATION_REVIEW_URL"] == stack.review.url


def test_the_review_page_reaches_a_painter_that_holds_no_secret(stack):
    assert stack.review.process.find().environ()["RESTORATION_PAINTER_URL"] == stack.painter.url
    own = {name for name in stack.painter.process.find().environ() if name.startswith("RESTORATION_")}
    secret = ("DATABASE", "BROKER", "S3", "SECRET", "TOKEN")
    assert [name for name in own if any(part in name for part in secret)] == []
    assert httpx.get(f"{stack.painter.url}/health").json()["status"] == "ok"


def test_airflow_parses_the_projects_dags_and_nothing_else(airflow):
    api = airflow.api()
    deadline = time.monotonic() + 300
    while not api.dag_is_known("restore_collection") and time.monotonic() < deadline:
        time.sleep(0.5)
    assert api.import_errors() == []
    found = {dag["dag_id"] for dag in api.get("/dags", limit=100)["dags"]}
    assert "restore_collection" in found
    assert not [name for name in found if name.startswith("example_")]


def test_doctor_finds_the_stack_well_and_names_what_was_stopped(stack):
    settings = settings_of(stack, "admin")
    for check in (check_postgres, check_broker, check_s3, check_airflow):
        finding = check(settings)
        assert finding.verdict == "ok", finding
        assert finding.cure == ""
    nowhere = settings.model_copy(update={"restored_bucket": "no-such-bucket"})
    assert check_s3(nowhere).verdict == "problem"


def test_unknown_role_is_refused(stack):
    with pytest.raises(UsageError, match="no role"):
        stack.environment("root")


def test_a_killed_process_is_started_again_and_its_orphans_are_ended(stack):
    running = stack.worker.process.find()
    child = running.children()[0]
    os.kill(running.pid, signal.SIGKILL)
    running.wait(10)
    again = Stack(stack.root, durable=False)
    assert again.up() is False
    assert again.is_up()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert again.worker.process.find().pid != running.pid


SLEEPER = [sys.executable, "-c", "import time; time.sleep(300)"]


def test_what_dies_of_a_kept_stack_is_started_again(stack):
    parts = {
        "redis": stack.redis.process,
        "s3": stack.s3.process,
        "worker": stack.worker.process,
        "review": stack.review.process,
        "airflow-triggerer": stack.airflow.processes["triggerer"],
    }
    before = {name: process.find().pid for name, process in parts.items()}

    def are_others() -> bool:
        found = {name: process.find() for name, process in parts.items()}
        return all(new is not None and new.pid != before[name] for name, new in found.items())

    stack.keep()
    try:
        assert "supervisor" in {service.name for service in stack.status(memory=False)}
        for pid in before.values():
            os.killpg(pid, signal.SIGKILL)
        wait_for(are_others, what="other processes have taken their places")
        wait_for(stack.is_up, what="every service answers again")
        assert "worker" in stack.supervisor.log.read_text()
    finally:
        (stack.root / "keep").unlink()
        wait_for(lambda: not stack.supervisor.is_running(), what="the supervisor ends when nobody wants the stack kept")


def test_stop_ends_a_process_that_ignores_the_signal_and_its_detached_children(tmp_path):
    script = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"subprocess.Popen({SLEEPER!r}, start_new_session=True)\n"
        "print('started', flush=True); time.sleep(300)"
    )
    process = Process(tmp_path, "stubborn")
    process.start([sys.executable, "-c", script])
    process.wait_ready(lambda: process.log.read_text() == "started\n", 10)
    assert len(members(tmp_path)) == 2
    process.stop(grace_s=0.5)
    assert members(tmp_path) == []
    assert not process.is_running()


def test_orphans_of_a_killed_parent_are_swept_before_the_next_start(tmp_path):
    marks = {MARKER: str(tmp_path), SERVICE: "service"}
    with subprocess.Popen(SLEEPER, env={**os.environ, **marks}) as orphan:
        process = Process(tmp_path, "service")
        process.start(SLEEPER)
        orphan.wait(10)
        # on a busy machine a new process may not show its variables at once
        wait_for(lambda: [member.pid for member in members(tmp_path)] == [process.find().pid], 60)
        assert len(members(tmp_path)) == 1
    process.stop()


def test_a_reused_pid_is_not_taken_for_ours(tmp_path):
    process = Process(tmp_path, "service")
    process.start(SLEEPER)
    record = tmp_path / "run" / "service.json"
    body = json.loads(record.read_text())
    record.write_text(json.dumps({"pid": os.getpid(), "created": body["created"]}))
    assert process.find() is None
    record.write_text(json.dumps(body))
    process.stop()
    assert members(tmp_path) == []


def test_a_server_that_ends_while_starting_shows_its_log(tmp_path):
    process = Process(tmp_path, "broken")
    process.start([sys.executable, "-c", "raise SystemExit('no such disk')"])
    with pytest.raises(EnvironmentProblem, match="no such disk"):
        process.wait_ready(lambda: False, 10)


def test_down_of_a_stack_that_never_was_is_nothing(tmp_path):
    stack = Stack(tmp_path / "none")
    stack.down()
    assert not stack.root.exists()
    assert [service.running for service in stack.status()] == [False, False]


def test_state_file_that_is_no_state_is_named(tmp_path):
    path = tmp_path / "stack.json"
    path.write_text("{}")
    with pytest.raises(EnvironmentProblem, match=r"stack\.json"):
        load_state(path)


def test_a_stack_from_before_the_review_page_gets_one(tmp_path):
    path = tmp_path / "stack.json"
    before = load_state(path)
    body = json.loads(path.read_text())
    del body["review_port"], body["review_secret"], body["s3_identities"]["review"], body["painter_port"]
    path.write_text(json.dumps(body))
    after = load_state(path)
    assert after.redis_password == before.redis_password
    assert {"review", "worker", "airflow", "admin"} == set(after.s3_identities)
    assert load_state(path) == after


def test_ports_taken_by_others_are_changed(tmp_path):
    import socket

    stack = Stack(tmp_path)
    before = stack.state
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", before.redis_port))
        stack._free_ports()
    assert stack.state.redis_port != before.redis_port
    assert stack.state.redis_password == before.redis_password
    assert load_state(tmp_path / "stack.json") == stack.state


def test_catalog_is_out_of_reach_for_a_wrong_password(stack):
    url = stack.environment("worker")["RESTORATION_DATABASE_URL"]
    with pytest.raises(CatalogError):
        make_engine(sa.make_url(url).set(password="wrong").render_as_string(hide_password=False))
