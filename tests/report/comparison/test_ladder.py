import math
from dataclasses import replace

import numpy as np
import pytest
from compared_runs import GRAPH, run, shot
from hypothesis import given
from hypothesis import strategies as st

from lifesigns.records import SiteReading, Trace
from lifesigns.report.comparison.ladder import apart, ladder
from lifesigns.report.page.columns import KEYS
from lifesigns.rules import testing as example


def network(*operations):
    return run(shot(0, graph=example.chain(*operations, "mse_loss")))


def matched(first, other):
    return [
        (rung.first and rung.first.name, rung.other and rung.other.name)
        for rung in ladder(first, other).rungs
    ]


def renamed(trace):
    sites = tuple(replace(site, module=f"body.{site.module}") for site in GRAPH.sites)
    return run(replace(trace.snapshots[-1], graph=replace(GRAPH, sites=sites)))


def test_layers_are_matched_by_name():
    assert matched(run(), run()) == [(f"{i}:linear#0", f"{i}:linear#0") for i in (0, 2, 4)]


def test_layers_of_other_names_are_matched_by_order_and_kind():
    assert matched(run(), renamed(run())) == [
        (f"{i}:linear#0", f"body.{i}:linear#0") for i in (0, 2, 4)
    ]


def test_a_layer_that_only_one_has_stands_where_it_is_in_the_network():
    shorter, longer = network("linear", "relu"), network("linear", "relu", "linear", "tanh")

    assert matched(longer, shorter) == [("0:linear#0", "0:linear#0"), ("2:linear#0", None)]
    assert matched(shorter, longer) == [("0:linear#0", "0:linear#0"), (None, "2:linear#0")]


def test_a_layer_of_another_kind_is_another_layer():
    assert matched(network("linear", "relu"), network("conv2d", "relu")) == [
        ("0:linear#0", None),
        (None, "0:conv2d#0"),
    ]


def test_the_numbers_are_those_of_the_last_recorded_step():
    silent = SiteReading(1, example.sums(np.zeros((8, 4))))
    dying = run(shot(0), replace(shot(9), sites=(silent,)))

    known = ladder(dying, run())

    numbers = dict(zip(KEYS, known.rungs[0].first.numbers, strict=True))
    assert known.steps == (9, 16)
    assert (numbers["size"], numbers["dead"]) == (0.0, 1.0)
    assert numbers["update"] == pytest.approx(2e-3)


def test_layers_that_differ_most_have_the_largest_distance():
    rungs = ladder(run(), run(*(shot(step, offset=9.0) for step in (0, 16)))).rungs

    assert [rung.distance > 1 for rung in rungs] == [True, True, False]


def test_a_run_without_recordings_has_no_layers():
    known = ladder(Trace(), run())

    assert known.steps == (-1, 16)
    assert all(rung.first is None for rung in known.rungs)


@pytest.mark.parametrize(
    ("first", "other", "distance"),
    [
        (math.nan, math.nan, 0),
        (math.nan, 1.0, math.inf),
        (0.0, 0.0, 0),
        (0.0, 1e-3, math.inf),
        (math.inf, 1.0, math.inf),
        (1e-300, 1e300, 600),
    ],
)
def test_sizes_are_apart_by_powers_of_ten(first, other, distance):
    assert apart(first, other, in_decades=True) == pytest.approx(distance)


OPERATIONS = st.lists(st.sampled_from(["linear", "conv2d", "relu", "tanh"]), max_size=6)


@given(OPERATIONS, OPERATIONS)
def test_every_layer_is_in_one_rung_and_keeps_its_order(ours, theirs):
    first, other = network(*ours), network(*theirs)

    pairs = matched(first, other)

    for side, trace in ((0, first), (1, other)):
        own = [pair[side] for pair in pairs if pair[side] is not None]
        assert own == [name for name, _ in matched(trace, trace)]
