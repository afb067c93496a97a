"""Activation functions: one entry is a formula and its derivative, the rest is computed from them.

A family is a file with a tuple `FAMILY`; to add a function is to add an `Activation` to one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lifesigns.functions.activations import (
    exponential,
    groups,
    periodic,
    rectifiers,
    shrinks,
    smooth,
    squashing,
)
from lifesigns.functions.activations._activation import Activation
from lifesigns.functions.activations._facts import FLAT_SHARE, Facts, normal_quadrature

__all__ = ["ACTIVATIONS", "FAMILIES", "FLAT_SHARE", "Activation", "Facts", "normal_quadrature"]

_FILES = (rectifiers, exponential, smooth, squashing, shrinks, periodic, groups)

FAMILIES: Mapping[str, tuple[Activation, ...]] = MappingProxyType(
    {str(file.__doc__).partition(":")[0]: file.FAMILY for file in _FILES}
)
"""The activations of each family, by the family's title."""

ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {activation.name: activation for family in FAMILIES.values() for activation in family}
)
"""All activations by name, which is the recorder's word where it has one. To the recorder SELU and
CELU are `elu` and `celu` with other constants, ReLU6 is `hardtanh` or `clamp`; a function not named
here is unknown, not linear."""
