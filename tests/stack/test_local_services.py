"""Redis and S3 of the local stack: rights, restarts, recovery."""

from __future__ import annotations

import secrets
import signal

import pytest
import redis as redis_client
from botocore.exceptions import ClientError

from restoration.local.ports import free_port
from restoration.local.process import Process
from restoration.local.redis import Redis
from restoration.local.s3_rights import ARCHIVE, BUCKETS, ORIGINALS, RESTORED
from tests.fixtures.services import new_s3

pytestmark = pytest.mark.stack


def refused(call, **arguments) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] == "AccessDenied"
    return False


def kill(process: Process) -> None:
    running = process.find()
    assert running is not None
    process.ask_to_stop(signal.SIGKILL)
    running.wait(5)


def test_redis_asks_for_its_password(redis, redis_url):
    with redis_client.Redis.from_url(redis_url) as client:
        assert client.ping()
    with redis_client.Redis(port=redis.port) as stranger, pytest.raises(redis_client.AuthenticationError):
        stranger.ping()


def test_the_broker_is_one_without_the_known_remote_execution(redis, redis_url):
    """CVE-2025-49844 (Lua); mended in Valkey 7.2.11, 8.0.6 and 8.1.4, and in whatever is newer than these."""
    with redis_client.Redis.from_url(redis_url) as client:
        version = tuple(int(part) for part in client.info("server")["valkey_version"].split("."))
    assert version >= (9, 0, 0)


def test_a_password_of_the_broker_is_for_queues_alone(redis, redis_url):
    forbidden = (
        "CONFIG GET *", "CONFIG SET dir /tmp", "MODULE LIST", "MODULE LOAD x.so", "DEBUG SLEEP 0", "SHUTDOWN NOSAVE",
        "FLUSHALL", "FLUSHDB", "KEYS *", "SAVE", "BGSAVE", "BGREWRITEAOF", "REPLICAOF 127.0.0.1 1", "SLAVEOF NO ONE",
        "ACL SETUSER x on nopass", "ACL LIST", "MONITOR", "CLIENT LIST", "CLIENT KILL ID 1", "SYNC",
        "MIGRATE 127.0.0.1 1 k 0 1", "CLUSTER RESET", "FAILOVER", "LATENCY RESET", "SLOWLOG GET",
    )  # fmt: skip
    with redis_client.Redis.from_url(redis_url) as client:
        for command in forbidden:
            with pytest.raises(redis_client.ResponseError, match=r"permission|not allowed"):
                client.execute_command(*command.split())
        assert client.ping()
        client.lpush("queue-of-rights", "task")
        assert client.rpop("queue-of-rights") == b"task"
        with client.lock("lock-of-rights", timeout=5):  # Celery takes one, by a script, when it puts lost tasks back
            assert client.exists("lock-of-rights")


def test_an_append_only_file_of_the_earlier_server_is_read(tmp_path):
    """Redis 6.2, which stacks had before, wrote one file; what waits in it is not lost."""
    server = Redis(tmp_path, free_port(), secrets.token_hex(8))
    (tmp_path / "redis").mkdir()
    command = b"*3\r\n$5\r\nRPUSH\r\n$5\r\nqueue\r\n$4\r\ntask\r\n"
    (tmp_path / "redis" / "appendonly.aof").write_bytes(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n" + command)
    try:
        server.start()
        with redis_client.Redis.from_url(server.url()) as client:
            assert client.lrange("queue", 0, -1) == [b"task"]
    finally:
        server.stop()


def test_redis_keeps_its_data_when_killed(tmp_path):
    server = Redis(tmp_path, free_port(), secrets.token_hex(8))
    try:
        server.start()
        with redis_client.Redis.from_url(server.url()) as client:
            client.lpush("queue", "task")
        kill(server.process)
        server.start()
        with redis_client.Redis.from_url(server.url()) as client:
            assert client.lrange("queue", 0, -1) == [b"task"]
    finally:
        server.stop()
    assert not server.process.is_running()


def test_s3_has_its_buckets(s3):
    assert {bucket["Name"] for bucket in s3.client().list_buckets()["Buckets"]} >= set(BUCKETS)


def test_worker_reads_originals_and_cannot_write_them(s3):
    s3.client().put_object(Bucket=ORIGINALS, Key="rights/one.tif", Body=b"scan")
    worker = s3.client("worker")
    assert worker.get_object(Bucket=ORIGINALS, Key="rights/one.tif")["Body"].read() == b"scan"
    assert refused(worker.put_object, Bucket=ORIGINALS, Key="rights/one.tif", Body=b"changed")
    assert refused(worker.put_object, Bucket=ORIGINALS, Key="rights/two.tif", Body=b"new")
    assert refused(worker.delete_object, Bucket=ORIGINALS, Key="rights/one.tif")
    assert refused(worker.copy_object, Bucket=ORIGINALS, Key="rights/c.tif", CopySource="originals/rights/one.tif")
    assert refused(worker.put_object, Bucket=ARCHIVE, Key="rights/x", Body=b"x")
    worker.put_object(Bucket=RESTORED, Key="rights/out", Body=b"out")
    assert s3.client().get_object(Bucket=ORIGINALS, Key="rights/one.tif")["Body"].read() == b"scan"


def test_airflow_publishes_and_cannot_touch_originals_or_restored(s3):
    s3.client().put_object(Bucket=RESTORED, Key="rights/done", Body=b"done")
    airflow = s3.client("airflow")
    airflow.copy_object(Bucket=ARCHIVE, Key="rights/done", CopySource=f"{RESTORED}/rights/done")
    assert s3.client().get_object(Bucket=ARCHIVE, Key="rights/done")["Body"].read() == b"done"
    for bucket in (ORIGINALS, RESTORED):
        assert refused(airflow.put_object, Bucket=bucket, Key="rights/no", Body=b"no")
        assert refused(airflow.delete_object, Bucket=bucket, Key="rights/done")


def test_s3_refuses_a_wrong_key(s3):
    import boto3

    stranger = boto3.client(
        "s3", endpoint_url=s3.endpoint, region_name="us-east-1", aws_access_key_id="worker", aws_secret_access_key="no"
    )
    with pytest.raises(ClientError) as refusal:
        stranger.list_objects_v2(Bucket=ORIGINALS)
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_s3_survives_being_killed(tmp_path):
    server = new_s3(tmp_path)
    try:
        server.start()
        server.client().put_object(Bucket=ORIGINALS, Key="a", Body=b"kept")
        kill(server.process)
        server.start()
        assert server.client("worker").get_object(Bucket=ORIGINALS, Key="a")["Body"].read() == b"kept"
    finally:
        server.stop()


def test_secrets_are_not_on_command_lines_nor_readable(s3, redis):
    for server, secret in ((s3, s3.identities["admin"].secret_access_key), (redis, redis.url().split(":")[2])):
        secret = secret.split("@")[0]
        process = server.process.find()
        assert process is not None
        assert secret not in " ".join(process.cmdline())
    config = s3.process.root / "s3" / "s3.json"
    assert config.stat().st_mode & 0o077 == 0
