"""What the campaign's workers run: the real decoding process and the real encoder, and nothing between them.

So a kill costs a second and not the start of torch, and a restored photograph must show its scan's own pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from restoration.engine.outcome import Outcome, Result, Scan, StepRecord
from restoration.engine.prepare import Prepared
from restoration.errors import PhotoRejected, PhotoState
from restoration.photo.decode import Decoder
from restoration.photo.decoding_process import DecodeLimits
from restoration.settings import Settings
from restoration.steps.protocol import Measurement
from tests.stack.stub_engine import StubEngine


class PlainEngine(StubEngine):
    """Decodes and encodes; every recipe does the same, and is named in what it makes, so that each makes new files."""

    def __init__(self, settings: Settings) -> None:
        self._decoder = Decoder(DecodeLimits.from_settings(settings))

    def restore_many(self, scans: Iterable[Scan], prepared: Prepared) -> Iterator[Outcome]:
        for scan in scans:
            yield self._restored(scan, prepared.recipe.name)

    def _restored(self, scan: Scan, recipe: str) -> Outcome:
        from restoration.photo.encode import encode_png, preview_jpeg

        sha256 = scan.file_sha256 or hashlib.sha256(scan.data).hexdigest()
        try:
            picture = self._decoder.decode(scan.data, scan.name)
        except PhotoRejected as error:
            state = PhotoState.REJECTED
            return Outcome(scan.name, sha256, state, 0.0, error.reason, error.message, pages=error.pages)
        output = encode_png(picture, software=recipe, ai_altered=False)
        preview = _noted(preview_jpeg(picture.pixels, 32), recipe.encode())
        result = Result(
            state=PhotoState.RESTORED,
            output=output,
            output_sha256=hashlib.sha256(output).hexdigest(),
            output_format="png",
            width=picture.info.width,
            height=picture.info.height,
            bits=8,
            preview_before=preview,
            preview_after=preview,
            ai_altered=False,
            steps=(StepRecord(0, "triage", "applied", 0.0),),
            faces=(),
            measurements=(Measurement("contrast_rms", "source", 0.5),),
        )
        info = replace(picture.info, pages=1)
        return Outcome(scan.name, sha256, PhotoState.RESTORED, 0.01, info=info, result=result, pages=1)

    def pages(self, data: bytes, name: str) -> int:
        return self._decoder.pages(data, name)

    def try_decoder(self) -> list[str]:
        self._decoder.layers()
        return []

    def close(self) -> None:
        self._decoder.close()


def _noted(jpeg: bytes, words: bytes) -> bytes:
    """The same JPEG with a comment."""
    return jpeg[:2] + b"\xff\xfe" + (2 + len(words)).to_bytes(2, "big") + words + jpeg[2:]
