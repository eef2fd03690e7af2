"""The report as one HTML page: no script, nothing from the network, readable with a screen reader and on paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from restoration.evaluate import statistics
from restoration.evaluate.colorizers import Evaluation
from restoration.evaluate.figures import FIGURES, shown
from restoration.evaluate.files import parameters, plain
from restoration.evaluate.pictures import Case, ranked_by
from restoration.evaluate.scoring import GRAY, TRUTH
from restoration.evaluate.statistics import ALL, MIN_PEOPLE, Fairness, Pair, Row

_STYLE = """
:root { color-scheme: light; --paper: #fbf9f5; --ink: #221d18; --soft: #554d43; --line: #cfc6b8; --head: #efe9de; }
*, *::before { box-sizing: border-box; }
body { margin: 0 auto; max-width: 84rem; padding: 1.5rem clamp(1rem, 4vw, 3rem) 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1, h2, h3 { font-family: Georgia, "Noto Serif", serif; font-weight: 500; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin-top: 2.6rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
p, li, dd { max-width: 48rem; }
a { color: #6b3d10; }
.skip { position: absolute; left: -100rem; } .skip:focus { left: 1rem; top: 1rem; background: #fff; padding: .6rem; }
:focus-visible { outline: 3px solid #6b3d10; outline-offset: 2px; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; }
th, td { padding: .28rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th[scope=row], td.text, thead th.text { text-align: left; }
thead th { background: var(--head); vertical-align: bottom; }
td.wrap, dd { overflow-wrap: anywhere; white-space: normal; } td.wrap { min-width: 13rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; }
dt { color: var(--soft); } dd { margin: 0; }
img { max-width: 100%; height: auto; display: block; background: #fff; border: 1px solid var(--line); }
figure { margin: 1.2rem 0; } figcaption { color: var(--soft); font-size: .92rem; overflow-wrap: anywhere; }
code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .88em; overflow-wrap: anywhere; }
@media print { body { max-width: none; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
"""


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
    body = [
        f"<h1>{escape(title)}</h1>",
        _facts(evaluation),
        _section("overall", "Overall", _overall(evaluation)),
        _section("comparisons", "Model against model", _comparisons(evaluation)),
        _section("groups", "By skin group", _groups(groups)) if groups else "",
        _section("families", "By family", _table("Means by family.", _families(evaluation), "family")),
        _section("plots", "Distributions", "".join(_plot(a, *words) for a, words in plots.items())) if plots else "",
        _section("pictures", "Pictures", _pictures(evaluation, pictures)) if pictures else "",
        _section("problems", "Not compared", _problems(evaluation)) if evaluation.problems else "",
        _section("figures", "What the figures mean", _meanings(evaluation)),
    ]
    html = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#main">Skip to the results</a>\n<main id="main">\n'
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    )
    return html.encode("utf-8")


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
    cells = "".join(f"<dt>{escape(name)}</dt><dd>{_coded(words)}</dd>" for name, words in rows)
    return f"<dl>{cells}</dl>"


def _coded(words: str) -> str:
    """Words, with a hash at the end (in angle brackets) set as code."""
    text, mark, digest = words.rpartition(" <")
    return f"{escape(text)}<br><code>sha256 {escape(digest.rstrip('>'))}</code>" if mark else escape(words)


def _overall(evaluation: Evaluation) -> str:
    notes = ["<p>The best model of a column is set in bold, where better has one direction."]
    if evaluation.request.with_reference:
        notes.append(" PSNR and SSIM are kind to gray: a picture that nobody painted has no wrong colours.")
        if not evaluation.perceptual:
            notes.append(" ST-LPIPS is left out: the package stlpips-pytorch is not installed.")
    table = _table("Means over all photographs.", statistics.overall(evaluation.scores), "")
    fid = ""
    if evaluation.fid:
        rows = "".join(
            f'<tr><th scope="row">{escape(m)}</th><td>{value:.2f}</td></tr>' for m, value in evaluation.fid.items()
        )
        head = '<tr><th scope="col" class="text">model</th><th scope="col">FID</th></tr>'
        caption = "Frechet distance from the truth with the feature net named above; lower is better."
        fid = _wide(caption, f"<table><caption>{caption}</caption><thead>{head}</thead><tbody>{rows}</tbody></table>")
    return "".join(notes) + "</p>" + table + fid


def _families(evaluation: Evaluation) -> list[Row]:
    return [row for row in statistics.by_family(evaluation.scores) if row.family != ALL]


def _table(caption: str, rows: Sequence[Row], kind: str) -> str:
    """Rows of means; ``kind`` names the column that tells families or groups apart, empty for none."""
    metrics = [name for name in FIGURES if any(name in row.means for row in rows)]
    labels = [*([kind] if kind else []), "model", "photos"]
    head = "".join(_column(label, text=label != "photos") for label in labels)
    head += "".join(_column(FIGURES[m].label, text=False, title=FIGURES[m].description) for m in metrics)
    best = _best(rows, metrics)
    lines = []
    for row in rows:
        first = f'<th scope="row">{escape(plain(row.family))}</th><td class="text">' if kind else '<th scope="row">'
        close = "</td>" if kind else "</th>"
        cells = "".join(_cell(row, metric, best) for metric in metrics)
        lines.append(f"<tr>{first}{escape(row.model)}{close}<td>{row.photos}</td>{cells}</tr>")
    body = "\n".join(lines)
    return _wide(
        caption,
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>",
    )


def _column(label: str, *, text: bool, title: str = "") -> str:
    kind = ' class="text"' if text else ""
    hint = f' title="{escape(title)}"' if title else ""
    return f'<th scope="col"{kind}{hint}>{escape(label)}</th>'


def _cell(row: Row, metric: str, best: Mapping[tuple[str, str], str]) -> str:
    text = escape(shown(metric, row.means.get(metric)))
    return f"<td><strong>{text}</strong></td>" if best.get((row.family, metric)) == row.model else f"<td>{text}</td>"


def _best(rows: Sequence[Row], metrics: Iterable[str]) -> dict[tuple[str, str], str]:
    """The best model by family and figure, among models proper, where one stands out."""
    found: dict[tuple[str, str], str] = {}
    for family in dict.fromkeys(row.family for row in rows):
        for metric in metrics:
            sign = {"lower": 1.0, "higher": -1.0}.get(FIGURES[metric].direction)
            own = [r for r in rows if r.family == family and metric in r.means and r.model not in {GRAY, TRUTH}]
            if sign is None or len({shown(metric, row.means[metric]) for row in own}) < 2:
                continue
            order = sorted(own, key=lambda row: sign * row.means[metric])
            if shown(metric, order[0].means[metric]) != shown(metric, order[1].means[metric]):
                found[family, metric] = order[0].model
    return found


def _comparisons(evaluation: Evaluation) -> str:
    if not evaluation.pairs:
        return "<p>There are too few photographs or models to compare.</p>"
    caption = (
        "Mean difference (first less second) on the same photographs, with its 95 % interval by paired bootstrap, and "
        "Wilcoxon's signed-rank test with Holm's correction."
    )
    labels = ("figure", "first", "second", "photos", "difference", "from", "to", "first is better on", "p", "verdict")
    head = "".join(_column(label, text=label in {"figure", "first", "second", "verdict"}) for label in labels)
    body = "\n".join(_pair(pair) for pair in evaluation.pairs)
    return _wide(
        caption, f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
    )


def _pair(pair: Pair) -> str:
    figure = FIGURES[pair.metric]
    digits = figure.digits + 1
    numbers = "".join(f"<td>{value * figure.scale:+.{digits}f}</td>" for value in (pair.mean, pair.low, pair.high))
    p = "&lt; 0.001" if pair.adjusted < 0.001 else f"{pair.adjusted:.3f}"
    return (
        f'<tr><th scope="row">{escape(figure.label)}</th><td class="text">{escape(pair.first)}</td>'
        f'<td class="text">{escape(pair.second)}</td><td>{pair.photos}</td>{numbers}<td>{pair.wins}</td><td>{p}</td>'
        f'<td class="text wrap">{escape(pair.verdict)}</td></tr>'
    )


def _groups(groups: Sequence[Row]) -> str:
    words = (
        "<p>Groups by the individual typology angle of the truth's skin, as photographed: light and exposure move it, "
        "and it says nothing about a person. The ratio is the worst group's mean over the best one's, among groups of "
        f"at least {MIN_PEOPLE} photographs with a face.</p>"
    )
    head = "".join(_column(label, text=label != "ratio") for label in ("model", "figure", "worst", "best", "ratio"))
    body = "\n".join(_fair(row) for row in statistics.fairness(groups))
    caption = "Worst over best skin group; 1 is the same quality for everybody."
    table = f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
    return words + _wide(caption, table) + _table("Means by skin group.", groups, "group")


def _fair(row: Fairness) -> str:
    ratio = "–" if row.ratio is None else f"{row.ratio:.2f}"
    return (
        f'<tr><th scope="row">{escape(row.model)}</th><td class="text">{escape(FIGURES[row.metric].label)}</td>'
        f'<td class="text">{row.worst}</td><td class="text">{row.best}</td><td>{ratio}</td></tr>'
    )


def _plot(address: str, heading: str, words: str) -> str:
    image = f'<img src="{escape(address)}" alt="{escape(words)}">'
    return f"<figure>{image}<figcaption>{escape(heading)}</figcaption></figure>"


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


def _problems(evaluation: Evaluation) -> str:
    head = "".join(_column(label, text=True) for label in ("photograph", "reason", "what was wrong"))
    body = "\n".join(
        f'<tr><th scope="row">{escape(plain(p.name))}</th><td class="text">{p.reason}</td>'
        f'<td class="text wrap">{escape(p.message)}</td></tr>'
        for p in evaluation.problems
    )
    caption = "Photographs that were not compared."
    return _wide(
        caption, f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _meanings(evaluation: Evaluation) -> str:
    better = {"lower": "Lower is better.", "higher": "Higher is better.", "neither": "Neither more nor less is better."}
    used = {name for score in evaluation.scores for name in score.values}
    parts = [
        f"<dt>{escape(f.label)}</dt><dd>{escape(f.description)} {better[f.direction]}</dd>"
        for f in FIGURES.values()
        if f.name in used
    ]
    return f"<dl>{''.join(parts)}</dl>"


def _section(name: str, heading: str, content: Any) -> str:
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(heading)}</h2>\n{content}\n</section>'


def _wide(label: str, table: str) -> str:
    """A table that scrolls by itself on narrow screens, also with the keyboard."""
    return f'<div class="wide" role="region" tabindex="0" aria-label="{escape(label)}">{table}</div>'
