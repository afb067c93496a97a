"""Where two runs part: every loss is compared, and every step that both recorded.

A step that was not recorded in both has only its loss. The losses are compared to the bit. Of the
recorded steps, numbers that agree up to rounding may have been measured in two ways, and count only
as `rounding`; a training that really parts there shows in a loss or in a later recorded step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lifesigns.records import LossCurve, Snapshot, Trace
from lifesigns.report.comparison.leaves import equal, unlike
from lifesigns.report.comparison.recordings import Difference, Phase, differences, relative_size

Position = tuple[int, int, int]
"""Step, number of the backward pass in it, phase: what is smaller comes earlier."""


@dataclass(frozen=True)
class Divergence:
    """Whether two runs are the same training, and where not."""

    difference: Difference | None
    """The first; None if there is none in all that was compared."""
    rounding: Difference | None
    """The first that may come from the measurement, if it comes earlier."""
    losses: int
    """That were compared."""
    equal_losses: int
    """Of them, those before the first that differs."""
    snapshots: int
    """Recordings that both runs have."""
    longer: tuple[int, int]
    """Losses that only one of the runs has, because it went on for longer."""
    alone: tuple[int, int]
    """Recordings of backward passes that only one of the runs recorded."""

    @property
    def is_identical(self) -> bool:
        """Nothing differs, neither run is longer, and something was compared."""
        compared = self.losses or self.snapshots
        return self.difference is None and self.longer == (0, 0) and bool(compared)

    @property
    def unrecorded(self) -> int:
        """Backward passes of which only the loss could be compared."""
        return max(self.losses - self.snapshots, 0)


def divergence(first: Trace, other: Trace) -> Divergence:
    """Where two runs part.

    Args:
        first: Of any length.
        other: Likewise.
    """
    ours, theirs = first.losses, other.losses
    losses = min(len(ours.values), len(theirs.values))
    parted = _first_unlike(ours, theirs, losses)
    pairs = list(_pairs(first, other))
    difference, rounding = _earliest(_of_losses(ours, theirs, parted), pairs)
    return Divergence(
        difference,
        rounding,
        losses=losses,
        equal_losses=losses if parted is None else parted,
        snapshots=len(pairs),
        longer=(len(ours.values) - losses, len(theirs.values) - losses),
        alone=(len(first.snapshots) - len(pairs), len(other.snapshots) - len(pairs)),
    )


def _first_unlike(ours: LossCurve, theirs: LossCurve, losses: int) -> int | None:
    same = equal(ours.values[:losses], theirs.values[:losses])
    for one, another in ((ours.steps, theirs.steps), (ours.streams, theirs.streams)):
        same &= one[:losses] == another[:losses]
    return None if same.all() else int(np.argmin(same))


def _of_losses(
    ours: LossCurve, theirs: LossCurve, row: int | None
) -> tuple[Position, Difference] | None:
    """The difference at this row of the curves, and when it was."""
    if row is None:
        return None
    step, stream = int(ours.steps[row]), int(ours.streams[row])
    position = (step, row - int(np.argmax(ours.steps == step)), int(Phase.LOSS))
    one, another = _trained(ours, row), _trained(theirs, row)
    if one != another:
        return position, Difference(step, stream, Phase.LOSS, "", "trained", -1, one, another)
    (leaf,) = unlike(float(ours.values[row]), float(theirs.values[row]), "loss")
    return position, Difference(step, stream, Phase.LOSS, "", *leaf[:4], relative_size(leaf))


def _trained(curve: LossCurve, row: int) -> str:
    return f"loss {int(curve.streams[row]) + 1} of step {curve.steps[row]}"


def _earliest(
    loss: tuple[Position, Difference] | None, pairs: list[tuple[int, Snapshot, Snapshot]]
) -> tuple[Difference | None, Difference | None]:
    """The first difference, and the first before it that may be rounding."""
    rounding = None
    for number, one, another in pairs:
        for found in differences(one, another):
            position = (found.step, number, int(found.phase))
            if loss is not None and loss[0] <= position:
                return loss[1], rounding
            if not found.is_rounding:
                return found, rounding
            rounding = rounding or found
    return (None if loss is None else loss[1]), rounding


def _pairs(first: Trace, other: Trace) -> Iterator[tuple[int, Snapshot, Snapshot]]:
    """The backward passes that both recorded, in order, with their numbers in their steps."""
    theirs = {key: snapshot for key, _, snapshot in _keyed(other)}
    for key, number, snapshot in _keyed(first):
        if key in theirs:
            yield number, snapshot, theirs[key]


def _keyed(trace: Trace) -> Iterator[tuple[tuple[int, int, int], int, Snapshot]]:
    """Each recording by step, loss and how often it came in that step; its number in the step."""
    seen: dict[tuple[int, ...], int] = {}
    for snapshot in trace.snapshots:
        step, stream = snapshot.step, snapshot.stream
        number, again = seen.get((step,), 0), seen.get((step, stream), 0)
        seen[(step,)], seen[(step, stream)] = number + 1, again + 1
        yield (step, stream, again), number, snapshot
