"""What a live page is told of one snapshot."""

from __future__ import annotations

import math
from typing import Any

from lifesigns.records import Floats
from lifesigns.report.page.arrays import pack
from lifesigns.report.page.history import History
from lifesigns.report.page.reading import Reading


def event_of(reading: Reading, history: History, number: int) -> dict[str, Any]:
    """One event, whose size depends on the network alone.

    Args:
        reading: Of the snapshot.
        history: That it was added to.
        number: Of the snapshot.
    """
    order = history.layout.forward
    return {
        "number": number,
        "layout": history.layout.number,
        "step": reading.step,
        "stream": reading.stream,
        "ladder": _rows(reading.ladder[:, order].T),
        "parameters": _rows(reading.parameters.T),
        "maps": [
            _map(order.index(row), reading, row, saturates=history.maps.layers[row].saturates)
            for row in order
            if row in reading.shares and row in history.maps.layers
        ],
    }


def _map(layer: int, reading: Reading, row: int, *, saturates: bool) -> dict[str, Any]:
    shares = reading.shares[row]
    return {
        "layer": layer,
        "active": pack(shares.active, "uint8"),
        "saturated": pack(shares.saturated, "uint8") if saturates else None,
    }


def _rows(values: Floats) -> list[list[float | str | None]]:
    return [[_number(value) for value in row] for row in values.tolist()]


def _number(value: float) -> float | str | None:
    """Four digits; None for NaN; infinities are texts, as everywhere in the report."""
    if math.isnan(value):
        return None
    return float(f"{value:.4g}") if math.isfinite(value) else str(value)
