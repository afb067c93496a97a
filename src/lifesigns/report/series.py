"""The ladder as named numbers, for trackers of experiments: a few for each layer."""

from __future__ import annotations

import math

from lifesigns.records import Snapshot
from lifesigns.report.page.columns import DEAD, FLAT, GRADIENT, SIZE, SLOPE, UPDATE
from lifesigns.report.page.layers import Layer
from lifesigns.report.page.layout import Layout
from lifesigns.report.page.reading import read

PREFIX = "lifesigns"
SERIES = {
    "rms": SIZE,
    "dead_share": DEAD,
    "saturated_share": FLAT,
    "slope": SLOPE,
    "gradient_rms": GRADIENT,
    "update_ratio": UPDATE,
}
"""Name of each number, with its column of the ladder."""
OF_HIDDEN = (DEAD, FLAT)
"""Columns that say nothing of a prediction, nor of a layer without an activation."""
MOST = 64
"""Layers that are followed: the first in the order of their appearance."""


class LayerSeries:
    """Makes named numbers of snapshots: `lifesigns/encoder.0/dead_share`.

    The same layer has the same name throughout; what was not measured is left out.

    Args:
        most: Layers that are followed.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most, self._layout = most, Layout()
        self._names: dict[int, str] = {}

    def of(self, snapshot: Snapshot) -> dict[str, float]:
        """The numbers of one recorded step.

        Args:
            snapshot: Of the step of the last one or of a later step.

        Returns:
            By name; none of them is NaN.
        """
        reading = read(snapshot, self._layout)
        numbers = {}
        for row, ladder in enumerate(reading.ladder.T[: self._most]):
            name = self._name(row)
            layer = self._layout.rows[row].layer
            left_out = OF_HIDDEN if layer.is_last or not layer.activation else ()
            for key, column in SERIES.items():
                if column not in left_out and not math.isnan(ladder[column]):
                    numbers[f"{PREFIX}/{name}/{key}"] = float(ladder[column])
        return numbers

    def _name(self, row: int) -> str:
        if row not in self._names:
            layer = self._layout.rows[row].layer
            taken = self._names.values()
            short, full = _module(layer), layer.name.replace(":", ".").replace("#", "_").strip(".")
            self._names[row] = short if short and short not in taken else full
        return self._names[row]


def _module(layer: Layer) -> str:
    """Where a layer's weight is, or where it runs; empty if neither is known."""
    return layer.weight.rpartition(".")[0] or layer.name.partition(":")[0]
