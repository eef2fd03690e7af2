"""Compare face restorers: any number of them in one run, on the same faces, by the same figures.

The face as it was given always stands beside them: it is what doing nothing gives. With a reference every restorer gets
each face twice, degraded and as it truly is: a restorer that spoils good faces does harm. Photographs are grouped by
family (file name up to the first underscore).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from restoration.errors import RestorationError, UsageError
from restoration.evaluate import perceptual
from restoration.evaluate.face_scoring import FaceScore, FaceScorer
from restoration.evaluate.marks import Mark, marks
from restoration.evaluate.photos import DETECTOR, Problem, data_set_sha256, list_photos
from restoration.evaluate.pictures import jpeg, strip
from restoration.evaluate.portraits import Face, FaceReader
from restoration.evaluate.restorers import Restorer, restorer
from restoration.evaluate.scoring import DEGRADED, GIVEN, NO_MODELS, TRUTH
from restoration.evaluate.statistics import Pair, compare
from restoration.models.loading import LoadedModels
from restoration.models.registry import ModelEntry
from restoration.photo.decode import DecodeLimits, Decoder
from restoration.photo.picture import FloatImage
from restoration.settings import get_settings

BATCH = 16
"""Faces that are held, and go through a restorer, at once."""
IDENTITY = "dlib-face-embedding"
COMPARED_WITH_TRUTH = ("st_lpips", "psnr", "psnr_y", "ssim_y", "identity")
COMPARED_WITHOUT = ("given_identity",)
SEED = 1


@dataclass(frozen=True)
class FaceRequest:
    """What is to be compared. ``pictures`` keeps a strip of JPEG for every face (about 40 kB each), for a report."""

    folder: Path
    models: tuple[str, ...]
    with_reference: bool = True
    seed: int = SEED
    data_set: str = ""
    pictures: bool = False

    @property
    def title(self) -> str:
        """Name of the data set; the folder's where none was given."""
        return self.data_set or self.folder.resolve().name

    @property
    def floor(self) -> str:
        """Name of the row that no model made."""
        return DEGRADED if self.with_reference else GIVEN


@dataclass(frozen=True)
class FaceMember:
    """A face that was compared."""

    photo: str
    number: int
    sha256: str
    family: str
    subject: str


@dataclass(frozen=True)
class Strip:
    """All pictures of a face beside each other: JPEG, and its size in pixels."""

    data: bytes
    width: int
    height: int


@dataclass(frozen=True)
class FaceEvaluation:
    """Everything that came out of one run."""

    request: FaceRequest
    models: tuple[Restorer, ...]
    detector: ModelEntry
    identity: ModelEntry
    device_class: str
    members: tuple[FaceMember, ...]
    scores: tuple[FaceScore, ...]
    problems: tuple[Problem, ...]
    perceptual: bool

    @property
    def data_set_sha256(self) -> str:
        """Hash over names and contents of the photographs that were compared."""
        return data_set_sha256(iter({(member.photo, member.sha256) for member in self.members}))

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every model, and doing nothing, against every other one; computed once."""
        return compare(self.scores, COMPARED_WITH_TRUTH if self.request.with_reference else COMPARED_WITHOUT)

    @cached_property
    def marks(self) -> list[Mark]:
        """What is asked of a restorer, for every model; empty without a reference."""
        return marks(self.scores, self.pairs) if self.request.with_reference else []

    @property
    def failed(self) -> bool:
        """Whether a photograph could not be compared although it should have been."""
        return any(not problem.skipped for problem in self.problems)


class FaceRun:
    """One comparison. :meth:`scores` does the work; :meth:`result` is complete once it is exhausted.

    ``strips`` holds the pictures of every face by its subject, where the request asks for them.
    """

    def __init__(self, request: FaceRequest, models: LoadedModels) -> None:
        """
        Everything that can be refused is refused here, before the first photograph.

        :raises UsageError: no photographs, nothing to compare, a negative seed, two files of one name, or a file that
            is no weight file.
        :raises ModelError: a model is unknown, missing, broken, no face restorer, or made for another size.
        """
        if request.seed < 0:
            raise UsageError(f"the seed is {request.seed}; it may be 0 or more")
        self.request = request
        self.names = list_photos(request.folder)
        self._models = models
        self._restorers = tuple(restorer(name, models) for name in chosen(request.models))
        self._check_names()
        self._embed = models.load(IDENTITY)
        self._perceptual = perceptual.load() if request.with_reference else None
        self._members: list[FaceMember] = []
        self._scores: list[FaceScore] = []
        self._problems: list[Problem] = []
        self.strips: dict[str, Strip] = {}

    def scores(self, advance: Callable[[], None] = lambda: None) -> Iterator[FaceScore]:
        """Score face after face: as it was given, then by the models in the order asked for.

        :param advance: called once for every photograph, compared or not.
        """
        scorer = FaceScorer(self._embed, self._perceptual)
        waiting: list[Face] = []
        with self._reader() as reader:
            for name in self.names:
                answers = reader.read(name)
                self._problems += [answer for answer in answers if isinstance(answer, Problem)]
                waiting += [answer for answer in answers if isinstance(answer, Face)]
                while len(waiting) >= BATCH:
                    yield from self._batch(scorer, waiting[:BATCH])
                    waiting = waiting[BATCH:]
                advance()
        yield from self._batch(scorer, waiting)

    def result(self) -> FaceEvaluation:
        """What came out. :raises UsageError: not one face could be compared."""
        if not self._members:
            raise UsageError(
                f"none of the {len(self.names)} photographs of {self.request.folder} has a face that could be "
                f"compared; the first one: {self._problems[0].name}: {self._problems[0].message}"
            )
        return FaceEvaluation(
            request=self.request,
            models=self._restorers,
            detector=self._models.entry(DETECTOR),
            identity=self._models.entry(IDENTITY),
            device_class=self._models.device_class,
            members=tuple(self._members),
            scores=tuple(self._scores),
            problems=tuple(sorted(self._problems, key=lambda problem: problem.name)),
            perceptual=self._perceptual is not None,
        )

    def _check_names(self) -> None:
        names = [one.name for one in self._restorers]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UsageError(f"two weight files would both be called {twice[0]}; rename one of their folders")
        if not names and not self.request.with_reference:
            raise UsageError("--models names no restorer; without a reference there would be nothing to compare")

    def _reader(self) -> FaceReader:
        decoder = Decoder(DecodeLimits.from_settings(get_settings()))
        request = self.request
        return FaceReader(request.folder, self._models, request.seed, request.with_reference, decoder)

    def _batch(self, scorer: FaceScorer, faces: Sequence[Face]) -> Iterator[FaceScore]:
        """All models on some faces; one that a model fails on is left out for all."""
        made: list[dict[str, FloatImage]] = [{} for _ in faces]
        clean: list[dict[str, FloatImage]] = [{} for _ in faces]
        failed: set[int] = set()
        truths = [(place, face.truth) for place, face in enumerate(faces) if face.truth is not None]
        jobs = [(place, face.given, made) for place, face in enumerate(faces)]
        jobs += [(place, truth, clean) for place, truth in truths]
        for one in self._restorers:
            answers = one.restore([picture for _, picture, _ in jobs])
            for (place, _, into), answer in zip(jobs, answers, strict=True):
                if not isinstance(answer, RestorationError):
                    into[place][one.name] = answer
                elif place not in failed:
                    failed.add(place)
                    words = f"{one.name} fails on it: {answer.message}"
                    self._problems.append(Problem(faces[place].subject, answer.reason, words))
        for place, face in enumerate(faces):
            if place not in failed:
                yield from self._scored(scorer, face, made[place], clean[place])

    def _scored(
        self, scorer: FaceScorer, face: Face, made: dict[str, FloatImage], clean: dict[str, FloatImage]
    ) -> Iterator[FaceScore]:
        self._members.append(FaceMember(face.photo, face.number, face.sha256, face.family, face.subject))
        beside = {self.request.floor: face.given} | made
        for model, picture in beside.items():
            score = scorer.score(face, model, picture, clean.get(model))
            self._scores.append(score)
            yield score
        if self.request.pictures:
            last = {} if face.truth is None else {TRUTH: face.truth}
            sheet = strip(beside | last)
            self.strips[face.subject] = Strip(jpeg(sheet), sheet.shape[1], sheet.shape[0])


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """Model names without doubles and without those of the rows that are always there.

    :raises UsageError: a name is empty.
    """
    if any(not name.strip() for name in names):
        raise UsageError("--models has an empty name; give registry names, comma-separated, such as house-restorer")
    return tuple(name for name in dict.fromkeys(name.strip() for name in names) if name not in NO_MODELS)


def evaluate(request: FaceRequest, models: LoadedModels) -> FaceEvaluation:
    """The whole comparison at once. :raises UsageError, ModelError: as :class:`FaceRun` says."""
    run = FaceRun(request, models)
    for _ in run.scores():
        continue
    return run.result()
