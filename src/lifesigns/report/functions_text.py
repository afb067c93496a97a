"""The catalogue on a terminal and as Markdown."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator

import rich.table
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from lifesigns.functions.cost import Measured, measured
from lifesigns.locale.spoken import said, said_in
from lifesigns.records import Floats
from lifesigns.report.functions import Curve, Page, Table, page_of, tables
from lifesigns.report.language import Language
from lifesigns.report.plot import around, plot
from lifesigns.report.tables import print_described, print_table
from lifesigns.report.terminal import console_for, fitted, prose, write

PART = "functions"
"""The file with these texts in other languages."""
PANEL, HEIGHT = 38, 9
"""Characters of each drawing; two of them fill 80 columns."""
WIDTHS = {
    "activation": 15, "range": 14, "mean": 7, "max f'": 6, "flat": 4, "f' = 0": 6, "gain": 6,
    "back": 6, "cost": 4,
}  # fmt: skip
"""Of the columns of numbers, so that the families stand under one another."""
LEGEND = (
    "Moments are over a standard normal preactivation. flat: where f' fades away; "
    "f' = 0: how often it is exactly 0; gain = 1/√E[f²], back = 1/√E[f'²]."
)
SPREAD_LEGEND = "Root mean square of the weights of a square layer of that width."

MARKS = ("# ", "- ")
"""Of headings and items in Markdown."""
DOCUMENT = """# Activations, initialisers and losses

Made by `python docs/make_functions.py` from `lifesigns.functions`; `lifesigns functions NAME` shows
a page with the curves of each. Every number follows from the formula: moments are taken over a
standard normal preactivation by Gauss-Legendre quadrature between the kinks, extremes from grids
that zoom in. They are tested against `torch.autograd`.

- **mean** is E[f]: a zero-centred function has 0.
- **flat** says at which end f' fades away, **f' = 0** how often it is exactly 0.
- **gain** is 1/√E[f²]: weights of standard deviation gain/√fan_in keep the signal's mean square
  at 1. `lifesigns.functions.gain(name)` gives it, also where torch's `calculate_gain` has none.
- **back** is 1/√E[f'²]: with 1/√fan_out it keeps the gradient's.

What a function costs depends on the machine: `python benchmarks/activations.py --save` measures it,
relative to ReLU, and `lifesigns functions` shows it from then on.
"""


def show(name: str | None = None) -> None:
    """Prints the tables of the catalogue, or the page of one function.

    Args:
        name: A key of `ENTRIES`; None for the tables.

    Raises:
        UsageError: There is none of that name; the message suggests near ones.
    """
    console, cost = console_for(sys.stdout), measured()
    if name is None:
        write(console, lambda: _print_tables(console, cost))
    else:
        page = page_of(name, cost)
        write(console, lambda: _print_page(console, page))


def markdown(language: Language = Language.ENGLISH) -> str:
    """The tables as a page of the documentation; without costs, which are a machine's own.

    Args:
        language: Of the page.
    """

    def say(text: str) -> str:
        return said_in(language.value, text, PART)

    head = DOCUMENT if language is Language.ENGLISH else _blocks(say)
    return head + "".join(_markdown_table(table, say) for table in tables())


def _blocks(say: Callable[[str], str]) -> str:
    """The document's head, each of its paragraphs and items in other words."""
    told = []
    for paragraph in DOCUMENT.strip().split("\n\n"):
        parts = filter(None, re.split(r"^(# |- )|\n(- )", paragraph))
        told.append("".join(part if part in MARKS else f"{_told(part, say)}\n" for part in parts))
    return "\n".join(told)


def _told(text: str, say: Callable[[str], str]) -> str:
    return say(" ".join(text.split()))


# --- on a terminal --------------------------------------------------------------------------------
def _print_tables(console: Console, cost: Measured | None) -> None:
    for table in tables(cost):
        heads = [said(head, PART) for head in table.head]
        widths = {said(head, PART): width for head, width in WIDTHS.items()}
        rows = [(row[0], *(said(cell, PART) for cell in row[1:])) for row in table.rows]
        numbers = [said(head, PART) for head in table.head[1:] if head in WIDTHS]
        console.print(Text(said(table.title, PART), "bold"))
        print_table(console, heads, rows, numbers=numbers, widths=widths)
        console.print()
    for line in _legend(cost.machine if cost else ""):
        console.print(Text(prose(console, said(line, PART)).plain, "dim"))


def _legend(machine: str) -> Iterator[str]:
    yield LEGEND
    yield f"Initialisers: {SPREAD_LEGEND[0].lower()}{SPREAD_LEGEND[1:]}"
    if machine:
        yield f"cost: forward and backward relative to ReLU on {machine}."
    yield "lifesigns functions NAME shows the page of one; --html FILE writes them all."


def _print_page(console: Console, page: Page) -> None:
    console.print(Text.assemble((page.name, "bold"), f"  {said(page.kind, PART)}"))
    console.print(Text(fitted(console, said(page.formula, PART))))
    console.print(prose(console, said(page.about, PART)))
    console.print()
    if page.curve:
        console.print(_panels(console, page.curve))
        console.print()
    facts = [(said(label, PART), said(text, PART)) for label, text in page.facts]
    print_described(console, facts, column=14, style="dim")


def _panels(console: Console, curve: Curve) -> rich.table.Table:
    """Both curves, side by side, or one below the other where that is too wide."""
    pairs = zip(curve.titles, curve.values, strict=True)
    panels = [Padding(_panel(console, title, curve, y), 0) for title, y in pairs]
    grid = rich.table.Table.grid(padding=(0, 2, 0, 0))
    if console.width >= 2 * PANEL + 2:
        grid.add_row(*panels)
        return grid
    for panel in panels:
        grid.add_row(panel)
    return grid


def _panel(console: Console, title: str, curve: Curve, y: Floats) -> Text:
    frame = around(curve.x, y, PANEL, HEIGHT)
    lines = plot(curve.x, y, frame, braille=fitted(console, "⣿") == "⣿")
    low, high = f"{frame.bottom:.3g}", f"{frame.top:.3g}"
    ends = f"{frame.left:g}", f"{frame.right:g}"
    return Text(
        "\n".join(
            [
                fitted(console, said(f"{said(title, PART)}: {low} to {high}", PART)),
                *lines,
                ends[0] + ends[1].rjust(PANEL - len(ends[0])),
            ]
        ),
        no_wrap=True,
    )


# --- as Markdown ----------------------------------------------------------------------------------
def _markdown_table(table: Table, say: Callable[[str], str]) -> str:
    head = tuple(map(say, (table.head[0], "formula", *table.head[1:])))
    rows = [
        (f"`{row[0]}`", f"{_escaped(say(formula))}", *(_escaped(say(cell)) for cell in row[1:]))
        for row, formula in zip(table.rows, table.formulas, strict=True)
    ]
    lines = [head, ("---",) * len(head), *rows]
    note = f"{say(SPREAD_LEGEND)}\n\n" if table.title == "Initialisers" else ""
    body = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"\n## {say(table.title)}\n\n{note}{body}\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
