"""What one snapshot says, by the rows of the page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lifesigns.records import Floats, ParameterReading, Snapshot
from lifesigns.report.page.columns import COLUMNS, GRADIENT, UPDATE, distances
from lifesigns.report.page.layout import Layout, Plan
from lifesigns.report.page.measured import Units, measure

PARAMETERS = ("weight", "gradient", "update")
NOT_READ = (np.nan, np.nan, np.nan)
Sizes = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Reading:
    """One snapshot, as far as a page shows it."""

    step: int
    stream: int
    ladder: Floats
    """Shape `[7, layers]`, by the rows of the layout; NaN where not measured."""
    parameters: Floats
    """Shape `[3, parameters]` likewise."""
    units: Units
    rows: tuple[int, ...]
    """The row of each layer of which there are units; of a layer's calls, several times."""


def read(snapshot: Snapshot, layout: Layout) -> Reading:
    """Reads a snapshot; layers and parameters that are new get a row.

    Args:
        snapshot: Of one step.
        layout: The rows of all snapshots before.
    """
    plan = layout.plan(snapshot)
    numbers, units = measure(snapshot, plan.roles)
    sizes = np.array([*map(_sizes, snapshot.parameters), NOT_READ]).T
    parameter_rows, weights = layout.places(plan, [each.name for each in snapshot.parameters])
    numbers[[GRADIENT, UPDATE]] = sizes[1:, weights]
    ladder = numbers if plan.rows == layout.every_row else _by_row(numbers, plan, len(layout.rows))
    is_whole = len(units.places) == len(plan.rows)
    rows = plan.rows if is_whole else tuple(plan.rows[place] for place in units.places)
    parameters = np.full((len(PARAMETERS), len(layout.parameters) + 1), np.nan)
    parameters[:, parameter_rows] = sizes[:, :-1]  # -1, the last, is left out
    return Reading(snapshot.step, snapshot.stream, ladder, parameters[:, :-1], units, rows)


def _by_row(numbers: Floats, plan: Plan, rows: int) -> Floats:
    """The ladder of all rows from that of the layers: of the calls of one layer the worst."""
    ladder = np.full((len(COLUMNS), rows), np.nan)
    for again, (places, those) in enumerate(plan.rounds):
        called = numbers[:, places]
        ladder[:, those] = worst(ladder[:, those], called) if again else called
    return ladder


def worst(a: Floats, b: Floats) -> Floats:
    """Of two ladders each number that is farther from what is expected.

    Args:
        a: Shape `[..., 7, layers]`.
        b: Of the same shape.
    """
    far = distances(np.stack([a, b]))
    chosen: Floats = np.where(far[1] > far[0], b, a)
    # What is expected of a gradient are the others of its step.
    chosen[..., GRADIENT, :] = np.fmax(a[..., GRADIENT, :], b[..., GRADIENT, :])
    return chosen


def worst_step(a: Floats, b: Floats) -> Floats:
    """As `worst`, for ladders of two steps: gradients are all from the one where they differ most.

    Args:
        a: Shape `[..., 7, layers]`.
        b: Of the same shape.
    """
    chosen, one, other = worst(a, b), a[..., GRADIENT, :], b[..., GRADIENT, :]
    spread, largest = _spread(np.stack([one, other]))
    farther = (spread[1] > spread[0]) | ((spread[1] == spread[0]) & (largest[1] > largest[0]))
    chosen[..., GRADIENT, :] = np.where(farther[..., None], other, one)
    return chosen


def _spread(gradients: Floats) -> tuple[Floats, Floats]:
    """How far the largest is from the smallest, by their logarithms, and the largest; -1 if none.

    Args:
        gradients: Shape `[..., layers]`.
    """
    measured = ~np.isnan(gradients)
    low = np.where(measured, gradients, np.inf).min(axis=-1, initial=np.inf)
    high = np.where(measured, gradients, -1).max(axis=-1, initial=-1)
    with np.errstate(all="ignore"):
        spread = np.log(high) - np.log(low)
    spread = np.where(high > 0, np.nan_to_num(spread, nan=np.inf), 0)
    return np.where(high < 0, -1, spread), high


def _sizes(parameter: ParameterReading) -> Sizes:
    """Size of the weight and of its gradient, and update over weight.

    NaN where not measured; infinite where a part is not finite.
    """
    weight = np.inf if parameter.nonfinite_weights else parameter.weight_rms
    gradient = np.inf if parameter.nonfinite_gradients else parameter.gradient_rms
    update = parameter.update_rms / weight if parameter.trainable and weight > 0 else np.nan
    return weight, gradient, update
