import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifesigns.records import LossReading, NonFinite, ParameterReading, Snapshot, UnitSums
from lifesigns.report.comparison.leaves import equal, unlike
from lifesigns.rules.testing import sums


@given(st.from_type(Snapshot))
def test_a_snapshot_is_equal_to_itself_whatever_is_in_it(snapshot):
    assert list(unlike(snapshot, snapshot)) == []


@given(st.from_type(Snapshot), st.from_type(Snapshot))
def test_what_differs_one_way_round_differs_the_other_way_round(one, another):
    there, back = list(unlike(one, another)), list(unlike(another, one))

    assert sorted(leaf[:2] for leaf in there) == sorted(leaf[:2] for leaf in back)


def test_the_first_unit_that_differs_is_named():
    values = np.arange(12.0).reshape(3, 4)
    moved = values.copy()
    moved[1, 2] += 1

    found = {leaf.path: leaf for leaf in unlike(sums(values), sums(moved), "value")}

    assert set(found) == {"value.total", "value.total_squared"}
    assert (found["value.total"].unit, found["value.total"].first) == (2, 18.0)
    assert found["value.total"].other == 19.0


def test_a_sum_is_measured_by_its_terms_which_may_cancel():
    (leaf,) = [
        leaf
        for leaf in unlike(sums([[1e3], [-1e3]]), sums([[1e3], [-1e3 + 1e-3]]))
        if leaf.path == "total"
    ]

    assert leaf.scale == pytest.approx(2e3)


def test_what_was_not_measured_in_one_of_them_is_no_difference():
    assert list(unlike(LossReading(1.0), LossReading(1.0, prediction=sums([[1.0]])))) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0])
def test_a_value_is_equal_to_itself_if_it_is_no_usual_number(value):
    assert list(unlike(ParameterReading("w", (1,), True, weight_rms=value),
                       ParameterReading("w", (1,), True, weight_rms=value))) == []  # fmt: skip


@pytest.mark.parametrize(
    ("one", "another"), [(math.nan, 1.0), (0.0, -0.0), (1.0, np.nextafter(1, 2)), (1, 2)]
)
def test_a_difference_of_one_bit_is_a_difference(one, another):
    (leaf,) = unlike(one, another, "x")

    assert (leaf.path, leaf.unit) == ("x", -1)
    assert repr((leaf.first, leaf.other)) == repr((float(one), float(another)))


def test_texts_truths_and_shapes_are_compared_as_texts():
    one = ParameterReading("w", (2, 3))

    found = list(unlike(one, replace(one, shape=(3, 2), trainable=False)))

    assert [(leaf.path, leaf.first, leaf.other) for leaf in found] == [
        ("shape", "(2, 3)", "(3, 2)"),
        ("trainable", "True", "False"),
    ]


def test_only_the_fields_asked_for_are_compared():
    log, exp = NonFinite("forward", "1:log#0", "log", 3), NonFinite("batch", "input", "exp", 4)

    assert [leaf.path for leaf in unlike(log, exp, fields=("count", "phase"))] == ["count", "phase"]


def test_sums_of_another_number_of_units_differ_in_shape():
    leaves = list(unlike(sums([[1.0]]), sums([[1.0, 2.0]])))

    assert {leaf.path for leaf in leaves} == {
        f"{name}.shape" for name in UnitSums.__dataclass_fields__
    }


@given(st.lists(st.floats(), min_size=1))
def test_equality_of_arrays_is_that_of_their_parts(values):
    array = np.array(values)

    assert equal(array, array.copy()).all()
