import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lifesigns import records
from lifesigns.records import (
    BatchReading,
    Cost,
    Finding,
    Graph,
    Kind,
    LossCurve,
    LossReading,
    ParameterReading,
    Severity,
    Site,
    SiteReading,
    Snapshot,
    TargetReading,
    Trace,
    UnitSums,
    from_json,
    grouped,
    to_json,
)

UNITS = 3
WHOLE = st.integers(-(10**6), 10**6).map(float)  # sums of whole numbers are exact in any order
VALUES = arrays(
    np.float64,
    st.tuples(st.integers(0, 6), st.just(UNITS)),
    elements=WHOLE | st.sampled_from([0.0, np.nan, np.inf, -np.inf]),
)
RECORDS = [cls for cls in vars(records).values() if dataclasses.is_dataclass(cls)]


def assert_same(one, other):
    """Equal to the last bit, types and array types included."""
    assert type(one) is type(other)
    if dataclasses.is_dataclass(one):
        for f in dataclasses.fields(one):
            assert_same(getattr(one, f.name), getattr(other, f.name))
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        assert_same(tuple(one.values()), tuple(other.values()))
    else:
        assert one == other or (one != one and other != other)


def there_and_back(record):
    text = json.dumps(to_json(record), allow_nan=False)
    return from_json(type(record), json.loads(text))


@given(VALUES, VALUES)
def test_merged_sums_are_the_sums_of_all_observations_together(first, second):
    merged = UnitSums.of(first).merge(UnitSums.of(second))

    assert_same(merged, UnitSums.of(np.concatenate([first, second])))


@given(VALUES, VALUES, VALUES)
def test_the_order_in_which_sums_are_merged_does_not_matter(first, second, third):
    a, b, c = (UnitSums.of(values) for values in (first, second, third))

    assert_same(a.merge(b).merge(c), a.merge(b.merge(c)))
    assert_same(a.merge(b), b.merge(a))


@given(VALUES)
def test_merging_no_observations_changes_nothing(values):
    nothing = UnitSums.of(np.zeros((0, UNITS)))

    assert_same(UnitSums.of(values).merge(nothing), UnitSums.of(values))


@given(VALUES.filter(len))
def test_properties_of_sums_agree_with_numpy_on_the_observations(values):
    sums = UnitSums.of(values)

    for unit, column in enumerate(values.T):
        seen = column[np.isfinite(column)]
        if not len(seen):
            assert np.isnan([sums.mean[unit], sums.active_share[unit]]).all()
            continue
        scale = max(1.0, float(np.abs(seen).max()))
        assert sums.mean[unit] == pytest.approx(seen.mean(), abs=1e-9 * scale)
        assert sums.variance[unit] == pytest.approx(seen.var(), rel=1e-6, abs=1e-9 * scale**2)
        assert sums.active_share[unit] == (seen != 0).mean()
        assert sums.span[unit] == np.ptp(seen)


def test_nonfinite_observations_are_counted_and_left_out():
    sums = UnitSums.of([[1.0], [np.nan], [-np.inf], [3.0]], np.array([[1], [1], [1], [0]], bool))

    assert (sums.count[0], sums.nonfinite[0], sums.total[0], sums.saturated[0]) == (2, 2, 4, 1)
    assert (sums.minimum[0], sums.maximum[0]) == (1, 3)


def test_a_unit_without_observations_has_no_mean_and_no_spread():
    sums = UnitSums.of(np.full((2, 1), np.nan))

    assert np.isnan(sums.mean[0])
    assert np.isnan(sums.rms)
    assert sums.span[0] == 0


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
def test_every_record_goes_to_json_and_back_without_loss(cls):
    @settings(max_examples=30, deadline=None)
    @given(st.from_type(cls))
    def check(record):
        assert_same(there_and_back(record), record)

    check()


@given(arrays(st.sampled_from([np.bool_, np.int8, np.int64, np.float32, np.dtype(">f8")]), (2, 3)))
def test_arrays_keep_values_and_shape_and_come_back_in_native_order(array):
    back = from_json(records.Floats, json.loads(json.dumps(to_json(array))))

    assert back.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(back, array)


def test_unknown_fields_are_left_out_and_missing_ones_take_their_default():
    cost = from_json(Cost, {"training": 2.0, "invented_later": 1})

    assert cost == Cost(watching=0.0, training=2.0)


def test_a_missing_field_without_default_is_refused():
    with pytest.raises(TypeError, match="operation"):
        from_json(Site, {"module": "0"})


def diamond():
    """0 feeds 1 and 2, both feed 3; 4 stands alone."""
    sites = tuple(Site("", name, 0, Kind.LINEAR, (2, 2)) for name in "abcd")
    alone = Site("", "e", 0, Kind.LOSS, ())
    return Graph((*sites, alone), ((0, 1), (0, 2), (1, 3), (2, 3)))


def test_a_graph_knows_what_each_site_reads_and_feeds():
    graph = diamond()

    assert graph.successors(0) == (1, 2)
    assert graph.predecessors(3) == (1, 2)
    assert graph.successors(4) == graph.predecessors(4) == ()
    assert graph.of_kind(Kind.LOSS) == [4]
    assert graph.find(":c#0") == 2


def test_a_site_reached_by_two_ways_is_listed_once_nearest_first():
    assert list(diamond().downstream(0)) == [1, 2, 3]
    assert list(diamond().upstream(3)) == [1, 2, 0]


def test_a_loop_in_the_dataflow_ends():
    graph = Graph(diamond().sites, ((0, 1), (1, 0)))

    assert list(graph.downstream(0)) == [1]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12, unique=True))
def test_what_lies_downstream_is_what_repeated_steps_reach(edges):
    graph = Graph((), tuple(edges))
    reached = {b for a, b in edges if a == 0}
    for _ in range(6):
        reached |= {b for a, b in edges if a in reached}

    assert set(graph.downstream(0)) == reached - {0}


def test_an_unknown_site_name_is_a_key_error():
    with pytest.raises(KeyError):
        diamond().find("nowhere:relu#0")


def test_the_derivative_factor_is_what_is_passed_on_over_what_arrived():
    arrived, passed = UnitSums.of([[2.0, 2.0]]), UnitSums.of([[1.0, 1.0]])

    assert SiteReading(0, None, arrived, passed).derivative_factor == 0.5
    assert np.isnan(SiteReading(0, None, UnitSums.of([[0.0]]), passed).derivative_factor)
    assert np.isnan(SiteReading(0, None, arrived).derivative_factor)


def test_a_column_against_a_row_is_a_cross_broadcast_and_equal_shapes_are_not():
    crossed = LossReading(1.0, input_shape=(8, 1), target_shape=(8,), compared_shape=(8, 8))
    plain = LossReading(1.0, input_shape=(8, 1), target_shape=(8, 1), compared_shape=(8, 1))

    assert crossed.cross_broadcast
    assert not plain.cross_broadcast


def test_readings_are_found_by_site_and_by_name():
    weight = ParameterReading("0.weight", (2, 2), weight_rms=2.0, update_rms=0.5)
    snapshot = Snapshot(0, diamond(), sites=(SiteReading(3),), parameters=(weight,))

    assert snapshot.reading(3) is snapshot.sites[0]
    assert snapshot.reading(0) is None
    assert snapshot.parameter("0.weight").update_ratio == 0.25
    assert snapshot.parameter("1.weight") is None


def test_streams_of_a_trace_are_told_apart():
    graph = diamond()
    curve = LossCurve(np.array([0, 0, 1]), np.array([1.0, 5.0, 0.5]), np.array([0, 1, 0]))
    trace = Trace((Snapshot(0, graph), Snapshot(0, graph, 1), Snapshot(1, graph)), curve)

    assert trace.losses.stream(0).tolist() == [1.0, 0.5]
    assert trace.losses.stream_count == 2
    assert [s.step for s in trace.stream(0)] == [0, 1]
    assert trace.recorded_steps == 2


def test_targets_with_class_counts_are_one_hot_unless_they_are_indices():
    sums, counts = UnitSums.of([[0.0]]), np.array([1])

    assert TargetReading((1, 1), False, sums, class_counts=counts).one_hot
    assert not TargetReading((1,), True, sums, class_counts=counts).one_hot


def test_a_feature_is_constant_only_if_it_was_seen_more_than_once():
    batch = BatchReading((2, 2), UnitSums.of([[1.0, 1.0], [1.0, 2.0]]))
    single = BatchReading((1, 2), UnitSums.of([[1.0, 1.0]]))

    assert batch.constant.tolist() == [0]
    assert single.constant.tolist() == []


def finding(rule, explained_by=""):
    return Finding(
        rule, "ACT999", Severity.ERROR, "", "", 0, "", "", "", "", explained_by=explained_by
    )


def test_findings_are_grouped_under_their_root_causes():
    one, two, symptom = finding("one"), finding("two"), finding("symptom", "one")

    assert grouped([one, two, symptom]) == [(one, (symptom,)), (two, ())]


def test_two_findings_of_one_rule_share_no_symptom():
    first, second, symptom = finding("one"), finding("one"), finding("symptom", "one")

    (lead, symptoms), (other, nothing) = grouped([first, second, symptom])

    assert lead is first
    assert other is second
    assert (symptoms, nothing) == ((symptom,), ())


def test_a_finding_whose_root_cause_is_missing_stands_for_itself():
    orphan = finding("symptom", "ignored")

    assert grouped([orphan]) == [(orphan, ())]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (Cost, 3),
        (Cost, {"training": "much"}),
        (Cost, {"training": True}),
        (Cost, {"training": 10**400}),
        (records.RunInfo, {"command": 3}),
        (records.RunInfo, {"versions": {"torch": 2}}),
        (records.NonFinite, {"phase": "", "place": "", "operation": "", "count": 1.5}),
        (records.Graph, {"edges": [[1, 2, 3]]}),
        (records.Graph, {"edges": "ab"}),
        (records.LossCurve, {"steps": {"dtype": "O", "shape": [0], "data": ""}}),
        (records.LossCurve, {"steps": {"dtype": "nan, 1", "shape": [0], "data": ""}}),
        (records.LossCurve, {"steps": {"dtype": "<i8", "shape": [-1], "data": ""}}),
        (records.LossCurve, {"steps": {"dtype": "<i8", "shape": [2**62], "data": ""}}),
    ],
)
def test_a_field_of_another_type_is_refused(kind, data):
    with pytest.raises((TypeError, ValueError, LookupError, OverflowError)):
        from_json(kind, data)
