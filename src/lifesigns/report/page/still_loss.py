"""The losses of a run as one SVG, with the findings at their steps."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lifesigns.records import Floats
from lifesigns.report.page import svg
from lifesigns.report.page.arrays import unpack

WIDTH, HEIGHT = 760, 240
LEFT, RIGHT, TOP, BOTTOM = 54, 8, 24, 24
"""Margins."""
MANY = 60
"""Evaluations above which their lines would hide the loss."""
APART = 16
"""Marks of one step stand side by side, this far."""


@dataclass(frozen=True)
class _Curve:
    """A loss as it is drawn: its logarithm, if it is shown so."""

    steps: list[float]
    values: Floats
    logarithmic: bool

    @classmethod
    def of(cls, loss: Mapping[str, Any]) -> _Curve:
        values = unpack(loss["low"]).astype(np.float64)
        if loss["logarithmic"]:
            values = np.log(np.where(values > 0, values, np.nan))
        return cls(unpack(loss["steps"]).tolist(), values, loss["logarithmic"])

    def named(self, value: float) -> str:
        """A value of the axis as the loss that it stands for."""
        return f"{math.exp(value) if self.logarithmic else value:.2g}"


@dataclass(frozen=True)
class _Axes:
    """Where steps and values are drawn."""

    last: float
    low: float
    high: float

    @classmethod
    def around(cls, curves: Sequence[_Curve]) -> _Axes | None:
        values = np.concatenate([curve.values for curve in curves] or [np.zeros(0)])
        finite = values[np.isfinite(values)]
        if not len(finite):
            return None
        last = max(curve.steps[-1] for curve in curves if curve.steps)
        return cls(max(last, 1.0), float(finite.min()), float(finite.max()))

    def x(self, step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(step / self.last, 1.0)

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - value) / ((self.high - self.low) or 1.0)


def loss_svg(document: Mapping[str, Any]) -> str:
    """The picture, or a sentence where there is nothing to draw.

    Args:
        document: A page document (docs/page-document.md).
    """
    curves = [_Curve.of(loss) for loss in document["losses"]]
    axes = _Axes.around(curves)
    if axes is None:
        return "<p>No finite loss was seen.</p>"
    parts = [*_evaluations(unpack(document["evaluated"]).tolist(), axes)]
    parts += [_line(curve, axes, number % 4) for number, curve in enumerate(curves)]
    parts += [
        svg.text(LEFT - 6, axes.y(value) + 4, curves[0].named(value), "end")
        for value in (axes.low, axes.high)
    ]
    parts.append(svg.text(LEFT, HEIGHT - 6, "step 0"))
    parts.append(svg.text(WIDTH - RIGHT, HEIGHT - 6, f"{axes.last:.0f}", "end"))
    parts += _marks(document["report"]["findings"], axes)
    return svg.picture(WIDTH, HEIGHT, "Loss over steps", parts)


def _line(curve: _Curve, axes: _Axes, number: int) -> str:
    pairs = zip(curve.steps, curve.values.tolist(), strict=True)
    points = " ".join(f"{axes.x(s):.1f},{axes.y(v):.1f}" for s, v in pairs if math.isfinite(v))
    return f'<polyline class="still-{number}" points="{points}"/>'


def _evaluations(steps: Sequence[int], axes: _Axes) -> Iterator[str]:
    """A line where the network was put in evaluation mode; short where they are many."""
    top = TOP if len(steps) <= MANY else HEIGHT - BOTTOM - 20
    for step in steps:
        x = axes.x(step)
        yield (
            f'<line class="still-evaluated" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" '
            f'y2="{HEIGHT - BOTTOM}"><title>evaluation after step {step}</title></line>'
        )


def _marks(findings: Sequence[Mapping[str, Any]], axes: _Axes) -> Iterator[str]:
    x = -math.inf
    for finding in sorted(findings, key=lambda finding: finding["step"]):
        severity, x = finding["severity"], max(axes.x(finding["step"]), x + APART)
        title = html.escape(f"{severity}: {finding['symptom']}")
        yield f'<g class="still-mark {severity}"><title>{title}</title>{_sign(severity, x)}</g>'


def _sign(severity: str, x: float) -> str:
    """An error is a diamond, a warning a triangle, a note a square."""
    paths = {
        "error": f"M{x:.1f} 4l7 7l-7 7l-7 -7Z",
        "warning": f"M{x:.1f} 4l7 13h-14Z",
        "note": f"M{x - 5:.1f} 6h10v10h-10Z",
    }
    return f'<path d="{paths[severity]}"/>'
