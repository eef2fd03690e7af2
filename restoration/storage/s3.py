"""One object store: any service that speaks S3.

Everything that leaves this module as an error is a :class:`~restoration.errors.RestorationError`; messages name bucket
and key, never credentials. boto3 costs a second to import, so it is imported when the first client is made.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration.errors import PhotoRejected, ReasonCode, SettingsError, StorageError, UsageError, WriteConflict
from restoration.fixity import Fixity, FixityHasher
from restoration.names import output_key
from restoration.settings import Settings, get_settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK_BYTES = 1 << 20
READ_ATTEMPTS = 3
MAX_SINGLE_COPY_BYTES = 5 * 1024**3
MAX_SINGLE_PUT_BYTES = 64 * 1024**2
_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?", re.DOTALL)
_MD5 = re.compile("[0-9a-f]{32}")
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})
_CHANGED = frozenset({"412", "PreconditionFailed", "ConditionalRequestConflict", "409"})
_NOT_SUPPORTED = frozenset({"501", "NotImplemented", "XNotImplemented", "A header you provided implies functionality"})


@dataclass(frozen=True)
class StoredObject:
    """One object as a listing or HEAD shows it. ``etag`` has no quotes; ``version_id`` is '' where unversioned."""

    key: str
    version_id: str
    etag: str
    size: int
    last_modified: datetime


def parse_s3_uri(uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/prefix`` into bucket and prefix (which may be empty).

    :raises UsageError: not an S3 address, or the bucket's name is not one that S3 allows.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise UsageError(f"{uri!r} is not an S3 address; write s3://bucket/prefix/")
    return match["bucket"], match["prefix"] or ""


def make_client(
    settings: Settings | None = None,
    *,
    endpoint_url: str | None = None,
    region: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
    max_connections: int = 32,
) -> S3Client:
    """A thread-safe S3 client from the settings; every argument given here wins over the setting of that name.

    :raises SettingsError: an access key without a secret key, or the other way round.
    """
    import boto3.session
    from botocore.config import Config

    known = settings or get_settings()
    secret = known.s3_secret_access_key
    key_id = access_key_id or known.s3_access_key_id
    secret_key = secret_access_key or (secret.get_secret_value() if secret else None)
    if bool(key_id) != bool(secret_key):
        raise SettingsError("set both RESTORATION_S3_ACCESS_KEY_ID and RESTORATION_S3_SECRET_ACCESS_KEY, or neither")
    endpoint = endpoint_url or known.s3_endpoint_url or None
    config = Config(
        signature_version="s3v4",
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 5},
        max_pool_connections=max_connections,
        # every byte is checked by sha256 here; services other than Amazon's stumble over checksum trailers
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    # a session of one's own: boto3's default session is shared, and making clients from it is not thread-safe
    session = boto3.session.Session(
        aws_access_key_id=key_id or None,
        aws_secret_access_key=secret_key or None,
        region_name=region or known.s3_region,
    )
    return session.client("s3", endpoint_url=endpoint, config=config)


class ObjectStore:
    """Reading and writing objects with fixity. Safe to share between threads."""

    def __init__(self, client: S3Client) -> None:
        self.client = client

    # -- listing -------------------------------------------------------------------------------------------------

    def list_pages(self, bucket: str, prefix: str = "") -> Iterator[list[StoredObject]]:
        """Current objects under a prefix, page by page (up to 1,000 each), in key order.

        Version ids are asked for only where the bucket keeps versions; delete markers are left out.

        :raises StorageError: the bucket does not exist, may not be listed, or the service is out of reach.
        """
        where = f"s3://{bucket}/{prefix}"
        with _translated(where):
            pages = self._version_pages if self._is_versioned(bucket) else self._plain_pages
            yield from pages(bucket, prefix)

    def _is_versioned(self, bucket: str) -> bool:
        from botocore.exceptions import ClientError

        try:
            return self.client.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"
        except ClientError as error:
            # reading the setting is a right of its own, which a read-only login often lacks
            if _code(error) in {"403", "AccessDenied"} or _code(error) in _NOT_SUPPORTED:
                return False
            raise

    def _plain_pages(self, bucket: str, prefix: str) -> Iterator[list[StoredObject]]:
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield [
                StoredObject(o["Key"], "", o["ETag"].strip('"'), o["Size"], o["LastModified"])
                for o in page.get("Contents", [])
            ]

    def _version_pages(self, bucket: str, prefix: str) -> Iterator[list[StoredObject]]:
        for page in self.client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            yield [
                StoredObject(o["Key"], _version(o.get("VersionId")), o["ETag"].strip('"'), o["Size"], o["LastModified"])
                for o in page.get("Versions", [])
                if o["IsLatest"]
            ]

    def list_folders(self, bucket: str, prefix: str) -> Iterator[str]:
        """Names right below a prefix that have anything below themselves, without a slash, in the order of the keys.

        :param prefix: ends in '/'.
        :raises StorageError: the service refused or is out of reach.
        """
        with _translated(f"s3://{bucket}/{prefix}"):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
            for page in pages:
                for item in page.get("CommonPrefixes", []):
                    yield item["Prefix"].removeprefix(prefix).rstrip("/")

    def stat(self, bucket: str, key: str) -> StoredObject | None:
        """The object's size, ETag and time, or None where there is no such object.

        :raises StorageError: the service refused or is out of reach.
        """
        from botocore.exceptions import ClientError

        with _translated(f"s3://{bucket}/{key}"):
            try:
                head = self.client.head_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
        return StoredObject(
            key, _version(head.get("VersionId")), head["ETag"].strip('"'), head["ContentLength"], head["LastModified"]
        )

    # -- reading -------------------------------------------------------------------------------------------------

    def read(
        self,
        bucket: str,
        key: str,
        *,
        version_id: str = "",
        expected_etag: str | None = None,
        max_bytes: int | None = None,
    ) -> tuple[bytes, str]:
        """All bytes of an object and their sha256 (lower-case hexadecimal).

        If the ETag is the MD5 of the content (not of an object that was uploaded in parts, or that is encrypted with a
        key of KMS or of the caller), the bytes must have it: what was changed on its way is read again.

        :param expected_etag: the ETag that the listing showed; another one means the object was replaced.
        :param max_bytes: the most bytes to take; no more than that plus one chunk is ever held.
        :raises PhotoRejected: ``source_changed``, ``source_missing`` or ``too_large``.
        :raises StorageError: the service refused, is out of reach, or sends other bytes than the ETag stands for.
        """
        for attempt in range(1, READ_ATTEMPTS + 1):
            try:
                return self._read_once(bucket, key, version_id, expected_etag, max_bytes)
            except _BrokenStreamError as error:
                if attempt == READ_ATTEMPTS:
                    message = f"{error.message} (tried {READ_ATTEMPTS} times)"
                    raise StorageError(message, photo=key) from error
        raise AssertionError("unreachable")

    def _read_once(
        self, bucket: str, key: str, version_id: str, expected_etag: str | None, max_bytes: int | None
    ) -> tuple[bytes, str]:
        hasher, chunks, total = hashlib.sha256(), [], 0
        how: dict[str, Any] = {"version_id": version_id, "expected_etag": expected_etag, "max_bytes": max_bytes}
        for chunk in self.stream(bucket, key, **how, hold_to_etag=True):
            hasher.update(chunk)
            chunks.append(chunk)
            total += len(chunk)
        return b"".join(chunks), hasher.hexdigest()

    def stream(
        self,
        bucket: str,
        key: str,
        *,
        version_id: str = "",
        expected_etag: str | None = None,
        max_bytes: int | None = None,
        hold_to_etag: bool = False,
    ) -> Iterator[bytes]:
        """The object's bytes in chunks of 1 MiB. Parameters and errors as for :meth:`read`.

        :param hold_to_etag: whether bytes that do not have the MD5 which the ETag gives are an error; not for checks of
            fixity, whose finding it is that an object lies there changed.
        """
        from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError

        with _translated(f"s3://{bucket}/{key}", photo=key):
            response = self._open(bucket, key, version_id, expected_etag)
            body = response["Body"]
            try:
                _check_size(key, response["ContentLength"], max_bytes)
                total, digest = 0, hashlib.md5(usedforsecurity=False)
                expected = _content_md5(response) if hold_to_etag else None
                for chunk in body.iter_chunks(CHUNK_BYTES):
                    total += len(chunk)
                    _check_size(key, total, max_bytes)
                    if expected:
                        digest.update(chunk)
                    yield chunk
                if total != response["ContentLength"]:
                    raise _BrokenStreamError(f"s3://{bucket}/{key} ended after {total} bytes", photo=key)
                if expected and digest.hexdigest() != expected:
                    message = (
                        f"s3://{bucket}/{key}: the bytes that came are not those that its ETag, an MD5, stands for"
                    )
                    raise _BrokenStreamError(message, photo=key)
            except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError) as error:
                raise _BrokenStreamError(f"s3://{bucket}/{key} broke off: {type(error).__name__}", photo=key) from error
            finally:
                body.close()

    def _open(self, bucket: str, key: str, version_id: str, expected_etag: str | None) -> Any:
        from botocore.exceptions import ClientError

        arguments: dict[str, Any] = {"Bucket": bucket, "Key": key}
        if version_id:
            arguments["VersionId"] = version_id
        if expected_etag:
            arguments["IfMatch"] = f'"{expected_etag}"'
        try:
            response = self.client.get_object(**arguments)
        except ClientError as error:
            if _code(error) in _CHANGED:
                raise _changed(key) from error
            if _code(error) in _MISSING:
                message = "the scan is no longer where the listing found it"
                raise PhotoRejected(message, reason=ReasonCode.SOURCE_MISSING, photo=key) from error
            raise
        # a service that ignores If-Match still tells which object it sent
        if expected_etag and response["ETag"].strip('"') != expected_etag:
            response["Body"].close()
            raise _changed(key)
        return response

    def read_range(self, bucket: str, key: str, start: int, length: int) -> bytes:
        """Some bytes of an object: fewer than ``length`` only where it ends before.

        :param start: offset of the first byte, from 0.
        :param length: number of bytes, at least 1.
        :raises PhotoRejected: ``source_missing``.
        :raises StorageError: the service refused, is out of reach, or sends something else than was asked for.
        """
        from botocore.exceptions import ClientError, ResponseStreamingError

        where = f"s3://{bucket}/{key}"
        with _translated(where, photo=key):
            try:
                answer = self.client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{start + length - 1}")
                data = answer["Body"].read()
            except ClientError as error:
                if _code(error) in _MISSING:
                    message = f"{where} is not there"
                    raise PhotoRejected(message, reason=ReasonCode.SOURCE_MISSING, photo=key) from error
                raise
            except ResponseStreamingError as error:
                raise StorageError(f"{where} broke off while reading", photo=key) from error
        sent = answer.get("ContentRange", "")
        if not sent.startswith(f"bytes {start}-") or len(data) > length:
            raise StorageError(
                f"{where}: bytes {start} to {start + length - 1} were asked for, {sent!r} came", photo=key
            )
        return data

    def hash_object(self, bucket: str, key: str) -> tuple[str, int]:
        """Read an object through and give its sha256 and size; memory does not grow with the object.

        :raises PhotoRejected: ``source_missing``.
        :raises StorageError: the service refused or is out of reach.
        """
        found = self.object_fixity(bucket, key)
        return found.sha256, found.size

    def object_fixity(self, bucket: str, key: str, *, version_id: str = "") -> Fixity:
        """Read an object through and give both its hashes and its size. Errors as for :meth:`hash_object`."""
        for attempt in range(1, READ_ATTEMPTS + 1):
            hasher = FixityHasher()
            try:
                for chunk in self.stream(bucket, key, version_id=version_id):
                    hasher.update(chunk)
            except _BrokenStreamError:
                if attempt == READ_ATTEMPTS:
                    raise
            else:
                return hasher.fixity()
        raise AssertionError("unreachable")

    # -- writing -------------------------------------------------------------------------------------------------

    def write_content(self, bucket: str, data: bytes, extension: str, content_type: str) -> str:
        """Write bytes under the key that their hash gives; writing the same bytes again changes nothing.

        :returns: the key (:func:`restoration.names.output_key`).
        :raises StorageError: the service refused or is out of reach.
        """
        digest = hashlib.sha256(data)
        key = output_key(digest.hexdigest(), extension)
        arguments: dict[str, Any] = {
            "Bucket": bucket,
            "Key": key,
            "Body": data,
            "ContentType": content_type,
            "ChecksumSHA256": base64.b64encode(digest.digest()).decode(),
        }
        with _translated(f"s3://{bucket}/{key}"):
            existing = self._put_if_absent(arguments)
            if existing:
                # what stands there was written by someone who had the same hash, unless it was cut short
                found = self.stat(bucket, key)
                if found is None or found.size != len(data):
                    self.client.put_object(**arguments)
        return key

    def _put_if_absent(self, arguments: dict[str, Any]) -> bool:
        """Put, unless the key exists; tells whether it did. Falls back to HEAD where conditions are unknown."""
        from botocore.exceptions import ClientError

        try:
            self.client.put_object(**arguments, IfNoneMatch="*")
        except ClientError as error:
            if _code(error) in _CHANGED:
                return True
            if _code(error) not in _NOT_SUPPORTED:
                raise
            if self.stat(arguments["Bucket"], arguments["Key"]) is not None:
                return True
            self.client.put_object(**arguments)
        return False

    def put(self, bucket: str, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Write bytes under a key, whatever was there. :raises StorageError: refused or out of reach."""
        with _translated(f"s3://{bucket}/{key}"):
            self.client.put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type)

    def put_file(self, bucket: str, key: str, path: Path, content_type: str) -> None:
        """Write a file's bytes under a key, in parts where it is large; what arrives is checked.

        A file that goes at once is sent with its MD5, which the service compares; one in parts is read again.

        :raises StorageError: refused, or other bytes arrived.
        """
        from boto3.exceptions import S3UploadFailedError

        with _translated(f"s3://{bucket}/{key}"), path.open("rb") as file:
            if path.stat().st_size <= MAX_SINGLE_PUT_BYTES:
                digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()
                file.seek(0)
                checked = base64.b64encode(digest).decode()
                self.client.put_object(Bucket=bucket, Key=key, Body=file, ContentType=content_type, ContentMD5=checked)
                return
            try:
                self.client.upload_file(str(path), bucket, key, ExtraArgs={"ContentType": content_type})
            except S3UploadFailedError as error:
                raise StorageError(f"s3://{bucket}/{key} could not be written: {error}") from error
            wanted = hashlib.file_digest(file, "sha256").hexdigest()
        if self.hash_object(bucket, key)[0] != wanted:
            raise StorageError(f"s3://{bucket}/{key} holds other bytes than {path}; send it again")

    def put_atomic(
        self, bucket: str, key: str, data: bytes, *, replaces: str | None, content_type: str = "application/json"
    ) -> str:
        """Replace one object in one step, only if nobody else did in the meantime.

        :param replaces: ETag of the object that is replaced; None where there must be none yet.
        :returns: ETag of the new object.
        :raises WriteConflict: another writer was faster; nothing was written.
        :raises StorageError: the service refused or is out of reach.
        """
        from botocore.exceptions import ClientError

        arguments: dict[str, Any] = {"Bucket": bucket, "Key": key, "Body": data, "ContentType": content_type}
        condition: Any = {"IfNoneMatch": "*"} if replaces is None else {"IfMatch": f'"{replaces}"'}
        with _translated(f"s3://{bucket}/{key}"):
            try:
                return self.client.put_object(**arguments, **condition)["ETag"].strip('"')
            except ClientError as error:
                if _code(error) in _CHANGED | _MISSING:
                    raise _conflict(bucket, key) from error
                if _code(error) not in _NOT_SUPPORTED:
                    raise
            found = self.stat(bucket, key)
            if (found.etag if found else None) != replaces:
                raise _conflict(bucket, key)
            return self.client.put_object(**arguments)["ETag"].strip('"')

    def copy(self, bucket: str, key: str, to_bucket: str, to_key: str, *, content_type: str | None = None) -> None:
        """Copy an object inside the service; through this process where the service can't.

        :raises PhotoRejected: ``source_missing``.
        :raises StorageError: the service refused or is out of reach.
        """
        from botocore.exceptions import ClientError

        extra: Any = {"ContentType": content_type, "MetadataDirective": "REPLACE"} if content_type else {}
        with _translated(f"s3://{bucket}/{key}", photo=key):
            try:
                self.client.copy_object(
                    Bucket=to_bucket, Key=to_key, CopySource={"Bucket": bucket, "Key": key}, **extra
                )
            except ClientError as error:
                if _code(error) in _MISSING:
                    message = f"s3://{bucket}/{key} is to be copied and does not exist"
                    raise PhotoRejected(message, reason=ReasonCode.SOURCE_MISSING, photo=key) from error
                if _code(error) not in _NOT_SUPPORTED | {"InvalidRequest", "EntityTooLarge"}:
                    raise
                data, _ = self.read(bucket, key, max_bytes=MAX_SINGLE_COPY_BYTES)
                self.put(to_bucket, to_key, data, content_type or "application/octet-stream")

    def delete(self, bucket: str, key: str) -> None:
        """Delete one object; does nothing where there is none.

        :raises StorageError: the service refused or is out of reach.
        """
        with _translated(f"s3://{bucket}/{key}"):
            self.client.delete_object(Bucket=bucket, Key=key)

    def delete_prefix(self, bucket: str, prefix: str) -> int:
        """Delete every object under a prefix; gives how many.

        :raises UsageError: the prefix does not end in '/', which would take neighbours along.
        :raises StorageError: the service refused or is out of reach.
        """
        if not prefix.endswith("/"):
            raise UsageError(f"{prefix!r} must end in '/' to be deleted")
        deleted = 0
        with _translated(f"s3://{bucket}/{prefix}"):
            for page in self._plain_pages(bucket, prefix):
                keys: Any = [{"Key": item.key} for item in page]
                if not keys:
                    continue
                answer = self.client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
                if answer.get("Errors"):
                    first = answer["Errors"][0]
                    raise StorageError(f"s3://{bucket}/{first.get('Key')} could not be deleted: {first.get('Code')}")
                deleted += len(keys)
        return deleted


class _BrokenStreamError(StorageError):
    """An object came broken off or changed; reading again may help."""


def _content_md5(response: Mapping[str, Any]) -> str | None:
    """MD5 of the content by an answer's ETag; None if that ETag is of another kind."""
    of_key = response.get("SSECustomerAlgorithm") or response.get("ServerSideEncryption", "AES256") != "AES256"
    etag = str(response["ETag"]).strip('"').lower()
    return etag if not of_key and _MD5.fullmatch(etag) else None


def _check_size(key: str, size: int, max_bytes: int | None) -> None:
    if max_bytes is not None and size > max_bytes:
        message = f"the file is larger than the {max_bytes} bytes that settings allow (RESTORATION_MAX_OBJECT_BYTES)"
        raise PhotoRejected(message, reason=ReasonCode.TOO_LARGE, photo=key)


def _changed(key: str) -> PhotoRejected:
    message = "the scan was replaced between listing and reading; the next run takes the new one"
    return PhotoRejected(message, reason=ReasonCode.SOURCE_CHANGED, photo=key)


def _conflict(bucket: str, key: str) -> WriteConflict:
    return WriteConflict(f"s3://{bucket}/{key} was changed by somebody else in the meantime; nothing was written")


def _version(version_id: str | None) -> str:
    """S3 calls the one version of an unversioned object 'null'."""
    return "" if version_id in (None, "null") else str(version_id)


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _translated(where: str, photo: str | None = None) -> Iterator[None]:
    """Turn whatever botocore raises into a :class:`StorageError` that names the object and the cure."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        if detail.get("Code") == "NoSuchBucket":
            raise StorageError(f"{where}: there is no such bucket; see how its name is spelt", photo=photo) from error
        message = f"{where}: S3 answered {detail.get('Code', '?')} ({detail.get('Message', 'no message')})"
        raise StorageError(message, photo=photo) from error
    except BotoCoreError as error:
        message = f"{where}: S3 is out of reach ({type(error).__name__}); check RESTORATION_S3_ENDPOINT_URL"
        raise StorageError(message, photo=photo) from error
