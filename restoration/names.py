"""Names that several parts of the system must agree on: object keys, task names, identifiers."""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from urllib.parse import quote

RESTORE_TASK = "restoration.restore_batch"
"""Celery task; its one argument is the batch id as text."""

REAP_TASK = "restoration.reap_leases"
"""Celery task without arguments: frees photographs whose worker died."""

MEDIA_TYPES = {
    "png": "image/png",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "jpeg2000": "image/jp2",
    "jpegxl": "image/jxl",
    "heif": "image/heif",
    "avif": "image/avif",
}
"""Media types of pictures by the name of their format, or their file's ending (IANA; RFC 3745 for JPEG 2000)."""

_NAMESPACE = uuid.UUID("6f1d2f0e-6f7e-5b0a-9d3c-52d1f0a4b7c1")


def run_id(dag_id: str, dag_run_id: str) -> uuid.UUID:
    """UUIDv5 of an Airflow DAG run: the same run always has the same id."""
    return uuid.uuid5(_NAMESPACE, f"run\n{dag_id}\n{dag_run_id}")


def batch_id(run: uuid.UUID, shard: int, ordinal: int) -> uuid.UUID:
    """UUIDv5 of a batch: planning twice gives the same batches."""
    return uuid.uuid5(_NAMESPACE, f"batch\n{run}\n{shard}\n{ordinal}")


def slug(text: str) -> str:
    """A collection's name made from any text: lower-case ASCII letters, digits and hyphens, at most 63; empty if
    nothing is left of it.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].strip("-")


def output_key(sha256: str, extension: str) -> str:
    """Key of a restored photograph or preview in the restored bucket, by the hash of its bytes."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}.{extension}"


def page_sha256(file_sha256: str, page: int, box: str = "") -> str:
    """Identity of a photograph's content: two pages of one file are never the same, and pages of equal files are.

    The first page has the file's own hash, as files with one photograph always had. A photograph that is cut out of its
    page has another for each place. The SQL function ``part_content`` reckons the same.

    :param box: where on the page it is cut out, as :attr:`restoration.divisions.PartBox.text`; empty: the whole page.
    """
    page_hash = file_sha256 if page == 1 else _sha256(f"{file_sha256}\npage {page}\n")
    return _sha256(f"{page_hash}\nbox {box}\n") if box else page_hash


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def version_prefix(collection: str, version: int) -> str:
    """Prefix of one immutable version of a published archive, with a trailing slash."""
    return f"{collection}/v{version:04d}/"


def current_key(collection: str) -> str:
    """Key of the small JSON object that says which version of an archive is current."""
    return f"{collection}/current.json"


def review_page_url(base: str, collection: str, photo_id: int | None = None) -> str:
    """Address of a collection's page, or of one photograph's, on the review page.

    :param base: public address of the review page (setting ``review_url``), with or without a trailing slash.
    """
    if photo_id is not None:
        return f"{base.rstrip('/')}/photos/{photo_id}"
    return f"{base.rstrip('/')}/collections/{quote(collection, safe='')}"


def contact_sheet_url(base: str, collection: str, run: uuid.UUID | str | None = None) -> str:
    """Address of the contact sheet of a collection on the review page.

    :param base: as for :func:`review_page_url`.
    :param run: the catalog's id of a run (:func:`run_id`), to count its photographs alone; None for all.
    """
    query = f"?run={quote(str(run), safe='')}" if run is not None else ""
    return f"{review_page_url(base, collection)}/contact-sheet{query}"


def models_sha256(weights: dict[str, str]) -> str:
    """Hash of a set of models: registry name to weight file hash, order ignored."""
    lines = "".join(f"{name}={sha}\n" for name, sha in sorted(weights.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
