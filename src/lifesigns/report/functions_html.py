"""The catalogue as one HTML page: no script, no network, curves as inline SVG."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np

from lifesigns._outputs import write
from lifesigns.functions.cost import measured
from lifesigns.locale.spoken import said_in
from lifesigns.records import Floats
from lifesigns.report.article import Article, Say
from lifesigns.report.functions import ENTRIES, Curve, Page, Table, page_of, tables
from lifesigns.report.functions_text import LEGEND, PART, SPREAD_LEGEND
from lifesigns.report.language import Language

WIDTH, HEIGHT, MARGIN, LEFT = 312, 200, 34, 46
"""Of a drawing, in CSS pixels."""
COLORS = ("#0072B2", "#D55E00")
"""Blue and vermilion stay apart for colour-blind eyes. Source: Okabe & Ito 2008."""
POINTS = 5
"""Every so manieth point of a curve is drawn."""


def write_page(path: Path, name: str | None = None) -> None:
    """Writes the page of one entry, or of all, to `path`.

    Args:
        path: Replaced if it is there; `-` is standard output.
        name: A key of `ENTRIES`; None for all.

    Raises:
        UsageError: There is no entry of that name, or `path` is no place for a file.
    """
    write(path, html(name))


def html(name: str | None = None) -> str:
    """The page of one entry, or the tables and the pages of all.

    Args:
        name: A key of `ENTRIES`; None for all.

    Returns:
        HTML that needs no network.

    Raises:
        UsageError: There is no entry of that name.
    """
    first, *others = (_page(name, language) for language in Language.each())
    return first.render(*others)


def _page(name: str | None, language: Language) -> Article:
    def say(text: str) -> str:
        return said_in(language.value, text, PART)

    cost = measured()
    prefix = "" if language is Language.each()[0] else f"{language.value}-"
    if name is not None:
        page = page_of(name, cost)
        title, body = page.name, "".join(_section(page, say, prefix))
    else:
        title = say("Activations, initialisers and losses")
        body = f"<p>{escape(say(LEGEND))}</p>" + "".join(
            [
                *(_table(table, say, prefix) for table in tables(cost)),
                *("".join(_section(page_of(n, cost), say, prefix)) for n in ENTRIES),
            ]
        )
    sheet = Article(title, language)
    sheet.markup(body)
    return sheet


def _table(table: Table, say: Say, prefix: str) -> str:
    head = "".join(
        f"<th>{escape(say(cell))}</th>" for cell in (table.head[0], "formula", *table.head[1:])
    )
    rows = "\n".join(
        f'<tr><td><a href="#{prefix}{name}">{name}</a></td>'
        f'<td class="formula">{escape(say(formula))}</td>'
        + "".join(f"<td>{escape(say(cell))}</td>" for cell in cells)
        + "</tr>"
        for (name, *cells), formula in zip(table.rows, table.formulas, strict=True)
    )
    note = f"<p>{escape(say(SPREAD_LEGEND))}</p>" if table.title == "Initialisers" else ""
    return (
        f"<h2>{escape(say(table.title))}</h2>{note}\n"
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr>'
        f"</thead><tbody>\n{rows}\n</tbody></table></div>\n"
    )


def _section(page: Page, say: Say, prefix: str) -> Iterator[str]:
    kind = f"<small>{escape(say(page.kind))}</small>"
    yield f'<section id="{prefix}{page.name}"><h2>{page.name} {kind}</h2>\n'
    yield f'<p class="formula">{escape(say(page.formula))}</p><p>{escape(say(page.about))}</p>\n'
    if page.curve:
        of, titles = say(f"of {page.name}"), page.curve.titles
        curve = replace(page.curve, titles=(say(titles[0]), say(titles[1])))
        yield from (drawing(of, curve, index) for index in (0, 1))
    yield '<div class="scroll" tabindex="0"><table><tbody>\n'
    for label, said in page.facts:
        is_code = label == "in PyTorch"
        shown = f"<code>{escape(said)}</code>" if is_code else escape(say(said))
        yield f"<tr><td>{escape(say(label))}</td><td>{shown}</td></tr>\n"
    yield "</tbody></table></div></section>\n"


def drawing(of: str, curve: Curve, index: int) -> str:
    """One of the two curves as SVG, with axes through 0 and the numbers at its borders.

    Args:
        of: Whose, for the title that a screen reader speaks, such as `of gelu`.
        curve: Points in rising order of x.
        index: 0 for the first of its curves, 1 for the second.
    """
    x, y = curve.x[::POINTS], curve.values[index][::POINTS]
    low, high = min(float(y.min()), 0.0), max(float(y.max()), 0.0)
    high = high if high > low else low + 1
    across = LEFT + (x - x[0]) / (x[-1] - x[0]) * (WIDTH - LEFT - MARGIN)
    down = HEIGHT - MARGIN - (y - low) / (high - low) * (HEIGHT - 2 * MARGIN)
    zero_x = LEFT + (0 - x[0]) / (x[-1] - x[0]) * (WIDTH - LEFT - MARGIN)
    zero_y = HEIGHT - MARGIN + low / (high - low) * (HEIGHT - 2 * MARGIN)
    title = escape(curve.titles[index])
    return (
        f'<svg class="drawing" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" xmlns="http://www.w3.org/2000/svg"><title>{title} {of}</title>\n'
        f'<path d="M{LEFT} {zero_y:.1f}H{WIDTH - MARGIN}M{zero_x:.1f} {MARGIN}V{HEIGHT - MARGIN}"'
        ' stroke="#999" fill="none"/>\n'
        f'<polyline points="{_points(across, down)}" fill="none" stroke="{COLORS[index]}" '
        'stroke-width="2.5"/>\n'
        f'<text x="{LEFT}" y="20" fill="{COLORS[index]}" font-weight="bold">{title}</text>\n'
        + _label(LEFT - 6, MARGIN + 4, high, "end")
        + (_label(LEFT - 6, HEIGHT - MARGIN + 4, low, "end") if low < 0 else "")
        + _label(LEFT - 6, zero_y + 4, 0.0, "end") * (0.1 < -low / (high - low) < 0.9 or low == 0)
        + _label(LEFT, HEIGHT - MARGIN + 20, float(x[0]), "middle")
        + _label(WIDTH - MARGIN, HEIGHT - MARGIN + 20, float(x[-1]), "middle")
        + "</svg>\n"
    )


def _points(across: Floats, down: Floats) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in np.stack([across, down], -1))


def _label(x: float, y: float, value: float, anchor: str) -> str:
    place = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"'
    return f'<text {place} fill="currentColor">{value:.3g}</text>\n'
