"""The catalogue on a terminal and as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import rich.table
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from lifesigns.functions.cost import Measured, measured
from lifesigns.records import Floats
from lifesigns.report.functions import Curve, Page, Table, page_of, tables
from lifesigns.report.plot import around, plot
from lifesigns.report.terminal import console_for, fitted, write

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


def markdown() -> str:
    """The tables as a page of the documentation; without costs, which are a machine's own."""
    return DOCUMENT + "".join(_markdown_table(table) for table in tables())


# --- on a terminal --------------------------------------------------------------------------------
def _print_tables(console: Console, cost: Measured | None) -> None:
    for table in tables(cost):
        console.print(Text(fitted(console, table.title), "bold"))
        console.print(_grid(console, table))
        console.print()
    for line in _legend(cost.machine if cost else ""):
        console.print(Text(fitted(console, line), "dim"))


def _legend(machine: str) -> Iterator[str]:
    yield LEGEND
    yield f"Initialisers: {SPREAD_LEGEND[0].lower()}{SPREAD_LEGEND[1:]}"
    if machine:
        yield f"cost: forward and backward relative to ReLU on {machine}."
    yield "lifesigns functions NAME shows the page of one; --html FILE writes them all."


def _grid(console: Console, table: Table) -> rich.table.Table:
    grid = rich.table.Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for head in table.head:
        grid.add_column(
            fitted(console, head),
            justify="right" if head in WIDTHS and head != "activation" else "left",
            min_width=WIDTHS.get(head),
            overflow="fold",
        )
    for row in table.rows:
        grid.add_row(*(Text(fitted(console, cell)) for cell in row))
    return grid


def _print_page(console: Console, page: Page) -> None:
    console.print(Text.assemble((page.name, "bold"), f"  {page.kind}"))
    console.print(Text(fitted(console, page.formula)))
    console.print(Text(fitted(console, page.about)))
    console.print()
    if page.curve:
        console.print(_panels(console, page.curve))
        console.print()
    grid = rich.table.Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=14, no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for label, said in page.facts:
        grid.add_row(label, Text(fitted(console, said)))
    console.print(grid)


def _panels(console: Console, curve: Curve) -> rich.table.Table:
    """Both curves, side by side."""
    grid = rich.table.Table.grid(padding=(0, 2, 0, 0))
    pairs = zip(curve.titles, curve.values, strict=True)
    grid.add_row(*(Padding(_panel(console, title, curve, y), 0) for title, y in pairs))
    return grid


def _panel(console: Console, title: str, curve: Curve, y: Floats) -> Text:
    frame = around(curve.x, y, PANEL, HEIGHT)
    lines = plot(curve.x, y, frame, braille=fitted(console, "⣿") == "⣿")
    low, high = f"{frame.bottom:.3g}", f"{frame.top:.3g}"
    ends = f"{frame.left:g}", f"{frame.right:g}"
    return Text(
        "\n".join(
            [
                f"{fitted(console, title)}: {low} to {high}",
                *lines,
                ends[0] + ends[1].rjust(PANEL - len(ends[0])),
            ]
        ),
        no_wrap=True,
    )


# --- as Markdown ----------------------------------------------------------------------------------
def _markdown_table(table: Table) -> str:
    head = (table.head[0], "formula", *table.head[1:])
    rows = [
        (f"`{row[0]}`", f"{_escaped(formula)}", *map(_escaped, row[1:]))
        for row, formula in zip(table.rows, table.formulas, strict=True)
    ]
    lines = [head, ("---",) * len(head), *rows]
    note = f"{SPREAD_LEGEND}\n\n" if table.title == "Initialisers" else ""
    body = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"\n## {table.title}\n\n{note}{body}\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
