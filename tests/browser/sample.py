"""A gallery on disk, built from photographs that packages carry, through the publisher's own code."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import skimage

from restoration.catalog.publishing import PublishablePhoto
from restoration.fixity import Fixity, fixity_of_file
from restoration.names import output_key
from restoration.publish.photos import spool_photos
from restoration.publish.stage import Stage

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

    def object_fixity(self, bucket: str, key: str) -> Fixity:
        return fixity_of_file(self._path(bucket, key))

    def write_content(self, bucket: str, data: bytes, extension: str, content_type: str) -> str:
        key = output_key(hashlib.sha256(data).hexdigest(), extension)
        self.put(bucket, key, data)
        return key


def pictures() -> list[tuple[str, str, str, np.ndarray]]:
    """Name, title, date and BGR pixels of the sample photographs, most of them small."""
    data = Path(skimage.__file__).parent / "data"
    astronaut = cv2.imread(str(data / "astronaut.png"))
    coffee = cv2.imread(str(data / "coffee.png"))
    cat = cv2.imread(str(data / "chelsea.png"))
    rocket = cv2.imread(str(data / "rocket.jpg"))
    return [
        ("portrait.tif", "Grandmother in her flying suit", "1932", astronaut),
        ("portrait-close.tif", "The same portrait, closer", "1932", astronaut[10:260, 100:330]),
        ("kitchen.png", "Coffee on the kitchen table", "about 1950", coffee),
        ("cat.jpg", "Chelsea, the cat of the schoolhouse", "1948", cat),
        ("tower.jpg", "The tower before the fire", "1961", rocket),
        ("tower-tall.jpg", "Tower, upper half", "1961", rocket[:, 220:420]),
    ]


def _age(pixels: np.ndarray) -> np.ndarray:
    """Grey, faded, warm and scratched."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.float32) * 0.62 + 62
    tinted = gray[..., None] * np.array([0.82, 0.94, 1.0], np.float32)
    aged = np.clip(tinted, 0, 255).astype(np.uint8)
    height, width = gray.shape
    generator = np.random.default_rng(7)
    for _ in range(14):
        x, drift = generator.integers(0, width), int(generator.integers(-30, 30))
        cv2.line(aged, (int(x), 0), (int(x) + drift, height), (225, 232, 235), 1, cv2.LINE_AA)
    for _ in range(40):
        spot = (int(generator.integers(0, width)), int(generator.integers(0, height)))
        cv2.circle(aged, spot, int(generator.integers(1, 4)), (228, 236, 240), -1, cv2.LINE_AA)
    return aged


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


def restored(store: FolderStore, number: int, index: int) -> PublishablePhoto:
    """A restored photograph whose files lie in the restored bucket."""
    name, title, date, pixels = pictures()[index % len(pictures())]
    colour = index % 5 != 4
    after = pixels if colour else cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    png = cv2.imencode(".png", after)[1].tobytes()
    output = store.write_content("restored", png, "png", "image/png")
    before_key = store.write_content("restored", _jpeg(_age(pixels)), "jpg", "image/jpeg")
    after_key = store.write_content("restored", _jpeg(after), "jpg", "image/jpeg")
    state = "needs_review" if index == 1 else "restored"
    height, width = pixels.shape[:2]
    body = record(
        f"scans/{number:05d}-{name}",
        state,
        reason="identity_low" if state == "needs_review" else None,
        dublin_core={
            "title": title,
            "date": date,
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
        ai_altered=colour,
        steps=_steps(colour),
        models=[MODEL] if colour else [],
        faces=[_face("restored", 0.81), _face("left_alone", None)] if index < 2 else [],
        measurements={
            "ssim_y": {"pair": 0.8712},
            "sharpness": {"source": 0.0121, "restored": 0.0304},
            "contrast_rms": {"source": 0.121, "restored": 0.244},
        },
    )
    return _photo(number, body)


def _steps(colour: bool) -> list[dict[str, object]]:
    steps = [
        {"step": "triage", "status": "applied", "seconds": 0.02},
        {"step": "repair", "status": "applied", "seconds": 0.31, "detail": {"damage_share": 0.021}},
        {"step": "grade", "status": "applied", "seconds": 0.05},
    ]
    if colour:
        steps.append({"step": "colorize", "status": "applied", "seconds": 0.4, "model": "house-colorizer"})
    return steps


def _face(action: str, identity: float | None) -> dict[str, object]:
    reason = "face_too_small" if action == "left_alone" else None
    return {"action": action, "reason": reason, "identity": identity, "blend": 0.8, "confidence": 0.97}


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


def build_gallery(root: Path, *, extra: int = 0) -> Path:
    """Write an archive; gives the folder with its ``index.html``. ``extra`` photographs are added beyond the dozen."""
    store = FolderStore(root)
    photos = [restored(store, n + 1, n) for n in range(6)]
    number = len(photos) + 1
    failures = (
        (HOSTILE_KEY, "rejected", "unsafe_name", "the name holds a control character or a line break; rename the scan"),
        ("scans/empty.tif", "rejected", "empty_file", "the file has no bytes; upload it again"),
        (LONG_KEY, "quarantined", "worker_lost", "attempted 3 times"),
        ("scans/withheld.png", "skipped", "consent_refused", ""),
        ("scans/later.png", "pending", None, ""),
    )
    for key, state, reason, detail in failures:
        photos.append(_photo(number, record(key, state, reason=reason, reason_detail=detail)))
        number += 1
    first = restored(store, number, 0)
    body = first.record | {"dublin_core": {"title": "<b>=cmd|'/c calc'!A1</b>", "date": "1900"}}
    photos.append(_photo(number, body))
    template = restored(store, 1, 2).record
    for n in range(number + 1, number + 1 + extra):
        photos.append(_photo(n, template | {"object_key": f"scans/{n:05d}.png"}))
    work = root / "work"
    work.mkdir(parents=True)
    header = {k: FACTS[k] for k in ("name", "title", "rights")}
    spool = spool_photos(photos, work / "photos.jsonl", header)
    facts = FACTS | {"photos": spool.count, "shown": spool.shown, "states": dict(Counter(p.state for p in photos))}
    Stage(store, "restored", "archive", "village-album/v0003/", work).write(spool, facts)
    return root / "archive" / "village-album" / "v0003"
