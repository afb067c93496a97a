"""What shapes the output before the loss reads it."""

import numpy as np
import pytest

from lifesigns.evidence.output import (
    activation_before_logits,
    compared_activation,
    compared_softmax,
    is_normalised,
    is_output,
    lacks_normalisation,
    last_layers,
    output_activation,
)
from lifesigns.records import LossReading, SiteReading
from lifesigns.rules import testing as example

PROBABILITIES = np.full((8, 4), 0.25)


def ending(*operations, given=PROBABILITIES, seen=PROBABILITIES, **loss):
    """A network that ends with these operations; its last activation gave `seen`."""
    graph = example.chain("linear", *operations)
    handwritten = loss.get("handwritten", False)
    reading = LossReading(
        1.0,
        loss.pop("kind", "cross_entropy"),
        operations[-1],
        site=-1 if handwritten else len(operations),
        prediction=example.sums(given),
        **loss,
    )
    return example.snapshot(graph, loss=reading, sites=[SiteReading(1, example.sums(seen))])


def test_the_output_activation_is_the_only_one_behind_the_last_weights():
    one, two = ending("sigmoid", "mse_loss"), ending("relu", "sigmoid", "mse_loss")

    assert output_activation(one.graph, one.loss) == 1
    assert output_activation(two.graph, two.loss) is None
    assert is_output(one.graph, 1)


def test_an_activation_counts_as_compared_if_its_values_are_what_the_loss_read():
    assert compared_activation(ending("sigmoid", "mse_loss")).operation == "sigmoid"
    assert compared_activation(ending("sigmoid", "mse_loss", given=3 * PROBABILITIES)) is None


def test_a_softmax_counts_as_compared_if_the_outputs_sum_to_1():
    assert compared_softmax(ending("softmax", "mse_loss")).operation == "softmax"
    assert compared_softmax(ending("softmax", "mse_loss", given=2 * PROBABILITIES)) is None
    assert compared_softmax(ending("sigmoid", "mse_loss")) is None


@pytest.mark.parametrize(
    ("operations", "found"),
    [
        (("relu", "log_softmax", "nll_loss"), "relu"),
        (("log_softmax", "nll_loss"), None),
        (("sigmoid", "binary_cross_entropy_with_logits"), None),  # doubled-sigmoid
        (("tanh", "binary_cross_entropy_with_logits"), "tanh"),
        (("relu", "max_pool2d", "log_softmax", "nll_loss"), "relu"),
        (("relu", "euclidean_dist", "pow", "log_softmax", "nll_loss"), None),  # of prototypes
    ],
)
def test_an_activation_before_logits_is_found(operations, found):
    site = activation_before_logits(ending(*operations))

    assert (site.operation if site else None) == found


def test_a_handwritten_logarithm_needs_something_that_normalises():
    assert lacks_normalisation(ending("log", handwritten=True))
    assert not lacks_normalisation(ending("softmax", "log", handwritten=True))
    assert is_normalised(ending("softmax", "log", handwritten=True))


def test_a_penalty_on_gradients_does_not_hide_the_output():
    graph = example.chain("linear", "softmax", "log_softmax", "nll_loss", "linear")

    assert is_output(graph, 1)
    assert not is_output(example.chain("linear", "softmax", "linear", "nll_loss"), 1)


def test_the_last_layers_are_those_behind_which_no_other_lies():
    graph = example.chain("linear", "relu", "linear", "softmax", "mse_loss")

    assert last_layers(graph) == {"2.weight", "2.bias"}
    assert last_layers(example.chain("relu", "mse_loss")) == frozenset()
