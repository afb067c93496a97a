import pytest

from lifesigns.records import Graph
from lifesigns.report.page.layers import layers
from lifesigns.rules.testing import chain


def named(graph, loss=-1):
    return [(one.name, one.activation) for one in layers(graph, loss)]


def test_normalisation_dropout_and_pooling_lie_between_a_weight_and_its_activation():
    graph = chain("conv2d", "batch_norm", "dropout", "max_pool2d", "relu", "linear")

    assert named(graph) == [("0:conv2d#0", "4:relu#0"), ("5:linear#0", "")]


def test_an_embedding_and_a_recurrence_begin_layers():
    graph = chain("embedding", "lstm", "linear", "log_softmax")

    assert [one.kind for one in layers(graph)] == ["embedding", "recurrent", "linear"]


def test_an_activation_behind_a_sum_of_branches_is_a_layer_of_its_own():
    graph = chain("linear", "linear", "relu", "linear")
    both = Graph(graph.sites, (*graph.edges, (0, 2)))

    assert named(both) == [
        ("0:linear#0", ""), ("1:linear#0", ""), ("2:relu#0", "2:relu#0"), ("3:linear#0", ""),
    ]  # fmt: skip
    assert layers(both)[2].weight == ""


def test_a_value_that_two_sites_read_still_has_its_activation():
    graph = chain("linear", "relu", "linear")
    skipped = Graph(graph.sites, (*graph.edges, (0, 2)))

    assert named(skipped)[0] == ("0:linear#0", "1:relu#0")


@pytest.mark.parametrize(("operation", "rectifies"), [("relu", True), ("tanh", False)])
def test_zeros_are_how_a_rectifier_works(operation, rectifies):
    assert layers(chain("linear", operation))[0].rectifies is rectifies


def test_the_last_layer_is_the_last_that_flows_into_the_loss():
    graph = chain("linear", "relu", "linear", "mse_loss", "linear")

    assert [one.is_last for one in layers(graph, loss=3)] == [False, True, False]
