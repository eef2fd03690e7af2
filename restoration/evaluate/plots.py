"""Plots of an evaluation as SVG: how a figure is spread over the photographs, and its means by family.

Matplotlib comes with the extra ``demo``; nothing else of the evaluation needs it. The files hold no date and no random
names: the same scores give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from restoration.errors import EnvironmentProblem
from restoration.evaluate.figures import figure_of
from restoration.evaluate.scoring import TRUTH, Score
from restoration.evaluate.statistics import ALL, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WITH_TRUTH = ("delta_e00", "skin_delta_e00", "st_lpips", "colour_share", "bleed")
WITHOUT = ("face_colourfulness", "colourfulness", "bleed", "skin_blue")
COLOURS = ("#5f5f5f", "#0b6e99", "#b3541e", "#4b7f3a", "#7a3e9d", "#a8324a", "#8a6d00", "#1f5f5b")
"""One a model, told apart in gray print and by people who see few colours; gray pass-through comes first."""
MARKERS = "osD^vP*X"

_SETTINGS = {"svg.hashsalt": "restoration", "svg.fonttype": "path", "font.size": 9.0, "axes.axisbelow": True}
_MOST_FAMILIES = 40


def check_available() -> None:
    """:raises EnvironmentProblem: Matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise EnvironmentProblem(
            "a report's plots need Matplotlib, which is not installed; install this project with the extra 'demo', "
            "or leave --out away"
        ) from error


def distribution(scores: Sequence[Score], metric: str) -> bytes:
    """Box, and one dot a photograph, for every model that has the figure."""
    figure = figure_of(metric)
    models = [m for m in dict.fromkeys(s.model for s in scores) if m != TRUTH or not figure.needs_truth]
    values = [[s.values[metric] * figure.scale for s in scores if s.model == m and metric in s.values] for m in models]
    kept = [(model, found) for model, found in zip(models, values, strict=True) if found]

    def draw(axes: Axes) -> None:
        rng = np.random.default_rng(0)
        for place, (model, found) in enumerate(kept):
            colour = _colour(models.index(model))
            axes.scatter(found, place + rng.uniform(-0.22, 0.22, len(found)), s=7, color=colour, alpha=0.45, lw=0)
        box = axes.boxplot(
            [found for _, found in kept], positions=range(len(kept)), orientation="horizontal", widths=0.6, sym="",
            manage_ticks=False, medianprops={"color": "black", "linewidth": 1.6},
        )  # fmt: skip
        for lines in box.values():
            for line in lines:
                line.set_zorder(3)
        axes.set_yticks(range(len(kept)), [model for model, _ in kept])
        axes.set_ylim(len(kept) - 0.4, -0.6)
        axes.set_xlabel(f"{figure.label} ({_better(figure.direction)})")
        axes.grid(axis="x", color="#dddddd", linewidth=0.6)

    return _svg(draw, 0.9 + 0.45 * max(1, len(kept)))


def families(rows: Sequence[Row], metric: str) -> bytes:
    """Means of a figure by family, one mark a model."""
    figure = figure_of(metric)
    kept = [row for row in rows if row.family != ALL and metric in row.means]
    names = list(dict.fromkeys(row.family for row in kept))[:_MOST_FAMILIES]
    models = list(dict.fromkeys(row.model for row in kept))

    def draw(axes: Axes) -> None:
        for number, model in enumerate(models):
            own = [row for row in kept if row.model == model and row.family in names]
            means = [row.means[metric] * figure.scale for row in own]
            places = [names.index(row.family) for row in own]
            marker = MARKERS[number % len(MARKERS)]
            axes.scatter(means, places, s=34, color=_colour(number), marker=marker, label=model, zorder=3)
        axes.set_yticks(range(len(names)), [_short(name) for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlabel(f"mean {figure.label} ({_better(figure.direction)})")
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)

    return _svg(draw, 1.4 + 0.26 * max(1, len(names)))


def _svg(draw: Callable[[Axes], None], height: float) -> bytes:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: Any = _SETTINGS
    with rc_context(settings):
        sheet = Figure(figsize=(7.2, height), layout="constrained")
        FigureCanvasSVG(sheet)
        draw(sheet.subplots())
        out = io.BytesIO()
        sheet.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _better(direction: str) -> str:
    return {"lower": "lower is better", "higher": "higher is better"}.get(direction, "neither is better by itself")


def _short(name: str) -> str:
    """A name that Matplotlib neither reads as mathematics nor finds too long."""
    text = name if len(name) <= 24 else f"{name[:23]}…"
    return "".join(c if c.isprintable() and ord(c) < 0x2E80 else "?" for c in text).replace("$", r"\$")
