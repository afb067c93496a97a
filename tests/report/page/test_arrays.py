import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lifesigns.report.page.arrays import pack, unpack

SHAPES = array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=9)
WHOLE = ("uint8", "uint16", "int32")


@given(st.sampled_from(WHOLE).flatmap(lambda kind: arrays(kind, SHAPES)))
def test_whole_numbers_come_back_as_they_were(values):
    again = unpack(pack(values, values.dtype.name))

    assert again.dtype == values.dtype
    np.testing.assert_array_equal(again, values)


@given(arrays(np.float32, SHAPES, elements=st.floats(width=32)))
def test_singles_come_back_as_they_were_nan_and_infinities_included(values):
    np.testing.assert_array_equal(unpack(pack(values, "float32")), values)


@given(arrays(np.float32, SHAPES, elements=st.floats(width=32)))
def test_bfloat16_keeps_the_sign_the_range_and_eight_bits(values):
    again = unpack(pack(values, "bfloat16"))

    np.testing.assert_array_equal(np.isnan(again), np.isnan(values))
    within = np.isfinite(values) & (np.abs(values) < 3.38e38)
    error = np.abs(again[within].astype(float) - values[within])
    assert (error <= np.abs(values[within].astype(float)) * 2**-8 + 1e-40).all()
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
