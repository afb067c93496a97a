"""What one snapshot says of its layers: the numbers of the ladder, and each unit's activity.

All units of all layers are put one behind the other, so that the time goes into few operations on
long arrays: 1 to 2 ms for 150 layers of 512 units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lifesigns.records import Floats, Ints, SiteReading, Snapshot, UnitSums
from lifesigns.report.page.columns import (
    CENTRING,
    COLUMNS,
    DEAD,
    FLAT,
    SIZE,
    SLOPE,
)
from lifesigns.report.page.layers import Layer
from lifesigns.report.page.stack import Stack

Bytes = NDArray[np.uint8]
FULL = 255
"""A share of 1 in a map."""
MOST_LISTED = 4096
"""Observations up to which shares are looked up."""
ROUNDING = 1e-9
"""Of a quotient of counts; those that matter are larger than 1e-7."""


@dataclass(frozen=True, eq=False)
class Units:
    """Of the units of several layers, one behind the other, how active and saturated they were."""

    places: list[int]
    """Which layers."""
    starts: list[int]
    """Where the units of each begin, and where those of the last end."""
    shares: Bytes
    """Shape `[2, units]`: share of samples in which a unit was active, rounded up, so that 0 is
    never; share in which it was saturated, rounded down, so that `FULL` is always."""

    def of(self, number: int) -> Bytes:
        """The shares of the units of one layer.

        Args:
            number: A position in `places`.
        """
        return self.shares[:, self.starts[number] : self.starts[number + 1]]


NOTHING = Units([], [0], np.zeros((2, 0), np.uint8))


@dataclass(frozen=True, eq=False)
class Roles:
    """What is asked of the layers of one graph: the same in each of its snapshots."""

    ends: list[int]
    """The site at which each layer ends; -1 if at none."""
    bent: list[bool]
    """Whether it has one σ′: a softmax has not."""
    last: list[int]
    """Places of those whose value the loss receives."""
    predicted: list[int]
    """Of these, those whose own value is not what the loss receives."""
    never_flat: NDArray[np.bool_]

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> Roles:
        """The roles of layers.

        Args:
            layers: Of one graph.
        """
        last = [place for place, layer in enumerate(layers) if layer.is_last]
        return cls(
            [layer.end for layer in layers],
            [layer.end >= 0 and not _normalises(layer) for layer in layers],
            last,
            [place for place in last if _normalises(layers[place])],
            np.array([layer.rectifies or layer.end < 0 for layer in layers], bool),
        )


def measure(snapshot: Snapshot, roles: Roles) -> tuple[Floats, Units]:
    """The ladder's numbers in this step, shape `[7, layers]`, NaN where not measured; and units.

    Those of the weights, which are read as parameters, are left NaN.

    Args:
        snapshot: Of one step.
        roles: Of the layers of its graph.
    """
    numbers, units = np.full((len(COLUMNS), len(roles.ends)), np.nan), NOTHING
    readings = [snapshot.reading(end) if end >= 0 else None for end in roles.ends]
    finite = snapshot.nonfinite is None
    values = Stack.of(_received(snapshot, readings, roles), finite=finite)
    if values is not None:
        made, units = _values(values)
        if len(values.places) == len(readings):
            numbers = made
        else:
            numbers[:, values.places] = made
    numbers[FLAT, roles.never_flat] = np.nan
    numbers[CENTRING, roles.last] = np.nan
    bent = [r if is_bent else None for r, is_bent in zip(readings, roles.bent, strict=True)]
    numbers[SLOPE] = _slopes(bent, finite=finite)
    return numbers, units


def _received(
    snapshot: Snapshot, readings: Sequence[SiteReading | None], roles: Roles
) -> list[UnitSums | None]:
    """The outputs of activations; of the last layer, where it has none, the prediction."""
    values = [reading.value if reading else None for reading in readings]
    for place in roles.last if snapshot.loss is not None else ():
        if values[place] is None or place in roles.predicted:
            values[place] = snapshot.loss.prediction  # type: ignore[union-attr]
    return values


def _normalises(layer: Layer) -> bool:
    return layer.operation in ("softmax", "log_softmax")


def _slopes(readings: Sequence[SiteReading | None], *, finite: bool) -> Floats:
    """RMS of the gradient passed on over RMS of the gradient that arrived."""
    slopes = np.full(len(readings), np.nan)
    arrived = Stack.of([r.output_gradient if r else None for r in readings], finite=finite)
    passed = Stack.of([r.input_gradient if r else None for r in readings], finite=finite)
    if arrived is None or passed is None:
        return slopes
    sizes = np.full((2, len(readings)), np.nan)
    sizes[0, arrived.places], sizes[1, passed.places] = arrived.rms(), passed.rms()
    with np.errstate(all="ignore"):
        return np.where(sizes[0] > 0, sizes[1] / sizes[0], np.nan)


def _values(stack: Stack) -> tuple[Floats, Units]:
    """The columns of the ladder that need no gradients, and the units one by one."""
    made = np.full((len(COLUMNS), len(stack.places)), np.nan)
    with np.errstate(all="ignore"):
        made[SIZE], made[CENTRING] = _sizes(stack)
        shares, made[FLAT] = _shares(stack)
        if stack.even is None:
            made[SIZE, stack.total(stack.all("nonfinite")) > 0] = np.inf
            shares[0, stack.all("count") == 0] = FULL
        made[DEAD] = stack.number(shares[0] == 0) / stack.seen()
    return made, Units(stack.places, [*stack.starts.tolist(), shares.shape[1]], shares)


def _sizes(stack: Stack) -> tuple[Floats, Floats]:
    """RMS of each layer, and size of its mean over its standard deviation."""
    squares = stack.all("total_squared")
    total = stack.total(squares)
    if stack.even is not None:
        size, mean = total / stack.even, stack.squares("total") / stack.even**2
    else:
        size = stack.per_observation(squares)
        mean = stack.per_observation(np.square(stack.all("total")), 2)
    deviation = np.maximum(size - mean, 0)
    return np.sqrt(total / stack.observed()), np.sqrt(mean / deviation)


def _shares(stack: Stack) -> tuple[Bytes, Floats]:
    """Of each unit how active and how saturated it was; of each layer the latter."""
    saturated, active, count = stack.all("saturated"), stack.all("active"), stack.count
    shares = np.empty((2, len(active)), np.uint8)
    if 0 < count <= MOST_LISTED:
        for numbers, listed, out in zip((active, saturated), _listed(count), shares, strict=True):
            np.take(listed, numbers, out=out, mode="clip")
    else:
        each = stack.each(FULL)
        shares[0], shares[1] = _rounded(active, saturated, each)
    return shares, stack.total(saturated) / stack.observed()


@lru_cache(maxsize=16)
def _listed(count: int) -> tuple[Bytes, Bytes]:
    """The shares of all numbers of so many observations: quicker to look up than to compute."""
    numbers = np.arange(count + 1)
    return _rounded(numbers, numbers, FULL / count)


def _rounded(active: Ints, saturated: Ints, each: Floats | float) -> tuple[Bytes, Bytes]:
    """As `Units.shares` has them."""
    up, down = np.ceil(active * each - ROUNDING), saturated * each + ROUNDING
    return up.astype(np.uint8), down.astype(np.uint8)
