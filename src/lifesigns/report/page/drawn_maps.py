"""The maps of a document: as many cells as there is room for, layers with findings first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Any

import numpy as np

from lifesigns.report.page.arrays import pack
from lifesigns.report.page.history import History

MOST_CELLS = 600_000
"""Cells of all maps together."""
LEADING = 0.75
"""Share of the room for layers with findings, if they need as much."""


def maps_of(history: History, order: Sequence[int], leading: Set[int]) -> list[dict[str, Any]]:
    """The map of each layer that has one.

    Args:
        history: Of all snapshots so far.
        order: The row of each layer in the order of the document.
        leading: Rows of the layers with findings.
    """
    columns = len(history.shown()[0])
    rooms = dict(_rooms(history, columns, leading))
    made = (
        {"layer": number} | drawn
        for number, row in enumerate(order)
        if row in rooms and (drawn := _map(history, row, rooms[row]))
    )
    return list(made)


def saturates(history: History, row: int) -> bool:
    """Whether saturation says something of a layer: not of a rectifier, whose zeros are flat.

    Args:
        history: Of all snapshots so far.
        row: Of the layer.
    """
    layer = history.layout.rows[row].layer
    return layer.end >= 0 and not layer.rectifies


def _rooms(history: History, columns: int, leading: Set[int]) -> Iterator[tuple[int, int]]:
    """How many cells the map of each layer may have."""
    left = MOST_CELLS
    ordered = sorted(history.maps.layers, key=lambda row: row not in leading)
    first = sum(row in leading for row in ordered)
    for number, row in enumerate(ordered):
        units = history.maps.layers[row]
        needed = columns * (units.stop - units.start) * (1 + saturates(history, row))
        shared = int(LEADING * left / (first - number)) if number < first else 0
        room = min(needed, max(shared, left // (len(ordered) - number)))
        left -= room
        yield row, room


def _map(history: History, row: int, cells: int) -> dict[str, Any]:
    """One map, empty if the layer was never read; neighbours in its order share a row."""
    _, first, second = history.shown()
    steps, active, saturated = history.maps.drawn(row, first, second)
    order, flat = history.maps.order(row), saturates(history, row)
    if not len(steps):
        return {}
    units = len(order)
    rows = max(1, cells // ((1 + flat) * len(steps)))
    group = -(-units // rows)
    starts = np.arange(0, units, group)
    worst = np.maximum.reduceat(saturated[order], starts) if flat else None
    return {
        "units": units,
        "order": pack(order, "uint16"),
        "group": group,
        "steps": pack(steps, "uint16"),
        "active": pack(np.minimum.reduceat(active[order], starts), "uint8"),
        "saturated": None if worst is None else pack(worst, "uint8"),
    }
