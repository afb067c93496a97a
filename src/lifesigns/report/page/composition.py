"""Puts a document together from the history of a run and what was found in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from lifesigns.records import Finding
from lifesigns.report.page.arrays import pack
from lifesigns.report.page.columns import COLUMNS, KEYS
from lifesigns.report.page.drawn_maps import maps_of
from lifesigns.report.page.graph import drawing, found_at
from lifesigns.report.page.history import History
from lifesigns.report.page.layout import Row
from lifesigns.report.page.reading import PARAMETERS


def history_of(history: History, findings: Sequence[Finding]) -> dict[str, Any]:
    """Everything over the axis of recorded steps, and the layers it is about.

    Args:
        history: Of all snapshots so far.
        findings: In the order of the report.
    """
    axis, first, second = history.shown()
    layout, order = history.layout, history.layout.forward
    ladder = history.ladder.joined(first, second)[:, order]
    layers = _layers(history, findings)
    leading = {row for row, layer in zip(order, layers, strict=True) if layer["findings"]}
    place = {row: number for number, row in enumerate(order)}
    layer_of = {name: place[row] for name, row in layout.owners.items()}
    return {
        "layout": layout.number,
        "recorded": {
            "steps": pack(axis.steps, "int32"),
            "streams": pack(axis.streams, "int32"),
            "merged": pack(axis.merged, "int32"),
        },
        "columns": [column.to_json() for column in COLUMNS],
        "layers": layers,
        "ladder": {key: pack(ladder[i], "bfloat16") for i, key in enumerate(KEYS)},
        "parameters": _parameters(history, history.parameters.joined(first, second), layer_of),
        "maps": maps_of(history, order, leading),
        "graph": drawing(history.graphs.values(), layer_of, findings),
    }


def places_of(history: History, findings: Sequence[Finding]) -> dict[str, list[list[int]]]:
    """The findings of each layer and of each site of the graph, in the document's order.

    Args:
        history: Of all snapshots so far.
        findings: In the order of the report.
    """
    sites = drawing(history.graphs.values(), {}, findings)["sites"]
    return {
        "layers": [layer["findings"] for layer in _layers(history, findings)],
        "sites": [site["findings"] for site in sites],
    }


def _layers(history: History, findings: Sequence[Finding]) -> list[dict[str, Any]]:
    layout = history.layout
    names: dict[int, list[str]] = {row: [] for row in layout.forward}
    for name, row in layout.owners.items():
        names[row].append(name)
    return [_layer(layout.rows[row], found_at(names[row], findings)) for row in layout.forward]


def _layer(row: Row, findings: list[int]) -> dict[str, Any]:
    layer = row.layer
    return {
        "name": layer.name,
        "activation": layer.activation,
        "operation": layer.operation,
        "kind": layer.kind,
        "units": layer.units,
        "weight": layer.weight,
        "stream": row.stream,
        "slope": row.slope,
        "findings": findings,
    }


def _parameters(
    history: History, values: NDArray[Any], layer_of: dict[str, int]
) -> list[dict[str, Any]]:
    return [
        {"name": name, "layer": layer_of.get(name)}
        | {key: pack(values[i, row], "bfloat16") for i, key in enumerate(PARAMETERS)}
        for row, name in enumerate(history.layout.parameters)
    ]
