"""From scores of single photographs to means by family and skin group, and to what may be said about two models.

Means over families and groups are means over photographs. The share of the truth's colourfulness is a ratio of means:
a mean of ratios would be ruled by the few photographs that are nearly gray.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restoration.evaluate.figures import ALL_FIGURES, figure_of
from restoration.evaluate.scoring import GIVEN, GRAY, TRUTH, Score
from restoration.quality.skin import ITA_GROUPS

ALL = "all"
"""Name of the row over all photographs."""
RESAMPLES = 10_000
SEED = 20261121
MIN_PEOPLE = 5
"""A skin group of fewer people takes no part in the ratio of worst to best: one person would decide it."""
COMPARED_WITH_TRUTH = ("delta_e00", "skin_delta_e00", "st_lpips")
COMPARED_WITHOUT = ("skin_blue", "bleed")

_MOST_DRAWN = 4_000_000
"""Draws that are held at once: 32 MB, whatever the number of photographs."""


@dataclass(frozen=True)
class Row:
    """Means of one model over the photographs of one family or group. Figures that never applied are not there."""

    model: str
    family: str
    photos: int
    means: dict[str, float]


@dataclass(frozen=True)
class Pair:
    """Two models on the same photographs: ``mean`` is that of (first - second), between ``low`` and ``high`` with 95 %.

    ``p`` is that of Wilcoxon's signed-rank test, two-sided, ``adjusted`` after Holm's correction for all pairs of this
    figure. ``wins`` counts photographs on which the first is better.
    """

    metric: str
    first: str
    second: str
    photos: int
    mean: float
    low: float
    high: float
    p: float
    adjusted: float
    wins: int

    @property
    def verdict(self) -> str:
        """Which one is better, in words; nothing is said where chance explains the difference."""
        if self.adjusted >= 0.05 or self.low <= 0 <= self.high:
            return "no clear difference"
        lower_wins = figure_of(self.metric).direction == "lower"
        return f"{self.first if (self.mean < 0) == lower_wins else self.second} is better"


@dataclass(frozen=True)
class Spread:
    """How one figure of one model lies over the photographs of one family: mean, median, 5th and 95th percentile."""

    model: str
    family: str
    metric: str
    count: int
    mean: float
    median: float
    p5: float
    p95: float


@dataclass(frozen=True)
class Fairness:
    """One model and one figure over the skin groups. ``ratio`` is the worst group's mean over the best group's, among
    groups of at least :data:`MIN_PEOPLE`; None where fewer than two are so large.
    """

    model: str
    metric: str
    worst: str
    best: str
    ratio: float | None


def by_family(scores: Sequence[Score]) -> list[Row]:
    """Means by family (sorted) and model (in order of appearance), then over all."""
    families = sorted({score.family for score in scores})
    return [*_rows(scores, families, lambda score: score.family), *overall(scores)]


def overall(scores: Sequence[Score]) -> list[Row]:
    """Means of each model over all photographs."""
    return _rows(scores, [ALL], lambda _: ALL)


def spreads(scores: Sequence[Score]) -> list[Spread]:
    """By family (sorted), then over all; models in order of appearance, figures in the order of columns."""
    found = []
    for family in (*sorted({score.family for score in scores}), ALL):
        own = [score for score in scores if family in {score.family, ALL}]
        for model in _models(score.model for score in own):
            for metric in ALL_FIGURES:
                values = [s.values[metric] for s in own if s.model == model and metric in s.values]
                if values:
                    found.append(_spread(model, family, metric, values))
    return found


def by_group(scores: Sequence[Score]) -> list[Row]:
    """Means by skin group, from very light to dark; photographs without a known group are left out."""
    return _rows(scores, [name for name, _ in ITA_GROUPS], lambda score: score.group)


def fairness(rows: Sequence[Row], metrics: Iterable[str] = ("delta_e00", "skin_delta_e00")) -> list[Fairness]:
    """Worst over best group by model and figure, from the rows of :func:`by_group`."""
    found = []
    for model in _models(row.model for row in rows):
        for metric in metrics:
            means = {
                row.family: row.means[metric]
                for row in rows
                if row.model == model and row.photos >= MIN_PEOPLE and metric in row.means
            }
            if not means:
                continue
            worst, best = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
            ratio = means[worst] / max(means[best], 1e-9) if len(means) > 1 else None
            found.append(Fairness(model, metric, worst, best, ratio))
    return found


def compare(scores: Sequence[Score], metrics: Sequence[str]) -> list[Pair]:
    """Every model against every other one on the photographs that both were measured on.

    The truth takes no part, nor does a given face, which is like itself. Gray takes part in figures that need a truth
    only: it is never blue and never bleeds.
    """
    models = [model for model in _models(score.model for score in scores) if model not in {TRUTH, GIVEN}]
    values: dict[tuple[str, str], dict[str, float]] = {}
    for score in scores:
        for metric in metrics:
            if metric in score.values:
                values.setdefault((metric, score.model), {})[score.subject] = score.values[metric]
    found = []
    for metric in metrics:
        pairs = [
            _pair(metric, first, second, values.get((metric, first), {}), values.get((metric, second), {}))
            for first, second in combinations(models, 2)
            if figure_of(metric).needs_truth or GRAY not in {first, second}
        ]
        found += _holm([pair for pair in pairs if pair is not None])
    return found


def compared(*, with_reference: bool) -> tuple[str, ...]:
    """Figures by which models are compared."""
    return COMPARED_WITH_TRUTH if with_reference else COMPARED_WITHOUT


def bootstrap_interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of the mean: percentiles of 10,000 resamples (seeded, so that it is always the same)."""
    rng = np.random.default_rng(SEED)
    count = len(differences)
    at_once = max(1, min(RESAMPLES, _MOST_DRAWN // count))
    means = [
        differences[rng.integers(0, count, (min(at_once, RESAMPLES - done), count))].mean(axis=1)
        for done in range(0, RESAMPLES, at_once)
    ]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)


def as_dicts(rows: Iterable[Row | Pair | Fairness | Spread]) -> list[dict[str, Any]]:
    """Plain objects for JSON."""
    found = []
    for row in rows:
        plain = asdict(row)
        if isinstance(row, Pair):
            plain["verdict"] = row.verdict
        found.append(plain)
    return found


def _spread(model: str, family: str, metric: str, values: Sequence[float]) -> Spread:
    p5, median, p95 = (float(value) for value in np.percentile(values, [5, 50, 95]))
    return Spread(model, family, metric, len(values), fmean(values), median, p5, p95)


def _rows(scores: Sequence[Score], keys: Sequence[str], key_of: Any) -> list[Row]:
    members: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        members.setdefault((key_of(score), score.model), []).append(score)
    models = _models(score.model for score in scores)
    return [
        Row(model, key, len(members[key, model]), _means(members[key, model]))
        for key in keys
        for model in models
        if (key, model) in members
    ]


def _means(scores: Sequence[Score]) -> dict[str, float]:
    means = {}
    for name in ALL_FIGURES:
        values = [score.values[name] for score in scores if name in score.values]
        if values:
            means[name] = fmean(values)
    if means.get("truth_colourfulness"):
        means["colour_share"] = means["colourfulness"] / means["truth_colourfulness"]
    return means


def _models(names: Iterable[str]) -> list[str]:
    """Each name once: gray first, the truth last, the others as they came."""
    seen = dict.fromkeys(names)
    middle = [name for name in seen if name not in {GRAY, TRUTH}]
    return [*([GRAY] if GRAY in seen else []), *middle, *([TRUTH] if TRUTH in seen else [])]


def _pair(metric: str, first: str, second: str, ones: dict[str, float], twos: dict[str, float]) -> Pair | None:
    from scipy.stats import wilcoxon

    shared = sorted(ones.keys() & twos.keys())
    if len(shared) < 2:
        return None
    differences = np.array([ones[photo] - twos[photo] for photo in shared])
    low, high = bootstrap_interval(differences)
    p = float(wilcoxon(differences).pvalue) if np.any(differences) else 1.0
    better = differences < 0 if figure_of(metric).direction == "lower" else differences > 0
    mean = float(differences.mean())
    return Pair(metric, first, second, len(shared), mean, low, high, p, p, int(better.sum()))


def _holm(pairs: Sequence[Pair]) -> list[Pair]:
    """Holm's step-down correction within one figure; the order of the pairs is kept."""
    order = sorted(range(len(pairs)), key=lambda index: pairs[index].p)
    adjusted, running = [0.0] * len(pairs), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, pairs[index].p * (len(pairs) - rank)))
        adjusted[index] = running
    return [Pair(**{**asdict(pair), "adjusted": value}) for pair, value in zip(pairs, adjusted, strict=True)]
