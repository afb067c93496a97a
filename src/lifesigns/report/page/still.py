"""What a page shows without JavaScript: the findings, and two pictures as inline SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifesigns.report.page.arrays import unpack

WIDTH, HEIGHT = 760, 240
"""Of the picture of the loss, in SVG's units."""
MARGIN = 54
ROW = 22
MOST_ROWS = 60
"""Layers in the picture of the ladder; those with findings go first."""
BROKEN = 4
"""The level of a number at which a rule alarms; 1 to 3 are between that and what is expected."""


def still_html(document: Mapping[str, Any]) -> str:
    """The findings and the pictures of a page as markup for a reader without JavaScript.

    Args:
        document: A page document (docs/page-document.md).
    """
    report = document["report"]
    return "\n".join(
        [
            f"<h1>{html.escape(report['verdict'])}</h1>",
            f"<p><code>{html.escape(report['command'])}</code></p>",
            "<h2>Loss</h2>",
            _loss(document),
            "<h2>Layers</h2>",
            _ladder(document),
            "<h2>Findings</h2>",
            *(_card(finding, document["titles"]) for finding in report["findings"]),
            "" if report["findings"] else "<p>Nothing was found.</p>",
        ]
    )


def level(value: float, column: Mapping[str, Any]) -> int:
    """How far a number is from what is expected: negative is too small, positive too large.

    Args:
        value: NaN is at no distance.
        column: One of the document's `columns`.

    Returns:
        -4 to 4; 0 within what is expected, 4 where a rule alarms.

    Example:
        >>> size = {"expected": [0.1, 10], "broken": [0.01, 100], "logarithmic": True}
        >>> [level(value, size) for value in (0.0, 0.05, 1.0, 40.0, 1000.0)]
        [-4, -1, 0, 2, 4]
    """
    (low, high), (lowest, highest) = column["expected"], column["broken"]
    if high is not None and value > high:
        return _step(value, high, highest, column["logarithmic"])
    if low is not None and value < low:
        return -_step(value, low, lowest, column["logarithmic"])
    return 0


def _step(value: float, edge: float, broken: float | None, logarithmic: bool) -> int:
    if broken is None:
        return 1
    value, edge, broken = ((math.log(max(x, 1e-38)) if logarithmic else x)
                           for x in (value, edge, broken))  # fmt: skip
    share = (value - edge) / (broken - edge)
    return BROKEN if share >= 1 else 1 + int(3 * share)


def _loss(document: Mapping[str, Any]) -> str:
    """The losses as curves, with the steps of findings as marks above them."""
    curves = [(unpack(loss["steps"]), unpack(loss["low"]), loss) for loss in document["losses"]]
    curves = [(steps, values, loss) for steps, values, loss in curves if len(steps)]
    drawn = [value for _, values, loss in curves for value in _scaled(values, loss)]
    finite = [value for value in drawn if math.isfinite(value)]
    if not finite:
        return "<p>No finite loss was seen.</p>"
    last = max(max(float(steps[-1]) for steps, _, _ in curves), 1.0)
    low, high = min(finite), max(finite)

    def across(step: float) -> float:
        return MARGIN + (WIDTH - MARGIN - 8) * step / last

    def down(value: float) -> float:
        return 24 + (HEIGHT - 48) * (high - value) / ((high - low) or 1.0)

    lines = [
        f'<polyline class="still-{i % 4}" points="{_points(steps, _scaled(values, loss), across, down)}"/>'
        for i, (steps, values, loss) in enumerate(curves)
    ]
    logarithmic = bool(curves[0][2]["logarithmic"])
    ends = [
        _text(MARGIN - 6, down(value) + 4, f"{math.exp(value) if logarithmic else value:.2g}", "end")
        for value in (low, high)
    ]
    axis = [_text(MARGIN, HEIGHT - 6, "step 0"), _text(WIDTH - 8, HEIGHT - 6, f"{last:.0f}", "end")]
    marks = _marks(document["report"]["findings"], across)
    return _svg(WIDTH, HEIGHT, "Loss over steps", [*lines, *ends, *axis, *marks])


def _marks(findings: Sequence[Mapping[str, Any]], across: Any) -> Iterator[str]:
    for finding in findings:
        if finding["step"] is not None:
            shape, x = finding["severity"], across(finding["step"])
            title = html.escape(f"{shape}: {finding['symptom']}")
            yield f'<g class="still-mark {shape}"><title>{title}</title><path d="{_shape(shape, x)}"/></g>'


def _shape(severity: str, x: float) -> str:
    """An error is a diamond, a warning a triangle, a note a square."""
    if severity == "error":
        return f"M{x:.1f} 4l7 7l-7 7l-7 -7Z"
    return f"M{x:.1f} 4l7 13h-14Z" if severity == "warning" else f"M{x - 5:.1f} 6h10v10h-10Z"


def _scaled(values: NDArray[Any], loss: Mapping[str, Any]) -> NDArray[Any]:
    with np.errstate(all="ignore"):
        return np.log(values) if loss["logarithmic"] else values


def _points(steps: NDArray[Any], values: NDArray[Any], across: Any, down: Any) -> str:
    pairs = zip(steps.tolist(), values.tolist(), strict=True)
    return " ".join(f"{across(s):.1f},{down(v):.1f}" for s, v in pairs if math.isfinite(v))


def _ladder(document: Mapping[str, Any]) -> str:
    """The ladder at the last recorded step."""
    layers, columns = document["layers"], document["columns"]
    steps = unpack(document["recorded"]["steps"])
    if not layers or not len(steps):
        return "<p>No step was recorded.</p>"
    ladder = {key: unpack(array)[:, -1] for key, array in document["ladder"].items()}
    shown = sorted(sorted(range(len(layers)), key=lambda i: not layers[i]["findings"])[:MOST_ROWS])
    parts = [_text(0, 14, f"step {steps[-1]}")]
    parts += [_text(_right(i), 14, column["key"], "end") for i, column in enumerate(columns)]
    for row, layer in enumerate(shown, 1):
        sick = "● " if layers[layer]["findings"] else ""
        parts.append(_text(0, row * ROW + 15, sick + layers[layer]["name"][:28]))
        for i, column in enumerate(columns):
            parts += _cell(float(ladder[column["key"]][layer]), _judged(ladder, layer, column), i, row)
    more = len(layers) - len(shown)
    note = f"<p>{more} layers without findings are left out.</p>" if more else ""
    return _svg(WIDTH, (len(shown) + 1) * ROW, "Layers at the last recorded step", parts) + note


def _judged(ladder: Mapping[str, NDArray[Any]], layer: int, column: Mapping[str, Any]) -> int:
    """The level of a cell; gradients are judged relative to the last layer's."""
    value = float(ladder[column["key"]][layer])
    if column["key"] == "gradient":
        measured = [float(each) for each in ladder["gradient"] if each > 0]
        value = value / measured[-1] if measured else math.nan
    return level(value, column)


def _cell(value: float, far: int, column: int, row: int) -> Iterator[str]:
    if math.isnan(value):
        return
    sign = ("▲" if far > 0 else "▼") * (2 if abs(far) == BROKEN else 1) if far else ""
    x = _right(column) - 68
    yield f'<rect data-level="{far}" x="{x}" y="{row * ROW}" width="74" height="{ROW - 1}"/>'
    yield _text(_right(column), row * ROW + 15, f"{value:.2g} {sign}".strip(), "end")


def _right(column: int) -> int:
    return 284 + 78 * column


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _svg(width: int, height: int, label: str, parts: Sequence[str]) -> str:
    head = f'<svg class="still" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
    return "\n".join([head, *parts, "</svg>"])


def _card(finding: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    severity, title = finding["severity"], titles.get(finding["rule"], finding["rule"])
    facts = "".join(
        f"<div><dt>{name}</dt><dd>{html.escape(str(text))}</dd></div>"
        for name, text in (
            ("Where", finding["site"] or "the whole run"),
            ("Step", finding["step"]),
            ("Measured", finding["measured"]),
            ("Expected", finding["expected"]),
            ("Certainty", finding["certainty"]),
            ("Explained by", finding["explained_by"]),
        )
        if text not in ("", None)
    )
    remedies = "".join(
        f"<li>{html.escape(remedy['text'])}<pre>{html.escape(remedy['code'])}</pre></li>"
        for remedy in finding["remedies"]
    )
    return (
        f'<article class="card {severity}"><h3>{severity}: {html.escape(title)}</h3>'
        f"<p>{html.escape(finding['symptom'])}</p><dl>{facts}</dl>"
        f"<p>{html.escape(finding['why'])}</p><ol>{remedies}</ol></article>"
    )
