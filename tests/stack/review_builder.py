"""A collection to review, with real pictures: a catalog's rows, previews, restored files and tiles in a real bucket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import cv2
import numpy as np
import sqlalchemy as sa

from restoration.catalog import work
from restoration.catalog.collections import Collection
from restoration.catalog.rows import FaceRow, ScanRow, StepRow
from restoration.errors import PhotoState, ReasonCode
from restoration.photo.tiles import tiles_zip
from restoration.steps.parameters import Colorize
from restoration.storage.s3 import ObjectStore
from restoration.synthetic.ageing import age
from restoration.synthetic.demo_collection import PLANS, read_origin
from tests.filled import filled_png
from tests.stack import catalog_builder as build

PREVIEW_SIDE = 320
TILE_SIDE = 256
HOSTILE_TITLE = "<img src=x onerror=alert(1)>\u202e & Söhne"
COLORIZER = build.COLORIZER


@dataclass(frozen=True)
class Sitter:
    """A photograph: where it comes from, how it was aged, and its faces as (box, identity, action)."""

    name: str
    origin: str
    plan: str
    title: str
    enlarged: float = 1.0
    faces: Sequence[tuple[tuple[int, int, int, int], float | None, str]] = ()
    reason: ReasonCode | None = None
    tiles: bool = False
    terms: dict[str, str] = field(default_factory=dict)
    filled: bool = False


_DETAILS = {
    ReasonCode.IDENTITY_LOW: "face 1: identity 0.44, asked for 0.60",
    ReasonCode.HEAVY_DAMAGE: "damage 0.085 of the picture, at most 0.080",
    ReasonCode.QUALITY_FELL: "noise 0.012, was 0.004",
}
_TERMS = sa.text("UPDATE photo SET dublin_core = CAST(:terms AS jsonb) WHERE object_key = :key AND current")
_KINDS = {
    "output": ("png", "image/png"),
    "mask": ("png", "image/png"),
    "preview": ("jpg", "image/jpeg"),
    "tiles": ("zip", "application/zip"),
}
HOPPER = (187, 121, 165, 202)
COLLINS = (176, 66, 92, 122)
SITTERS = (
    Sitter("01-collins.tif", "astronaut", "creased", "Eileen Collins in her flying suit", 2.0,
           [(COLLINS, 0.44, "blended")], ReasonCode.IDENTITY_LOW, True,
           {"date": "1932", "creator": "Unknown", "description": "From the album of the Kim family."}),
    Sitter("02-hopper.tif", "hopper", "sepia-scratched", "Grace Hopper in uniform, damaged", 2.0,
           [(HOPPER, 0.63, "restored")], ReasonCode.HEAVY_DAMAGE, True, {"date": "about 1944"},
           filled=True),
    Sitter("03-temple.tif", "temple", "cyanotype", "The pavilion by the lake", 1.5, [], ReasonCode.QUALITY_FELL, False,
           {"date": "1908"}),
    Sitter("04-hostile.tif", "coffee", "yellowed", HOSTILE_TITLE, 1.0, [], ReasonCode.HEAVY_DAMAGE),
    Sitter("05-portrait.tif", "astronaut", "faded", "Her portrait from the newspaper", 1.0,
           [(COLLINS, 0.86, "restored"), ((20, 300, 60, 60), None, "left_alone")]),
    Sitter("06-flower.tif", "flower", "colour-print", "", 1.0),
)  # fmt: skip
"""Four wait for a person, two do not."""

WAITING = [sitter.name for sitter in SITTERS if sitter.reason]


@cache
def _pixels(origin: str, plan: str, enlarged: float) -> tuple[np.ndarray, np.ndarray]:
    """Scan and result, H x W x 3 uint8 RGB."""
    photo = read_origin(origin)
    if enlarged != 1.0:
        photo = np.clip(cv2.resize(photo, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC), 0, 1)
    aged = age(photo, PLANS[plan], seed=7).pixels
    return tuple(np.round(np.clip(part, 0, 1) * 255).astype(np.uint8) for part in (aged, photo))  # type: ignore[return-value]


@cache
def _files(origin: str, plan: str, enlarged: float, tiled: bool) -> dict[str, bytes]:
    """The files that a worker would keep, by the name of their key."""
    before, after = _pixels(origin, plan, enlarged)
    made = {
        "output_key": _encoded(after, ".png"),
        "preview_before_key": _encoded(before, ".jpg", PREVIEW_SIDE),
        "preview_after_key": _encoded(after, ".jpg", PREVIEW_SIDE),
    }
    if tiled:
        made |= {"tiles_before_key": tiles_zip(before, TILE_SIDE), "tiles_after_key": tiles_zip(after, TILE_SIDE)}
    return made


def _encoded(pixels: np.ndarray, ending: str, side: int | None = None) -> bytes:
    scale = min(1.0, side / max(pixels.shape[:2])) if side else 1.0
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.imencode(ending, pixels[:, :, ::-1])[1].tobytes()


def _face(ordinal: int, box: tuple[float, ...], identity: float | None, action: str) -> FaceRow:
    reason = {"left_alone": ReasonCode.FACE_TOO_SMALL, "blended": ReasonCode.IDENTITY_LOW}.get(action)
    x, y, width, height = box
    made = build.face(ordinal, identity, action, reason)
    return replace(made, x=x, y=y, width=width, height=height, blend=0.6 if action == "blended" else made.blend)


def _restoration(store: ObjectStore, bucket: str, sitter: Sitter, recipe: dict[str, object]):
    files = _files(sitter.origin, sitter.plan, sitter.enlarged, sitter.tiles)
    png = files["output_key"]
    height, width = _pixels(sitter.origin, sitter.plan, sitter.enlarged)[1].shape[:2]
    keys, filled = {}, {}
    if sitter.filled:
        files = files | {"mask_key": filled_png(height, width)}
        filled = {"filled_share": build.FILLED["filled_share"], "damage": build.FILLED["damage"]}
    for name, data in files.items():
        ending, media_type = _KINDS[name.split("_")[0]]
        keys[name] = store.write_content(bucket, data, ending, media_type)
    boxes = [
        _face(i, tuple(v * sitter.enlarged for v in box), identity, action)
        for i, (box, identity, action) in enumerate(sitter.faces)
    ]
    return build.restored(
        sitter.name,
        recipe=recipe,
        state=PhotoState.NEEDS_REVIEW if sitter.reason else PhotoState.RESTORED,
        reason=sitter.reason,
        reason_detail=_DETAILS.get(sitter.reason, ""),
        faces=boxes,
        output_sha256=hashlib.sha256(png).hexdigest(),
        output_bytes=len(png),
        output_width=width,
        output_height=height,
        info=ScanRow("tiff", width, height, 16, {"dpi": 600.0}),
        steps=[
            StepRow(0, "triage", "applied", 0.1, detail={"kind": "gray"}),
            StepRow(
                1,
                "repair",
                "applied",
                0.8,
                detail={"damage": 0.085 if sitter.reason is ReasonCode.HEAVY_DAMAGE else 0.031},
            ),
            StepRow(2, "grade", "applied", 0.1),
            StepRow(3, "colorize", "applied", 1.5, parameters=Colorize().model_dump(mode="json"), model=COLORIZER),
            StepRow(4, "faces", "applied", 2.5),
        ],
        **keys,
        **filled,
    )


def restore_all(
    engine: sa.Engine,
    store: ObjectStore,
    bucket: str,
    collection: Collection,
    *,
    number: int = 1,
    recipe: dict[str, object] = build.RECIPE,
    sitters: Sequence[Sitter] = SITTERS,
) -> None:
    """One whole run over the collection, with its pictures in the bucket."""
    by_key = {f"family/{sitter.name}": sitter for sitter in sitters}
    with engine.begin() as conn:
        build.listing(conn, collection, list(sitter.name for sitter in sitters))
        for key, sitter in by_key.items():
            terms = {"title": sitter.title, **sitter.terms} if sitter.title else dict(sitter.terms)
            conn.execute(_TERMS, {"key": key, "terms": json.dumps(terms)})
        run_id = build.add_run(conn, collection, number, recipe)
        build.plan(conn, run_id, batch_size=64)
        for batch in build.claimed(conn, run_id):
            for photo in batch.photos:
                build.lease(conn, batch.batch_id, photo.photo_id)
                new = _restoration(store, bucket, by_key[photo.object_key], recipe)
                work.record_restored(conn, batch.batch_id, photo.photo_id, build.WORKER, new)
            assert work.finish_batch(conn, batch.batch_id, build.WORKER) == "done"


def add_reviewed_collection(engine: sa.Engine, store: ObjectStore, bucket: str = "restored") -> Collection:
    """The collection ``family`` of :data:`SITTERS`, restored once."""
    with engine.begin() as conn:
        collection = build.add_collection(conn, title="The Kim family’s album", consent="granted")
    restore_all(engine, store, bucket, collection)
    return collection
