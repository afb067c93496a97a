"""One run out of those of several processes that trained together.

Sums over observations are added, so what they tell is as exact as if one process had seen all
batches: means, shares, extremes, counts of classes, norms of weights that are spread over the
processes. Of a loss and of what else is one number a step the mean over the processes is taken,
which is what the gradients of such a training are the mean of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from functools import reduce
from math import prod
from typing import Any, TypeVar

import numpy as np

from lifesigns.records.readings import (
    BatchReading,
    Coverage,
    LossReading,
    ParameterReading,
    SiteReading,
    Snapshot,
    TargetReading,
    TokenReading,
)
from lifesigns.records.trace import Cost, LossCurve, Trace
from lifesigns.records.units import Floats, Ints, UnitSums

SHARDS = "the other ranks' shards"
"""How the sentence begins that says of which parameters one process has seen a part."""

T = TypeVar("T")
Key = tuple[int, int, int]
"""Step, stream, and which of the recorded passes of that stream in that step."""
_OF_ELEMENTS = (
    "weight_rms",
    "gradient_rms",
    "update_rms",
    "stale_gradient_rms",
    "used_gradient_rms",
)


def merged(traces: Sequence[Trace], *, whole: bool = True) -> Trace:
    """The run that several processes made together.

    Args:
        traces: At least one; the first says what all have in common, such as the command.
        whole: Whether these are all the processes there were.

    Returns:
        Snapshots of a step that several have recorded are one; those of a single one stay.
    """
    first, *others = traces
    if not others:
        return first
    unreached = [{reading.name for reading in trace.unreached} for trace in others]
    return replace(
        first,
        snapshots=_snapshots(traces),
        losses=_losses([trace.losses for trace in traces]),
        steps=max(trace.steps for trace in traces),
        unreached=tuple(r for r in first.unreached if all(r.name in names for names in unreached)),
        unseen=_of_each([_unseen(trace, whole) for trace in traces]),
        severed=sum(trace.severed for trace in traces),
        cost=_mean_cost([trace.cost for trace in traces]),
        recorded=max(trace.recorded for trace in traces),
    )


def by_pass(trace: Trace) -> dict[Key, Snapshot]:
    """The snapshots of a run by the backward pass they show, in order.

    Args:
        trace: Of one process.
    """
    found: dict[Key, Snapshot] = {}
    for snapshot in trace.snapshots:
        number = 0
        while (key := (snapshot.step, snapshot.stream, number)) in found:
            number += 1
        found[key] = snapshot
    return found


def alike(one: Snapshot, other: Snapshot) -> bool:
    """Whether two processes ran the same network in a step: the same sites, whatever their batch.

    Args:
        one: Of a process.
        other: Of another.
    """
    there = other.graph.sites
    return len(one.graph.sites) == len(there) and all(
        a.name == b.name for a, b in zip(one.graph.sites, there, strict=True)
    )


def _unseen(trace: Trace, whole: bool) -> tuple[str, ...]:
    return tuple(s for s in trace.unseen if not (whole and s.startswith(SHARDS)))


def _of_each(sentences: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """What all say as it is, and what some do not say with the number of who says it."""
    said: dict[str, list[int]] = {}
    for number, those in enumerate(sentences):
        for sentence in those:
            said.setdefault(sentence, []).append(number)
    return tuple(
        sentence if len(who) == len(sentences) else f"rank {', '.join(map(str, who))}: {sentence}"
        for sentence, who in said.items()
    )


def _mean_cost(costs: Sequence[Cost]) -> Cost:
    names = [f.name for f in fields(Cost)]
    return Cost(**{name: float(np.mean([getattr(c, name) for c in costs])) for name in names})


def _losses(curves: Sequence[LossCurve]) -> LossCurve:
    """The mean of the curves as far as they count the same steps; the rest of the longest."""
    longest = max(curves, key=lambda curve: len(curve.steps))
    total, count = longest.values.astype(float).copy(), np.ones(len(longest.values))
    for curve in curves:
        n = len(curve.steps)
        if curve is longest or not _agree(curve, longest, n):
            continue
        total[:n] += curve.values
        count[:n] += 1
    return replace(longest, values=total / count)


def _agree(curve: LossCurve, other: LossCurve, n: int) -> bool:
    return np.array_equal(curve.steps, other.steps[:n]) and np.array_equal(
        curve.streams, other.streams[:n]
    )


def _snapshots(traces: Sequence[Trace]) -> tuple[Snapshot, ...]:
    each = [by_pass(trace) for trace in traces]
    keys = sorted({key for those in each for key in those})
    return tuple(_snapshot([those[key] for those in each if key in those]) for key in keys)


def _snapshot(together: Sequence[Snapshot]) -> Snapshot:
    first = together[0]
    same = [snapshot for snapshot in together if alike(first, snapshot)]
    if len(same) == 1:
        return first
    return replace(
        first,
        sites=_sites(same),
        parameters=_parameters(same),
        loss=_loss([s.loss for s in same]),
        batch=_optional([s.batch for s in same], _batch),
        tokens=_optional([s.tokens for s in same], TokenReading.merge),
        nonfinite=next((s.nonfinite for s in same if s.nonfinite is not None), None),
        evaluating=_union(s.evaluating for s in same),
        mixing=next((s.mixing for s in same if s.mixing is not None), None),
        coverage=_coverage([s.coverage for s in same]),
        reason=next((s.reason for s in same if s.reason != "scheduled"), first.reason),
    )


def _optional(those: Iterable[T | None], merge: Callable[[T, T], T]) -> T | None:
    """What there is, merged; None if there is none."""
    there = [one for one in those if one is not None]
    return reduce(merge, there) if there else None


def _union(those: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(one for some in those for one in some))


def _coverage(those: Sequence[Coverage]) -> Coverage:
    return replace(
        those[0],
        opaque=_union(c.opaque for c in those),
        hooked_saves=max(c.hooked_saves for c in those),
        unreadable=_union(c.unreadable for c in those),
        failures=_union(c.failures for c in those),
        unmeasured=_union(c.unmeasured for c in those),
    )


def _sums(one: UnitSums, other: UnitSums) -> UnitSums:
    """Of the same units; where the processes hold different ones, the first's."""
    return one.merge(other) if one.units == other.units else one


# --- sites and parameters -------------------------------------------------------------------------
def _sites(same: Sequence[Snapshot]) -> tuple[SiteReading, ...]:
    read: dict[int, list[SiteReading]] = {}
    for snapshot in same:
        for reading in snapshot.sites:
            read.setdefault(reading.site, []).append(reading)
    return tuple(
        SiteReading(
            site,
            _optional([r.value for r in readings], _sums),
            _optional([r.output_gradient for r in readings], _sums),
            _optional([r.input_gradient for r in readings], _sums),
        )
        for site, readings in read.items()
    )


def _parameters(same: Sequence[Snapshot]) -> tuple[ParameterReading, ...]:
    read: dict[str, list[ParameterReading]] = {}
    for snapshot in same:
        for reading in snapshot.parameters:
            read.setdefault(reading.name, []).append(reading)
    return tuple(_parameter(readings) for readings in read.values())


def _parameter(readings: Sequence[ParameterReading]) -> ParameterReading:
    """The copies of a parameter are one; its shards are put together."""
    first = readings[0]
    reached, zero = any(r.reached for r in readings), all(r.gradient_is_zero for r in readings)
    if first.shards == 1 or len(readings) == 1:
        return replace(first, reached=reached)
    sizes = np.array([prod(r.shape) for r in readings], float)
    return replace(
        first,
        shape=_put_together([r.shape for r in readings]),
        shards=max(first.shards // len(readings), 1),
        reached=reached,
        gradient_is_zero=zero,
        nonfinite_weights=sum(r.nonfinite_weights for r in readings),
        nonfinite_gradients=sum(r.nonfinite_gradients for r in readings),
        distinct_weight_rows=-1,  # rows of two shards may be equal
        distinct_gradient_rows=-1,
        sign_coherence=_mean([r.sign_coherence for r in readings], sizes),
        lost_updates=_mean([r.lost_updates for r in readings], sizes),
        predicted_change=float(sum(r.predicted_change for r in readings)),
        **{
            name: _mean([getattr(r, name) ** 2 for r in readings], sizes) ** 0.5
            for name in _OF_ELEMENTS
        },
    )


def _put_together(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Along the dimension in which they differ; the first, if in none."""
    first = shapes[0]
    along = next((d for d, n in enumerate(first) if any(s[d] != n for s in shapes)), 0)
    return (*first[:along], sum(s[along] for s in shapes), *first[along + 1 :]) if first else ()


def _mean(values: Sequence[float], weights: Any) -> float:
    """Of those that were measured."""
    there = np.isfinite(values) & (weights > 0)
    if not there.any():
        return float(values[0])
    return float(np.average(np.asarray(values)[there], weights=np.asarray(weights)[there]))


# --- batch and loss -------------------------------------------------------------------------------
def _batch(one: BatchReading, other: BatchReading) -> BatchReading:
    return replace(one, features=_sums(one.features, other.features))


def _loss(losses: Sequence[LossReading | None]) -> LossReading | None:
    there = [loss for loss in losses if loss is not None]
    if not there:
        return None
    first = there[0]
    form = first.kind, len(first.others)
    same = [loss for loss in there if (loss.kind, len(loss.others)) == form]
    return replace(
        first,
        **_means(same, "value", "fit", "scale", "correlation", "constant"),
        ignored_all=all(loss.ignored_all for loss in same),
        prediction=_optional([loss.prediction for loss in same], _sums),
        target=_target([loss.target for loss in same]),
        places=_optional([loss.places for loss in same], _sums),
        others=tuple(filter(None, map(_loss, zip(*(loss.others for loss in same), strict=True)))),
    )


def _target(targets: Sequence[TargetReading | None]) -> TargetReading | None:
    there = [target for target in targets if target is not None]
    if not there:
        return None
    return replace(
        there[0],
        **_means(there, "entropy"),
        sums=reduce(_sums, (target.sums for target in there)),
        integer_valued=all(target.integer_valued for target in there),
        class_counts=_optional([target.class_counts for target in there], _added),
        quantiles=_optional([target.quantiles for target in there], _pooled),
        places=_optional([target.places for target in there], _sums),
        left_out=_optional([target.left_out for target in there], _sums),
    )


def _means(records: Sequence[LossReading] | Sequence[TargetReading], *names: str) -> dict[str, Any]:
    return {name: float(np.mean([getattr(one, name) for one in records])) for name in names}


def _pooled(one: Floats, other: Floats) -> Floats:
    """Equally likely values of both: each stands for as many."""
    if one.shape[1:] != other.shape[1:]:
        return one
    return np.sort(np.concatenate([one, other]), axis=0)


def _added(one: Ints, other: Ints) -> Ints:
    counts = np.zeros(max(len(one), len(other)), np.int64)
    counts[: len(one)] += one
    counts[: len(other)] += other
    return counts
