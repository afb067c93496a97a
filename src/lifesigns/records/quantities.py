"""What a recorder can measure in a step beside the graph and the loss, which are always there."""

from __future__ import annotations

from enum import Enum


class Quantity(Enum):
    """A kind of reading that takes time; a rule declares the ones it needs (`Rule.reads`).

    One that was not taken is absent like one that could not be seen: None, NaN, or -1 for a count.
    The value says in words what is missing then.
    """

    ACTIVATIONS = "outputs of activations"
    """`SiteReading.value`."""
    GRADIENTS = "gradients at activations"
    """`SiteReading.output_gradient` and `input_gradient`, and where one became non-finite."""
    PARAMETERS = "sizes of weights and their gradients"
    """Of `ParameterReading`: `weight_rms`, `gradient_rms`, whether they are zero or not finite."""
    UPDATES = "updates of weights"
    """Of `ParameterReading`: `update_rms` and `predicted_change`."""
    ROWS = "differences between units"
    """Of `ParameterReading`: `distinct_weight_rows` and `distinct_gradient_rows`."""
    COHERENCE = "signs of gradients"
    """Of `ParameterReading`: `sign_coherence`."""
    STALE = "what gradients hold of earlier steps"
    """Of `ParameterReading`: `stale_gradient_rms`, `used_gradient_rms` and `discarded_passes`."""
    BATCH = "inputs"
    """`Snapshot.batch` and `Snapshot.tokens`."""
    LOSS = "predictions and targets"
    """All of `LossReading` but its `value`."""
    MIXING = "what else one output depends on"
    """`Snapshot.mixing`."""

    __hash__ = object.__hash__
    """Of its identity, for it is asked for some times in each step: `Enum` has one in Python."""


EVERYTHING = frozenset(Quantity)
"""All there is to read."""
