"""Where everything lies inside one version of a published archive. Readable without any database.

::

    s3://archive/<collection>/current.json           which version is current; replaced in one step
    s3://archive/<collection>/v0001/                 a bag (RFC 8493)
        bagit.txt  bag-info.txt                      that it is a bag, and of what
        manifest-sha256.txt, -sha512.txt             hash and path of every file under data/
        tagmanifest-sha256.txt, -sha512.txt          hash and path of every other file
        data/photos/<name>.png                       restored photographs (.tif where the recipe says so)
        data/access/<name>.jpg                       copies of them for everyday use (or .webp), if there are any
        data/previews/<name>-before.jpg, -after.jpg  smaller pictures of both
        data/masks/<name>.png                        where a computer filled the restored photograph, if it did
        data/metadata.csv                            Dublin Core, state and hashes, one row a photograph
        data/provenance/part-00000.jsonl             agents, events, models and figures, one object a photograph
        data/provenance/prov-00000.jsonld            the same as W3C PROV
        data/premis/collection.xml, photos-00000.xml PREMIS 3: objects, events with the chain's hashes, agents, rights
        data/models/models.json, <model>.md          models that made the pictures: weight hashes, rights, cards
        data/archive.json                            facts of this version
        index.html  assets/*  gallery/*.js           the gallery; opens from disk as well as from S3
        iiif/collection.json, <name>.json            IIIF manifests, where the archive has a public address
        iiif/tilesets.csv                            sets of tiles that the version needs, with their hashes
        README.txt                                   this explanation, for whoever finds the archive later
    s3://archive/<collection>/tiles/<id>/            tiles for zooming (:mod:`restoration.publish.tiles`)

Payload names are generated (ASCII digits); the scan's own name is metadata. The gallery is a view of the payload that
can be made again, so it lies beside it as tag files, whose hashes the tag manifests keep.
"""

from __future__ import annotations

import re

LAYOUT = "archive-restoration/3"
PAYLOAD = "manifest"
TAG = "tagmanifest"
DECLARATION = "bagit.txt"
BAG_INFO = "bag-info.txt"
ARCHIVE_FACTS = "data/archive.json"
METADATA = "data/metadata.csv"

README = """This is one version of a published archive of restored photographs. It never changes.

index.html               the gallery: open it in any browser, also from a disk without internet
data/photos/             restored photographs, named by their number in the archive
data/previews/           smaller pictures before and after restoration
data/masks/              where parts of a restored picture were filled: a picture of the same size, black where nothing
                         was, else a gray by the damage: 48 scratch, 96 crease, 144 hole, 192 dust, 240 stain (of which
                         only the tone was changed)
data/metadata.csv        one row a photograph: Dublin Core, state, addresses and hashes (UTF-8)
data/provenance/*.jsonl  one JSON object a photograph: the original's address and hash, every step, model, weight hash,
                         licence, measurement and face
data/provenance/*.jsonld the same as W3C PROV, in JSON-LD
data/premis/*.xml        the same as PREMIS 3, the dictionary of preservation metadata; collection.xml for the whole
data/models/             the models that made the pictures: hashes of their weights, licences, a card for each
data/archive.json        facts of this version: collection, rights, consent, counts, head of the event chain
assets/, gallery/        parts of the gallery
iiif/                    where the archive has an address on the web: manifests for viewers (IIIF Presentation API 3.0);
                         the tiles they name lie beside this folder in ../tiles/ and can be made again from the pictures
bagit.txt, bag-info.txt  this folder is a bag: RFC 8493, "The BagIt File Packaging Format", version 1.0
manifest-*.txt           hash of every file under data/
tagmanifest-*.txt        hash of every other file

Check it with what every Unix has:   sha256sum --quiet -c manifest-sha256.txt tagmanifest-sha256.txt
or with the Library of Congress's tool:   bagit.py --validate FOLDER

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
    "jsonld": "application/ld+json",
    "xml": "application/xml",
    "md": "text/markdown; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "png": "image/png",
    "tif": "image/tiff",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "svg": "image/svg+xml",
}


def manifest_name(kind: str, algorithm: str) -> str:
    """Name of a manifest: ``PAYLOAD`` or ``TAG``, ``sha256`` or ``sha512``."""
    return f"{kind}-{algorithm}.txt"


SEAL = manifest_name(TAG, "sha256")
"""The file whose sha256 stands for the whole version."""


def payload_name(photo_id: int) -> str:
    """Name of a photograph inside the archive: its number in the catalog, eight digits or more."""
    return f"{photo_id:08d}"


def photo_path(name: str, extension: str) -> str:
    """Where the restored photograph lies."""
    return f"data/photos/{name}.{extension}"


def preview_path(name: str, stage: str) -> str:
    """Where a preview lies; ``stage`` is ``before`` or ``after``."""
    return f"data/previews/{name}-{stage}.jpg"


def mask_path(name: str) -> str:
    """Where the mask of a restored photograph lies, if parts of it were mended."""
    return f"data/masks/{name}.png"


def access_path(name: str, extension: str) -> str:
    """Where the copy of a restored photograph for everyday use lies, if the recipe asks for one."""
    return f"data/access/{name}.{extension}"


PICTURES = ("data/photos/", "data/access/", "data/previews/", "data/masks/")
"""Folders of the files that carry labels and that PREMIS describes one by one."""


def provenance_path(shard: int) -> str:
    """Where a shard of provenance lies."""
    return f"data/provenance/part-{shard:05d}.jsonl"


def prov_path(shard: int) -> str:
    """Where a shard of W3C PROV lies."""
    return f"data/provenance/prov-{shard:05d}.jsonld"


MODELS = "data/models/models.json"
PREMIS_FOLDER = "data/premis/"
PREMIS_COLLECTION = "data/premis/collection.xml"


def premis_path(shard: int) -> str:
    """Where a shard of PREMIS lies."""
    return f"data/premis/photos-{shard:05d}.xml"


def gallery_path(kind: str, shard: int) -> str:
    """Where a shard of the gallery's data lies; ``kind`` is ``photos`` or ``details``."""
    return f"gallery/{kind}-{shard:05d}.js"


def content_type(path: str) -> str:
    """Media type by the path's ending."""
    return CONTENT_TYPES.get(path.rsplit(".", 1)[-1], "application/octet-stream")


def is_safe_path(path: str) -> bool:
    """Whether a path stays inside the archive on every file system."""
    return len(path) < 200 and _SAFE_PATH.fullmatch(path) is not None


def sha256_of_key(key: str) -> str:
    """The hash that a content-addressed key carries (:func:`restoration.names.output_key`)."""
    return key.rsplit("/", 1)[-1].split(".", 1)[0]
