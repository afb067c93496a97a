import math
from dataclasses import replace

import numpy as np
import pytest
from compared_runs import FALLING, GRAPH, run, shot, with_loss
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lifesigns.records import Coverage, LossCurve, ParameterReading, Quantity, Trace
from lifesigns.report.comparison.divergence import divergence
from lifesigns.report.comparison.recordings import READ, Phase
from lifesigns.rules import testing as example

STEPS = (0, 1, 4, 16)


def first_difference(one, another):
    found = divergence(one, another)
    assert not found.is_identical
    return found.difference


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.from_type(Trace))
def test_a_run_is_identical_with_itself_whatever_is_in_it(trace):
    found = divergence(trace, trace)

    assert found.difference is None
    assert found.rounding is None
    assert found.is_identical == bool(len(trace.losses.values) or trace.snapshots)


def test_what_was_compared_is_counted():
    found = divergence(run(), run(shot(0), shot(4), shot(7)))

    assert found.is_identical
    assert (found.losses, found.equal_losses, found.snapshots) == (40, 40, 2)
    assert (found.unrecorded, found.alone) == (38, (2, 1))


@given(st.integers(0, 39), st.floats())
def test_the_first_loss_that_differs_is_found_at_its_step(step, value):
    assume(step < 39 or value != FALLING[39])  # nothing differs then
    one = run()
    another = with_loss(with_loss(one, 39, 7.0), step, value)

    found = divergence(one, another)

    expected = 39 if value == FALLING[step] and step < 39 else step
    assert found.difference.step == expected
    assert found.difference.quantity == "loss"
    assert found.equal_losses == expected


def test_nan_equals_nan_and_differs_from_a_number():
    broken = with_loss(run(), 20, math.nan)

    assert divergence(broken, with_loss(run(), 20, math.nan)).is_identical
    assert first_difference(run(), broken).relative == math.inf


def test_a_longer_run_is_not_identical_but_differs_nowhere():
    found = divergence(run(), run(losses=FALLING[:30]))

    assert (found.difference, found.is_identical) == (None, False)
    assert (found.losses, found.longer) == (30, (10, 0))


@pytest.mark.parametrize(
    ("change", "phase", "place", "quantity"),
    [
        ({"weight": 0.6}, Phase.WEIGHTS, "0.weight", "weight_rms"),
        ({"batch": 9}, Phase.INPUT, "input", "shape"),
        ({"offset": 0.1}, Phase.FORWARD, "1:relu#0", "value.total"),
        ({"gradient": 0.1}, Phase.BACKWARD, "3:tanh#0", "output_gradient.total"),
        ({"update": 1e-2}, Phase.UPDATE, "0.weight", "update_rms"),
    ],
)
def test_the_first_difference_is_the_earliest_in_time(change, phase, place, quantity):
    other = run(shot(0), shot(1), *(shot(step, **change) for step in (4, 16)))

    found = first_difference(run(), other)

    assert (found.step, found.phase, found.place, found.quantity) == (4, phase, place, quantity)


def test_a_recorded_difference_comes_before_the_loss_that_follows_from_it():
    other = with_loss(run(shot(0), shot(1, update=1e-2)), 2, 9.0)

    found = first_difference(run(), other)

    assert (found.step, found.quantity) == (1, "update_rms")


def test_a_loss_that_differs_comes_before_the_gradients_of_its_step():
    other = with_loss(run(shot(0), shot(1, gradient=0.5)), 1, 9.0)

    found = first_difference(run(), other)

    assert (found.step, found.quantity) == (1, "loss")


def test_a_value_comes_before_the_loss_that_is_made_of_it():
    other = with_loss(run(shot(0), shot(1, offset=0.5)), 1, 9.0)

    found = first_difference(run(), other)

    assert (found.step, found.place) == (1, "1:relu#0")


def test_numbers_that_agree_up_to_rounding_are_no_difference_where_the_losses_are_equal():
    other = run(*(shot(step, weight=0.5 * (1 + 1e-7)) for step in STEPS))

    found = divergence(run(), other)

    assert found.is_identical
    assert (found.rounding.step, found.rounding.quantity) == (0, "weight_rms")


def test_rounding_is_told_beside_the_difference_that_comes_later():
    other = run(shot(0, weight=0.5 * (1 + 1e-7)), shot(1), shot(4, update=0.1))

    found = divergence(run(), other)

    assert (found.rounding.step, found.difference.step) == (0, 4)


def test_another_network_is_the_first_difference():
    wider = example.chain("linear", "relu", "linear", "relu", "linear", "mse_loss")

    found = first_difference(run(), run(shot(0, graph=wider, offset=0.5)))

    assert (found.step, found.phase, found.quantity) == (0, Phase.NETWORK, "site")
    assert (found.first, found.other) == ("3:tanh#0", "3:relu#0")


def test_a_network_with_a_layer_less_differs_where_it_ends():
    shorter = replace(GRAPH, sites=GRAPH.sites[:-1])

    found = first_difference(run(), run(shot(0, graph=shorter)))

    assert (found.first, found.other) == ("5:mse_loss#0", "none")


def test_what_one_run_left_out_on_purpose_is_not_compared():
    shots = run().snapshots
    left_out = Coverage(unmeasured=(Quantity.UPDATES,))
    other = example.without(
        run(*(replace(shot(s.step, update=0.5), coverage=left_out) for s in shots)),
        [Quantity.UPDATES],
    )

    assert divergence(run(), other).is_identical


def test_losses_that_are_trained_in_another_order_are_a_difference():
    turns = LossCurve(np.arange(40) // 2, np.array(FALLING), np.arange(40) % 2)

    found = first_difference(run(), replace(run(), losses=turns))

    assert (found.quantity, found.first, found.other) == (
        "trained",
        "loss 1 of step 1",
        "loss 2 of step 0",
    )


def test_recordings_of_one_step_are_matched_by_their_order():
    halves = (shot(3), shot(3, offset=0.5))

    found = first_difference(run(*halves), run(halves[0], shot(3, offset=0.7)))

    assert divergence(run(*halves), run(*halves)).snapshots == 2
    assert (found.step, found.place) == (3, "1:relu#0")


def test_every_field_of_a_parameter_is_compared_at_some_time():
    compared = [field for fields in READ.values() for field in fields]

    assert sorted([*compared, "name"]) == sorted(ParameterReading.__dataclass_fields__)


def test_nothing_is_identical_where_nothing_was_seen():
    assert not divergence(Trace(), Trace()).is_identical
