"""The report as one HTML page: no script, nothing from the network, readable with a screen reader and on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from restoration.evaluate import html, statistics
from restoration.evaluate.colorizers import Evaluation
from restoration.evaluate.figures import FIGURES, shown
from restoration.evaluate.files import parameters
from restoration.evaluate.pictures import Case, ranked_by
from restoration.evaluate.statistics import ALL, MIN_PEOPLE, Fairness, Row
from restoration.evaluate.text import plain


@dataclass(frozen=True)
class Shown:
    """A case with its picture: address within the folder, and size in pixels."""

    case: Case
    address: str
    width: int
    height: int


def page(evaluation: Evaluation, plots: Mapping[str, tuple[str, str]], pictures: Sequence[Shown]) -> bytes:
    """The whole page.

    :param plots: by address within the folder: a heading, and words that say what is to be seen.
    :param pictures: side-by-side pictures with their addresses.
    """
    title = f"Evaluation of colorizers on {plain(evaluation.request.title)}"
    groups = statistics.by_group(evaluation.scores)
    drawn = "".join(html.plot_figure(address, *words) for address, words in plots.items())
    problems = html.problems_table(evaluation.problems) if evaluation.problems else ""
    used = {name for score in evaluation.scores for name in score.values}
    body = [
        f"<h1>{escape(title)}</h1>",
        _facts(evaluation),
        html.section("overall", "Overall", _overall(evaluation)),
        html.section("comparisons", "Model against model", html.pairs_table(evaluation.pairs)),
        html.section("groups", "By skin group", _groups(groups)) if groups else "",
        html.section("families", "By family", html.means_table("Means by family.", _families(evaluation), "family")),
        html.section("plots", "Distributions", drawn) if drawn else "",
        html.section("pictures", "Pictures", _pictures(evaluation, pictures)) if pictures else "",
        html.section("problems", "Not compared", problems) if problems else "",
        html.section("figures", "What the figures mean", html.meanings(used)),
    ]
    return html.document(title, body)


def _facts(evaluation: Evaluation) -> str:
    known = parameters(evaluation)
    rows = [
        ("Photographs", f"{known['photos']}, brought to a long side of {known['long_side']} pixels"),
        ("Data set", f"{known['data_set']} <{known['data_set_sha256']}>"),
        ("Kind", "colour photographs, grayed with their own L*" if known["with_reference"] else "real old photographs"),
    ]
    rows += [(f"Model {m['name']}", f"version {m['version']}, {m['about']} <{m['sha256']}>") for m in known["models"]]
    if known["feature_net"]:
        net = known["feature_net"]
        rows.append(("Feature net", f"{net['name']}, {net['features']} features <{net['sha256']}>"))
    rows.append(("Made with", f"{known['software']} on {known['device_class']}"))
    return html.facts(rows)


def _overall(evaluation: Evaluation) -> str:
    notes = ["<p>The best model of a column is set in bold, where better has one direction."]
    if evaluation.request.with_reference:
        notes.append(" PSNR and SSIM are kind to gray: a picture that nobody painted has no wrong colours.")
        if not evaluation.perceptual:
            notes.append(" ST-LPIPS is left out: the package stlpips-pytorch is not installed.")
    table = html.means_table("Means over all photographs.", statistics.overall(evaluation.scores))
    fid = ""
    if evaluation.fid:
        rows = "".join(
            f'<tr><th scope="row">{escape(m)}</th><td>{value:.2f}</td></tr>' for m, value in evaluation.fid.items()
        )
        head = '<tr><th scope="col" class="text">model</th><th scope="col">FID</th></tr>'
        caption = "Frechet distance from the truth with the feature net named above; lower is better."
        fid = html.wide(
            caption, f"<table><caption>{caption}</caption><thead>{head}</thead><tbody>{rows}</tbody></table>"
        )
    return "".join(notes) + "</p>" + table + fid


def _families(evaluation: Evaluation) -> list[Row]:
    return [row for row in statistics.by_family(evaluation.scores) if row.family != ALL]


def _groups(groups: Sequence[Row]) -> str:
    words = (
        "<p>Groups by the individual typology angle of the truth's skin, as photographed: light and exposure move it, "
        "and it says nothing about a person. The ratio is the worst group's mean over the best one's, among groups of "
        f"at least {MIN_PEOPLE} photographs with a face.</p>"
    )
    head = "".join(html.column(label, text=label != "ratio") for label in ("model", "figure", "worst", "best", "ratio"))
    body = "\n".join(_fair(row) for row in statistics.fairness(groups))
    caption = "Worst over best skin group; 1 is the same quality for everybody."
    table = f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
    return words + html.wide(caption, table) + html.means_table("Means by skin group.", groups, "group")


def _fair(row: Fairness) -> str:
    ratio = "–" if row.ratio is None else f"{row.ratio:.2f}"
    return (
        f'<tr><th scope="row">{escape(row.model)}</th><td class="text">{escape(FIGURES[row.metric].label)}</td>'
        f'<td class="text">{row.worst}</td><td class="text">{row.best}</td><td>{ratio}</td></tr>'
    )


def _pictures(evaluation: Evaluation, pictures: Sequence[Shown]) -> str:
    model, metric = ranked_by(evaluation)
    words = (
        f"<p>The worst, the median and the best photograph of every family by the {escape(FIGURES[metric].label)} of "
        f"{escape(model)}, of at most twenty families.</p>"
    )
    parts, family = [words], None
    for picture in pictures:
        if picture.case.family != family:
            family = picture.case.family
            parts.append(f"<h3>{escape(plain(family))}</h3>")
        parts.append(_case(picture, metric))
    return "\n".join(parts)


def _case(picture: Shown, metric: str) -> str:
    case, label = picture.case, FIGURES[metric].label
    values = [(s.model, s.values.get(metric)) for s in case.scores]
    told = ", ".join(f"{m} {shown(metric, v)}" for m, v in values if v is not None)
    name = plain(case.photo)
    alt = f"{name}, side by side from left to right: {', '.join(case.models)}"
    size = f'width="{picture.width}" height="{picture.height}"'
    image = f'<img loading="lazy" {size} src="{escape(picture.address)}" alt="{escape(alt)}">'
    words = f"{escape(case.place)}: <code>{escape(name)}</code>; {escape(label)}: {escape(told)}"
    return f"<figure>{image}<figcaption>{words}</figcaption></figure>"
