"""A trace as a table: one row for each recorded step and place, for pandas or as CSV."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lifesigns.records.readings import ParameterReading, SiteReading, Snapshot
from lifesigns.records.units import UnitSums

if TYPE_CHECKING:
    from lifesigns.records.graph import Site

Row = dict[str, Any]
UNKNOWN = math.nan
NUMBERS = (
    "loss",
    "mean",
    "rms",
    "dead_share",
    "saturated_share",
    "gradient_rms",
    "slope",
    "weight_rms",
    "weight_gradient_rms",
    "update_ratio",
)
"""The columns that hold numbers, NaN where something was not measured."""
COLUMNS = ("step", "stream", "site", "module", "operation", "kind", "units", *NUMBERS, "weight")


def rows(snapshots: Sequence[Snapshot]) -> list[Row]:
    """One row for each snapshot and each site of it that was read, or that multiplies by a weight.

    Args:
        snapshots: In the order of training.

    Returns:
        Dictionaries with the keys `COLUMNS`. Of a site's values: `mean`, `rms`, the share of its
        units that were 0 for every sample (`dead_share`) and of its observations in saturation.
        Of its gradient: `gradient_rms` as it arrived, and what part passed it (`slope`, σ′). Of
        its weight: `weight_rms`, `weight_gradient_rms` and update over weight (`update_ratio`).
    """
    return [row for snapshot in snapshots for row in _of(snapshot)]


def _of(snapshot: Snapshot) -> Iterator[Row]:
    loss = UNKNOWN if snapshot.loss is None else snapshot.loss.value
    for place, site in enumerate(snapshot.graph.sites):
        reading = snapshot.reading(place)
        weight = snapshot.parameter(site.parameters[0]) if site.parameters else None
        if reading is not None or weight is not None:
            row = {"step": snapshot.step, "stream": snapshot.stream, **_place(site)}
            numbers = {"loss": loss, **_values(reading), **_weights(weight)}
            yield {**row, **numbers, "weight": weight.name if weight else ""}


def _place(site: Site) -> Row:
    return {
        "site": site.name,
        "module": site.module,
        "operation": site.operation,
        "kind": site.kind.value,
        "units": site.units if site.shape else 0,
    }


def _values(reading: SiteReading | None) -> Row:
    value = reading.value if reading else None
    arrived = reading.output_gradient if reading else None
    seen = value is not None and bool(value.count.any())
    return {
        "mean": _share(value.total, value.count) if value is not None and seen else UNKNOWN,
        "rms": value.rms if value is not None and seen else UNKNOWN,
        "dead_share": _dead(value) if value is not None and seen else UNKNOWN,
        "saturated_share": _share(value.saturated, value.count) if value and seen else UNKNOWN,
        "gradient_rms": arrived.rms if arrived is not None else UNKNOWN,
        "slope": reading.derivative_factor if reading else UNKNOWN,
    }


def _share(part: Any, of: Any) -> float:
    return float(part.sum() / of.sum())


def _dead(value: UnitSums) -> float:
    """Of the units that were observed, the share that was 0 for every sample."""
    return float(np.mean(value.active[value.count > 0] == 0))


def _weights(weight: ParameterReading | None) -> Row:
    return {
        "weight_rms": weight.weight_rms if weight else UNKNOWN,
        "weight_gradient_rms": weight.gradient_rms if weight else UNKNOWN,
        "update_ratio": weight.update_ratio if weight else UNKNOWN,
    }
