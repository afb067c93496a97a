import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifesigns.report.page.arrays import TYPES, pack, unpack

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def arrays(kind):
    """Any bits, so NaN, infinities and the smallest numbers are among them; of two dimensions."""

    def of(data, columns):
        row = np.dtype(kind).itemsize * columns
        return np.frombuffer(data[: len(data) // row * row], kind).reshape(-1, columns)

    return st.builds(of, st.binary(max_size=160), st.integers(1, 4))


@UNHURRIED
@given(st.sampled_from(["uint8", "uint16", "int32", "float32"]).flatmap(arrays))
def test_what_is_packed_comes_back_as_it_was(values):
    again = unpack(pack(values, values.dtype.name))

    assert again.dtype == TYPES[values.dtype.name]
    np.testing.assert_array_equal(again, values)


@UNHURRIED
@given(arrays("float32"))
def test_bfloat16_keeps_the_sign_the_range_and_eight_bits(values):
    again = unpack(pack(values, "bfloat16"))

    np.testing.assert_array_equal(np.isnan(again), np.isnan(values))
    within = np.isfinite(values) & (np.abs(values) < 3.38e38)
    wide = values[within].astype(float)
    error = np.abs(again[within].astype(float) - wide)
    assert (error <= np.abs(wide) * 2**-8 + 1e-40).all()
    beyond = np.isinf(values)
    np.testing.assert_array_equal(again[beyond], values[beyond])


@pytest.mark.parametrize(
    ("value", "expected"), [(1.0, 1.0), (1.00390625, 1.0), (0.1, 0.10009765625)]
)
def test_bfloat16_rounds_to_the_nearest_and_ties_to_even(value, expected):
    assert unpack(pack([value], "bfloat16"))[0] == expected


def test_a_double_too_large_becomes_infinite():
    assert unpack(pack([1e300, -1e300], "float32")).tolist() == [np.inf, -np.inf]


def test_equal_numbers_take_hardly_any_room():
    assert len(pack(np.zeros((400, 400)), "bfloat16")["data"]) < 1000
