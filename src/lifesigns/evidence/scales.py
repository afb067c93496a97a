"""How large inputs, weights and updates are in a step: by these, causes are told apart."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lifesigns.evidence.sites import weight_of
from lifesigns.evidence.thresholds import RAW_INPUT
from lifesigns.records import WEIGHTED, Graph, Kind, Snapshot


def largest_feature(snapshot: Snapshot) -> float:
    """RMS of the input feature that is largest.

    What is scaled on its way to the first layer, by a division or a normalisation without weights,
    leaves no trace in the graph but there: then it is the RMS of what that layer was given. NaN if
    the input was not read, or if it is looked up: the numbers of tokens have no scale.
    """
    batch = snapshot.batch
    if batch is None or not batch.features.units or _is_looked_up(snapshot.graph):
        return math.nan
    squares = batch.features.mean_square[np.isfinite(batch.features.mean_square)]
    if not len(squares):
        return 0.0
    _, entered = largest_entry(snapshot)
    if 1 / RAW_INPUT < entered < math.sqrt(squares.mean()) / RAW_INPUT:
        return entered
    return math.sqrt(squares.max())


def differences(snapshot: Snapshot) -> tuple[float, float]:
    """Mean and standard deviation of the input feature that differs most, for its size.

    Both are NaN where no feature differs, or where the inputs are looked up.
    """
    batch = snapshot.batch
    if batch is None or not batch.features.units or _is_looked_up(snapshot.graph):
        return math.nan, math.nan
    sums = batch.features
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.nan_to_num(sums.variance / sums.mean_square, posinf=0.0)
    most = int(share.argmax())
    if not share[most] > 0:
        return math.nan, math.nan
    return float(sums.mean[most]), math.sqrt(sums.variance[most])


def weight_gains(snapshot: Snapshot) -> Iterator[tuple[str, float]]:
    """Weighted sites in forward order, with weight RMS times √fan-in: their gain on the RMS."""
    for index in snapshot.graph.of_kind(*WEIGHTED):
        site = snapshot.graph.sites[index]
        weight = weight_of(site, snapshot)
        if weight and site.fan_in and np.isfinite(weight.weight_rms):
            yield site.name, weight.weight_rms * math.sqrt(site.fan_in)


def largest_entry(snapshot: Snapshot) -> tuple[str, float]:
    """Where data enters at its largest, and its RMS: that of the value behind, the gain undone.

    Of a network with several inputs only the first is read; the others show in what the first
    layer makes of them, if an activation that does not squash lets it through.
    """
    graph, gains = snapshot.graph, dict(weight_gains(snapshot))
    found = [("", math.nan)]
    for index in graph.of_kind(*WEIGHTED):
        name = graph.sites[index].name
        if graph.predecessors(index) or not gains.get(name, 0.0) > 0:
            continue
        for after in graph.successors(index):
            reading = snapshot.reading(after)
            if graph.sites[after].operation in UNBOUNDED and reading and reading.value:
                found.append((name, reading.value.rms / gains[name]))
    return max(found, key=lambda entry: np.nan_to_num(entry[1]))


UNBOUNDED = frozenset({"relu", "leaky_relu", "elu", "gelu", "silu", "mish", "softplus"})
"""Activations that hand large values on as large as they are."""


def update_ratio(snapshot: Snapshot) -> float:
    """Median over weights of update over weight; NaN if not measured."""
    ratios = [p.update_ratio for p in snapshot.parameters if p.trainable and len(p.shape) > 1]
    known = [ratio for ratio in ratios if np.isfinite(ratio)]
    return float(np.median(known)) if known else float("nan")


def _is_looked_up(graph: Graph) -> bool:
    """All inputs enter through embeddings."""
    sites = graph.of_kind(*WEIGHTED, Kind.EMBEDDING)
    entries = [i for i in sites if not graph.predecessors(i)]
    return bool(entries) and all(graph.sites[i].kind is Kind.EMBEDDING for i in entries)
