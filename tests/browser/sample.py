"""A gallery on disk, built from photographs that packages carry, through the publisher's own code."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from restoration.catalog.publishing import PublishablePhoto
from restoration.fixity import Fixity, fixity_of_file
from restoration.names import output_key
from restoration.publish import gallery
from restoration.publish.photos import spool_photos
from restoration.publish.stage import Stage
from restoration.synthetic.ageing import age
from restoration.synthetic.demo_collection import PLANS, read_origin
from tests.filled import filled_png, filled_record
from tests.given import DRESS, LAWN

HOSTILE_NAME = "<img src=x onerror=alert(1)><script>alert(2)<!--\u2028\u202egnp.tif"
HOSTILE_KEY = f"scans</script><script>alert(3)</script>/{HOSTILE_NAME}"
LONG_KEY = "scans/" + "a-very-long-name-" * 12 + ".tif"
MODEL = {
    "name": "house-colorizer",
    "version": "1",
    "architecture": "unet-ab",
    "weights_sha256": "ab" * 32,
    "licence": "Apache-2.0",
    "source": "packaged:house.safetensors",
    "training_data": "public-domain portraits",
}
FACTS = {
    "name": "village-album",
    "title": "The village album, 1908–1961",
    "rights": "No known copyright restrictions",
    "contact": "archive@example.org",
    "consent": "unknown",
    "sensitivity": "memorial",
    "version": 3,
    "published_at": "2026-11-21T04:00:00+00:00",
    "content_sha256": "cd" * 32,
    "event_chain_head": "ef" * 32,
}


class Sample(NamedTuple):
    """One photograph for the gallery; pixels are BGR, 8 bits."""

    name: str
    title: str
    date: str
    plan: str
    restored: np.ndarray
    scan: np.ndarray


class FolderStore:
    """Stands in for S3 where an archive is to lie on disk: the same calls, files instead of objects."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _path(self, bucket: str, key: str) -> Path:
        path = self.root / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def put(self, bucket: str, key: str, data: bytes, content_type: str = "") -> None:
        self._path(bucket, key).write_bytes(data)

    def put_file(self, bucket: str, key: str, path: Path, content_type: str) -> None:
        self._path(bucket, key).write_bytes(path.read_bytes())

    def copy(self, bucket: str, key: str, to_bucket: str, to_key: str, *, content_type: str | None = None) -> None:
        self._path(to_bucket, to_key).write_bytes(self._path(bucket, key).read_bytes())

    def read(self, bucket: str, key: str, *, max_bytes: int | None = None) -> tuple[bytes, str]:
        data = self._path(bucket, key).read_bytes()
        return data, hashlib.sha256(data).hexdigest()

    def object_fixity(self, bucket: str, key: str) -> Fixity:
        return fixity_of_file(self._path(bucket, key))

    def write_content(self, bucket: str, data: bytes, extension: str, content_type: str) -> str:
        key = output_key(hashlib.sha256(data).hexdigest(), extension)
        self.put(bucket, key, data)
        return key


@lru_cache(maxsize=1)
def pictures() -> list[Sample]:
    """The sample photographs, small, each aged in a way of its own."""
    return [
        _sample("portrait.tif", "Eileen Collins in her flying suit", "1932", "astronaut", "faded"),
        _sample("sailor.tif", "Grace Hopper in uniform", "1944", "hopper", "creased"),
        _sample("kitchen.png", "Coffee on the kitchen table", "about 1950", "coffee", "yellowed"),
        _sample("cat.jpg", "Chelsea, the cat of the schoolhouse", "1948", "cat", "newsprint"),
        _sample("pavilion.jpg", "The pavilion before the fire", "1961", "temple", "cyanotype"),
        _sample("dahlia.jpg", "A dahlia from the garden of the pavilion", "1961", "flower", "colour-print"),
    ]


def _sample(name: str, title: str, date: str, origin: str, plan: str) -> Sample:
    photo = read_origin(origin)
    aged = age(photo, PLANS[plan], seed=1907).pixels
    return Sample(name, title, date, plan, _bytes(photo), _bytes(aged))


def _bytes(pixels: np.ndarray) -> np.ndarray:
    """RGB in [0, 1] as BGR in 0..255."""
    return np.ascontiguousarray(np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)[:, :, ::-1])


def _jpeg(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def record(key: str, state: str, **more: object) -> dict[str, object]:
    """A catalog record as the publisher gets it."""
    base: dict[str, object] = {
        "object_key": key,
        "title": "",
        "dublin_core": {},
        "state": state,
        "reason": None,
        "reason_detail": "",
        "source": {
            "sha256": hashlib.sha256(key.encode()).hexdigest(),
            "etag": "e",
            "size": 123456,
            "uri": f"s3://originals/{key}",
            "version_id": "",
            "format": "tiff",
            "width": 640,
            "height": 480,
            "bits": 16,
        },
        "output": None,
        "previews": None,
        "ai_altered": False,
        "recipe": {"name": "memorial-portrait", "sha256": "cd" * 32},
        "steps": [],
        "models": [],
        "faces": [],
        "measurements": {},
        "device": "cpu-x86_64",
        "seconds": 1.5,
        "review": None,
        "duplicate_of": None,
        "events": [],
    }
    return base | more


def restored(store: FolderStore, number: int, index: int, **more: object) -> PublishablePhoto:
    """A restored photograph whose files lie in the restored bucket; ``more`` changes its record."""
    sample = pictures()[index % len(pictures())]
    own_colours = "colour-print" in sample.plan
    gray = index == 4
    after = _gray(sample.restored) if gray else sample.restored
    png = _png(after, index)
    output = store.write_content("restored", png, "png", "image/png")
    before_key = store.write_content("restored", _jpeg(sample.scan), "jpg", "image/jpeg")
    after_key = store.write_content("restored", _jpeg(after), "jpg", "image/jpeg")
    height, width = after.shape[:2]
    body = record(
        f"scans/{number:05d}-{sample.name}",
        "restored",
        dublin_core={
            "title": sample.title,
            "date": sample.date,
            "creator": "Unknown",
            "description": "From the album of the Kim family.",
        },
        output={
            "key": output,
            "sha256": hashlib.sha256(png).hexdigest(),
            "bytes": len(png),
            "format": "png",
            "width": width,
            "height": height,
            "bits": 8,
        },
        previews={"before": before_key, "after": after_key},
        ai_altered=not (gray or own_colours),
        steps=_steps("colour" if own_colours else "gray", coloured=not (gray or own_colours)),
        models=[MODEL] if not (gray or own_colours) else [],
        faces=[FACES[index]] if index in FACES else [],
        measurements={
            "ssim_y": {"pair": 0.8712},
            "sharpness": {"source": 121.5, "restored": 304.25},
            "contrast_rms": {"source": 0.121, "restored": 0.244},
        },
        events=[_event("ingestion", "03:10"), _event("restoration", "04:00")],
    )
    if index in FILLED:
        mask = filled_png(height, width)
        store.write_content("restored", mask, "png", "image/png")
        body |= filled_record(net=FILLED[index], width=width, height=height, data=mask)
    if index == GIVEN:
        body |= {"variant": "hinted", "hints": [DRESS, LAWN, LAWN | {"hint_id": 14}]}
        body["steps"][-1]["detail"] = {"hints": 3, "unsure_share": 0.41}
    if index == 0:
        body["faces"] = [_face("restored", 0.81), _face("blended", 0.74), _face("left_alone", None)]
    return _photo(number, body | more)


@lru_cache(maxsize=8)
def _encoded(index: int, shape: tuple[int, ...], data: bytes) -> bytes:
    return cv2.imencode(".png", np.frombuffer(data, np.uint8).reshape(shape))[1].tobytes()


def _gray(pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def _event(kind: str, at: str) -> dict[str, object]:
    return {
        "seq": 1 if kind == "ingestion" else 2,
        "type": kind,
        "outcome": "success",
        "agent": "worker-1",
        "occurred_at": f"2026-11-20T{at}:00+00:00",
        "detail": {},
        "run_id": None,
        "restoration_id": None,
        "sha256": "12" * 32,
        "prev_sha256": "34" * 32,
    }


def _png(pixels: np.ndarray, index: int) -> bytes:
    return _encoded(index, pixels.shape, pixels.tobytes())


def _steps(kind: str, *, coloured: bool) -> list[dict[str, object]]:
    steps: list[dict[str, object]] = [
        {"step": "triage", "status": "applied", "seconds": 0.02, "detail": {"kind": kind}},
        {"step": "repair", "status": "applied", "seconds": 0.31, "detail": {"filled": 0.021}},
        {"step": "grade", "status": "applied", "seconds": 0.05},
    ]
    if coloured:
        steps.append({"step": "colorize", "status": "applied", "seconds": 0.4, "model": "house-colorizer"})
    elif kind == "colour":
        steps.append({"step": "colorize", "status": "not_needed", "reason": "already_colour"})
    return steps


def _face(action: str, identity: float | None) -> dict[str, object]:
    reason = "face_too_small" if action == "left_alone" else None
    threshold = None if identity is None else 0.6
    return {
        "action": action,
        "reason": reason,
        "identity": identity,
        "identity_threshold": threshold,
        "blend": 0.8,
        "confidence": 0.97,
    }


FILLED = {0: True, 4: False}
"""Of which of them parts were filled, and whether by a net too."""
GIVEN = 2
"""Of which of them people gave colours; the others are unsure."""
FACES = {1: _face("blended", 0.41)}
"""Faces of the other sample photographs, by their index."""


def _photo(number: int, body: dict[str, object]) -> PublishablePhoto:
    output = body["output"] or {}
    previews = body["previews"] or {}
    return PublishablePhoto(
        photo_id=number,
        object_key=str(body["object_key"]),
        state=str(body["state"]),
        reason=body["reason"],
        source_sha256=body["source"]["sha256"],
        restoration_id=number if output else None,
        output_key=output.get("key"),
        output_sha256=output.get("sha256"),
        output_bytes=output.get("bytes"),
        preview_before_key=previews.get("before"),
        preview_after_key=previews.get("after"),
        record=body,
    )


def _review(decision: str) -> dict[str, object]:
    return {"decision": decision, "reviewer": "Kim", "words": "", "decided_at": "2026-11-21T02:00:00+00:00"}


WITHDRAWAL = {"reason": "At the wish of the family.", "withdrawn_at": "2026-11-21T03:00:00+00:00"}
LISTED = (
    (HOSTILE_KEY, "rejected", "unsafe_name", "the name holds a control character or a line break; rename the scan"),
    ("scans/empty.tif", "rejected", "empty_file", "the file has no bytes; upload it again"),
    (LONG_KEY, "quarantined", "worker_lost", "attempted 3 times"),
    ("scans/withheld.png", "skipped", "consent_refused", ""),
    ("scans/later.png", "pending", None, ""),
)


def photographs(store: FolderStore) -> list[PublishablePhoto]:
    """Seventeen photographs, one for everything that the gallery can show of one."""
    photos = [restored(store, n + 1, n) for n in range(6)]
    photos[1] = restored(store, 2, 1, state="needs_review", reason="identity_low", awaits_review=True)
    photos += [
        _photo(n, record(key, state, reason=reason, reason_detail=detail))
        for n, (key, state, reason, detail) in enumerate(LISTED, start=7)
    ]
    hostile = {"title": "<b>=cmd|'/c calc'!A1</b>", "date": "1900"}
    return [
        *photos,
        restored(store, 12, 0, dublin_core=hostile),
        restored(store, 13, 1, decision="keep_original", review=_review("keep_original")),
        restored(store, 14, 3, decision="reject", review=_review("reject")),
        restored(store, 15, 0, decision="accept_without_faces", review=_review("accept_without_faces")),
        restored(store, 16, 1, state="needs_review", decision="accept", review=_review("accept")),
        restored(store, 17, 2, photo_id=17, withdrawal=WITHDRAWAL, object_key="scans/of-nobody-else.tif"),
    ]


def build_gallery(root: Path, *, givers: bool = False) -> Path:
    """Write an archive of all kinds of photographs; gives the folder with its ``index.html``.

    :param givers: whether those who gave colours are named.
    """
    store = FolderStore(root)
    photos = photographs(store)
    work = root / "work"
    work.mkdir(parents=True)
    header = {k: FACTS[k] for k in ("name", "title", "rights")}
    spool = spool_photos(photos, work / "photos.jsonl", header, givers=givers)
    facts = FACTS | {"photos": spool.count, "shown": spool.shown, "states": dict(Counter(p.state for p in photos))}
    Stage(store, "restored", "archive", "village-album/v0003/", work).write(spool, facts)
    return root / "archive" / "village-album" / "v0003"


def build_large_gallery(root: Path, count: int) -> Path:
    """A gallery of many photographs: all of their data, but the pictures are links to six files.

    Every tenth could not be restored. Titles hold the number, so that each can be searched for.
    """
    store = FolderStore(root)
    samples = [restored(store, n + 1, n) for n in range(6)]
    folder = root / "archive"
    for part in ("gallery", "data/previews", "assets", "work"):
        (folder / part).mkdir(parents=True)

    def photos() -> Iterator[PublishablePhoto]:
        for number in range(1, count + 1):
            if number % 10 == 0:
                yield _photo(number, record(f"scans/{number:05d}.tif", "rejected", reason="truncated"))
                continue
            record_ = samples[number % 6].record
            terms = {"title": f"Village feast no. {number}", "date": str(1900 + number % 60)}
            yield _photo(number, record_ | {"object_key": f"scans/{number:05d}.png", "dublin_core": terms})
            for stage in ("before", "after"):
                link = folder / "data" / "previews" / f"{number:08d}-{stage}.jpg"
                link.symlink_to(root / "restored" / record_["previews"][stage])

    spool = spool_photos(photos(), folder / "work" / "photos.jsonl", {})
    for name, data in gallery.site_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    for name, path in gallery.write_data(spool, folder / "work"):
        path.replace(folder / name)
    facts = FACTS | {"photos": spool.count, "shown": spool.shown}
    (folder / "gallery" / "collection.js").write_bytes(gallery.collection_script(facts))
    return folder
