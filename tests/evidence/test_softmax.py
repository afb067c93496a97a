"""How a softmax is used."""

from dataclasses import replace

import numpy as np
import pytest

from lifesigns.evidence.softmax import (
    concentration,
    concentration_of_mask,
    doubled_softmaxes,
    feeds_weights,
    is_over_batch,
    is_the_only_way,
    products,
    weighs_data,
)
from lifesigns.records import Graph, Kind, Site, UnitSums
from lifesigns.rules import testing as example


@pytest.mark.parametrize(
    ("operations", "pairs"),
    [
        (("softmax", "log_softmax", "nll_loss"), [("1:softmax#0", "2:log_softmax#0")]),
        (("softmax", "log", "log_softmax", "nll_loss"), []),
        (("softmax", "softmax", "linear", "nll_loss"), []),
    ],
    ids=["doubled", "a logarithm in between", "a layer behind"],
)
def test_a_softmax_right_before_another_one_at_the_output_is_doubled(operations, pairs):
    found = doubled_softmaxes(example.chain("linear", *operations))

    assert [(first.name, second.name) for first, second in found] == pairs


@pytest.mark.parametrize(
    ("reader", "feeds"), [("linear", True), ("relu", False), ("mse_loss", False)]
)
def test_it_feeds_weights_where_a_layer_reads_it(reader, feeds):
    assert feeds_weights(example.chain("linear", "softmax", reader), 1) is feeds


@pytest.mark.parametrize(("shape", "over"), [((8, 4), True), ((4, 4), False), ((1, 4), False)])
def test_over_the_first_dimension_samples_share_a_sum_unless_compared(shape, over):
    site = replace(example.chain("softmax").sites[0], shape=shape)

    assert is_over_batch(example.with_details(site, dim=0)) is over
    assert not is_over_batch(example.with_details(site, dim=1))


def _graph(*edges):
    """Scores, a softmax, values, their product and a layer that reads it."""
    kinds = (Kind.LINEAR, Kind.SOFTMAX, Kind.LINEAR, Kind.OTHER, Kind.LINEAR)
    words = ("linear", "softmax", "linear", "mul", "linear")
    sites = (
        Site(str(i), w, 0, k, (8, 4)) for i, (w, k) in enumerate(zip(words, kinds, strict=True))
    )
    return Graph(tuple(sites), ((0, 1), (1, 3), *edges))


def test_a_softmax_chooses_where_it_is_multiplied_with_other_values():
    assert products(_graph((2, 3), (3, 4)), 1) == {3}
    assert products(_graph((0, 3), (3, 4)), 1) == set()  # an entropy, by the scores themselves
    assert products(_graph((3, 4)), 1) == set()


def test_it_is_the_only_way_where_nothing_goes_around_the_product():
    assert is_the_only_way(_graph((2, 3), (3, 4)), 1, 4)
    assert not is_the_only_way(_graph((2, 3), (3, 4), (2, 4)), 1, 4)


def test_the_concentration_is_one_for_one_place_and_that_of_a_mask_is_told_apart():
    site = Site("", "softmax", 0, Kind.SOFTMAX, (4, 4))
    even = np.full((4, 4), 0.25)
    causal = np.tril(np.ones((4, 4))) / np.arange(1, 5)[:, None]

    assert concentration(site, UnitSums.of(even)) == 0.25
    assert concentration(site, UnitSums.of(np.eye(4))) == 1
    assert concentration_of_mask(site, UnitSums.of(even)) == 0.25
    assert concentration_of_mask(site, UnitSums.of(causal)) == pytest.approx(
        np.mean([1, 1 / 2, 1 / 3, 1 / 4])
    )
    assert concentration(site, UnitSums.of(causal)) == pytest.approx(
        np.mean([1, 1 / 2, 1 / 3, 1 / 4])
    )


def test_a_layer_given_more_than_the_shares_reads_data_that_they_weigh():
    graph = example.chain("linear", "softmax", "linear", "mse_loss")
    wider = replace(graph.sites[2], fan_in=64)

    assert not weighs_data(graph, 1)
    assert weighs_data(replace(graph, sites=(*graph.sites[:2], wider, graph.sites[3])), 1)
