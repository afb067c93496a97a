"""The σ′ that a layer is made for: by its activation and the size of what reaches it at the start.

RMS of σ′ over a normally distributed preactivation, whose deviation is that of the input times the
weights' gain, or 1 behind a normalisation.
"""

from __future__ import annotations

import math

import numpy as np

from lifesigns.evidence.signal import own_weight, received
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import Kind, Snapshot
from lifesigns.report.page.layers import Layer, members

GRID = np.linspace(-6, 6, 1200)
"""Deviations of the preactivation; it has no point at 0, where kinks are."""
WEIGHTS = np.exp(-0.5 * GRID**2) / np.exp(-0.5 * GRID**2).sum()


def expected_slope(snapshot: Snapshot, layer: Layer) -> float | None:
    """RMS of σ′ to expect of a layer; None where it is not known.

    Args:
        snapshot: The first that has the layer.
        layer: Of its graph.
    """
    activation = ACTIVATIONS.get(layer.operation)
    site = snapshot.graph.sites[layer.end]
    if layer.end < 0 or activation is None or not activation.elementwise or site.details:
        return None
    size = _preactivation(snapshot, layer)
    if activation.derivative is None or not math.isfinite(size):
        return None
    with np.errstate(all="ignore"):
        slope = math.sqrt(float(WEIGHTS @ activation.derivative(GRID * size) ** 2))
    return float(f"{slope:.4g}") if math.isfinite(slope) else None


def _preactivation(snapshot: Snapshot, layer: Layer) -> float:
    """Standard deviation of what reaches the activation; NaN where it cannot be told."""
    graph = snapshot.graph
    root = graph.sites[layer.root]
    if any(graph.sites[index].kind is Kind.NORM for index in members(graph, layer)):
        return 1.0
    weight, given = own_weight(snapshot, root), received(snapshot, layer.root)
    if weight is None or given is None or not root.fan_in:
        return math.nan
    return weight.weight_rms * math.sqrt(root.fan_in) * given.rms
