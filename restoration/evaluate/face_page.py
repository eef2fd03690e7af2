"""The report on face restorers as one HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from restoration.evaluate import html, statistics
from restoration.evaluate.face_files import parameters
from restoration.evaluate.face_scoring import FaceScore
from restoration.evaluate.faces import FaceEvaluation
from restoration.evaluate.figures import figure_of, shown
from restoration.evaluate.marks import Mark
from restoration.evaluate.statistics import ALL, Row, Spread
from restoration.evaluate.text import plain


@dataclass(frozen=True)
class Shown:
    """One face of the report: the heading it stands under, its picture's address and size, and its scores."""

    heading: str
    subject: str
    address: str
    width: int
    height: int
    scores: tuple[FaceScore, ...]
    has_truth: bool


def page(evaluation: FaceEvaluation, plots: Mapping[str, tuple[str, str]], pictures: Sequence[Shown]) -> bytes:
    """The whole page.

    :param plots: by address within the folder: a heading, and words that say what is to be seen.
    :param pictures: faces with their addresses, in order; neighbours of one heading stand together.
    """
    title = f"Evaluation of face restorers on {plain(evaluation.request.title)}"
    drawn = "".join(html.plot_figure(address, *words) for address, words in plots.items())
    used = {name for score in evaluation.scores for name in score.values}
    spreads = statistics.spreads(evaluation.scores)
    problems = html.problems_table(evaluation.problems) if evaluation.problems else ""
    body = [
        f"<h1>{escape(title)}</h1>",
        _facts(evaluation),
        html.section("marks", "What is asked of a restorer", _marks(evaluation.marks)) if evaluation.marks else "",
        html.section("overall", "Overall", _overall(evaluation)),
        html.section("pictures", "Faces", _pictures(evaluation, pictures)) if pictures else "",
        html.section("comparisons", "Model against model", html.pairs_table(evaluation.pairs, "faces")),
        html.section("distributions", "Distributions", _spreads([s for s in spreads if s.family == ALL]) + drawn),
        html.section("families", "By family", _families(evaluation, spreads)),
        html.section("problems", "Not compared", problems) if problems else "",
        html.section("figures", "What the figures mean", html.meanings(used)),
    ]
    return html.document(title, body)


def _facts(evaluation: FaceEvaluation) -> str:
    known = parameters(evaluation)
    if known["with_reference"]:
        least = known["smallest_side"]
        kind = f"best face of portraits of at least {least} pixels, degraded from seed {known['seed']}"
    else:
        kind = "all faces of real old photographs, as they are"
    rows = [
        ("Faces", f"{known['faces']} of {known['photos']} photographs, aligned to {known['side']} pixels"),
        ("Data set", f"{known['data_set']} <{known['data_set_sha256']}>"),
        ("Kind", kind),
    ]
    rows += [(f"Model {m['name']}", f"{_version(m['version'])}{m['about']} <{m['sha256']}>") for m in known["models"]]
    for name, words in (("detector", "Detector"), ("identity_model", "Identity")):
        rows.append((words, f"{known[name]['name']} {known[name]['version']} <{known[name]['sha256']}>"))
    rows.append(("Made with", f"{known['software']} on {known['device_class']}"))
    return html.facts(rows)


def _version(version: str) -> str:
    return f"version {version}, " if version else ""


def _marks(marks: Sequence[Mark]) -> str:
    caption = "Means over all faces against doing nothing, with their 95 % intervals by paired bootstrap."
    labels = ("model", "mark", "value", "from", "to", "goal", "reached", "aim", "aim reached")
    head = [html.column(label, text=label not in {"value", "from", "to"}) for label in labels]
    return html.titled_table(caption, head, "\n".join(_mark(mark) for mark in marks))


def _mark(mark: Mark) -> str:
    numbers = [mark.value, *(mark.interval or (None, None))]
    cells = "".join(f"<td>{'–' if value is None else f'{value:+.3f}'}</td>" for value in numbers)
    aim = "–" if mark.aim_reached is None else _yes(mark.aim_reached)
    return (
        f'<tr><th scope="row">{escape(mark.model)}</th><td class="text wrap">{escape(mark.label)}</td>{cells}'
        f'<td class="text">{escape(mark.goal)}</td><td class="text">{_yes(mark.reached)}</td>'
        f'<td class="text">{escape(mark.aim) or "–"}</td><td class="text">{aim}</td></tr>'
    )


def _yes(reached: bool) -> str:
    return "<strong>yes</strong>" if reached else "no"


def _overall(evaluation: FaceEvaluation) -> str:
    notes = "<p>The best model of a column is set in bold, where better has one direction."
    if evaluation.request.with_reference:
        notes += " PSNR is kind to smooth faces, ST-LPIPS to sharp ones: read them together, and look at the faces."
        if not evaluation.perceptual:
            notes += " ST-LPIPS is left out: the package stlpips-pytorch is not installed."
    else:
        notes += " Nobody knows how these people looked: identity says how near the answer stays to what was given."
    rows = statistics.overall(evaluation.scores)
    return notes + "</p>" + html.means_table("Means over all faces.", rows, "", "faces")


def _families(evaluation: FaceEvaluation, spreads: Sequence[Spread]) -> str:
    rows: list[Row] = [row for row in statistics.by_family(evaluation.scores) if row.family != ALL]
    within = [spread for spread in spreads if spread.family != ALL]
    return html.means_table("Means by family.", rows, "family", "faces") + _spreads(within, with_family=True)


def _spreads(spreads: Sequence[Spread], *, with_family: bool = False) -> str:
    where = ", by family." if with_family else "."
    caption = f"Median, and the values that 5 % and 95 % of the faces stay below{where}"
    labels = [*(["family"] if with_family else []), "model", "figure", "faces", "mean", "p5", "median", "p95"]
    head = [html.column(label, text=label in {"family", "model", "figure"}) for label in labels]
    return html.titled_table(caption, head, "\n".join(_spread(spread, with_family) for spread in spreads))


def _spread(spread: Spread, with_family: bool) -> str:
    family = f'<th scope="row">{escape(plain(spread.family))}</th>'
    first, close = (f'{family}<td class="text">', "</td>") if with_family else ('<th scope="row">', "</th>")
    values = (spread.mean, spread.p5, spread.median, spread.p95)
    numbers = "".join(f"<td>{shown(spread.metric, value)}</td>" for value in values)
    label = escape(figure_of(spread.metric).label)
    return f'<tr>{first}{escape(spread.model)}{close}<td class="text">{label}</td><td>{spread.count}</td>{numbers}</tr>'


def _pictures(evaluation: FaceEvaluation, pictures: Sequence[Shown]) -> str:
    total = len(evaluation.members)
    parts = [f"<p>{len({one.subject for one in pictures})} of {total} faces, in their compared size.</p>"]
    heading = ""
    for one in pictures:
        if one.heading != heading:
            heading = one.heading
            parts.append(f"<h3>{escape(plain(heading))}</h3>")
        parts.append(_face(one))
    return "\n".join(parts)


def _face(one: Shown) -> str:
    names = [score.model for score in one.scores] + (["truth"] if one.has_truth else [])
    name = plain(one.subject)
    alt = f"{name}, side by side from left to right: {', '.join(names)}"
    size = f'width="{one.width}" height="{one.height}"'
    image = f'<img loading="lazy" {size} src="{escape(one.address)}" alt="{escape(alt)}">'
    told = "; ".join(words for score in one.scores if (words := _told(score)))
    return f"<figure>{image}<figcaption><code>{escape(name)}</code>: {escape(told)}</figcaption></figure>"


def _told(score: FaceScore) -> str:
    wanted = ("identity", "st_lpips", "psnr", "given_identity", "sharpness_gain")
    values = [f"{figure_of(m).label} {shown(m, score.values[m])}" for m in wanted if m in score.values]
    return f"{score.model} {', '.join(values)}" if values else ""
