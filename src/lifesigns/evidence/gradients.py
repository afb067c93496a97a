"""The gradient layer by layer, and how much of it reaches the first one."""

from __future__ import annotations

import math

import numpy as np

from lifesigns.evidence.sites import weight_of
from lifesigns.evidence.thresholds import LAYERS
from lifesigns.records import WEIGHTED, Kind, ParameterReading, Site, Snapshot


def weight_gradients(snapshot: Snapshot) -> list[tuple[Site, ParameterReading]]:
    """The weighted sites in forward order, each with its weight's reading, gradients finite only.

    A weight used at several sites (a shared layer, an unrolled recurrence) counts once.
    """
    found: dict[str, tuple[Site, ParameterReading]] = {}
    for index in snapshot.graph.of_kind(*WEIGHTED):
        site = snapshot.graph.sites[index]
        reading = weight_of(site, snapshot)
        if reading and reading.nonfinite_gradients == 0 and np.isfinite(reading.gradient_rms):
            found.setdefault(reading.name, (site, reading))
    return list(found.values())


def reach(snapshot: Snapshot) -> float:
    """First weighted layer's gradient over the last one's, by their RMS.

    NaN for fewer than `LAYERS` layers, and where the last one has no gradient.
    """
    sizes = [reading.gradient_rms for _, reading in weight_gradients(snapshot)]
    return sizes[0] / sizes[-1] if len(sizes) >= LAYERS and sizes[-1] > 0 else math.nan


def gradient_norm(snapshot: Snapshot) -> float:
    """Norm of the whole gradient; infinite if a part of it is not finite."""
    squares = [
        p.gradient_rms**2 * np.prod(p.shape) if p.nonfinite_gradients == 0 else np.inf
        for p in snapshot.parameters
        if np.isfinite(p.gradient_rms) or p.nonfinite_gradients
    ]
    return float(np.sqrt(sum(squares)))


def passed_on(snapshot: Snapshot) -> float:
    """Geometric mean of the measured derivative factors of the activations."""
    sites = snapshot.graph.of_kind(Kind.ACTIVATION)
    factors = [r.derivative_factor for i in sites if (r := snapshot.reading(i))]
    positive = [factor for factor in factors if factor > 0]
    return float(np.exp(np.mean(np.log(positive)))) if positive else float("nan")


def median_known(values: list[float]) -> float:
    """The median of those that are known; NaN if none is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else math.nan
