"""The services of one campaign, which may all be killed: Postgres that survives a crash, Valkey, S3, two workers."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import sqlalchemy as sa
from celery import Celery
from PIL import Image

from restoration.broker import shared_options
from restoration.catalog.database import make_engine
from restoration.catalog.migrations import migrate
from restoration.errors import EnvironmentProblem
from restoration.local.ports import free_port
from restoration.local.postgres import SUPERUSER, Postgres
from restoration.local.redis import Redis
from restoration.local.stack import LOGINS
from restoration.names import RESTORE_TASK
from restoration.settings import Settings
from restoration.storage.s3 import ObjectStore
from tests.faults.proxy import Proxy
from tests.fixtures.services import new_s3
from tests.small_pictures import pixels

ROOT = Path(__file__).parents[2]
COLLECTION = "campaign"
DATABASE = "restoration"
QUEUE = "gpu"
WORKERS = ("one", "two")
KINDS = ("TIFF", "PNG", "BMP")
"""Of the scans, one after the other; in the uncompressed ones nothing but a hash tells that a bit was changed."""
LIMITS = {
    "soft_time_limit": 20,
    "hard_time_limit": 25,
    "visibility_timeout": 26,
    "lease_seconds": 3,
    "drain_seconds": 10,
    "give_back_limit": 1000,
    "decode_seconds": 15,
}
_DISK_MB = 8


class Site:
    """Everything of a campaign. ``expected`` holds the pixels of each scan by its key, ``originals`` its sha256."""

    def __init__(self, root: Path, photos: int) -> None:
        self.root = root
        self.postgres = Postgres(root / "postgres")
        self.redis = Redis(root, free_port(), secrets.token_hex(16))
        self.s3 = new_s3(root)
        self.expected: dict[str, np.ndarray] = {}
        self.originals: dict[str, str] = {}
        self._photos = photos
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self.disk = root / "disk"
        self.has_disk = False

    def start(self) -> None:
        self.postgres.start()
        self.postgres.create_database(DATABASE)
        owner = make_engine(self.postgres.url(SUPERUSER, DATABASE))
        migrate(owner)
        owner.dispose()
        for login, groups in LOGINS.items():
            self.postgres.create_login(login, groups)
        self.redis.start()
        self.s3.start()
        self.proxy = Proxy(self.s3.endpoint)
        self.db = make_engine(self.postgres.url("restoration_airflow", DATABASE))
        self.eyes = make_engine(self.postgres.url(SUPERUSER, DATABASE))
        self.admin = self.s3.client("admin")
        self.store = ObjectStore(self.s3.client("airflow"))
        environment = {
            "RESTORATION_DATABASE_URL": self.postgres.url("restoration_gpu", DATABASE),
            "RESTORATION_BROKER_URL": self.redis.url(),
            **self.s3.environment("worker"),
            **{f"RESTORATION_{name.upper()}": str(value) for name, value in LIMITS.items()},
        }
        self.settings = Settings(
            **{name.removeprefix("RESTORATION_").lower(): value for name, value in environment.items()}, _env_file=None
        )
        self._make_disk()
        self.environment = environment | {
            "RESTORATION_S3_ENDPOINT_URL": self.proxy.endpoint,
            "TMPDIR": str(self.disk),
        }
        self._upload()
        for name in WORKERS:
            self.start_worker(name)
        deadline = time.monotonic() + 120
        while len(self.decoders()) < len(WORKERS):
            assert time.monotonic() < deadline, "the workers do not start"
            time.sleep(0.1)

    def _make_disk(self) -> None:
        """A small disk for the workers' temporary files, where this machine lets us have one."""
        self.disk.mkdir()
        mount = shutil.which("mount")
        if mount is not None and os.geteuid() == 0:
            command = [mount, "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "campaign", str(self.disk)]
            self.has_disk = subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _upload(self) -> None:
        for number in range(self._photos):
            kind = KINDS[number % len(KINDS)]
            key, picture, file = f"{COLLECTION}/{number:04d}.{kind.lower()}", pixels(f"scan {number}"), io.BytesIO()
            Image.fromarray(picture).save(file, kind)
            self.admin.put_object(Bucket="originals", Key=key, Body=file.getvalue())
            self.expected[key] = picture
            self.originals[key] = hashlib.sha256(file.getvalue()).hexdigest()

    def publisher(self, *, meddled: bool = False) -> ObjectStore:
        """The store as a publication sees it, through the proxy if it is to be meddled with."""
        from restoration.storage.s3 import make_client

        key = self.s3.identities["airflow"]
        endpoint = self.proxy.endpoint if meddled else self.s3.endpoint
        return ObjectStore(
            make_client(
                self.settings,
                endpoint_url=endpoint,
                access_key_id=key.access_key_id,
                secret_access_key=key.secret_access_key,
            )
        )

    def send(self, batches: list) -> None:
        with Celery("campaign", set_as_current=False) as app:
            app.conf.update(shared_options(self.settings))
            app.conf.update(broker_connection_timeout=2)
            for batch in batches:
                app.send_task(
                    RESTORE_TASK,
                    args=[str(batch)],
                    task_id=str(batch),
                    queue=QUEUE,
                    retry=True,
                    retry_policy={"max_retries": 1, "interval_start": 0.1},
                )

    # -- workers -----------------------------------------------------------------------------------------------------

    def start_worker(self, name: str) -> None:
        """Start a worker; what is left of the one before it is ended first, as the supervisor does."""
        self.end_worker(name)
        command = [
            sys.executable, "-m", "celery", "-A", "tests.faults.worker_app", "worker", "-Q", QUEUE, "-c", "1",
            "-P", "prefork", "-n", f"{name}@%h", "--without-gossip", "--without-mingle", "-l", "INFO",
        ]  # fmt: skip
        if name == WORKERS[0]:
            command += ["-B", "-s", str(self.root / "beat")]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("RESTORATION_")}
        with (self.root / f"{name}.log").open("ab") as log:
            self._workers[name] = subprocess.Popen(
                command, cwd=ROOT, env=kept | self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def end_worker(self, name: str) -> None:
        if name in self._workers:
            process = self._workers.pop(name)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)

    def worker(self, name: str) -> psutil.Process | None:
        """The worker's parent; None if it is dead."""
        process = self._workers.get(name)
        if process is None or process.poll() is not None:
            return None
        return psutil.Process(process.pid)

    def decoders(self) -> list[psutil.Process]:
        """The decoding processes of both workers."""
        found = []
        for parent in filter(None, map(self.worker, WORKERS)):
            with contextlib.suppress(psutil.NoSuchProcess):
                for process in parent.children(recursive=True):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        if "restoration.photo.decoder_child" in process.cmdline():
                            found.append(process)
        return found

    # -- all of it ---------------------------------------------------------------------------------------------------

    def mend(self) -> None:
        """Start what is dead, as the stack's supervisor does; what cannot be yet is tried again the next time."""
        starters = [(self.postgres.pid() is None, self.postgres.start)]
        starters += [(not self.redis.process.is_running(), self.redis.start)]
        starters += [(not self.s3.process.is_running(), self.s3.start)]
        starters += [(self.worker(name) is None, lambda name=name: self.start_worker(name)) for name in WORKERS]
        for dead, start in starters:
            if dead:
                with contextlib.suppress(EnvironmentProblem):
                    start()

    def stop(self) -> None:
        for name in WORKERS:
            self.end_worker(name)
        for engine in (self.db, self.eyes):
            engine.dispose()
        self.proxy.stop()
        self.redis.stop()
        self.s3.stop()
        self.postgres.stop()
        if self.has_disk:
            subprocess.run(["umount", "-l", str(self.disk)], check=False)

    def rows(self, query: str, **values: object) -> list[sa.Row]:
        """What SQL says; waits for a Postgres that is just coming back."""
        deadline = time.monotonic() + 60
        while True:
            try:
                with self.eyes.connect() as conn:
                    return list(conn.execute(sa.text(query), values))
            except sa.exc.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
