"""How far from any sensible guess a network starts, and the layers that start on flat ends."""

from __future__ import annotations

import math

import numpy as np

from lifesigns.evidence.course import REGRESSIONS
from lifesigns.evidence.sites import is_hidden
from lifesigns.evidence.thresholds import CALIBRATED, SATURATED, Threshold
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import LossReading, Snapshot

NEARLY_ALL = Threshold(
    0.8, "share of a layer's units", "four in five: all but those of small input"
)
EXCESS = Threshold(3, "initial loss over that of a uniform prediction", CALIBRATED)


def excess(loss: LossReading | None) -> float:
    """Initial cross-entropy over that of a uniform prediction; NaN for other losses."""
    if loss is None or loss.prediction is None or not loss.scale:
        return math.nan
    level = {
        "cross_entropy": np.log(max(loss.prediction.units, 2)),
        "binary_cross_entropy": np.log(2),
    }.get(loss.kind, math.nan)
    return float(loss.fit / loss.scale / level)


def scatter(loss: LossReading | None) -> float:
    """Deviation of the outputs over that of the targets, numbers on a scale; NaN otherwise."""
    if loss is None or loss.kind not in REGRESSIONS or not (loss.prediction and loss.target):
        return math.nan
    wanted = float(loss.target.sums.variance.mean())
    return math.sqrt(loss.prediction.variance.mean() / wanted) if wanted > 0 else math.nan


def has_flat_ends(operation: str) -> bool:
    """Whether an activation is flat on either side."""
    facts = ACTIVATIONS.get(operation)
    return facts is not None and facts.saturates_low and facts.saturates_high


def on_flat_ends(snapshot: Snapshot) -> list[bool]:
    """Of each hidden activation with two flat ends, in forward order: are nearly all units there?

    A unit counts that is on a flat end for more than half of the samples.
    """
    graph = snapshot.graph
    values = (
        reading.value
        for reading in snapshot.sites
        if reading.value is not None
        and has_flat_ends(graph.sites[reading.site].operation)
        and is_hidden(graph, reading.site)
    )
    return [bool((value.saturated_share > SATURATED).mean() > NEARLY_ALL) for value in values]
