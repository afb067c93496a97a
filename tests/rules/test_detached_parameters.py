"""Parameters that no step changes: what is said of them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lifesigns.records import Severity
from lifesigns.rules import find_rule, judge
from lifesigns.rules import testing as example


def run_of(copies):
    """A network of one layer that no optimizer holds, and what one holds instead."""
    graph = example.chain("linear/4", "mse_loss", units=4)
    own = example.weights(graph, optimized=False, update_rms=0.0, weight_rms=0.1)
    held = tuple(
        replace(own[0], name=f"copy {i}", shape=shape, reached=False, optimized=True)
        for i, shape in enumerate(copies(p.shape for p in own))
    )
    shots = [example.snapshot(graph, step=step, parameters=own) for step in (0, 60)]
    return replace(example.trace(*shots, losses=[1.0, 0.5] * 50), unreached=held)


@pytest.mark.parametrize(
    ("copies", "said"), [(list, "same shapes: a copy?"), (lambda _: [(3, 7)], "other shapes")]
)
def test_what_an_optimizer_holds_in_place_of_the_network_is_the_same_mistake(copies, said):
    (found,) = judge(run_of(copies), [find_rule("detached-parameters")])

    assert said in found.measured
    assert found.evidence["share"] == 1


def test_one_parameter_is_in_the_singular():
    (found,) = judge(run_of(lambda _: [(3, 7)]), [find_rule("detached-parameters")])

    assert "holds 1 other parameter of" in found.measured


def half_trained(weight_rms, end):
    """Two wide layers that no optimizer holds, of this size, and a head that learns to `end`."""
    graph = example.chain(
        "linear/64", "relu", "linear/64", "relu", "linear/1", "mse_loss", units=64
    )
    *hidden, head = example.weights(graph, weight_rms=weight_rms, update_rms=0.0, optimized=False)
    parameters = [*hidden, replace(head, optimized=True, update_rms=1e-3)]
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    losses = [1.0] * 20 + [end] * 80
    return example.fitting(graph, losses, sign, example.target(sign), parameters=parameters)


@pytest.mark.parametrize(
    ("weight_rms", "end", "severity"),
    [
        (1 / math.sqrt(3 * 64), 0.4, Severity.WARNING),
        (1 / math.sqrt(3 * 64), 0.05, Severity.NOTE),
        (0.2, 0.4, Severity.NOTE),
    ],
)
def test_weights_as_torch_draws_them_are_no_pretrained_part(weight_rms, end, severity):
    (found,) = judge(half_trained(weight_rms, end), [find_rule("detached-parameters")])

    assert found.severity is severity
