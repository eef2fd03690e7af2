"""The embedded server: survives restarts and kill -9, keeps strangers out."""

from __future__ import annotations

import os
import signal
import stat

import psycopg2
import pytest

from restoration.errors import EnvironmentProblem, UsageError
from restoration.local.postgres import SUPERUSER, Postgres

pytestmark = pytest.mark.stack


@pytest.fixture
def server(tmp_path):
    made = Postgres(tmp_path / "pg")
    made.start()
    yield made
    made.stop()


def ask(url: str, question: str):
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    try:
        with connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchone()[0]
    finally:
        connection.close()


def test_a_killed_server_starts_again_on_its_data(server):
    server.create_database("kept")
    server.create_login("reader")
    before = server.url("reader", "kept")
    os.kill(server.pid(), signal.SIGKILL)
    server.start()
    assert server.url("reader", "kept") == before
    assert ask(before, "SELECT current_user") == "reader"


def test_a_stale_pid_file_of_somebody_else_does_not_matter(server):
    server.stop()
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert server.pid() is None
    assert not server.is_healthy()
    server.start()
    assert server.is_healthy()


def test_starting_and_stopping_twice_is_harmless(server):
    first = server.pid()
    server.start()
    assert server.pid() == first
    server.stop()
    server.stop()
    assert not server.is_healthy()


def test_a_taken_port_is_given_up(server):
    import socket

    old = server.port
    server.stop()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", old))
        squatter.listen()
        server.start()
        assert server.port != old
    assert server.is_healthy()


def test_only_this_machine_and_only_with_the_password(server):
    assert ask(server.url(), "SHOW listen_addresses") == "127.0.0.1"
    assert ask(server.url(), "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'").startswith("SCRAM-SHA-256")
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(host="127.0.0.1", port=server.port, user=SUPERUSER, password="wrong", dbname="postgres")
    assert stat.S_IMODE((server.root / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(server.data.stat().st_mode) & 0o077 == 0
    with pytest.raises(UsageError, match="no login 'nobody'"):
        server.url("nobody")


def test_a_server_that_was_never_started_says_so(tmp_path):
    with pytest.raises(EnvironmentProblem, match="never started"):
        Postgres(tmp_path / "none").url()
