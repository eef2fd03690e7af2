"""The S3 server of docker-compose.yml, started without Docker: its command, its configuration, its keys."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import yaml

from restoration.local.process import find_program, write_private
from restoration.local.s3 import S3
from restoration.local.s3_rights import BUCKETS
from tests.fixtures.services import new_s3

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


class ComposeS3(S3):
    """As :class:`S3`, by what Compose would run; only addresses, ports and folders are this machine's own."""

    def start(self) -> None:
        keys, data = self._folder / "keys", self._folder / "data"
        data.mkdir(parents=True)
        make = COMPOSE["services"]["s3-keys"]["command"]
        assert make[:4] == ["python", "-m", "restoration.local.s3_keys", "/keys"]
        subprocess.run([sys.executable, *make[1:3], str(keys)], check=True, capture_output=True, cwd=ROOT)
        text = COMPOSE["configs"]["s3"]["content"]
        for name, key in self.identities.items():
            text = text.replace(f"${{S3_{name.upper()}_SECRET_KEY:?run infra/make-env}}", key.secret_access_key)
        assert "${" not in text
        assert json.loads(text)
        config = self._folder / "s3.json"
        write_private(config, text)
        self.process.start(self._compose_command(data, config), cwd=keys)
        self.process.wait_ready(self.is_healthy, 60)
        self.process.wait_ready(self._has_buckets, 60)  # it makes them itself, right afterwards

    def _has_buckets(self) -> bool:
        return {bucket["Name"] for bucket in self.client().list_buckets()["Buckets"]} == set(BUCKETS)

    def _compose_command(self, data: Path, config: Path) -> list[str]:
        assert COMPOSE["services"]["s3"]["working_dir"] == "/keys"
        changed = {
            "-dir": data, "-ip": "127.0.0.1", "-ip.bind": "127.0.0.1", "-s3.port": self.ports.s3, "-s3.config": config,
        }  # fmt: skip
        command = [str(find_program("weed"))]
        for word in COMPOSE["services"]["s3"]["command"]:
            name, _, value = word.partition("=")
            command.append(f"{name}={changed.pop(name, value)}" if value else word)
        assert changed == {}
        own = ("master", "volume", "filer", "admin")
        return [*command, *(f"-{name}.port={getattr(self.ports, name)}" for name in own)]


def new_compose_s3(root: Path) -> ComposeS3:
    """It, in that folder, on free ports, with fresh keys; not started."""
    like = new_s3(root)
    return ComposeS3(root, like.ports, like.identities)
