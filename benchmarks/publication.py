"""What a publication costs: seconds, memory and bytes at several sizes of collection, side by side in one run.

Photographs are built once (a restored PNG and two previews) and repeated with records as the catalog gives them; they
are staged as a publication stages them, into folders instead of S3, so that neither network nor server is measured.
Prints one JSON object a size: seconds, peak memory, the pictures' bytes, and the share of everything
else by kind.

    python benchmarks/publication.py [--photos 100 1000 10000] [--side 1000]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from restoration.catalog.publishing import PublishablePhoto
from restoration.damage_kinds import MASK_CODES, DamageKind
from restoration.errors import PhotoRejected, ReasonCode
from restoration.fixity import Fixity, fixity_of_file
from restoration.names import output_key
from restoration.photo.encode import encode_png, preview_jpeg
from restoration.photo.masks import encode_mask
from restoration.photo.picture import Picture, ScanInfo
from restoration.publish.photos import spool_photos
from restoration.publish.stage import Stage
from restoration.storage.s3 import StoredObject

SHA = "ab" * 32
HEADER = {"name": "album", "title": "An album", "rights": "CC0-1.0", "contact": "", "consent": "granted"}
FACTS = HEADER | {
    "sensitivity": "normal",
    "version": 1,
    "published_at": "2026-01-02T03:04:05+00:00",
    "content_sha256": SHA,
    "event_chain_head": SHA,
}


class FolderStore:
    """The stage's calls of the object store, on folders of one disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _path(self, bucket: str, key: str) -> Path:
        path = self.root / bucket / key
        if not path.is_file():
            raise PhotoRejected("missing", reason=ReasonCode.SOURCE_MISSING, photo=key)
        return path

    def read(self, bucket: str, key: str, **_: object) -> tuple[bytes, str]:
        data = self._path(bucket, key).read_bytes()
        return data, hashlib.sha256(data).hexdigest()

    def object_fixity(self, bucket: str, key: str) -> Fixity:
        return fixity_of_file(self._path(bucket, key))

    def stat(self, bucket: str, key: str) -> StoredObject:
        size = self._path(bucket, key).stat().st_size
        return StoredObject(key, "", "", size, datetime.now(UTC))

    def put(self, bucket: str, key: str, data: bytes, content_type: str = "") -> None:
        path = self.root / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def put_file(self, bucket: str, key: str, path: Path, content_type: str) -> None:
        self.put(bucket, key, path.read_bytes())

    def write_content(self, data: bytes, extension: str) -> str:
        key = output_key(hashlib.sha256(data).hexdigest(), extension)
        self.put("restored", key, data)
        return key


def picture(side: int) -> tuple[bytes, bytes]:
    """A PNG and a preview of a smooth scene with grain, of so many pixels a side."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    grain = np.random.default_rng(1).normal(0, 0.02, (side, side, 3)).astype(np.float32)
    pixels = np.clip(np.stack([x, y, (x + y) / 2], axis=2) + grain, 0, 1).astype(np.float32)
    info = ScanInfo(format="tiff", width=side, height=side, bits=8, channels=3, dpi=300.0)
    return encode_png(Picture(pixels, info), software="archive-restoration", ai_altered=True), preview_jpeg(
        pixels, 1280
    )


def scratch_mask(side: int) -> bytes:
    """The mask of a picture across which one scratch was filled."""
    mask = np.zeros((side, side), np.uint8)
    mask[side // 2] = MASK_CODES[DamageKind.SCRATCH]
    return encode_mask(mask)


def photographs(count: int, side: int, png: tuple[str, bytes], preview: str, mask: str) -> Iterator[PublishablePhoto]:
    """Records of restored photographs, each with a mask, steps, two faces, measurements, models and events."""
    for number in range(1, count + 1):
        yield PublishablePhoto(
            number, f"scans/{number}.tif", "restored", None, SHA, number, png[0], SHA, len(png[1]), preview, preview,
            record(number, side, png, preview) | filled(side, mask),
        )  # fmt: skip


def record(number: int, side: int, png: tuple[str, bytes], preview: str) -> dict[str, Any]:
    """What the catalog says of one photograph."""
    model = {
        "version": "1.0",
        "architecture": "net",
        "licence": "CC0-1.0",
        "source": "packaged",
        "training_data": "own",
    }
    models = [model | {"name": f"model-{n}", "weights_sha256": f"{n:064x}"} for n in range(4)]
    events = [
        {"seq": 3 * number + n, "type": kind, "outcome": "success", "agent": "worker@host", "run_id": None,
         "occurred_at": FACTS["published_at"], "restoration_id": number, "detail": {"output_sha256": SHA},
         "prev_sha256": SHA, "sha256": SHA}
        for n, kind in enumerate(("ingestion", "restoration"))
    ]  # fmt: skip
    face = {"box": [10, 10, 90, 90], "confidence": 0.98, "landmarks": [[1, 2]] * 5, "action": "restored",
            "identity": 0.9, "certainty": 0.8, "identity_threshold": 0.6, "blend": 1.0}  # fmt: skip
    steps = ("triage", "repair", "grade", "colorize", "faces", "measure")
    return {
        "photo_id": number,
        "object_key": f"scans/{number}.tif",
        "title": f"Photograph {number}",
        "dublin_core": {"title": f"Photograph {number}", "date": "1912", "creator": "Unknown"},
        "state": "restored",
        "source": {"uri": f"s3://originals/scans/{number}.tif", "sha256": SHA, "size": 4_000_000, "format": "tiff"},
        "output": {"key": png[0], "sha256": hashlib.sha256(png[1]).hexdigest(), "bytes": len(png[1]), "format": "png",
                   "width": side, "height": side, "bits": 8},
        "previews": {"before": preview, "after": preview},
        "ai_altered": True,
        "recipe": {"name": "memorial-portrait", "sha256": SHA, "models_sha256": SHA},
        "device": "cpu",
        "code_version": "0.1.0",
        "restored_at": FACTS["published_at"],
        "steps": [{"ordinal": n, "step": name, "status": "applied", "seconds": 0.1, "parameters": {"strength": 0.5},
                   "detail": {}, "model": f"model-{n % 4}"} for n, name in enumerate(steps)],
        "faces": [face, face],
        "models": models,
        "measurements": {name: {"source": 0.5, "restored": 0.6} for name in ("sharpness", "noise", "contrast_rms")},
        "events": events,
    }  # fmt: skip


def filled(side: int, mask: str) -> dict[str, Any]:
    """What it says of what was filled."""
    scratch = {"kind": "scratch", "found_share": 1 / side, "mended_share": 1 / side, "regions": 1,
               "mending": "surroundings", "box": [0, side // 2, side, 1], "model": None}  # fmt: skip
    return {"mask": mask, "filled_share": 1 / side, "damage": [scratch]}


def measure(count: int, side: int, folder: Path, results: Any) -> None:
    """Stage one collection in this process, so that its memory is its own."""
    store = FolderStore(folder)
    data, small = picture(side)
    png, preview = (store.write_content(data, "png"), data), store.write_content(small, "jpg")
    mask = store.write_content(scratch_mask(side), "png")
    temporary = folder / "temporary"
    temporary.mkdir()
    begun = time.perf_counter()
    spool = spool_photos(photographs(count, side, png, preview, mask), temporary / "photos.jsonl", HEADER)
    stage = Stage(store, "restored", "archive", "album/v0001/", temporary)
    written = stage.write(spool, FACTS | {"photos": count, "shown": count, "states": {}})
    seconds = time.perf_counter() - begun
    results.put(
        {
            "photos": count,
            "seconds": round(seconds, 1),
            "milliseconds_a_photo": round(1000 * seconds / count, 2),
            "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "files": written.files,
            **shares(folder / "archive" / "album" / "v0001"),
        }
    )


def shares(version: Path) -> dict[str, Any]:
    """Bytes of the pictures, and what everything else takes in percent of them, by folder."""
    sizes: Counter[str] = Counter()
    for path in version.rglob("*"):
        if path.is_file():
            parts = path.relative_to(version).parts
            sizes["/".join(parts[: 2 if parts[0] == "data" and len(parts) > 2 else 1])] += path.stat().st_size
    pictures = sum(sizes.pop(f"data/{kind}") for kind in ("photos", "previews", "masks"))
    rest = {name: round(100 * size / pictures, 2) for name, size in sizes.most_common(8)}
    return {
        "picture_bytes": pictures,
        "overhead_percent": round(100 * sum(sizes.values()) / pictures, 2),
        "by_part": rest,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--side", type=int, default=500, help="pixels a side of the restored picture")
    arguments = parser.parse_args()
    for count in arguments.photos:
        folder = Path(tempfile.mkdtemp(prefix="publication-"))
        results: Any = multiprocessing.Queue()
        process = multiprocessing.Process(target=measure, args=(count, arguments.side, folder, results))
        process.start()
        print(json.dumps(results.get()), flush=True)
        process.join()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
