"""Finders against people's eyes: real old photographs whose damage was marked by hand.

Nobody knows what such a photograph looked like before, so only the place of the damage is scored. Stains are no part of
it, since nothing is filled there; lettering counts as whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from restoration.damage_kinds import FILLED_KINDS, DamageKind
from restoration.errors import PhotoRejected, ReasonCode, UsageError
from restoration.evaluate.damage_marks import PhotoMarks, mask_of, read_marks, uncounted
from restoration.evaluate.photos import Problem, list_photos
from restoration.evaluate.repair.menders import NOTHING, TRUE_MASK, Mender, menders
from restoration.evaluate.repair.run import RepairRequest, RepairRun, gray_truth, hits
from restoration.evaluate.scoring import Score
from restoration.models.loading import LoadedModels
from restoration.photo.decode import Decoder
from restoration.photo.picture import FloatImage

MARKED = "marked"
"""Family of these scores."""
_NEITHER = frozenset({NOTHING, TRUE_MASK})


@dataclass
class MarkedRun(RepairRun):
    """A run over the photographs of a marks file; :meth:`pooled` after :meth:`scores`."""

    marks: dict[str, PhotoMarks] = field(default_factory=dict)
    counts: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, request: RepairRequest, models: LoadedModels, marks: Path) -> MarkedRun:
        """The run over those marked photographs that are in the folder.

        :raises UsageError: no marks file, or none of its photographs is there.
        """
        by_name = {photo.file: photo for photo in read_marks(marks)}
        if not by_name.keys() & set(list_photos(request.photos)):
            raise UsageError(f"none of the {len(by_name)} photographs of {marks} is in {request.photos}")
        return cls(request, models, marks=by_name)

    def __post_init__(self) -> None:
        self.names = [name for name in list_photos(self.request.photos) if name in self.marks]
        self.menders = [one for one in menders(self.request.models, self.models) if one.name not in _NEITHER]
        self.counts = {mender.name: [0, 0, 0, 0] for mender in self.menders}

    def scores(self, advance: Callable[[], None] = lambda: None) -> Iterator[Score]:
        """All scores, photograph by photograph; one that is another than was marked becomes a problem."""
        with Decoder() as decoder:
            for name in self.names:
                try:
                    pixels, sha256 = self._read(name, decoder)
                except PhotoRejected as error:
                    self.problems.append(Problem(name, error.reason, error.message))
                else:
                    for mender in self.menders:
                        score = self._score(mender, name, sha256, pixels)
                        self.found.append(score)
                        yield score
                advance()

    def _read(self, name: str, decoder: Decoder) -> tuple[FloatImage, str]:
        """:raises PhotoRejected: it cannot be read, or is not the file that was marked."""
        marks = self.marks[name]
        try:
            data = (self.request.photos / name).read_bytes()
        except OSError as error:
            raise PhotoRejected(f"cannot be read: {error.strerror}", reason=ReasonCode.SOURCE_MISSING) from error
        sha256 = hashlib.sha256(data).hexdigest()
        pixels = gray_truth(decoder.decode(data, name).pixels, 0)
        if sha256 != marks.sha256 or pixels.shape[:2] != (marks.height, marks.width):
            message = "is another file than was marked; take the marks of this one, or the marked file"
            raise PhotoRejected(message, reason=ReasonCode.SOURCE_CHANGED)
        return pixels, sha256

    def _score(self, mender: Mender, name: str, sha256: str, pixels: FloatImage) -> Score:
        marks = self.marks[name]
        true = mask_of(marks, FILLED_KINDS)
        aside = uncounted(marks) | mask_of(marks, {DamageKind.STAIN})
        marked = mender.mend(pixels, true).mask & ~aside
        counted = hits(marked, true & ~aside)
        self.counts[mender.name] = [a + b for a, b in zip(self.counts[mender.name], counted, strict=True)]
        return Score(mender.name, name, sha256, MARKED, "", _figures(counted))

    def pooled(self) -> dict[str, dict[str, float]]:
        """Precision, recall and F1 of each mender over the pixels of all photographs together."""
        return {name: _figures(tuple(counts)) for name, counts in self.counts.items()}


def _figures(counts: tuple[int, ...]) -> dict[str, float]:
    right, marked, found, true = counts
    precision = right / marked if marked else float(not true)
    recall = found / true if true else 1.0
    return {
        "mask_f1": 2 * precision * recall / max(precision + recall, 1e-9),
        "mask_precision": precision,
        "mask_recall": recall,
    }
