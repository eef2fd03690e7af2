"""The gallery's files: a hand-written static site, and its data in shards that open from disk too.

A page opened from disk may not fetch its neighbours, so data are scripts that assign to one global. The grid reads
light shards of 1,000 photographs; what the provenance panel shows comes in shards of 100 that load when a photograph is
opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

from restoration.publish import layout
from restoration.publish.photos import ArchivedPhoto
from restoration.publish.vendored import vendored_files

PHOTOS_PER_SHARD = 1000
DETAILS_PER_SHARD = 100
MAX_TEXT = 2000


def site_files() -> Iterator[tuple[str, bytes]]:
    """The site's own files by their path in the archive."""
    for item in sorted(resources.files("restoration.publish").joinpath("site").iterdir(), key=lambda i: i.name):
        if item.is_file():
            path = item.name if item.name == "index.html" else f"assets/{item.name}"
            yield path, item.read_bytes()
    for name, data in vendored_files():
        yield f"assets/vendor/{name}", data


def collection_script(facts: dict[str, Any]) -> bytes:
    """``gallery/collection.js``: what the page says about the collection as a whole."""
    return script("collection", facts)


def write_data(photos: Iterable[ArchivedPhoto], folder: Path) -> Iterator[tuple[str, Path]]:
    """Write the shards; gives each one's path in the archive and on disk as soon as it is complete."""
    rest = iter(photos)
    shard = 0
    while batch := list(islice(rest, PHOTOS_PER_SHARD)):
        yield _write(folder, "photos", shard, [photo_row(photo) for photo in batch])
        for start in range(0, len(batch), DETAILS_PER_SHARD):
            details = {p.name: photo_details(p) for p in batch[start : start + DETAILS_PER_SHARD]}
            yield _write(folder, "details", (shard * PHOTOS_PER_SHARD + start) // DETAILS_PER_SHARD, details)
        shard += 1


def _write(folder: Path, kind: str, shard: int, value: Any) -> tuple[str, Path]:
    path = folder / f"{kind}-{shard:05d}.js"
    path.write_bytes(script(f"{kind}-{shard:05d}", value))
    return layout.gallery_path(kind, shard), path


def photo_row(photo: ArchivedPhoto) -> dict[str, Any]:
    """What the grid needs of a photograph: short, because thousands are loaded at once."""
    record = photo.record
    terms = record.get("dublin_core") or {}
    key = str(record.get("object_key", ""))
    row: dict[str, Any] = {
        "id": photo.name,
        "title": _short(terms.get("title") or record.get("title") or key.rsplit("/", 1)[-1], 200),
        "file": _short(key.rsplit("/", 1)[-1], 300),
        "state": record.get("state"),
        "reason": record.get("reason"),
        "words": _short(" ".join(str(terms[term]) for term in sorted(terms) if term != "title"), 400),
        "date": _short(terms.get("date"), 40),
    }
    if photo.shown:
        output = record["output"]
        row |= {
            "image": photo.output_path,
            "width": output.get("width"),
            "height": output.get("height"),
            "ai": bool(record.get("ai_altered")),
        }
    return row


def photo_details(photo: ArchivedPhoto) -> dict[str, Any]:
    """What the provenance panel shows of a photograph."""
    record = photo.record
    source = record.get("source") or {}
    return {
        "key": _short(record.get("object_key"), 1100),
        "reason_detail": _short(record.get("reason_detail"), MAX_TEXT),
        "terms": {k: _short(v, MAX_TEXT) for k, v in (record.get("dublin_core") or {}).items()},
        "source": {k: source.get(k) for k in ("uri", "sha256", "size", "format", "width", "height", "bits")},
        "output": _output(photo),
        "recipe": record.get("recipe"),
        "device": record.get("device"),
        "steps": [_step(step) for step in record.get("steps") or []],
        "models": record.get("models") or [],
        "faces": [_face(face) for face in record.get("faces") or []],
        "measurements": record.get("measurements") or {},
        "review": record.get("review"),
        "duplicate_of": record.get("duplicate_of"),
    }


def _output(photo: ArchivedPhoto) -> dict[str, Any] | None:
    if not photo.shown:
        return None
    output = photo.record["output"]
    return {k: output.get(k) for k in ("sha256", "bytes", "format", "width", "height", "bits")}


def _step(step: dict[str, Any]) -> dict[str, Any]:
    return {k: step.get(k) for k in ("step", "status", "reason", "model", "detail", "seconds")}


def _face(face: dict[str, Any]) -> dict[str, Any]:
    return {k: face.get(k) for k in ("action", "reason", "identity", "identity_threshold", "blend", "confidence")}


def script(name: str, value: Any) -> bytes:
    """A script that puts a value under a name of the page's one global, harmless wherever it is embedded.

    ``<``, ``>`` and ``&`` are escaped, so that no ``</script>`` or ``<!--`` can appear; ASCII output escapes U+2028 and
    U+2029, which end a line in older JavaScript.
    """
    body = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        body = body.replace(character, f"\\u{ord(character):04x}")
    return f'(window.ARCHIVE_DATA=window.ARCHIVE_DATA||{{}})["{name}"]={body};\n'.encode("ascii")


def _short(value: Any, length: int) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= length else f"{text[: length - 1]}…"
