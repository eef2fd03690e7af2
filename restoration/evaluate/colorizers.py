"""Compare colorizers and recipes: any number of them in one run, on the same photographs, by the same figures.

Every photograph is brought to one long side and painted by each of them through the steps that recipes use, in
batches. A gray pass-through is always among the rows: it is the floor, and PSNR and SSIM are kind to it. Photographs
are grouped by family (file name up to the first underscore).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from restoration.errors import PhotoFailed, RestorationError, UsageError
from restoration.evaluate import perceptual
from restoration.evaluate.contestants import Contestant, contestant
from restoration.evaluate.features import MINIMUM, FeatureNet, FrechetTally, check_minimum, load_feature_net
from restoration.evaluate.photos import Photo, Problem, Reader, data_set_sha256, list_photos
from restoration.evaluate.scoring import GRAY, TRUTH, Score, Scorer
from restoration.evaluate.statistics import Pair, compare, compared
from restoration.models.loading import LoadedModels
from restoration.photo.decode import DecodeLimits, Decoder
from restoration.photo.picture import FloatImage
from restoration.settings import get_settings

BATCH = 16
"""Photographs that are held, and go through a step, at once."""
LEAST_SIDE, MOST_SIDE = 64, 4096


@dataclass(frozen=True)
class Request:
    """What is to be compared. ``data_set`` names the photographs in reports and in the catalog."""

    folder: Path
    models: tuple[str, ...]
    with_reference: bool = True
    long_side: int = 256
    data_set: str = ""
    feature_net: str = ""
    fid_minimum: int = MINIMUM

    @property
    def title(self) -> str:
        """Name of the data set; the folder's where none was given."""
        return self.data_set or self.folder.resolve().name


@dataclass(frozen=True)
class Member:
    """A photograph that was compared. ``angle`` is its typology angle in degrees where that is known."""

    name: str
    sha256: str
    family: str
    group: str
    angle: float | None


@dataclass(frozen=True)
class Evaluation:
    """Everything that came out of one run. ``fid`` is empty where no feature net was given."""

    request: Request
    models: tuple[Contestant, ...]
    device_class: str
    members: tuple[Member, ...]
    scores: tuple[Score, ...]
    problems: tuple[Problem, ...]
    perceptual: bool
    fid: dict[str, float] = field(default_factory=dict)
    fid_net: FeatureNet | None = None

    @property
    def data_set_sha256(self) -> str:
        """Hash over names and contents of the photographs that were compared."""
        return data_set_sha256((member.name, member.sha256) for member in self.members)

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every model against every other one; computed once, since the resampling takes its time."""
        return compare(self.scores, compared(with_reference=self.request.with_reference))

    @property
    def failed(self) -> bool:
        """Whether a photograph could not be compared although it should have been."""
        return any(not problem.skipped for problem in self.problems)


class Run:
    """One comparison. :meth:`scores` does the work; :meth:`result` is complete once it is exhausted."""

    def __init__(self, request: Request, models: LoadedModels) -> None:
        """
        Everything that can be refused is refused here, before the first photograph.

        :raises UsageError: no photographs, a side out of range, or FID where it means nothing.
        :raises ModelError: a model is unknown, missing, broken or no colorizer; an unfit feature net.
        :raises RecipeError: there is no such recipe.
        """
        if not LEAST_SIDE <= request.long_side <= MOST_SIDE:
            raise UsageError(f"the long side is {request.long_side}; it may be {LEAST_SIDE} to {MOST_SIDE} pixels")
        self.request = request
        self.names = list_photos(request.folder)
        self._models = models
        self._contestants = tuple(contestant(name, models) for name in chosen(request.models))
        self._perceptual = perceptual.load() if request.with_reference else None
        self._tally = self._frechet()
        self._members: list[Member] = []
        self._scores: list[Score] = []
        self._problems: list[Problem] = []

    def scores(self, advance: Callable[[], None] = lambda: None) -> Iterator[Score]:
        """Score photograph after photograph: gray, the models in the order asked for, the truth.

        :param advance: called once for every photograph, compared or not.
        """
        scorer = Scorer(self._perceptual)
        with self._reader() as reader:
            for start in range(0, len(self.names), BATCH):
                names = self.names[start : start + BATCH]
                answers = [reader.read(name) for name in names]
                photos = [answer for answer in answers if isinstance(answer, Photo)]
                self._problems += [answer for answer in answers if isinstance(answer, Problem)]
                for photo, painted in self._painted(photos):
                    yield from self._scored(scorer, photo, painted)
                for _ in names:
                    advance()

    def result(self) -> Evaluation:
        """What came out.

        :raises UsageError: not one photograph could be compared, or too few for the FID that was asked for.
        """
        if not self._members:
            raise UsageError(
                f"none of the {len(self.names)} photographs of {self.request.folder} could be compared; "
                f"the first one: {self._problems[0].name}: {self._problems[0].message}"
            )
        return Evaluation(
            request=self.request,
            models=self._contestants,
            device_class=self._models.device_class,
            members=tuple(self._members),
            scores=tuple(self._scores),
            problems=tuple(sorted(self._problems, key=lambda problem: problem.name)),
            perceptual=self._perceptual is not None,
            fid={} if self._tally is None else self._tally.distances(TRUTH),
            fid_net=None if self._tally is None else self._tally.net,
        )

    def pictures(self, names: Sequence[str]) -> Iterator[tuple[str, dict[str, FloatImage]]]:
        """All pictures of some photographs again, for a report: gray, each model's, the truth.

        :raises PhotoFailed: a photograph could be compared before and now cannot.
        """
        with self._reader() as reader:
            for name in names:
                answer = reader.read(name)
                if isinstance(answer, Problem):
                    raise PhotoFailed(f"it changed during the run: {answer.message}", photo=name)
                made = next(self._painted([answer]), None)
                if made is None:
                    raise PhotoFailed("it can no longer be painted", photo=name)
                yield name, _beside(*made)

    def _reader(self) -> Reader:
        decoder = Decoder(DecodeLimits.from_settings(get_settings()))
        request = self.request
        return Reader(request.folder, self._models, request.long_side, request.with_reference, decoder)

    def _frechet(self) -> FrechetTally | None:
        request = self.request
        if not request.feature_net:
            return None
        if not request.with_reference:
            raise UsageError("--fid compares with colour photographs; it cannot be had with --no-reference")
        net = load_feature_net(request.feature_net, self._models)
        check_minimum(len(self.names), request.fid_minimum, net.size)
        return FrechetTally(net)

    def _painted(self, photos: Sequence[Photo]) -> Iterator[tuple[Photo, dict[str, FloatImage]]]:
        """Photographs with what every model made of them; one that a model fails on is left out for all."""
        made: list[dict[str, FloatImage]] = [{} for _ in photos]
        failed: set[int] = set()
        for one in self._contestants:
            for index, answer in enumerate(one.paint(photos)):
                if isinstance(answer, RestorationError):
                    words = f"{one.name} fails on it: {answer.message}"
                    self._problems.append(Problem(photos[index].name, answer.reason, words))
                    failed.add(index)
                else:
                    made[index][one.name] = answer
        for index, photo in enumerate(photos):
            if index not in failed:
                yield photo, made[index]

    def _scored(self, scorer: Scorer, photo: Photo, painted: dict[str, FloatImage]) -> Iterator[Score]:
        self._members.append(Member(photo.name, photo.sha256, photo.family, photo.group or "", photo.angle))
        for model, picture in _beside(photo, painted).items():
            if self._tally is not None:
                self._tally.add(model, picture)
            score = scorer.score(photo, model, picture)
            self._scores.append(score)
            yield score


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """Model names without doubles and without those of the rows that are always there.

    :raises UsageError: a name is empty.
    """
    if any(not name.strip() for name in names):
        raise UsageError("--models has an empty name; give registry names, comma-separated, such as house-colorizer")
    return tuple(name for name in dict.fromkeys(name.strip() for name in names) if name != GRAY)


def evaluate(request: Request, models: LoadedModels) -> Evaluation:
    """The whole comparison at once. :raises UsageError, ModelError: as :class:`Run` says."""
    run = Run(request, models)
    for _ in run.scores():
        continue
    return run.result()


def _beside(photo: Photo, painted: dict[str, FloatImage]) -> dict[str, FloatImage]:
    last = {} if photo.truth is None else {TRUTH: photo.truth}
    return {GRAY: photo.gray} | painted | last
