"""The ladder of layers at the last recorded step as one SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from lifesigns.report.page import svg
from lifesigns.report.page.arrays import unpack

ROW, COLUMN, FIRST = 22, 78, 284
"""Height of a row, width of a column, and where the first one ends."""
MOST_ROWS = 60
"""Layers that are drawn; those with findings go first."""
MOST_LETTERS = 28
"""Of a layer's name."""
BROKEN = 4
"""The level of a number at which a rule alarms; 1 to 3 are between that and what is expected."""


def ladder_svg(document: Mapping[str, Any]) -> str:
    """The picture, or a sentence where no step was recorded.

    Args:
        document: A page document (docs/page-document.md).
    """
    layers, columns = document["layers"], document["columns"]
    steps = unpack(document["recorded"]["steps"])
    if not layers or not len(steps):
        return "<p>No step was recorded.</p>"
    numbers = {key: unpack(array)[:, -1].tolist() for key, array in document["ladder"].items()}
    shown = sorted(sorted(range(len(layers)), key=lambda i: not layers[i]["findings"])[:MOST_ROWS])
    parts = [svg.text(0, 14, f"step {steps[-1]}")]
    parts += [svg.text(_end(i), 14, column["key"], "end") for i, column in enumerate(columns)]
    for row, layer in enumerate(shown, 1):
        sick = "● " if layers[layer]["findings"] else ""
        parts.append(svg.text(0, _base(row), sick + layers[layer]["name"][:MOST_LETTERS]))
        for place, column in enumerate(columns):
            values = numbers[column["key"]]
            parts += _cell(values[layer], _level(values, layer, column), place, row)
    more = len(layers) - len(shown)
    note = f"<p>{more} layers without findings are left out.</p>" if more else ""
    height = (len(shown) + 1) * ROW
    return svg.picture(_end(len(columns)), height, "Layers at the last recorded step", parts) + note


def level(value: float, column: Mapping[str, Any]) -> int:
    """How far a number is from what is expected: negative is too small, positive too large.

    Args:
        value: NaN is at no distance.
        column: One of the document's `columns`.

    Returns:
        -4 to 4; 0 within what is expected, 4 where a rule alarms, as in `browser/expected.js`.

    Example:
        >>> size = {"expected": [0.1, 10], "broken": [0.01, 100], "logarithmic": True}
        >>> [level(value, size) for value in (0.0, 0.05, 1.0, 40.0, 1000.0)]
        [-4, -1, 0, 2, 4]
    """
    (low, high), (lowest, highest) = column["expected"], column["broken"]
    if high is not None and value > high:
        return _distance(value, high, highest, column["logarithmic"])
    if low is not None and value < low:
        return -_distance(value, low, lowest, column["logarithmic"])
    return 0


def _distance(value: float, edge: float, broken: float | None, logarithmic: bool) -> int:
    if broken is None:
        return 1
    if logarithmic:
        value, edge, broken = (math.log(max(number, 1e-38)) for number in (value, edge, broken))
    share = (value - edge) / (broken - edge)
    return BROKEN if share >= 1 else 1 + int(3 * share)


def _level(values: list[float], layer: int, column: Mapping[str, Any]) -> int:
    """The level of a cell; gradients are judged relative to the last layer's, unless they are 0."""
    value = values[layer]
    if column["key"] == "gradient" and value:
        last = next((each for each in reversed(values) if each > 0), math.nan)
        value = value / last
    return level(value, column)


def _cell(value: float, far: int, column: int, row: int) -> Iterator[str]:
    if math.isnan(value):
        return
    sign = ("▲" if far > 0 else "▼") * (2 if abs(far) == BROKEN else 1) if far else ""
    place = f'x="{_end(column) - 68}" y="{row * ROW}" width="74" height="{ROW - 1}"'
    yield f'<rect data-level="{far}" {place}/>'
    yield svg.text(_end(column), _base(row), f"{value:.2g} {sign}".strip(), "end")


def _end(column: int) -> int:
    return FIRST + COLUMN * column


def _base(row: int) -> int:
    return row * ROW + 15
