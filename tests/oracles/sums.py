"""`UnitSums` the obvious way: units last, one row per observation, NumPy in float64."""

import dataclasses

import numpy as np

from lifesigns.records import UnitSums

COUNTS = ("count", "active", "saturated", "nonfinite")


def rows(values, unit_dim=-1):
    """An array or tensor as `[observations, units]`; a value per sample is one unit."""
    values = np.asarray(values.detach() if hasattr(values, "detach") else values, np.float64)
    if values.ndim < 2:
        return values.reshape(-1, 1)
    return np.moveaxis(values, unit_dim, -1).reshape(-1, values.shape[unit_dim])


def sums(values, unit_dim=-1, saturated=None):
    """The sums of `values` over everything but the units."""
    flat = None if saturated is None else rows(saturated, unit_dim).astype(bool)
    return UnitSums.of(rows(values, unit_dim), flat)


def assert_same_sums(measured, expected, rtol=1e-5, leave_out=()):
    """Counts agree exactly, sums to `rtol` of the size of what was summed."""
    size = np.sqrt(expected.total_squared * np.maximum(expected.count, 1))
    for field in dataclasses.fields(UnitSums):
        name = field.name
        if name in leave_out:
            continue
        got, want = getattr(measured, name), getattr(expected, name)
        if name in COUNTS:
            np.testing.assert_array_equal(got, want, err_msg=name)
        elif name == "total":
            assert (np.abs(got - want) <= rtol * size + 1e-12).all(), (name, got, want)
        else:
            np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-12, err_msg=name)
