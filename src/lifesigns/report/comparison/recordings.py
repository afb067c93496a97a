"""Two recordings of one backward pass, walked in the order of cause.

What is first in time comes first: the network, its weights, the batch, the values forward, the
loss, the gradients backward, the update. So the first difference is the nearest to the cause.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from lifesigns.records import ParameterReading, Snapshot, Trace
from lifesigns.records.unmeasured import without
from lifesigns.report.comparison.leaves import Leaf, unlike

ROUNDING = 1e-5
"""Relative difference up to which two measurements agree but for their rounding: sums are float32,
and two ways of computing them (the compiled program, torch) differ by a hundred roundings."""


class Phase(IntEnum):
    """When in a step something is there."""

    NETWORK = 0
    WEIGHTS = 1
    INPUT = 2
    FORWARD = 3
    LOSS = 4
    BACKWARD = 5
    UPDATE = 6


READ = {
    Phase.WEIGHTS: (
        *("shape", "shards", "trainable", "optimized", "resolution"),
        *("held_twice", "replaced", "weight_rms", "nonfinite_weights", "distinct_weight_rows"),
    ),
    Phase.BACKWARD: (
        *("reached", "gradient_rms", "gradient_is_zero", "nonfinite_gradients"),
        *("distinct_gradient_rows", "sign_coherence", "stale_gradient_rms"),
        *("ungraded", "checkpointed", "in_vain", "discarded_passes"),
    ),
    Phase.UPDATE: (
        *("used_gradient_rms", "update_rms", "lost_updates", "predicted_change", "learning_rate"),
    ),
}
"""The fields of a parameter's reading, by when in the step they are there."""
SHARES = {"sign_coherence", "correlation"}
"""Numbers up to 1 that are made of sums which may cancel: their rounding is that of 1."""


@dataclass(frozen=True)
class Difference:
    """One place at which two runs differ."""

    step: int
    stream: int
    """Which loss of the program was trained."""
    phase: Phase
    place: str
    """A site, a parameter, `input`, or empty for the loss and the run as a whole."""
    quantity: str
    """Fields of the record, such as `value.total` of a site or `update_rms` of a parameter."""
    unit: int
    """-1 where the quantity is no unit's."""
    first: float | str
    other: float | str
    relative: float = math.nan
    """Size of the difference against the numbers; NaN for texts."""

    @property
    def is_rounding(self) -> bool:
        """Whether it may come from how it was measured instead of the training."""
        return self.relative <= ROUNDING


def differences(first: Snapshot, other: Snapshot) -> Iterator[Difference]:
    """Where two recordings of the same backward pass differ, the earliest in time first.

    Args:
        first: Of one run.
        other: Of the other, at the same step. What one of them did not measure is passed over.
    """
    first, other = _alike(first, other)
    for phase, place, leaf in _walk(first, other):
        yield Difference(
            first.step, first.stream, phase, place, leaf.path, leaf.unit,
            leaf.first, leaf.other, relative_size(leaf),
        )  # fmt: skip


def _alike(first: Snapshot, other: Snapshot) -> tuple[Snapshot, Snapshot]:
    """Both with what both measured."""
    left_out = {*first.coverage.unmeasured, *other.coverage.unmeasured}
    if not left_out:
        return first, other
    return tuple(without(Trace((one,)), left_out).snapshots[0] for one in (first, other))  # type: ignore[return-value]


def _walk(first: Snapshot, other: Snapshot) -> Iterator[tuple[Phase, str, Leaf]]:
    yield from _network(first, other)
    yield from _parameters(Phase.WEIGHTS, first, other)
    for leaf in unlike(first.batch, other.batch):
        yield Phase.INPUT, "input", leaf
    yield from _sites(Phase.FORWARD, first, other, ("value",))
    for leaf in unlike(first.loss, other.loss):
        yield Phase.LOSS, "", leaf
    yield from _sites(Phase.BACKWARD, first, other, ("output_gradient", "input_gradient"))
    yield from _parameters(Phase.BACKWARD, first, other)
    yield from _parameters(Phase.UPDATE, first, other)


def _network(first: Snapshot, other: Snapshot) -> Iterator[tuple[Phase, str, Leaf]]:
    """Where the networks part; sites and parameters are compared in order."""
    for what, ours, theirs in (
        ("site", [s.name for s in first.graph.sites], [s.name for s in other.graph.sites]),
        ("parameter", _names(first.parameters), _names(other.parameters)),
    ):
        if ours and theirs and (parted := _parted(ours, theirs)):
            yield Phase.NETWORK, parted[0], Leaf(what, -1, *parted, math.nan)


def _parted(ours: Sequence[str], theirs: Sequence[str]) -> tuple[str, str] | None:
    """The first place at which two lists of names differ."""
    length = max(len(ours), len(theirs))
    pairs = zip(*(_padded(names, length) for names in (ours, theirs)), strict=True)
    return next((pair for pair in pairs if pair[0] != pair[1]), None)


def _padded(names: Sequence[str], length: int) -> list[str]:
    return [*names, *["none"] * (length - len(names))]


def _names(parameters: Iterable[ParameterReading]) -> list[str]:
    return [parameter.name for parameter in parameters]


def _parameters(
    phase: Phase, first: Snapshot, other: Snapshot
) -> Iterator[tuple[Phase, str, Leaf]]:
    """Gradients come in the order of the backward pass."""
    pairs = _paired(first.parameters, other.parameters)
    for one, another in reversed(pairs) if phase is Phase.BACKWARD else pairs:
        for leaf in unlike(one, another, fields=READ[phase]):
            yield phase, one.name, leaf._replace(scale=_scale(one, leaf))


def _paired(
    ours: Sequence[ParameterReading], theirs: Sequence[ParameterReading]
) -> list[tuple[ParameterReading, ParameterReading | None]]:
    """Of the same name each; the first with the first where several have one."""
    waiting: dict[str, list[ParameterReading]] = {}
    for reading in reversed(theirs):
        waiting.setdefault(reading.name, []).append(reading)
    return [(one, _last(waiting.get(one.name))) for one in ours]


def _last(waiting: list[ParameterReading] | None) -> ParameterReading | None:
    return waiting.pop() if waiting else None


def _scale(reading: ParameterReading, leaf: Leaf) -> float:
    if leaf.path == "predicted_change":  # a scalar product, whose terms may cancel
        elements = math.prod(reading.shape)
        return max(leaf.scale, elements * reading.gradient_rms * reading.update_rms)
    return leaf.scale


def _sites(
    phase: Phase, first: Snapshot, other: Snapshot, fields: Sequence[str]
) -> Iterator[tuple[Phase, str, Leaf]]:
    ours = reversed(first.graph.sites) if phase is Phase.BACKWARD else first.graph.sites
    for name in (site.name for site in ours):
        one, another = first.reading_of(name), other.reading_of(name)
        for leaf in unlike(one, another, fields=fields):
            yield phase, name, leaf


def relative_size(leaf: Leaf) -> float:
    """Size of a difference against its numbers; infinite where one of them is not finite.

    Args:
        leaf: NaN is returned where it holds texts.
    """
    if isinstance(leaf.first, str) or isinstance(leaf.other, str):
        return math.nan
    scale = max(leaf.scale, 1.0) if leaf.path.rpartition(".")[2] in SHARES else leaf.scale
    distance = abs(leaf.first - leaf.other)
    if not (math.isfinite(distance) and math.isfinite(scale)):
        return math.inf
    return distance / scale if scale > 0 else 0.0
