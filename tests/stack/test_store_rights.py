"""Every S3 key against every call, on the local stack's store and on that of docker-compose.yml."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from restoration.local.s3 import S3
from restoration.local.s3_rights import ARCHIVE, BUCKETS, GRANTS, IDENTITIES, ORIGINALS, RESTORED
from tests.stack.compose_store import new_compose_s3

pytestmark = pytest.mark.stack
KEY = "rights/there"
STATEMENT = '{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}'
POLICY = f'{{"Version": "2012-10-17", "Statement": [{STATEMENT}]}}'
RULE = {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": "nothing/"}, "Expiration": {"Days": 9999}}
TAGS = {"TagSet": [{"Key": "a", "Value": "b"}]}
CORS = {"CORSRules": [{"AllowedMethods": ["PUT"], "AllowedOrigins": ["*"]}]}
ENCRYPTION = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}

Call = Callable[[Any, str], Any]


def multipart(client: Any, bucket: str) -> None:
    """An upload in two parts, and one that is given up."""
    key = "rights/parts"
    upload = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    part = client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x" * 5_300_000)
    client.list_parts(Bucket=bucket, Key=key, UploadId=upload)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=parts)
    given_up = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=given_up)


def delete_many(client: Any, bucket: str) -> None:
    """Answered with 200 and a list of refusals; a client that looks into it raises."""
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "rights/never-there"}]})
    if answer.get("Errors"):
        raise ClientError({"Error": {"Code": answer["Errors"][0]["Code"]}}, "DeleteObjects")


READS: dict[str, Call] = {
    "read": lambda c, b: c.get_object(Bucket=b, Key=KEY)["Body"].read(),
    "head": lambda c, b: c.head_object(Bucket=b, Key=KEY),
}
LISTS: dict[str, Call] = {
    "list": lambda c, b: c.list_objects_v2(Bucket=b, Prefix="rights/", Delimiter="/"),
    "list, older call": lambda c, b: c.list_objects(Bucket=b),
    "list versions": lambda c, b: c.list_object_versions(Bucket=b),
    "is it versioned": lambda c, b: c.get_bucket_versioning(Bucket=b),
}
WRITES: dict[str, Call] = {
    "put": lambda c, b: c.put_object(Bucket=b, Key="rights/put", Body=b"x"),
    "put if new": lambda c, b: c.put_object(Bucket=b, Key="rights/never", Body=b"x", IfNoneMatch="*"),
    "put in parts": multipart,
}
DELETES: dict[str, Call] = {
    "delete": lambda c, b: c.delete_object(Bucket=b, Key="rights/never-there"),
    "delete many": delete_many,
}
COPIES: dict[str, Call] = {
    f"copy from {source}": lambda c, b, source=source: c.copy_object(
        Bucket=b, Key="rights/copy", CopySource=f"{source}/{KEY}"
    )
    for source in BUCKETS
}
FORBIDDEN: dict[str, Call] = {
    "delete a version": lambda c, b: c.delete_object(Bucket=b, Key="rights/never-there", VersionId="null"),
    "switch versions off": lambda c, b: c.put_bucket_versioning(
        Bucket=b, VersioningConfiguration={"Status": "Suspended"}
    ),
    "switch versions on": lambda c, b: c.put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": "Enabled"}),
    "set a policy": lambda c, b: c.put_bucket_policy(Bucket=b, Policy=POLICY),
    "remove the policy": lambda c, b: c.delete_bucket_policy(Bucket=b),
    "set a lifecycle": lambda c, b: c.put_bucket_lifecycle_configuration(
        Bucket=b, LifecycleConfiguration={"Rules": [RULE]}
    ),
    "remove the lifecycle": lambda c, b: c.delete_bucket_lifecycle(Bucket=b),
    "share with pages": lambda c, b: c.put_bucket_cors(Bucket=b, CORSConfiguration=CORS),
    "unshare": lambda c, b: c.delete_bucket_cors(Bucket=b),
    "make the bucket public": lambda c, b: c.put_bucket_acl(Bucket=b, ACL="public-read-write"),
    "make an object public": lambda c, b: c.put_object_acl(Bucket=b, Key=KEY, ACL="public-read"),
    "tag an object": lambda c, b: c.put_object_tagging(Bucket=b, Key=KEY, Tagging=TAGS),
    "untag an object": lambda c, b: c.delete_object_tagging(Bucket=b, Key=KEY),
    "tag the bucket": lambda c, b: c.put_bucket_tagging(Bucket=b, Tagging=TAGS),
    "set a retention": lambda c, b: c.put_object_lock_configuration(
        Bucket=b, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
    ),
    "hold an object": lambda c, b: c.put_object_legal_hold(Bucket=b, Key=KEY, LegalHold={"Status": "ON"}),
    "encrypt the bucket": lambda c, b: c.put_bucket_encryption(Bucket=b, ServerSideEncryptionConfiguration=ENCRYPTION),
    "unblock public access": lambda c, b: c.delete_public_access_block(Bucket=b),
    "take the bucket over": lambda c, b: c.put_bucket_ownership_controls(
        Bucket=b, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    ),
    "make a bucket": lambda c, b: c.create_bucket(Bucket=f"{b}-2"),
    "remove the bucket": lambda c, b: c.delete_bucket(Bucket=b),
}
CALLS = READS | LISTS | WRITES | DELETES | COPIES | FORBIDDEN


def allowed(name: str, call: str, bucket: str) -> bool:
    """The table: what each identity is to be able to do, in words of its own rather than the code's."""
    reads = {
        "worker": {ORIGINALS, RESTORED}, "airflow": set(BUCKETS), "review": {RESTORED}, "anonymous": {ARCHIVE},
    }[name]  # fmt: skip
    lists = {"worker": {ORIGINALS, RESTORED}, "airflow": set(BUCKETS)}.get(name, set())
    writes = {"worker": {RESTORED}, "airflow": {ARCHIVE}}.get(name, set())
    deletes = {"airflow": {ARCHIVE}}.get(name, set())
    if call in COPIES:
        return bucket in writes and call.removeprefix("copy from ") in reads
    for calls, where in ((READS, reads), (LISTS, lists), (WRITES, writes), (DELETES, deletes)):
        if call in calls:
            return bucket in where
    return False


@pytest.fixture(scope="module", params=["local stack", "docker-compose.yml"])
def store(request, tmp_path_factory) -> Iterator[S3]:
    if request.param == "local stack":
        yield request.getfixturevalue("s3")
        return
    server = new_compose_s3(tmp_path_factory.mktemp("compose"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


def client_of(store: S3, name: str) -> Any:
    key = store.identities.get(name)
    once: dict[str, Any] = {"s3": {"addressing_style": "path"}, "retries": {"max_attempts": 1}}
    if key is None:
        once["signature_version"] = UNSIGNED
    return boto3.client(
        "s3", endpoint_url=store.endpoint, region_name="us-east-1", config=Config(**once),
        aws_access_key_id=key and key.access_key_id, aws_secret_access_key=key and key.secret_access_key,
    )  # fmt: skip


def is_refused(call: Call, client: Any, bucket: str) -> bool:
    """Whether the key has no right to it; raises for errors of other kinds."""
    try:
        call(client, bucket)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("AccessDenied", "403"):
            return True
        if not code.startswith("NoSuch"):  # nothing there to remove: allowed all the same
            raise
    return False


@pytest.mark.parametrize("name", [name for name in GRANTS if name != "admin"])
def test_each_key_can_do_what_it_needs_and_nothing_else(store, name):
    admin = client_of(store, "admin")
    for bucket in BUCKETS:
        admin.put_object(Bucket=bucket, Key=KEY, Body=bucket.encode())
    client = client_of(store, name)
    public = "docker" not in str(store.process.root) and type(store) is S3
    wrong = []
    for bucket in BUCKETS:
        for call, run in CALLS.items():
            wanted = allowed(name, call, bucket) and (public or name != "anonymous")
            if is_refused(run, client, bucket) is wanted:
                wrong.append((bucket, call, "refused" if wanted else "allowed"))
    assert wrong == []
    for bucket in BUCKETS:
        assert admin.get_object(Bucket=bucket, Key=KEY)["Body"].read() == bucket.encode()


def test_the_administrator_can_do_what_the_others_cannot(store):
    """The calls are well made: what refuses the others is their rights."""
    admin = client_of(store, "admin")
    client_of(store, "admin").create_bucket(Bucket="spare")
    admin.put_object(Bucket="spare", Key=KEY, Body=b"x")
    not_tried = {
        "set a policy", "make the bucket public", "hold an object", "set a retention", "remove the bucket",
        "unblock public access",  # SeaweedFS has none
    }  # fmt: skip
    calls = (READS | LISTS | WRITES | DELETES | FORBIDDEN).items()
    refused = [name for name, call in calls if name not in not_tried and is_refused(call, admin, "spare")]
    assert refused == []


def test_the_administrator_removes_no_bucket_with_anything_in_it(store):
    admin = client_of(store, "admin")
    admin.put_object(Bucket=ORIGINALS, Key=KEY, Body=b"x")
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        admin.delete_bucket(Bucket=ORIGINALS)


def test_earlier_versions_of_an_original_outlive_every_key(tmp_path):
    server = new_compose_s3(tmp_path)
    try:
        server.start()
        admin = server.client()
        admin.put_bucket_versioning(Bucket=ORIGINALS, VersioningConfiguration={"Status": "Enabled"})
        admin.put_bucket_versioning(Bucket=ARCHIVE, VersioningConfiguration={"Status": "Enabled"})
        versions = {
            bucket: [admin.put_object(Bucket=bucket, Key=KEY, Body=body)["VersionId"] for body in (b"first", b"second")]
            for bucket in (ORIGINALS, ARCHIVE)
        }
        for name in IDENTITIES:
            if name != "admin":
                for bucket, made in versions.items():
                    for version in made:
                        with pytest.raises(ClientError, match="AccessDenied"):
                            server.client(name).delete_object(Bucket=bucket, Key=KEY, VersionId=version)
        server.client("airflow").delete_object(Bucket=ARCHIVE, Key=KEY)  # lays a mark over them
        for bucket, made in versions.items():
            bodies = [admin.get_object(Bucket=bucket, Key=KEY, VersionId=v)["Body"].read() for v in made]
            assert bodies == [b"first", b"second"]
        assert server.client("worker").get_object(Bucket=ORIGINALS, Key=KEY, VersionId=versions[ORIGINALS][0])
    finally:
        server.stop()
