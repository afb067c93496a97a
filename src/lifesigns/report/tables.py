"""Tables for a terminal of any width: where one does not fit, each row becomes a paragraph."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lifesigns.report.terminal import INDENT, fitted, prose

GAPS = (2, 1)
"""Columns between two cells, the first that fits."""
GAP = GAPS[0]
LEAST = 34
"""Columns that a description needs beside its name."""


def print_table(
    console: Console,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[str] = (),
    widths: Mapping[str, int] | None = None,
    styles: Sequence[str] = (),
) -> None:
    """Prints a table; the first cell of a row names it. Nothing is cut and no column left out.

    Args:
        console: Its width decides on the form.
        heads: Of the columns.
        rows: As many cells each.
        numbers: Heads of the columns that align right.
        widths: Least widths by head, so that several tables stand under one another.
        styles: One for each row; empty for none.
    """
    heads = [fitted(console, head) for head in heads]
    rows = [[fitted(console, cell) for cell in row] for row in rows]
    styles, least = styles or [""] * len(rows), widths or {}
    columns = zip(heads, *rows, strict=True)
    needed = [max(map(cell_len, column)) for column in columns]
    needed = [max(least.get(h, 0), n) for h, n in zip(heads, needed, strict=True)]
    gaps = [gap for gap in GAPS if sum(needed) + gap * (len(heads) - 1) <= console.width]
    if not gaps:
        _print_rows(console, heads, rows, styles)
        return
    grid = Table(box=None, padding=(0, gaps[0], 0, 0), pad_edge=False, header_style="dim")
    for head in heads:
        justify = "right" if head in numbers else "left"
        width = least.get(head)
        grid.add_column(Text(head), justify=justify, no_wrap=True, min_width=width)  # type: ignore[arg-type]
    for row, style in zip(rows, styles, strict=True):
        grid.add_row(*map(Text, row), style=style)
    console.print(grid)


def _print_rows(
    console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str]
) -> None:
    for (name, *cells), style in zip(rows, styles, strict=True):
        console.print(Text(name, f"bold {style}".strip()), no_wrap=False, overflow="fold")
        said = "; ".join(f"{head} {cell}" for head, cell in zip(heads[1:], cells, strict=True))
        console.print(Padding(Text(prose(console, said, INDENT).plain, style), (0, 0, 0, INDENT)))


def print_described(
    console: Console, pairs: Sequence[tuple[str, str]], *, column: int = 0, style: str = ""
) -> None:
    """Prints names and what is said of each, beside them or beneath them.

    Args:
        console: Its width decides which.
        pairs: A name and its description.
        column: Least width of the names.
        style: Of the names.
    """
    column = max(column, *(cell_len(name) for name, _ in pairs)) + GAP
    is_narrow = console.width - column < LEAST
    margin = INDENT if is_narrow else column
    for name, description in pairs:
        shown = prose(console, description, margin)
        if is_narrow:
            console.print(Text(name, style))
            console.print(Padding(shown, (0, 0, 0, INDENT)))
            continue
        grid = Table.grid()
        grid.add_column(width=column, no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(Text(name, style), shown)
        console.print(grid)
