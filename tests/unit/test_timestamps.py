"""Time stamps in content credentials: signatures that outlive their certificate. The service is OpenSSL's own."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from restoration.errors import SettingsError
from restoration.local.ports import free_port
from restoration.publish.credentials import check_credentials, content_credentials
from restoration.publish.embedding import PNG
from restoration.publish.originals import Original
from tests.certificates import Authority
from tests.small_pictures import png
from tests.unit.test_credentials import SCAN, facts, settings

_CONFIGURATION = """[tsa]
default_tsa = own
[own]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
certs = {folder}/clock-authority.crt
"""


@contextmanager
def clock(folder: Path, authority: Authority) -> Iterator[str]:
    """Address of a time stamp service (RFC 3161) whose certificate leads to that authority."""
    authority.issue_clock(folder / "clock.crt", folder / "clock.key")
    (folder / "clock-authority.crt").write_bytes(authority.pem())
    (folder / "clock.cnf").write_text(_CONFIGURATION.format(folder=folder))
    command = ["openssl", "ts", "-reply", "-config", "clock.cnf", "-signer", "clock.crt", "-inkey", "clock.key"]
    command += ["-chain", "clock-authority.crt", "-queryfile", "question", "-out", "answer"]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (folder / "question").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            answer = (folder / "answer").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL's command is not installed")
def test_a_time_stamp_lets_credentials_outlive_their_certificate(tmp_path):
    clocks, signers = Authority(tmp_path, "Authority of clocks"), Authority(tmp_path)
    signing = signers.issue(days=6 / 86400)
    with clock(tmp_path, clocks) as address:
        credentials = content_credentials(settings(signing, c2pa_timestamp_url=address))
        signed = credentials.sign(png("a"), PNG, facts(), Original("a.tif", "image/tiff", SCAN, "gone"))
    assert credentials.facts()["timestamps"] is True
    signing.wait_until_expired()
    assert check_credentials(signed, PNG).expired
    both = signing.authority.read_text() + clocks.pem().decode()
    found = check_credentials(signed, PNG, both)
    assert (found.trusted, found.expired) == (True, False)


def test_a_time_stamp_service_out_of_reach_is_told_before_anything_is_staged(tmp_path):
    address = f"http://127.0.0.1:{free_port()}/"
    with pytest.raises(SettingsError, match=f"time stamp service {address}"):
        content_credentials(settings(Authority(tmp_path).issue(), c2pa_timestamp_url=address))
