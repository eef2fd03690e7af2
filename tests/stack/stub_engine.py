"""An engine that does what the scan's first word says, so that a test can kill, slow down or fail exactly one photo."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from restoration.damage_kinds import MASK_CODES, DamageKind, Mending
from restoration.engine.outcome import Outcome, Result, Scan, StepRecord
from restoration.engine.prepare import Prepared
from restoration.engine.recipe import Recipe
from restoration.errors import ModelError, PhotoState, ReasonCode
from restoration.names import models_sha256, page_sha256
from restoration.photo.access import AccessCopy
from restoration.photo.picture import ScanInfo
from restoration.steps.protocol import DamageRecord, Measurement

INFO = ScanInfo(format="png", width=8, height=8, bits=8, channels=3)


class StubEngine:
    """Words: ``POISON`` kills the process, ``SLOW`` takes half a second, ``ENDLESS`` for ever, ``FAIL`` fails, ``BAD``
    cannot be read. With ``STUB_WITHOUT_MODEL`` in the environment no recipe can be prepared.

    ``PAGES OK a|BAD b`` is a file of two photographs; every other one is a photograph of its own.
    ``BED`` shows two prints, or three if ``BED3``, of which triage tells; ``SURE`` three that are all sure, ``DOUBT``
    three, one of which is not.
    ``TILES`` has tiles of before and after, ``SAME`` tiles that both share, all others none. ``MASK`` has a mask, and
    damage of which two steps found some.
    """

    device = "cpu"
    device_class = "stub"
    several = "offer"

    def prepare(self, recipe: Recipe) -> Prepared:
        if "STUB_WITHOUT_MODEL" in os.environ:
            raise ModelError("stub-model is not on this machine")
        return Prepared(recipe, models_sha256({}), ())

    def restore_many(self, scans: Iterable[Scan], prepared: Prepared) -> Iterator[Outcome]:
        for step in prepared.recipe.steps:
            self.several = getattr(step.parameters, "several", self.several)
        for scan in scans:
            yield self.restore(scan)

    def restore(self, scan: Scan) -> Outcome:
        data, pages = page_of(scan.data, scan.page)
        word = data.split(b" ", 1)[0]
        sha256 = page_sha256(scan.file_sha256 or hashlib.sha256(scan.data).hexdigest(), scan.page, scan.box)
        info = replace(INFO, format="tiff" if pages > 1 else INFO.format, page=scan.page, pages=pages)
        if scan.box:
            data = b"cut " + data + f" at {scan.box}".encode()
            info = replace(info, cut=cut_at(scan.box))
        if word == b"POISON":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == b"SLOW":
            time.sleep(0.5)
        while word == b"ENDLESS":
            time.sleep(0.1)
        if word == b"FAIL":
            return Outcome(
                scan.name, sha256, PhotoState.PENDING, 0.0, ReasonCode.STEP_FAILED, "told to fail", info, pages=pages
            )
        if word == b"BAD":
            return Outcome(
                scan.name, sha256, PhotoState.REJECTED, 0.0, ReasonCode.CORRUPT, "told to be bad", pages=pages
            )
        result = _result(data, _triage(word, self.several))
        return Outcome(scan.name, sha256, PhotoState.RESTORED, 0.01, info=info, result=result, pages=pages)

    def pages(self, data: bytes, name: str) -> int:
        return page_of(data, 1)[1]

    def try_device(self) -> None:
        pass

    def try_decoder(self) -> list[str]:
        return []

    def close(self) -> None:
        pass


def page_of(data: bytes, page: int) -> tuple[bytes, int]:
    """A page's own bytes, and how many pages the file has."""
    if not data.startswith(b"PAGES "):
        return data, 1
    pages = data.removeprefix(b"PAGES ").split(b"|")
    return pages[page - 1], len(pages)


DAMAGE = (
    DamageRecord(DamageKind.SCRATCH, 0.125, 0.0625, 3, Mending.SURROUNDINGS),
    DamageRecord(DamageKind.WRITING, 0.25, 0.0, 1, Mending.NONE),
    DamageRecord(DamageKind.SCRATCH, 0.0625, 0.03125, 1, Mending.SURROUNDINGS),
)


def mask_png() -> bytes:
    """Eight by eight pixels, six of them a scratch."""
    from restoration.photo.masks import encode_mask

    mask = np.zeros((8, 8), np.uint8)
    mask[2, 1:7] = MASK_CODES[DamageKind.SCRATCH]
    return encode_mask(mask)


PRINTS = [
    {"centre": [0.25, 0.5], "size": [0.3, 0.4], "angle": 0.0, "confidence": 0.97},
    {"centre": [0.75, 0.5], "size": [0.3, 0.4], "angle": -2.5, "confidence": 0.95},
    {"centre": [0.5, 0.9], "size": [0.2, 0.1], "angle": 0.0, "confidence": 0.93},
]
BOXES = ("0.25000 0.50000 0.30000 0.40000 0.00", "0.75000 0.50000 0.30000 0.40000 -2.50")
"""Of the first two."""


def cut_at(box: str) -> dict:
    """What a real engine says of a photograph that was cut out there, of a page of 80 x 60 pixels."""
    pixels = {"x": 20.0, "y": 30.0, "width": 24, "height": 32}
    numbers = [float(number) for number in box.split()]
    return {"box": numbers, "pixels": pixels, "page_size": [80, 60], "resampled": numbers[4] != 0}


def _triage(word: bytes, several: str) -> StepRecord:
    """The step's record; what it found if the scan shows several photographs."""
    sure = (*PRINTS[:2], {**PRINTS[2], "confidence": 0.96})
    doubt = (PRINTS[0], {**PRINTS[1], "confidence": 0.82}, PRINTS[2])
    parts = {b"BED": PRINTS[:2], b"BED3": PRINTS, b"SURE": sure, b"DOUBT": doubt}.get(word)
    detail = {"arrangement": "prints_on_bed", "photographs": parts} if parts and several != "off" else {}
    return StepRecord(0, "triage", "applied", 0.01, parameters={"several": several}, detail=detail)


def _result(data: bytes, triage: StepRecord) -> Result:
    output, word = b"restored " + data, data.split(b" ", 1)[0]
    return Result(
        state=PhotoState.RESTORED,
        output=output,
        output_sha256=hashlib.sha256(output).hexdigest(),
        output_format="tif" if word == b"COPY" else "png",
        width=8,
        height=8,
        bits=8,
        preview_before=b"before " + data,
        preview_after=b"after " + data,
        ai_altered=False,
        steps=(triage,),
        faces=(),
        measurements=(Measurement("contrast_rms", "source", 0.5),),
        tiles_before=b"tiles " + data if word in (b"TILES", b"SAME") else None,
        tiles_after={b"TILES": b"new tiles " + data, b"SAME": b"tiles " + data}.get(word),
        mask=mask_png() if word == b"MASK" else None,
        damage=DAMAGE if word == b"MASK" else (),
        filled_share=6 / 64 if word == b"MASK" else 0.0,
        access=AccessCopy(b"copy " + data, "webp") if word == b"COPY" else None,
    )
