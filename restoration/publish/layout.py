"""Where everything lies inside one version of a published archive. Readable without any database.

::

    s3://archive/<collection>/current.json           which version is current; replaced in one step
    s3://archive/<collection>/v0001/
        index.html  assets/*                         the gallery; opens from disk as well as from S3
        data/*.js                                    what the gallery shows, in shards
        photos/<name>.png                            restored photographs
        previews/<name>-before.jpg, -after.jpg       what the gallery's slider compares
        metadata.csv                                 Dublin Core, state and hashes, one row a photograph
        provenance/part-00000.jsonl                  agents, events, models and figures, one object a photograph
        archive.json                                 facts of this version
        README.txt                                   this explanation, for whoever finds the archive later
        manifest-sha256.txt                          hash and path of every other file

Payload names are generated (ASCII digits); the scan's own name is metadata.
"""

from __future__ import annotations

import re

LAYOUT = "archive-restoration/1"
MANIFEST = "manifest-sha256.txt"
ARCHIVE_FACTS = "archive.json"
METADATA = "metadata.csv"

README = """This is one version of a published archive of restored photographs. It never changes.

index.html               the gallery: open it in any browser, also from a disk without internet
photos/                  restored photographs, named by their number in the archive
previews/                smaller pictures before and after restoration, for the gallery
metadata.csv             one row a photograph: Dublin Core, state, addresses and hashes (UTF-8)
provenance/*.jsonl       one JSON object a photograph: the original's address and hash, every step, model, weight hash,
                         licence, measurement and face
archive.json             facts of this version: collection, rights, consent, counts, head of the event chain
manifest-sha256.txt      sha256 of every other file; check it with: sha256sum -c manifest-sha256.txt
assets/, data/           parts of the gallery

Pictures with "ai_altered" hold parts that a computer made, such as colours; they show how it may have looked, not how
it did. The original scans were not changed and are not in this archive; metadata.csv says where each one is kept.
"""

_SAFE_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")

CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "png": "image/png",
    "tif": "image/tiff",
    "jpg": "image/jpeg",
    "svg": "image/svg+xml",
}


def payload_name(photo_id: int) -> str:
    """Name of a photograph inside the archive: its number in the catalog, eight digits or more."""
    return f"{photo_id:08d}"


def photo_path(name: str, extension: str) -> str:
    """Where the restored photograph lies."""
    return f"photos/{name}.{extension}"


def preview_path(name: str, stage: str) -> str:
    """Where a preview lies; ``stage`` is ``before`` or ``after``."""
    return f"previews/{name}-{stage}.jpg"


def provenance_path(shard: int) -> str:
    """Where a shard of provenance lies."""
    return f"provenance/part-{shard:05d}.jsonl"


def data_path(kind: str, shard: int) -> str:
    """Where a shard of the gallery's data lies; ``kind`` is ``photos`` or ``details``."""
    return f"data/{kind}-{shard:05d}.js"


def content_type(path: str) -> str:
    """Media type by the path's ending."""
    return CONTENT_TYPES.get(path.rsplit(".", 1)[-1], "application/octet-stream")


def is_safe_path(path: str) -> bool:
    """Whether a manifest's path stays inside the archive on every file system."""
    return len(path) < 200 and _SAFE_PATH.fullmatch(path) is not None


def sha256_of_key(key: str) -> str:
    """The hash that a content-addressed key carries (:func:`restoration.names.output_key`)."""
    return key.rsplit("/", 1)[-1].split(".", 1)[0]
