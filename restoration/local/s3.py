"""S3 for the local stack: SeaweedFS, one identity for each kind of program, all its ports closed but that of S3."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from restoration.errors import StorageError
from restoration.local.ports import LOOPBACK
from restoration.local.process import Process, find_program, write_private
from restoration.local.s3_rights import ARCHIVE, BUCKETS, RESTORED, server_config

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


@dataclass(frozen=True)
class Identity:
    """An S3 access key."""

    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"Identity({self.access_key_id!r}, ...)"


@dataclass(frozen=True)
class S3Ports:
    """SeaweedFS's TCP ports; each also takes the port 10,000 above, for gRPC."""

    s3: int
    master: int
    volume: int
    filer: int
    admin: int


class S3:
    """
    One SeaweedFS server on the loopback address.

    :param root: the stack's folder; data lives in ``s3/`` inside.
    :param identities: an :class:`Identity` for each of :data:`~restoration.local.s3_rights.IDENTITIES`.
    """

    def __init__(self, root: Path, ports: S3Ports, identities: Mapping[str, Identity]) -> None:
        self.ports = ports
        self.identities = dict(identities)
        self._folder = root / "s3"
        self.process = Process(root, "s3")

    @property
    def endpoint(self) -> str:
        """Address of the S3 service."""
        return f"http://{LOOPBACK}:{self.ports.s3}"

    @property
    def gallery_url(self) -> str:
        """Public address of the archive bucket, for browsers on this machine."""
        return f"{self.endpoint}/{ARCHIVE}"

    def start(self) -> None:
        """Start it unless it runs, wait until it answers, and make the buckets."""
        from restoration.local.s3_keys import make_keys

        (self._folder / "data").mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        if not self.process.is_running():  # one that runs goes on with the keys that it has read
            make_keys(self._folder)
        config = self._folder / "s3.json"
        keys = {name: (key.access_key_id, key.secret_access_key) for name, key in self.identities.items()}
        write_private(config, json.dumps(server_config(keys, public=True), indent=1))
        # Go returns memory to the system sooner with a limit; the data path itself needs far less.
        self.process.start(self._command(config), cwd=self._folder, env={"GOMEMLIMIT": "256MiB", "GOGC": "50"})
        self.process.wait_ready(self.is_healthy, 60)
        self.make_buckets()

    def _command(self, config: Path) -> list[str]:
        return [
            str(find_program("weed")), "mini", "-dir=data", f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}",
            "-admin.ui=false", "-webdav=false", f"-s3.port={self.ports.s3}", "-s3.port.iceberg=0", "-s3.port.lance=0",
            f"-s3.config={config}", "-s3.iam=false", "-s3.allowDeleteBucketNotEmpty=false",
            f"-master.port={self.ports.master}", f"-volume.port={self.ports.volume}",
            f"-filer.port={self.ports.filer}", f"-admin.port={self.ports.admin}", "-master.telemetry=false",
            # relative: such a path may have 107 bytes at most
            "-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock",
        ]  # fmt: skip

    def stop(self) -> None:
        """Stop it; the data stay."""
        self.process.stop()

    def is_healthy(self) -> bool:
        """Whether the S3 service answers."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/healthz", timeout=2) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def client(self, identity: str = "admin") -> S3Client:
        """A boto3 client of that identity."""
        import boto3
        from botocore.config import Config

        key = self.identities[identity]
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 8, "mode": "standard"}),
        )

    def make_buckets(self) -> None:
        """
        Make the three buckets where they are not there yet.

        :raises StorageError: the service refused.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        client = self.client()
        try:
            have = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
            for bucket in BUCKETS:
                if bucket not in have:
                    client.create_bucket(Bucket=bucket)
        except (BotoCoreError, ClientError) as error:
            raise StorageError(f"the buckets could not be made: {error}") from error

    def environment(self, identity: str) -> dict[str, str]:
        """Settings for a process that logs in as that identity."""
        key = self.identities[identity]
        return {
            "RESTORATION_S3_ENDPOINT_URL": self.endpoint,
            "RESTORATION_S3_REGION": "us-east-1",
            "RESTORATION_S3_ACCESS_KEY_ID": key.access_key_id,
            "RESTORATION_S3_SECRET_ACCESS_KEY": key.secret_access_key,
            "RESTORATION_RESTORED_BUCKET": RESTORED,
            "RESTORATION_ARCHIVE_BUCKET": ARCHIVE,
            "RESTORATION_GALLERY_URL": self.gallery_url,
        }
