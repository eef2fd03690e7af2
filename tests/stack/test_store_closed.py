"""Nobody without a key reads, writes or deletes at any port of the store; its processes say which ports those are."""

from __future__ import annotations

import datetime
import os
import subprocess

import pytest
from botocore.exceptions import ClientError
from cryptography import x509

from restoration.local.process import find_program
from restoration.local.s3 import S3
from restoration.local.s3_keys import FILES, make_keys
from restoration.local.s3_rights import ARCHIVE, ORIGINALS
from tests.fixtures.services import new_s3
from tests.stack.store_attacks import (
    HTTP2_PREFACE,
    ask,
    http,
    http_only,
    is_granted,
    listening_ports,
    listening_sockets,
    requests,
    stranger,
)

pytestmark = pytest.mark.stack
KEY = "closed/scan.tif"


@pytest.fixture(scope="module")
def store(s3: S3) -> S3:
    s3.client().put_object(Bucket=ORIGINALS, Key=KEY, Body=b"the scan")
    s3.client().put_object(Bucket=ARCHIVE, Key=KEY, Body=b"published")
    return s3


@pytest.fixture(scope="module")
def strange_keys(tmp_path_factory):
    """Keys of another store: well made, but signed by somebody else."""
    folder = tmp_path_factory.mktemp("strange")
    make_keys(folder)
    return folder


def process(store: S3):
    found = store.process.find()
    assert found is not None
    return found


def inner_ports(store: S3) -> set[int]:
    return listening_ports(process(store)) - {store.ports.s3}


def untouched(store: S3) -> None:
    for bucket, body in ((ORIGINALS, b"the scan"), (ARCHIVE, b"published")):
        assert store.client().get_object(Bucket=bucket, Key=KEY)["Body"].read() == body
        listed = store.client().list_objects_v2(Bucket=bucket, Prefix="").get("Contents", [])
        assert not [entry["Key"] for entry in listed if "forged" in entry["Key"] or "evil" in entry["Key"]]


def test_every_port_but_that_of_s3_refuses_whoever_has_no_key(store, strange_keys):
    ports = inner_ports(store)
    assert len(ports) >= 7  # master, volume, filer by HTTP and gRPC, and gRPC of S3: the test sees them
    keys = (strange_keys / "node.crt", strange_keys / "node.key")
    granted = [
        f"{port} {name} {how}"
        for port in sorted(ports)
        for name, request in requests(ORIGINALS, KEY)
        for how, context in (
            ("in the clear", None),
            ("by TLS", http_only(stranger())),
            ("by TLS with a stranger's certificate", http_only(stranger(*keys))),
        )
        if is_granted(ask(port, request, context))
    ]
    assert granted == []
    untouched(store)


def test_no_port_accepts_grpc_from_whoever_has_no_key(store, strange_keys):
    strange = stranger(strange_keys / "node.crt", strange_keys / "node.key")
    places = [*inner_ports(store), *listening_sockets(process(store), store.process.root / "s3")]
    assert len(places) >= 12
    accepted = [
        (place, how)
        for place in places
        for how, context in (("in the clear", None), ("by TLS", stranger()), ("by TLS, strange", strange))
        if is_granted(ask(place, HTTP2_PREFACE, context))
    ]
    assert accepted == []


def test_sockets_are_their_owners_alone(store):
    for path in listening_sockets(process(store), store.process.root / "s3"):
        if path.exists():
            assert path.stat().st_mode & 0o077 == 0, path


def test_what_the_attacks_look_for_they_find_where_a_port_is_open(store):
    """With the store's own key the same requests get an answer: their silence elsewhere means something."""
    folder = store.process.root / "s3"
    own = (folder / "node.crt", folder / "node.key")
    assert is_granted(ask(store.ports.master, http("GET", "/dir/status"), http_only(stranger(*own))))
    for port in (store.ports.master, store.ports.volume, store.ports.filer):
        assert is_granted(ask(port + 10_000, HTTP2_PREFACE, stranger(*own)))
    # a token is wanted besides the certificate
    answer = ask(store.ports.filer, http("GET", f"/buckets/{ORIGINALS}/{KEY}"), http_only(stranger(*own)))
    assert answer.startswith(b"HTTP/1.1 401")
    answer = ask(store.ports.filer, http("DELETE", f"/buckets/{ORIGINALS}/{KEY}"), http_only(stranger(*own)))
    assert answer.startswith(b"HTTP/1.1 401")
    untouched(store)


def test_seaweedfs_own_tools_get_nothing_without_the_keys(store, tmp_path):
    commands = (f"fs.ls /buckets/{ORIGINALS}", f"fs.rm -rf /buckets/{ORIGINALS}/closed", "s3.configure -user x -apply")
    command = [find_program("weed"), "shell", f"-master=127.0.0.1:{store.ports.master}"]
    command.append(f"-filer=127.0.0.1:{store.ports.filer}")
    told = tmp_path / "told"
    with told.open("w") as output, pytest.raises(subprocess.TimeoutExpired):  # it goes on trying to connect
        subprocess.run(
            command, input="\n".join([*commands, "exit", ""]), text=True, stdout=output, stderr=output, cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path)}, timeout=4,
        )  # fmt: skip
    assert "scan.tif" not in told.read_text()
    untouched(store)


def test_s3_itself_refuses_whoever_has_no_key(store):
    body = b"Action=CreateUser&UserName=x&Version=2010-05-08"
    asked = {
        "read": http("GET", f"/{ORIGINALS}/{KEY}"),
        "list": http("GET", f"/{ORIGINALS}"),
        "list archive": http("GET", f"/{ARCHIVE}?list-type=2"),
        "settings of the archive": http("GET", f"/{ARCHIVE}?versioning"),
        "policy of the archive": http("GET", f"/{ARCHIVE}?policy"),
        "write": http("PUT", f"/{ORIGINALS}/forged.tif", b"forged"),
        "write into the archive": http("PUT", f"/{ARCHIVE}/evil.html", b"<script>"),
        "delete": http("DELETE", f"/{ORIGINALS}/{KEY}"),
        "delete from the archive": http("DELETE", f"/{ARCHIVE}/{KEY}"),
        "a form": http("POST", f"/{ORIGINALS}", b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
        "a user": http("POST", "/", body, "application/x-www-form-urlencoded"),
        "a bucket": http("PUT", "/another"),
        "delete a bucket": http("DELETE", f"/{ORIGINALS}"),
    }  # fmt: skip
    places: list = [store.ports.s3, store.process.root / "s3" / "s3.sock"]
    assert [name for place in places for name, request in asked.items() if is_granted(ask(place, request))] == []
    # this one is answered with 200 and an error for each object
    many = b"<Delete><Object><Key>%s</Key></Object></Delete>" % KEY.encode()
    for place in places:
        assert b"<Deleted>" not in ask(place, http("POST", f"/{ORIGINALS}?delete", many))
    assert is_granted(ask(store.ports.s3, http("GET", f"/{ARCHIVE}/{KEY}")))  # what is published is read by all
    untouched(store)


def test_key_files_are_private_and_no_key_is_on_a_command_line_or_in_the_log(store):
    folder = store.process.root / "s3"
    for name in FILES:
        assert (folder / name).stat().st_mode & 0o777 == 0o600, name
    secrets = [line.split('"')[1] for line in (folder / "security.toml").read_text().splitlines() if '= "' in line]
    secrets = [secret for secret in secrets if len(secret) == 64]
    assert len(set(secrets)) == 4
    secrets += [key.secret_access_key for key in store.identities.values()]
    told = " ".join(process(store).cmdline()) + store.process.log.read_text()
    assert not [secret for secret in secrets if secret in told]


def test_an_authority_keeps_no_key_with_which_others_could_be_signed(tmp_path):
    assert make_keys(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    assert sum(path.read_text().count("PRIVATE KEY-----\n") for path in tmp_path.iterdir()) == 2  # begin and end of one
    certificate = x509.load_pem_x509_certificate((tmp_path / "node.crt").read_bytes())
    assert certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC) > datetime.timedelta(days=3600)


def test_keys_stay_as_they_are_and_are_mended_when_one_is_gone_or_spoiled(tmp_path):
    make_keys(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    assert not make_keys(tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == before
    (tmp_path / "node.key").unlink()
    assert make_keys(tmp_path)
    (tmp_path / "node.crt").write_text("no certificate")
    assert make_keys(tmp_path)
    assert (tmp_path / "node.crt").read_bytes() not in (before["node.crt"], b"no certificate")


def test_data_of_a_store_from_before_the_keys_still_open(tmp_path, monkeypatch):
    """A store as it was started before: the same programme without keys."""
    store = new_s3(tmp_path)
    monkeypatch.setattr("restoration.local.s3_keys.make_keys", lambda folder: False)
    body = os.urandom(9_000_000)  # in several chunks
    try:
        store.start()
        store.client().put_object(Bucket=ORIGINALS, Key="old/large", Body=body)
        store.client().put_object(Bucket=ORIGINALS, Key="old/small", Body=b"kept")
    finally:
        store.stop()
    assert not (tmp_path / "s3" / "security.toml").exists()
    monkeypatch.undo()
    try:
        store.start()
        worker = store.client("worker")
        assert worker.get_object(Bucket=ORIGINALS, Key="old/small")["Body"].read() == b"kept"
        assert worker.get_object(Bucket=ORIGINALS, Key="old/large")["Body"].read() == body
        assert not is_granted(ask(store.ports.filer, http("GET", f"/buckets/{ORIGINALS}/old/small")))
        with pytest.raises(ClientError):
            worker.delete_object(Bucket=ORIGINALS, Key="old/small")
    finally:
        store.stop()
