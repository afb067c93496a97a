"""A run as it would be had less been measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from lifesigns.records.quantities import Quantity
from lifesigns.records.readings import LossReading, ParameterReading, SiteReading, Snapshot
from lifesigns.records.trace import Trace

_Read = TypeVar("_Read", SiteReading, ParameterReading)
_FIELDS = {
    Quantity.ACTIVATIONS: ("value",),
    Quantity.GRADIENTS: ("output_gradient", "input_gradient"),
    Quantity.PARAMETERS: (
        *("weight_rms", "nonfinite_weights"),
        *("gradient_rms", "gradient_is_zero", "nonfinite_gradients"),
    ),
    Quantity.UPDATES: ("update_rms", "predicted_change"),
    Quantity.ROWS: ("distinct_weight_rows", "distinct_gradient_rows"),
    Quantity.COHERENCE: ("sign_coherence",),
    Quantity.STALE: ("stale_gradient_rms", "used_gradient_rms", "discarded_passes"),
}
"""The fields of readings of sites and parameters that hold each quantity."""


def without(known: Trace, quantities: Collection[Quantity]) -> Trace:
    """The same run as a recorder leaves it that did not take these quantities.

    Args:
        known: A run.
        quantities: What is left out.

    Example:
        >>> from lifesigns.records import Graph
        >>> reading = ParameterReading("0.weight", (3, 2), weight_rms=0.5, update_rms=0.1)
        >>> known = Trace((Snapshot(0, Graph(), parameters=(reading,)),))
        >>> (less,) = without(known, [Quantity.UPDATES]).snapshots[0].parameters
        >>> less.weight_rms, less.update_rms
        (0.5, nan)
    """
    lost = [name for quantity in quantities for name in _FIELDS.get(quantity, ())]
    shots = tuple(_without(shot, quantities, lost) for shot in known.snapshots)
    evaluations = () if Quantity.LOSS in quantities else known.evaluations
    return dataclasses.replace(known, snapshots=shots, evaluations=evaluations)


def _without(known: Snapshot, quantities: Collection[Quantity], lost: Sequence[str]) -> Snapshot:
    loss, origin = known.loss, known.nonfinite
    if loss and Quantity.LOSS in quantities:
        loss = LossReading(loss.value)
    if origin and origin.phase == "backward" and Quantity.GRADIENTS in quantities:
        origin = None
    return dataclasses.replace(
        known,
        sites=tuple(_reset(reading, lost) for reading in known.sites),
        parameters=tuple(_reset(reading, lost) for reading in known.parameters),
        loss=loss,
        batch=None if Quantity.BATCH in quantities else known.batch,
        tokens=None if Quantity.BATCH in quantities else known.tokens,
        nonfinite=origin,
        mixing=None if Quantity.MIXING in quantities else known.mixing,
    )


def _reset(reading: _Read, names: Sequence[str]) -> _Read:
    missing: dict[str, Any] = {
        f.name: f.default for f in dataclasses.fields(reading) if f.name in names
    }
    return dataclasses.replace(reading, **missing)
