"""Losses: their values and gradients, and the levels that training has to get below.

A family is a file with a tuple `FAMILY`; to add a loss is to add a `Loss` to one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lifesigns.functions.losses import classification, regression
from lifesigns.functions.losses._loss import Loss
from lifesigns.functions.losses.levels import (
    constant_loss,
    lowest_cross_entropy,
    lowest_ranking,
)
from lifesigns.functions.losses.operations import OPERATIONS, Operation, Takes

__all__ = [
    "LOSSES",
    "OPERATIONS",
    "Loss",
    "Operation",
    "Takes",
    "constant_loss",
    "lowest_cross_entropy",
    "lowest_ranking",
]

LOSSES: Mapping[str, Loss] = MappingProxyType(
    {loss.name: loss for loss in (*regression.FAMILY, *classification.FAMILY)}
)
"""All losses by name."""
