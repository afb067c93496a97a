"""How the forward signal changes from layer to layer, and what the weights are made for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from lifesigns.evidence.thresholds import FADED_SIGNAL, LAYERS, Threshold
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import WEIGHTED, Graph, Kind, ParameterReading, Site, Snapshot, UnitSums

RESOLUTION = Threshold(
    3e-4,
    "deviation over RMS below which float32 sums resolve none",
    "arithmetic: the root of 1e-7, for squares are summed",
)
MASK = Threshold(-1e4, "size of logits that no layer makes", "masks of half precision: -1e4")
ALIKE = Threshold(1e-3, "share of their size by which masked logits differ", "definition")
NORMAL_RANGE = 4.0
"""Range of a batch in standard deviations: 3.1 to 5.2 for 10 to 250 normally distributed values."""
PASSING = frozenset({Kind.DROPOUT, Kind.POOLING})
"""Kinds that hand the signal on nearly as it is."""


@dataclass(frozen=True)
class Layer:
    """A weighted site, and the signal that it receives."""

    site: Site
    rms: float
    deviation: float
    """Standard deviation over the inputs, RMS over units: the part that tells inputs apart."""


def layers(snapshot: Snapshot) -> list[Layer]:
    """The sites with weights of their own whose input was read, in forward order."""
    return list(_layers(snapshot))


def fade(snapshot: Snapshot) -> float:
    """Deviation over inputs at the last layer over that at the first, where 1 counts as usual.

    NaN for fewer than three layers, or where it was not read. Exactly 0, the matter of rules on
    dead and symmetric units, is NaN as well, unless the signal had faded before (`is_extinct`). A
    signal that a normalisation restores is not faded.
    """
    known, graph = layers(snapshot), snapshot.graph
    if is_extinct(snapshot):
        known = living(known)
        return known[-1].deviation / min(known[0].deviation, 1.0)
    last = [i for i in graph.of_kind(*WEIGHTED) if graph.sites[i].parameters][-1:]
    ends = bool(known) and [graph.sites[i] for i in last] == [known[-1].site]
    if len(known) < LAYERS or not ends or not (known[0].deviation > 0 and known[-1].deviation > 0):
        return float("nan")
    return known[-1].deviation / min(known[0].deviation, 1.0)


def is_extinct(snapshot: Snapshot) -> bool:
    """Whether the signal faded from layer to layer until nothing of it was left, for good."""
    known = layers(snapshot)
    alive = living(known)
    if not LAYERS <= len(alive) < len(known):
        return False
    faint = FADED_SIGNAL * min(alive[0].deviation, 1.0)
    return all(layer.deviation < faint for layer in known[len(alive) - 1 :])


def living(known: list[Layer]) -> list[Layer]:
    """The layers up to the first that receives one value for all inputs."""
    return list(takewhile(lambda layer: layer.deviation > 0, known))


def growth(snapshot: Snapshot) -> float:
    """Largest RMS inside or at the end of the network over that of its input (at least 1)."""
    known = layers(snapshot)
    if not known or not math.isfinite(known[0].rms):
        return float("nan")
    return largest(snapshot)[1] / max(known[0].rms, 1.0)


def largest(snapshot: Snapshot) -> tuple[str, float]:
    """Where the signal is largest, and its RMS; the input itself does not count."""
    scales = [(layer.site.name, layer.rms) for layer in layers(snapshot)[1:]]
    loss = snapshot.loss
    if loss and loss.prediction is not None and not _is_masked(loss.prediction):
        scales.append(("the output", loss.prediction.rms))
    known = [scale for scale in scales if math.isfinite(scale[1])]
    return max(known, key=lambda scale: scale[1], default=("", float("nan")))


def _is_masked(prediction: UnitSums) -> bool:
    """Whether a large negative number, the same for each unit, was filled in: no signal."""
    lowest = prediction.minimum
    return bool((lowest < MASK).all() and np.ptp(lowest) < ALIKE * abs(float(lowest.min())))


def own_weight(snapshot: Snapshot, site: Site) -> ParameterReading | None:
    """The weight that the site multiplies by, if it was read."""
    return snapshot.parameter(site.parameters[0]) if site.parameters else None


def mismatches(snapshot: Snapshot) -> Iterator[tuple[Site, str, float]]:
    """Hidden layers: site, activation behind it (or `linear`), weights' gain over the right one.

    Left out: all-equal weights (symmetric-units), and layers whose output a normalisation rescales.
    """
    graph = snapshot.graph
    for index in graph.of_kind(*WEIGHTED):
        site = graph.sites[index]
        weight, follower = own_weight(snapshot, site), _follower(graph, index)
        if weight is None or not follower or not site.fan_in or weight.distinct_weight_rows == 1:
            continue
        right = 1.0 if follower == "linear" else ACTIVATIONS[follower].facts.forward_gain
        ratio = weight.weight_rms * math.sqrt(site.fan_in) / right
        if math.isfinite(ratio) and ratio > 0:
            yield site, follower, ratio


def _layers(snapshot: Snapshot) -> Iterator[Layer]:
    for index in snapshot.graph.of_kind(*WEIGHTED):
        site, value = snapshot.graph.sites[index], received(snapshot, index)
        if site.parameters and value is not None:
            yield Layer(site, value.rms, _deviation(value))


def received(snapshot: Snapshot, index: int) -> UnitSums | None:
    """The input of a site: the value of the one activation before it, or the batch."""
    graph = snapshot.graph
    before = graph.predecessors(index)
    while len(before) == 1 and graph.sites[before[0]].kind in PASSING:
        before = graph.predecessors(before[0])
    if not before:
        return snapshot.batch.features if snapshot.batch else None
    reading = snapshot.reading(before[0]) if len(before) == 1 else None
    return reading.value if reading else None


def _deviation(sums: UnitSums) -> float:
    """NaN where a unit was seen once only; by the range where float32 sums resolve no deviation."""
    if not sums.units or not (sums.count > 1).all():
        return float("nan")
    deviation = float(np.sqrt(sums.variance.mean()))
    if deviation > RESOLUTION * sums.rms:
        return deviation
    return float(np.sqrt((sums.span**2).mean())) / NORMAL_RANGE


def _follower(graph: Graph, index: int) -> str:
    """The activation of known gain, or `linear` for weights, that alone reads the site's value."""
    after = graph.successors(index)
    while len(after) == 1 and graph.sites[after[0]].kind in PASSING:
        after = graph.successors(after[0])
    if len(after) != 1:
        return ""
    site = graph.sites[after[0]]
    if site.kind in WEIGHTED:
        return "linear"
    facts = ACTIVATIONS.get(site.operation)
    known = site.kind is Kind.ACTIVATION and facts and math.isfinite(facts.facts.forward_gain)
    return site.operation if known else ""
