"""Where a gradient stops, and what that points to."""

from dataclasses import replace

import numpy as np
import pytest

from lifesigns.evidence.blocked import block_from_above, is_cut_off, stopped_share, unknown_block
from lifesigns.records import SiteReading
from lifesigns.rules import testing as example


def stopped(*operations, at, share=1.0):
    """A gradient arrives at the site `at` for every unit, and for `share` of the samples stops."""
    graph = example.chain("linear", *operations)
    arrived = np.ones((8, graph.sites[at].units))
    passed = arrived * (np.arange(8) >= 8 * share)[:, None]
    reading = SiteReading(at, None, example.sums(arrived), example.sums(passed))
    return example.snapshot(graph, sites=[reading], parameters=example.weights(graph))


def test_the_stopped_share_counts_what_arrived_and_was_not_passed_on():
    assert stopped_share(stopped("relu", "linear", at=1, share=0.5).sites[0]) == 0.5
    assert stopped_share(SiteReading(0)) == 0


@pytest.mark.parametrize(
    ("operations", "at", "cause"),
    [
        (("relu", "linear", "mse_loss"), 1, "dead_relu"),
        (("tanh", "linear", "mse_loss"), 1, "saturated"),
        (("clamp", "log"), 1, "wrong_output_activation"),
        (("softmax", "mse_loss"), 1, "wrong_output_activation"),
    ],
    ids=["a rectifier", "a squashing layer", "the output", "a softmax at the end"],
)
def test_the_cause_follows_from_what_stops_the_gradient(operations, at, cause):
    assert block_from_above(stopped(*operations, at=at)).causes[0] == cause


@pytest.mark.parametrize(("largest", "cause"), [(0.2, "wrong_shape"), (1.0, "saturated")])
def test_weights_of_attention_that_make_no_difference_are_not_called_saturated(largest, cause):
    shot = stopped("softmax", "linear", "mse_loss", at=1)
    reading = replace(shot.sites[0], value=example.sums(np.full((8, 4), largest)))

    assert block_from_above(replace(shot, sites=(reading,))).causes[0] == cause


def test_a_softmax_over_one_unit_needs_no_reading():
    graph = example.chain("linear/1", "softmax", "mse_loss")

    assert "one unit" in block_from_above(example.snapshot(graph)).reason


def test_weights_are_cut_off_only_if_every_way_is_blocked():
    assert is_cut_off(stopped("relu", "mse_loss", at=1))
    assert not is_cut_off(stopped("relu", "mse_loss", at=1, share=0.5))
    assert not is_cut_off(stopped("relu", "linear", "mse_loss", at=1))  # the last layer learns


def test_weights_of_nothing_but_zeros_block_what_lies_before_them():
    graph = example.chain("linear", "linear", "mse_loss")
    zeros = example.snapshot(graph, parameters=example.weights(graph, weight_rms=0.0))

    assert unknown_block(zeros).causes == ("bad_init",)
    assert unknown_block(example.snapshot(graph)).causes[0] == "wrong_loss"


def test_a_gradient_that_is_summed_up_for_a_divisor_is_not_stopped():
    arrived, total = example.sums(np.ones((8, 4))), example.sums(np.ones((1, 1)))

    assert stopped_share(SiteReading(0, None, arrived, total)) == 0
    assert stopped_share(SiteReading(0, None, arrived, example.sums(np.zeros((1, 1))))) == 1


@pytest.mark.parametrize(("rms", "cause"), [(0.0, "bad_init"), (1.0, "other")])
def test_a_factor_of_zeros_that_is_a_weight_is_called_by_its_name(rms, cause):
    shot = stopped("mul", "mse_loss", at=1)
    sites = [
        example.with_details(s, factor=0.0) if s.module == "1" else s for s in shot.graph.sites
    ]
    graph = replace(shot.graph, sites=tuple(sites))
    block = block_from_above(
        replace(shot, graph=graph, parameters=tuple(example.weights(graph, weight_rms=rms)))
    )

    assert block.causes[0] == cause
    assert ("0.weight" in block.reason) == (rms == 0)
