"""Looking at a staged version as a whole: it holds exactly the files that were written, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from restoration.errors import PublicationError

if TYPE_CHECKING:
    from restoration.storage.s3 import ObjectStore


@dataclass(frozen=True)
class VerifiedVersion:
    """What was written and read back: all files and bytes, and the hash that stands for them.

    ``manifest_sha256`` is that of ``tagmanifest-sha256.txt``, which names every file directly or through a payload
    manifest.
    """

    files: int
    bytes: int
    manifest_sha256: str


def verify_listing(store: ObjectStore, bucket: str, prefix: str, written: VerifiedVersion) -> None:
    """The store lists as many files and bytes as were written and read back.

    :param prefix: the version's prefix, ending in '/'.
    :raises PublicationError: there are others, or some are gone.
    :raises StorageError: S3 refused or is out of reach.
    """
    files = total = 0
    for page in store.list_pages(bucket, prefix):
        files += len(page)
        total += sum(item.size for item in page)
    if (files, total) != (written.files, written.bytes):
        raise PublicationError(
            f"{prefix} holds {files} files of {total} bytes, but {written.files} files of {written.bytes} bytes were "
            "written; remove what does not belong there"
        )
