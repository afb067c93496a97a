"""How large inputs, weights and updates are: by these, several causes are told apart."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lifesigns.records import WEIGHTED, Graph, Kind, Snapshot, Trace

RAW_INPUT = 30.0
"""RMS of a feature above which (all below its inverse) it is called unscaled; standardised: 1."""
LARGE_WEIGHTS = 5.0
"""Weight RMS times √fan-in above which weights are called large (Glorot: 1, He 2015: 1.4)."""


def input_rms(trace: Trace, stream: int) -> float:
    """RMS of the largest feature, median over the recorded inputs.

    NaN if none was seen, or if they are looked up: the numbers of tokens have no scale.
    """
    seen = [s for s in trace.stream(stream) if s.batch is not None and s.batch.features.units]
    known = [_largest(s) for s in seen if not _is_looked_up(s.graph)]
    return float(np.median(known)) if known else float("nan")


def is_raw(trace: Trace, stream: int) -> bool:
    """Whether some input feature is far larger than standardised ones."""
    return input_rms(trace, stream) > RAW_INPUT


def weight_scale(trace: Trace, stream: int) -> float:
    """Largest weight RMS times √fan-in in the first snapshot: the gain of the widest layer."""
    first = trace.stream(stream)[:1]
    return max((gain for s in first for _, gain in weight_gains(s)), default=float("nan"))


def has_large_weights(trace: Trace, stream: int) -> bool:
    """Whether some weights start far larger than any initialiser for their fan-in makes them."""
    return weight_scale(trace, stream) > LARGE_WEIGHTS


def weight_gains(snapshot: Snapshot) -> Iterator[tuple[str, float]]:
    """Weighted sites in forward order, with weight RMS times √fan-in: their gain on the RMS."""
    for index in snapshot.graph.of_kind(*WEIGHTED):
        site = snapshot.graph.sites[index]
        weight = snapshot.parameter(site.parameters[0]) if site.parameters else None
        if weight and site.fan_in and np.isfinite(weight.weight_rms):
            yield site.name, weight.weight_rms * math.sqrt(site.fan_in)


def update_ratio(snapshot: Snapshot) -> float:
    """Median over weights of update over weight; NaN if not measured."""
    ratios = [p.update_ratio for p in snapshot.parameters if p.trainable and len(p.shape) > 1]
    known = [ratio for ratio in ratios if np.isfinite(ratio)]
    return float(np.median(known)) if known else float("nan")


def largest_update(trace: Trace, stream: int) -> float:
    """Largest recorded `update_ratio`; NaN if none was measured."""
    ratios = [update_ratio(snapshot) for snapshot in trace.stream(stream)]
    return max((r for r in ratios if np.isfinite(r)), default=float("nan"))


def travel(trace: Trace, stream: int) -> float:
    """Way of the weights over the run, in their own size: the sum of `update_ratio` over steps.

    Interpolated between recorded steps; an upper bound of how far they got. NaN if unknown.
    """
    known = [(s.step, r) for s in trace.stream(stream) if np.isfinite(r := update_ratio(s))]
    if not known:
        return float("nan")
    steps, ratios = zip(*known, strict=True)
    return float(np.interp(np.arange(trace.steps), steps, ratios).sum())


def _largest(snapshot: Snapshot) -> float:
    squares = snapshot.batch.features.mean_square if snapshot.batch else np.zeros(1)
    return float(np.sqrt(np.max(squares, where=np.isfinite(squares), initial=0.0)))


def _is_looked_up(graph: Graph) -> bool:
    """All inputs enter through embeddings."""
    entries = [i for i in graph.of_kind(*WEIGHTED, Kind.EMBEDDING) if not any(graph.upstream(i))]
    return bool(entries) and all(graph.sites[i].kind is Kind.EMBEDDING for i in entries)
