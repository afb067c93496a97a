"""The gradient layer by layer, and how much of it reaches the first one."""

from __future__ import annotations

import math

import numpy as np

from lifesigns.evidence.thresholds import LAYERS
from lifesigns.records import WEIGHTED, ParameterReading, Site, Snapshot


def weight_gradients(snapshot: Snapshot) -> list[tuple[Site, ParameterReading]]:
    """The weighted sites in forward order, each with its weight's reading, gradients finite only.

    A weight used at several sites (a shared layer, an unrolled recurrence) counts once.
    """
    found: dict[str, tuple[Site, ParameterReading]] = {}
    for index in snapshot.graph.of_kind(*WEIGHTED):
        site = snapshot.graph.sites[index]
        reading = snapshot.parameter(site.parameters[0]) if site.parameters else None
        if reading and reading.nonfinite_gradients == 0 and np.isfinite(reading.gradient_rms):
            found.setdefault(reading.name, (site, reading))
    return list(found.values())


def reach(snapshot: Snapshot) -> float:
    """First weighted layer's gradient over the last one's, by their RMS.

    NaN for fewer than `LAYERS` layers, and where the last one has no gradient.
    """
    sizes = [reading.gradient_rms for _, reading in weight_gradients(snapshot)]
    return sizes[0] / sizes[-1] if len(sizes) >= LAYERS and sizes[-1] > 0 else math.nan


def median_known(values: list[float]) -> float:
    """The median of those that are known; NaN if none is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else math.nan
