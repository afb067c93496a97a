"""A comparison as text, in the shape of the report: labels in one column, words beside them.

What is equal in both runs is said in few words, so that what differs can be seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import IO

from rich.cells import cell_len
from rich.console import Console, ConsoleRenderable
from rich.console import Group as RichGroup
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lifesigns.evidence import Course
from lifesigns.evidence.sites import counted
from lifesigns.locale.spoken import said
from lifesigns.records import Floats
from lifesigns.report.comparison._comparison import Comparison, Side
from lifesigns.report.comparison.changes import Change
from lifesigns.report.comparison.curves import Pair, Window
from lifesigns.report.comparison.ladder import Rung
from lifesigns.report.comparison.layers import Layer
from lifesigns.report.comparison.words import (
    equal_losses,
    headline,
    letter,
    located,
    not_compared,
    values,
)
from lifesigns.report.curve import curves, sparkline
from lifesigns.report.page.columns import COLUMNS, Column
from lifesigns.report.sentences import spoken_findings
from lifesigns.report.terminal import (
    COLOR,
    INDENT,
    LABELS,
    Said,
    behind_colon,
    console_for,
    fitted,
    prose,
    spoken_rows,
    write,
)

MOST_RUNGS = 8
"""Layers that are printed: those that differ most. JSON has all."""
MOST_WINDOWS = 4
"""Stretches of the loss that are printed."""
LETTER = 7
"""Width of the column of the runs' names."""
NUMBER = 10
"""Width of a column of numbers."""
HEADINGS = {"centring": "mean/σ", "slope": "σ′"}
"""Of the columns that are not called by their keys."""

PART = "compare"
"""The file with these texts in other languages."""

Names = tuple[str, str]


def print_comparison(
    comparisons: Sequence[Comparison],
    file: IO[str],
    *,
    color: bool | None = None,
    width: int | None = None,
) -> None:
    """Prints each run against the first.

    Args:
        comparisons: With the same first run.
        file: Where to.
        color: Whether colours are used; None lets the stream decide.
        width: Columns; None for the terminal's, or 80 elsewhere.
    """
    console = console_for(file, color=color, width=width)
    write(console, lambda: _print(console, comparisons))


def _print(console: Console, comparisons: Sequence[Comparison]) -> None:
    for number, comparison in enumerate(comparisons, 1):
        for part in _parts(console, comparison, (letter(0), letter(number))):
            console.print(part)
            console.print()


def _parts(console: Console, comparison: Comparison, names: Names) -> Iterator[ConsoleRenderable]:
    yield spoken_rows(console, PART, *_header(console, comparison, names))
    if comparison.changes:
        yield spoken_rows(
            console, PART, *(_change(console, change) for change in comparison.changes)
        )
    if not comparison.divergence.is_identical:
        yield from _layers(console, comparison, names)
        yield from (_losses(console, comparison, pair, names) for pair in comparison.curves)
    yield from _settings(console, comparison, names)
    yield spoken_rows(console, PART, *_footer(comparison, names))


# --- what differs ---------------------------------------------------------------------------------
def _header(
    console: Console, comparison: Comparison, names: Names
) -> Iterator[tuple[str | Text, Said]]:
    known = comparison.divergence
    style = "bold green" if known.is_identical else "bold"
    head = prose(console, said(headline(known, names), PART), LABELS + 2)
    head.stylize(style)
    yield Text("lifesigns", "bold"), head
    for name, side in zip(names, (comparison.first, comparison.other), strict=True):
        yield name, _run(side)
    if known.difference is not None:
        yield "first at", located(known.difference, names)
    if known.rounding is not None:
        yield "rounding", f"from {located(known.rounding, names)}"
    if known.difference is not None and known.equal_losses:
        yield "before", equal_losses(known)


def _run(side: Side) -> str:
    outcome = side.trace.info.outcome.partition("\n")[0]
    how = "" if outcome == "finished" else f", {outcome}"
    return f"{side.name}: {counted(side.trace.steps, 'step')}{how}\n{side.verdict}"


def _change(console: Console, change: Change) -> tuple[str | Text, Said]:
    (finding,) = spoken_findings([change.finding])
    place = finding.site or "the whole run"
    name = f"{finding.code} {finding.rule}".strip()
    severity = said(finding.severity.value, "report")
    at = said(f"{name} at {place}{_changed_severity(change)}", PART)
    text = prose(console, behind_colon(f"{severity} {at}", finding.symptom), LABELS + 2)
    text.stylize(COLOR[finding.severity], 0, len(severity))
    label = Text(said(change.word, PART), "bold" if change.word != "same" else "dim")
    return label, text


def _changed_severity(change: Change) -> str:
    if change.first is None or change.other is None:
        return ""
    was, now = change.first.severity, change.other.severity
    return "" if was is now else f" (was {was.value})"


# --- layers ---------------------------------------------------------------------------------------
def _layers(console: Console, comparison: Comparison, names: Names) -> Iterator[ConsoleRenderable]:
    known = comparison.ladder
    if not known.rungs:
        return
    steps = " and ".join(
        f"step {step} of {name}" for name, step in zip(names, known.steps, strict=True)
    )
    left_out = len(known.rungs) - MOST_RUNGS
    more = f"; the {MOST_RUNGS} of {len(known.rungs)} that differ most" if left_out > 0 else ""
    yield spoken_rows(console, PART, ("layers", f"as recorded in {steps}{more}"))
    headings = ["", *(said(HEADINGS.get(c.key, c.key), PART) for c in COLUMNS)]
    is_narrow = console.width < LETTER + NUMBER * len(COLUMNS) + INDENT
    lines: list[ConsoleRenderable] = [] if is_narrow else [_line(console, headings)]
    for rung in _shown(known.rungs):
        lines.append(Text(fitted(console, _title(rung)), "bold"))
        for cells in _rung(rung, names):
            line = _paragraph(console, cells, headings) if is_narrow else _line(console, cells)
            lines.append(line)
    yield Padding(RichGroup(*lines), (0, 0, 0, INDENT))


def _line(console: Console, cells: Sequence[str]) -> Table:
    """A letter and the numbers of a layer."""
    table = Table.grid()
    table.add_column(width=LETTER)
    for _ in COLUMNS:
        table.add_column(width=NUMBER, justify="right")
    table.add_row(*(Text(fitted(console, cell)) for cell in cells))
    return table


def _paragraph(console: Console, cells: Sequence[str], headings: Sequence[str]) -> Text:
    """The same where it does not fit side by side."""
    pairs = (f"{head} {cell};" for head, cell in zip(headings, cells, strict=True) if cell)
    lines = [""]
    for pair in pairs:  # which stays together
        if cell_len(f"{lines[-1]} {pair}") > console.width - 2 * INDENT:
            lines.append("  ")
        lines[-1] = f"{lines[-1]} {pair}".rstrip() if lines[-1].strip() else lines[-1] + pair
    return Text(fitted(console, "\n".join(lines).removesuffix(";")))


def _shown(rungs: Sequence[Rung]) -> list[Rung]:
    """Those that differ most, in the order of the forward pass."""
    ranked = sorted(range(len(rungs)), key=lambda i: (-rungs[i].distance, i))
    return [rungs[i] for i in sorted(ranked[:MOST_RUNGS])]


def _title(rung: Rung) -> str:
    """The layer's name and its activation; both where they differ."""
    layers = [layer for layer in (rung.first, rung.other) if layer is not None]
    names, activations = ([*dict.fromkeys(texts)] for texts in zip(*(
        (layer.name, layer.activation or said("no activation", PART)) for layer in layers
    ), strict=True))  # fmt: skip
    return f"{' / '.join(names)}, {' / '.join(activations)}"


def _rung(rung: Rung, names: Names) -> Iterator[list[str]]:
    first, other = (_cells(layer) for layer in (rung.first, rung.other))
    if first == other:
        yield [f"  {' = '.join(names)}", *first]
        return
    for name, cells in zip(names, (first, other), strict=True):
        yield [f"  {name}", *cells]


def _cells(layer: Layer | None) -> list[str]:
    if layer is None:
        return [said("none", PART), *[""] * (len(COLUMNS) - 1)]
    return [_number(column, value) for column, value in zip(COLUMNS, layer.numbers, strict=True)]


def _number(column: Column, value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.3g}" if column.logarithmic else f"{100 * value:.3g} %"


# --- losses ---------------------------------------------------------------------------------------
def _losses(
    console: Console, comparison: Comparison, pair: Pair, names: Names
) -> ConsoleRenderable:
    several = len(comparison.curves) > 1
    label = f"loss {pair.stream + 1}" if several else "loss"
    sides = (comparison.first, comparison.other)
    lines = [
        f"{name}  {_course(course)}  {sparkline(_values(side, pair.stream))}"
        for name, side, course in zip(names, sides, pair.courses, strict=True)
    ]
    return spoken_rows(console, PART, (label, "\n".join(lines)), *_windows(comparison, pair, names))


def _values(side: Side, stream: int) -> Floats:
    return next(curve.values for curve in curves(side.trace) if curve.stream == stream)


def _course(course: Course) -> str:
    known = math.isfinite(course.baseline)
    than = f", a constant prediction {course.baseline:.4g}" if known else ""
    return f"{course.start:.4g} → {course.end:.4g}{than}"


def _windows(comparison: Comparison, pair: Pair, names: Names) -> Iterator[tuple[str, Said]]:
    if not pair.windows:
        return
    last = len(pair.windows) - 1
    places = sorted({round(k * last / (MOST_WINDOWS - 1)) for k in range(MOST_WINDOWS)})
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(justify="right")
    table.add_row("", *names)
    for window in (pair.windows[place] for place in places):
        table.add_row(_stretch(window), *values(window.first, window.other))
    yield ("steps" if comparison.axis == "step" else "samples"), table


def _stretch(window: Window) -> str:
    first, last = math.ceil(window.start), max(math.ceil(window.end) - 1, math.ceil(window.start))
    return f"{first}" if first == last else said(f"{first} to {last}", PART)


# --- settings -------------------------------------------------------------------------------------
def _settings(
    console: Console, comparison: Comparison, names: Names
) -> Iterator[ConsoleRenderable]:
    differing = [setting for setting in comparison.settings if not setting.is_same]
    if not differing:
        yield spoken_rows(
            console, PART, ("settings", "the same in both, as far as a run file tells")
        )
        return
    lines = "\n".join(
        f"{setting.name}: {setting.first or 'none'} in {names[0]}, "
        f"{setting.other or 'none'} in {names[1]}"
        for setting in differing
    )
    yield spoken_rows(console, PART, ("settings", lines))


def _footer(comparison: Comparison, names: Names) -> Iterator[tuple[str, Said]]:
    costs = (
        f"{name} {100 * side.trace.cost.overhead:.1f} %"
        for name, side in zip(names, (comparison.first, comparison.other), strict=True)
    )
    yield "cost", f"of watching, in training time: {', '.join(costs)}"
    for number, sentence in enumerate(not_compared(comparison, names)):
        yield ("" if number else "not known"), sentence
