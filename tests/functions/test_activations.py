import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from lifesigns.functions import ACTIVATIONS, Activation

torch.set_num_threads(1)
GRID = np.linspace(-12, 12, 240_001) + 1e-6  # off the kinks
SINGLE = [a for a in ACTIVATIONS.values() if a.value and "softmax" not in a.name]
TORCH = {
    **{
        name: getattr(F, name)
        for name in (
            "relu", "leaky_relu", "elu", "celu", "gelu", "silu", "mish", "softplus", "hardtanh",
            "hardsigmoid", "hardswish", "softshrink", "hardshrink", "sigmoid", "tanh",
        )
    },
    "prelu": lambda x: F.prelu(x, torch.tensor([0.25], dtype=x.dtype)),
    "rrelu": lambda x: F.rrelu(x, training=False),
    "log_sigmoid": F.logsigmoid,
    "threshold": lambda x: F.threshold(x, 0.0, 0.0),
    "clamp": lambda x: x.clamp(-1e9, 1e9),
    "exp": torch.exp,
    "sin": torch.sin,
}  # fmt: skip

single = pytest.mark.parametrize("activation", SINGLE, ids=lambda a: a.name)


@single
def test_value_and_derivative_agree_with_torch(activation: Activation):
    x = np.linspace(-9, 9, 1801)
    leaf = torch.tensor(x, requires_grad=True)

    value = TORCH[activation.name](leaf)
    value.sum().backward()

    np.testing.assert_allclose(activation.value(x), value.detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(activation.derivative(x), leaf.grad.numpy(), atol=1e-6)


@single
def test_the_largest_slope_is_the_one_stated(activation: Activation):
    measured = np.abs(activation.derivative(GRID)).max()

    expected = activation.max_derivative if math.isfinite(activation.max_derivative) else np.exp(12)
    assert measured == pytest.approx(expected, rel=1e-4)


@single
def test_the_output_fills_the_stated_range_and_never_leaves_it(activation: Activation):
    value = activation.value(GRID)

    for stated, measured in ((activation.low, value.min()), (activation.high, value.max())):
        assert abs(measured) > 0.1 if math.isinf(stated) else abs(measured - stated) < 1e-4
    assert value.min() >= activation.low - 1e-6
    assert value.max() <= activation.high + 1e-6


@pytest.mark.parametrize(
    "activation",
    [a for a in SINGLE if a.name not in ("sin", "exp")],  # periodic; no largest slope
    ids=lambda a: a.name,
)
def test_an_end_saturates_exactly_if_the_slope_dies_there(activation: Activation):
    low, high = np.abs(activation.derivative(np.array([-40.0, 40.0]))) / activation.max_derivative

    assert (low < 0.005) == activation.saturates_low
    assert (high < 0.005) == activation.saturates_high


@single
def test_units_can_die_exactly_where_value_and_slope_are_both_zero(activation: Activation):
    def silent(x):
        return bool((activation.value(x) == 0).all() and (activation.derivative(x) == 0).all())

    sides = {"low": np.linspace(-20, -10, 50), "middle": np.linspace(-0.4, 0.4, 50)}

    found = next((side for side, x in sides.items() if silent(x)), "")
    assert found == activation.silent_side


@single
def test_only_monotone_functions_are_called_so(activation: Activation):
    rises = bool((np.diff(activation.value(GRID)) >= -1e-12).all())

    assert rises == activation.monotone


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=8))
def test_softmax_sums_to_one_and_log_softmax_is_its_logarithm(values):
    x = np.array(values)
    softmax, log_softmax = ACTIVATIONS["softmax"], ACTIVATIONS["log_softmax"]

    p = softmax.value(x)

    assert p.sum() == pytest.approx(1)
    np.testing.assert_allclose(np.exp(log_softmax.value(x)), p, rtol=1e-9)
    jacobian = torch.autograd.functional.jacobian(lambda v: F.softmax(v, -1), torch.tensor(x))
    np.testing.assert_allclose(softmax.derivative(x), jacobian.diagonal().numpy(), atol=1e-9)
    assert softmax.derivative(x).max() <= softmax.max_derivative
    assert log_softmax.derivative(x).max() <= log_softmax.max_derivative


def test_a_sites_own_constants_move_the_range():
    assert ACTIVATIONS["clamp"].range({"min": 0.0}) == (0.0, math.inf)
    assert ACTIVATIONS["hardtanh"].range({"min_val": 0, "max_val": 6}) == (0, 6)
    assert ACTIVATIONS["elu"].range({"alpha": 1.6733, "scale": 1.0507})[0] == pytest.approx(
        -1.758, abs=1e-3
    )
    assert ACTIVATIONS["threshold"].range({"threshold": 2.0}) == (0.0, math.inf)
    assert ACTIVATIONS["tanh"].range({"anything": 3.0}) == (-1, 1)
    assert ACTIVATIONS["clamp"].range() == (-math.inf, math.inf)


def test_every_activation_the_recorder_reads_is_in_the_catalogue():
    operations = pytest.importorskip("lifesigns.record.operations")

    words = {reader.word for reader in operations.ACTIVATIONS.values()}

    assert words <= set(ACTIVATIONS)
