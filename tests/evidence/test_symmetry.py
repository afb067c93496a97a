"""Layers whose units are copies of one another."""

import pytest

from lifesigns.evidence.symmetry import hidden_layers, is_symmetric
from lifesigns.rules import testing as example


def test_layers_with_another_one_behind_them_are_hidden():
    graph = example.chain("linear", "relu", "linear", "mse_loss")

    assert [site.name for site in hidden_layers(example.snapshot(graph))] == ["0:linear#0"]


@pytest.mark.parametrize(
    ("operation", "rows", "gradient_rows", "symmetric"),
    [
        ("linear", 1, 1, True),
        ("linear", 1, 16, False),
        ("linear", 16, 1, False),
        ("lstm", 4, 4, True),
        ("gru", 4, 4, False),
    ],
)
def test_copies_are_equal_in_weight_and_in_gradient(operation, rows, gradient_rows, symmetric):
    graph = example.chain(operation, "linear", units=16)
    counts = {"distinct_weight_rows": rows, "distinct_gradient_rows": gradient_rows}
    known = example.snapshot(graph, parameters=example.weights(graph, **counts))

    assert is_symmetric(graph.sites[0], known) is symmetric
