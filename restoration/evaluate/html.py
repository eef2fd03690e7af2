"""Pieces of a report's page that do not depend on what was compared: its frame, tables of means, tests, problems.

No script, nothing from the network; readable with a screen reader and on paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from restoration.evaluate.figures import ALL_FIGURES, figure_of, shown
from restoration.evaluate.photos import Problem
from restoration.evaluate.scoring import NO_MODELS
from restoration.evaluate.statistics import Pair, Row
from restoration.evaluate.text import plain

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


def document(title: str, body: Iterable[str]) -> bytes:
    """The whole page in UTF-8; empty parts of ``body`` are left out."""
    html = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#main">Skip to the results</a>\n<main id="main">\n'
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    )
    return html.encode("utf-8")


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Names and words as a list; words may end with a hash in angle brackets."""
    cells = "".join(f"<dt>{escape(name)}</dt><dd>{_coded(words)}</dd>" for name, words in rows)
    return f"<dl>{cells}</dl>"


def _coded(words: str) -> str:
    """Words, with a hash at the end (in angle brackets) set as code."""
    text, mark, digest = words.rpartition(" <")
    return f"{escape(text)}<br><code>sha256 {escape(digest.rstrip('>'))}</code>" if mark else escape(words)


def titled_table(caption: str, columns: Iterable[str], body: str) -> str:
    """A table in its scrolling frame, from header cells and rows that are HTML already; the caption is text."""
    head = f"<caption>{escape(caption)}</caption><thead><tr>{''.join(columns)}</tr></thead>"
    table = f"<table>{head}\n<tbody>{body}</tbody></table>"
    return wide(caption, table)


def means_table(caption: str, rows: Sequence[Row], kind: str = "", unit: str = "photos") -> str:
    """Rows of means; ``kind`` names the column that tells families or groups apart, empty for none; ``unit`` what is
    counted.
    """
    metrics = [name for name in ALL_FIGURES if any(name in row.means for row in rows)]
    labels = [*([kind] if kind else []), "model", unit]
    head = "".join(column(label, text=label != unit) for label in labels)
    head += "".join(column(figure_of(m).label, text=False, title=figure_of(m).description) for m in metrics)
    best = _best(rows, metrics)
    lines = []
    for row in rows:
        first = f'<th scope="row">{escape(plain(row.family))}</th><td class="text">' if kind else '<th scope="row">'
        close = "</td>" if kind else "</th>"
        cells = "".join(_cell(row, metric, best) for metric in metrics)
        lines.append(f"<tr>{first}{escape(row.model)}{close}<td>{row.photos}</td>{cells}</tr>")
    body = "\n".join(lines)
    return wide(
        caption,
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>",
    )


def column(label: str, *, text: bool, title: str = "") -> str:
    """A header cell; ``text`` ones are set to the left."""
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
            sign = {"lower": 1.0, "higher": -1.0}.get(figure_of(metric).direction)
            own = [r for r in rows if r.family == family and metric in r.means and r.model not in NO_MODELS]
            if sign is None or len({shown(metric, row.means[metric]) for row in own}) < 2:
                continue
            order = sorted(own, key=lambda row: sign * row.means[metric])
            if shown(metric, order[0].means[metric]) != shown(metric, order[1].means[metric]):
                found[family, metric] = order[0].model
    return found


def pairs_table(pairs: Sequence[Pair], unit: str = "photos") -> str:
    """Every pair with its interval and test."""
    kind = {"photos": "photographs"}.get(unit, unit)
    if not pairs:
        return f"<p>There are too few {kind} or models to compare.</p>"
    caption = (
        f"Mean difference (first less second) on the same {kind}, with its 95 % interval by paired bootstrap, and "
        "Wilcoxon's signed-rank test with Holm's correction."
    )
    labels = ("figure", "first", "second", unit, "difference", "from", "to", "first is better on", "p", "verdict")
    head = "".join(column(label, text=label in {"figure", "first", "second", "verdict"}) for label in labels)
    body = "\n".join(_pair(pair) for pair in pairs)
    return wide(
        caption, f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
    )


def _pair(pair: Pair) -> str:
    figure = figure_of(pair.metric)
    digits = figure.digits + 1
    numbers = "".join(f"<td>{value * figure.scale:+.{digits}f}</td>" for value in (pair.mean, pair.low, pair.high))
    p = "&lt; 0.001" if pair.adjusted < 0.001 else f"{pair.adjusted:.3f}"
    return (
        f'<tr><th scope="row">{escape(figure.label)}</th><td class="text">{escape(pair.first)}</td>'
        f'<td class="text">{escape(pair.second)}</td><td>{pair.photos}</td>{numbers}<td>{pair.wins}</td><td>{p}</td>'
        f'<td class="text wrap">{escape(pair.verdict)}</td></tr>'
    )


def plot_figure(address: str, heading: str, words: str) -> str:
    """A plot with its heading; ``words`` are for those who cannot see it."""
    image = f'<img src="{escape(address)}" alt="{escape(words)}">'
    return f"<figure>{image}<figcaption>{escape(heading)}</figcaption></figure>"


def problems_table(problems: Iterable[Problem]) -> str:
    """Photographs that were not compared, with the reasons."""
    head = "".join(column(label, text=True) for label in ("photograph", "reason", "what was wrong"))
    body = "\n".join(
        f'<tr><th scope="row">{escape(plain(p.name))}</th><td class="text">{p.reason}</td>'
        f'<td class="text wrap">{escape(p.message)}</td></tr>'
        for p in problems
    )
    caption = "Photographs that were not compared."
    return wide(
        caption, f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def meanings(used: Iterable[str]) -> str:
    """What the figures of those names mean, in the order of columns."""
    better = {"lower": "Lower is better.", "higher": "Higher is better.", "neither": "Neither more nor less is better."}
    wanted = set(used)
    parts = [
        f"<dt>{escape(f.label)}</dt><dd>{escape(f.description)} {better[f.direction]}</dd>"
        for f in ALL_FIGURES.values()
        if f.name in wanted
    ]
    return f"<dl>{''.join(parts)}</dl>"


def section(name: str, heading: str, content: str) -> str:
    """A part of the page under a heading; ``content`` is HTML."""
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(heading)}</h2>\n{content}\n</section>'


def wide(label: str, table: str) -> str:
    """A table that scrolls by itself on narrow screens, also with the keyboard."""
    return f'<div class="wide" role="region" tabindex="0" aria-label="{escape(label)}">{table}</div>'
