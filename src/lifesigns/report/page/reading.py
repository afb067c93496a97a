"""What one snapshot says, by the rows of the page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lifesigns.records import Floats, Snapshot
from lifesigns.report.page.columns import COLUMNS, GRADIENT
from lifesigns.report.page.layout import Layout, Plan
from lifesigns.report.page.measured import Shares, ladder, of_parameter, shares

PARAMETERS = ("weight", "gradient", "update")


@dataclass(frozen=True, eq=False)
class Reading:
    """One snapshot, as far as a page shows it."""

    step: int
    stream: int
    ladder: Floats
    """Shape `[7, layers]`, by the rows of the layout; NaN where not measured."""
    parameters: Floats
    """Shape `[3, parameters]` likewise."""
    shares: dict[int, Shares]
    """By the layer's row."""


def read(snapshot: Snapshot, layout: Layout) -> Reading:
    """Reads a snapshot; layers and parameters that are new get a row.

    Args:
        snapshot: Of one step.
        layout: The rows of all snapshots before.
    """
    plan = layout.plan(snapshot)
    return Reading(
        snapshot.step,
        snapshot.stream,
        _ladder(snapshot, plan, len(layout.rows)),
        _parameters(snapshot, layout),
        _shares(snapshot, plan),
    )


def worst(a: Floats, b: Floats) -> Floats:
    """Of two ladders each number that is farther from what is expected.

    Args:
        a: Shape `[7, ...]`.
        b: Of the same shape.
    """
    chosen: Floats = a.copy()
    for number, column in enumerate(COLUMNS):
        if number == GRADIENT:  # what is expected of it are the others of its step
            chosen[number] = np.fmax(a[number], b[number])
        else:
            farther = column.distance(b[number]) > column.distance(a[number])
            chosen[number] = np.where(farther, b[number], a[number])
    return chosen


def worst_step(a: Floats, b: Floats) -> Floats:
    """As `worst`, for ladders of two steps: gradients are all from the one where they differ most.

    Args:
        a: Shape `[7, layers, ...]`.
        b: Of the same shape.
    """
    chosen = worst(a, b)
    spread, largest = zip(_spread(a[GRADIENT]), _spread(b[GRADIENT]), strict=True)
    farther = (spread[1] > spread[0]) | ((spread[1] == spread[0]) & (largest[1] > largest[0]))
    chosen[GRADIENT] = np.where(farther, b[GRADIENT], a[GRADIENT])
    return chosen


def _spread(gradients: Floats) -> tuple[Floats, Floats]:
    """How far the largest is from the smallest, by their logarithms, and the largest; -1 if none.

    Shape `[layers, ...]` without the first dimension.
    """
    measured = ~np.isnan(gradients)
    low = np.where(measured, gradients, np.inf).min(axis=0, initial=np.inf)
    high = np.where(measured, gradients, -1).max(axis=0, initial=-1)
    with np.errstate(all="ignore"):
        spread = np.log(high) - np.log(low)
    spread = np.where(high > 0, np.nan_to_num(spread, nan=np.inf), 0)
    return np.where(high < 0, -1, spread), high


def _ladder(snapshot: Snapshot, plan: Plan, rows: int) -> Floats:
    numbers = ladder(snapshot, plan.layers)
    made = np.full((len(COLUMNS), rows), np.nan)
    for places, those in plan.rounds:
        made[:, those] = worst(made[:, those], numbers[:, places])
    return made


def _parameters(snapshot: Snapshot, layout: Layout) -> Floats:
    rows = layout.parameter_rows(snapshot)
    made = np.full((len(PARAMETERS), len(layout.parameters)), np.nan)
    kept = [(row, r) for row, r in zip(rows, snapshot.parameters, strict=True) if row >= 0]
    if kept:
        made[:, [row for row, _ in kept]] = np.array([of_parameter(r) for _, r in kept]).T
    return made


def _shares(snapshot: Snapshot, plan: Plan) -> dict[int, Shares]:
    """Of several calls of a layer the worst counts."""
    found: dict[int, Shares] = {}
    for places, rows in plan.rounds:
        for place, row in zip(places.tolist(), rows.tolist(), strict=True):
            seen = shares(snapshot, plan.layers[place])
            if seen is not None:
                before = found.get(row)
                found[row] = seen if before is None else before.worse(seen)
    return found
