"""The layers of a run at its last recorded step, with the numbers of the page's ladder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lifesigns.records import Trace
from lifesigns.report.page.columns import COLUMNS
from lifesigns.report.page.layout import Layout
from lifesigns.report.page.reading import read


@dataclass(frozen=True)
class Layer:
    """A layer and its numbers."""

    name: str
    """Of its weighted site."""
    activation: str
    """The operation that ends it."""
    kind: str
    numbers: tuple[float, ...]
    """In the order of the page's `COLUMNS`; NaN where it was not measured."""


def layers(trace: Trace) -> list[Layer]:
    """The layers in forward order, each at the last recorded step of a loss that reaches it.

    Args:
        trace: Without snapshots there are none.
    """
    layout = Layout()
    readings = [read(trace.stream(number)[-1], layout) for number in trace.recorded_streams]
    rows = layout.rows
    numbers = np.full((len(COLUMNS), len(rows)), np.nan)
    for reading in readings:
        known = numbers[:, : reading.ladder.shape[1]]
        np.copyto(known, reading.ladder, where=np.isnan(known))
    return [
        Layer(
            name=rows[row].layer.name,
            activation=rows[row].layer.operation if rows[row].layer.end >= 0 else "",
            kind=rows[row].layer.kind,
            numbers=tuple(numbers[:, row].tolist()),
        )
        for row in layout.forward
    ]
