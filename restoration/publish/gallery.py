"""The gallery's files: a hand-written static site, and its data in shards that open from disk too.

A page opened from disk may not fetch its neighbours, so data are scripts that assign to one global. An index of ten
thousand photographs (:mod:`restoration.publish.gallery_index`) comes first; the grid reads shards of 250 as one
scrolls, search reads them all; what the provenance panel shows comes in shards of 50 that load when one is opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restoration.publish import layout
from restoration.publish.filled import filled_of
from restoration.publish.gallery_index import IndexColumns, size_of
from restoration.publish.given import given_of
from restoration.publish.photos import ArchivedPhoto

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

PHOTOS_PER_SHARD = 250
DETAILS_PER_SHARD = 50
MAX_TEXT = 2000
MAX_EVENTS = 40


def site_files() -> Iterator[tuple[str, bytes]]:
    """The site's own files by their path in the archive: pages at its root, everything else under ``assets/``."""
    yield from _files_in(resources.files("restoration.publish").joinpath("site"), "assets/")


def _files_in(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for item in sorted(folder.iterdir(), key=lambda i: i.name):
        if item.is_dir():
            yield from _files_in(item, f"{prefix}{item.name}/")
        else:
            yield item.name if item.name.endswith(".html") else prefix + item.name, item.read_bytes()


def collection_script(facts: dict[str, Any]) -> bytes:
    """``gallery/collection.js``: what the page says about the collection as a whole, and how its data are cut."""
    sizes = {"photos": PHOTOS_PER_SHARD, "details": DETAILS_PER_SHARD}
    viewer = resources.files("restoration.publish").joinpath("site", "vendor", "openseadragon.min.js").is_file()
    return script("collection", {**facts, "shards": sizes, "viewer": viewer})


def write_data(photos: Iterable[ArchivedPhoto], folder: Path) -> Iterator[tuple[str, Path]]:
    """Write the shards; gives each one's path in the archive and on disk as soon as it is complete."""
    rest = iter(photos)
    index, number, shard = IndexColumns(), 0, 0
    while batch := list(islice(rest, PHOTOS_PER_SHARD)):
        if index.full:
            yield _write(folder, "index", number, index.value())
            index, number = IndexColumns(), number + 1
        for photo in batch:
            index.add(photo)
        yield _write(folder, "photos", shard, [photo_row(photo) for photo in batch])
        for start in range(0, len(batch), DETAILS_PER_SHARD):
            details = {p.name: photo_details(p) for p in batch[start : start + DETAILS_PER_SHARD]}
            yield _write(folder, "details", (shard * PHOTOS_PER_SHARD + start) // DETAILS_PER_SHARD, details)
        shard += 1
    yield _write(folder, "index", number, index.value())


def _write(folder: Path, kind: str, shard: int, value: Any) -> tuple[str, Path]:
    path = folder / f"{kind}-{shard:05d}.js"
    path.write_bytes(script(f"{kind}-{shard:05d}", value))
    return layout.gallery_path(kind, shard), path


def photo_row(photo: ArchivedPhoto) -> dict[str, Any]:
    """What the grid needs of a photograph, and what search looks through: short, because thousands are loaded.

    ``shown`` is ``restored``, ``original``, ``listed`` or ``withdrawn``; ``reason`` says why it is not restored.
    ``thumb`` names a thumbnail among the published tiles, which are on the web only: from disk the grid shows previews.
    """
    record = photo.record
    terms = record.get("dublin_core") or {}
    file = str(record.get("object_key", "")).rsplit("/", 1)[-1]
    size = size_of(photo)
    row: dict[str, Any] = {
        "id": photo.name,
        "shown": photo.shown_as,
        "state": record.get("state"),
        "reason": photo.reason,
        "title": _short(terms.get("title") or record.get("title") or file, 200),
        "file": _short(file, 300),
        "words": _short(" ".join(str(terms[term]) for term in sorted(terms) if term not in ("title", "date")), 400),
        "date": _short(terms.get("date"), 40),
        "image": photo.output_path,
        "access": photo.access_path,
        "width": size and size[0],
        "height": size and size[1],
        "ai": bool(photo.shown and record.get("ai_altered")),
        "thumb": (record.get("viewing") or {}).get("thumb"),
    }
    return _without_empty(row)


def photo_details(photo: ArchivedPhoto) -> dict[str, Any]:
    """What the provenance panel shows of a photograph. Empty facts are left out."""
    record = photo.record
    source = record.get("source") or {}
    return _without_empty(
        {
            "key": _short(record.get("object_key"), 1100),
            "reason_detail": _short(record.get("reason_detail"), MAX_TEXT),
            "withdrawal": record.get("withdrawal"),
            "terms": {k: _short(v, MAX_TEXT) for k, v in (record.get("dublin_core") or {}).items()},
            "source": _kept(
                source, ("uri", "sha256", "size", "format", "width", "height", "bits", "page", "pages", "part")
            ),
            "output": _output(photo),
            "access": _access(photo),
            "recipe": record.get("recipe"),
            "flag": record.get("reason") if photo.shown_as == "original" else None,
            "variant": record.get("variant"),
            "device": record.get("device"),
            "software": record.get("code_version"),
            "restored_at": record.get("restored_at"),
            "steps": [
                _kept(s, ("step", "status", "reason", "model", "detail", "seconds")) for s in _all(record, "steps")
            ],
            "models": _all(record, "models"),
            "faces": [
                _kept(f, ("action", "reason", "identity", "identity_threshold", "blend", "confidence"))
                for f in _all(record, "faces")
            ],
            "damage": [
                _kept(d, ("kind", "found_share", "mended_share", "regions", "mending", "model"))
                for d in _all(record, "damage")
            ],
            "filled": _filled(photo),
            "given": _given(photo),
            "measurements": record.get("measurements"),
            "decision": record.get("decision"),
            "review": record.get("review"),
            "events": [
                _kept(e, ("type", "outcome", "agent", "occurred_at")) for e in _all(record, "events")[-MAX_EVENTS:]
            ],
            "duplicate_of": record.get("duplicate_of"),
            **(record.get("viewing") or {}),
        }
    )


def _output(photo: ArchivedPhoto) -> dict[str, Any] | None:
    if not photo.shown:
        return None
    return _kept(photo.record["output"], ("sha256", "bytes", "format", "width", "height", "bits"))


def _access(photo: ArchivedPhoto) -> dict[str, Any] | None:
    return _kept(photo.record["access"], ("sha256", "bytes", "format")) if photo.access_path else None


def _filled(photo: ArchivedPhoto) -> dict[str, Any] | None:
    """What of the picture that is shown was filled: its share, the kinds of damage, and the mask's path."""
    filled = filled_of(photo.record)
    if not filled or photo.mask_path is None:
        return None
    kinds = [{"kind": area.kind, "share": area.share, "net": area.by_net} for area in filled.areas]
    return {"share": filled.share, "kinds": [_without_empty(kind) for kind in kinds], "mask": photo.mask_path}


def _given(photo: ArchivedPhoto) -> list[dict[str, Any]]:
    """Colours of the picture that is shown which people gave; who and from what only if they may be named."""
    if not photo.shown:
        return []
    return [
        _without_empty(
            {
                "word": one.word,
                "colour": one.colour,
                "what": _short(one.what, 200),
                "ground": one.ground,
                "by": _short(one.said_by, 200),
                "source": _short(one.source, MAX_TEXT),
                "on": _short(one.said_on, 200),
            }
        )
        for one in given_of(photo.record)
    ]


def _all(record: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return record.get(name) or []


def _kept(value: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return _without_empty({name: value.get(name) for name in names})


def _without_empty(value: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing. Zero says something; false does not, because a browser reads it as what is absent."""
    return {k: v for k, v in value.items() if v is not None and v is not False and v not in ("", [], {})}


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
