"""Embeddings that were divided by their own length: of them only the direction is left."""

from __future__ import annotations

import numpy as np

from lifesigns.evidence.thresholds import Threshold
from lifesigns.records import SiteReading, Snapshot, UnitSums

UNITS = Threshold(2, "units without which a vector has no direction", "definition")
UNIT = Threshold(0.01, "size of a vector, off 1", "rounding in half precision")


def directions(snapshot: Snapshot) -> list[SiteReading]:
    """Readings of rows of length 1."""
    return [reading for reading in snapshot.sites if _is_unit(snapshot, reading)]


def _is_unit(snapshot: Snapshot, reading: SiteReading) -> bool:
    site, value = snapshot.graph.sites[reading.site], reading.value
    if value is None or value.units < UNITS or site.details.get("length_dim") != -1:
        return False
    return bool(abs(float(value.mean_square.sum()) - 1) < UNIT)


def spread_of(snapshot: Snapshot, name: str) -> float:
    """How far the rows at a site of this name spread; NaN where they were not read."""
    reading = snapshot.reading_of(name)
    return float("nan") if reading is None or reading.value is None else spread(reading.value)


def spread(value: UnitSums) -> float:
    """Variance over all units as a share of their mean square: 1 where the mean vector is 0.

    It is also 1 less the mean cosine of two rows.
    """
    size = value.mean_square.sum()
    return float(np.divide(value.variance.sum(), size))
