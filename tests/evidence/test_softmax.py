"""How a softmax is used."""

from dataclasses import replace

import pytest

from lifesigns.evidence.softmax import doubled_softmaxes, feeds_weights, is_over_batch
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
