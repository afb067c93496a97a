"""What a live page is told of one snapshot."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from lifesigns.records import Floats
from lifesigns.report.page.arrays import pack
from lifesigns.report.page.drawn_maps import saturates
from lifesigns.report.page.history import History
from lifesigns.report.page.maps import Bytes, packed, unpacked
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
        "maps": list(_maps(reading, history, order)),
    }


def _maps(reading: Reading, history: History, order: list[int]) -> Iterator[dict[str, Any]]:
    """Of each layer that has a map; several calls of it are joined as in the map."""
    found: dict[int, Bytes] = {}
    for number, row in enumerate(reading.rows):
        shares = packed(reading.units.of(number))
        before = found.setdefault(row, shares)
        if before.shape == shares.shape:
            np.minimum(before, shares, out=before)
    for row in sorted(found.keys() & history.maps.layers.keys(), key=order.index):
        active, saturated = unpacked(found[row])
        yield {
            "layer": order.index(row),
            "active": pack(active, "uint8"),
            "saturated": pack(saturated, "uint8") if saturates(history, row) else None,
        }


def _rows(values: Floats) -> list[list[float | str | None]]:
    return [[_number(value) for value in row] for row in values.tolist()]


def _number(value: float) -> float | str | None:
    """Four digits; None for NaN; infinities are texts, as everywhere in the report."""
    if math.isnan(value):
        return None
    return float(f"{value:.4g}") if math.isfinite(value) else str(value)
