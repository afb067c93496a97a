"""Questions about one place of the network."""

from dataclasses import replace

import numpy as np
import pytest

from lifesigns.evidence.sites import (
    is_given_one_value,
    is_hidden,
    is_rectifier,
    listed,
    merged,
    samples,
    together,
    weight_of,
)
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import Kind, ParameterReading, Site, SiteReading
from lifesigns.rules import testing as example

RNG = np.random.default_rng(0)


def test_a_learned_query_is_not_taken_for_the_weight_it_is_multiplied_by():
    names = ("query", "projection.weight", "bias")
    site = Site("", "linear", 0, Kind.LINEAR, (8, 4), parameters=names, fan_in=4)
    shapes = ((1, 1, 4), (12, 4), (12,))
    read = [ParameterReading(n, shape) for n, shape in zip(names, shapes, strict=True)]
    shot = example.snapshot(example.chain("linear"), parameters=read)

    assert weight_of(site, shot) == read[1]
    assert weight_of(replace(site, parameters=names[:1]), shot) == read[0]
    assert weight_of(replace(site, parameters=()), shot) is None


def test_merging_a_site_equals_the_sums_of_all_observations():
    graph = example.chain("linear", "relu")
    values = RNG.standard_normal((24, 4))
    shots = [
        example.snapshot(graph, step=i, sites=[SiteReading(1, example.sums(part))])
        for i, part in enumerate(np.split(values, 3))
    ]

    found = merged(shots, "1:relu#0")

    np.testing.assert_allclose(found.mean, values.mean(0))
    assert merged(shots, "no such site") is None


def test_samples_are_counted_not_positions():
    assert samples(Site("", "relu", 0, Kind.ACTIVATION, (32, 8, 5, 5), unit_dim=1)) == 32
    assert samples(Site("", "relu", 0, Kind.ACTIVATION, (16,))) == 1


def test_hidden_means_a_weight_follows():
    graph = example.chain("linear", "relu", "linear", "mse_loss")

    assert [is_hidden(graph, i) for i in range(4)] == [True, True, False, False]


def test_long_lists_are_cut():
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdef"), 2) == "a, b and 4 more"


def place(operation, **details):
    return replace(Site("", operation, 0, Kind.ACTIVATION, (8, 4)), details=details)


@pytest.mark.parametrize("operation", ["relu", "relu6", "threshold", "squared_relu", "maximum"])
def test_rectifiers_give_exactly_nothing_for_negative_inputs(operation):
    assert is_rectifier(place(operation))


@pytest.mark.parametrize("operation", ["leaky_relu", "elu", "gelu", "sigmoid", "hardsigmoid"])
def test_what_keeps_a_slope_or_saturates_is_no_rectifier(operation):
    assert operation in ACTIVATIONS
    assert not is_rectifier(place(operation))


def test_a_clamp_is_a_rectifier_if_it_starts_at_0():
    assert is_rectifier(place("clamp", min=0))
    assert is_rectifier(place("hardtanh", min_val=0, max_val=6))
    assert not is_rectifier(place("clamp", max=0))
    assert not is_rectifier(place("hardtanh", min_val=-1, max_val=1))


def test_an_operation_that_the_catalogue_lacks_is_no_rectifier():
    assert not is_rectifier(place("own_function"))


@pytest.mark.parametrize(
    ("rows", "one"),
    [([[0.0, 1.0]] * 8, True), ([[0.0, 1.0]] * 7 + [[0.0, 1.1]], False), ([[0.0, 0.0]] * 8, False)],
    ids=["the same for all", "one differs", "a layer that is dead as a whole"],
)
def test_inputs_that_give_a_layer_the_same_are_one_observation(rows, one):
    graph = example.chain("linear", "relu", "linear")
    shot = example.snapshot(graph, sites=[SiteReading(1, example.sums(rows))])

    assert is_given_one_value([shot], "1:relu#0") is one


def test_sums_of_another_width_than_the_last_are_left_out():
    narrow, wide = example.sums(np.ones((4, 2))), example.sums(np.ones((4, 3)))

    merged_sums = together([narrow, None, wide, wide])

    assert merged_sums.count.tolist() == [8, 8, 8]
    assert together([None]) is None
