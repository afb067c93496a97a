import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lifesigns.functions import ACTIVATIONS, FAMILIES, Activation, modules

torch.set_num_threads(1)
GRID = np.linspace(-12, 12, 240_001) + 1e-6  # off the kinks
SINGLE = [a for a in ACTIVATIONS.values() if a.elementwise]
BARE = {
    "clamp": lambda x: x.clamp(-1e9, 1e9),
    "exp": torch.exp,
    "sin": torch.sin,
    "squared_relu": lambda x: x.relu() ** 2,
    "squareplus": lambda x: (x + (x**2 + 4).sqrt()) / 2,
    "scaled_tanh": lambda x: 1.7159 * torch.tanh(2 / 3 * x),
    "sparse_plus": lambda x: torch.where(x < 1, (x + 1).relu() ** 2 / 4, x),
    "sparse_sigmoid": lambda x: (F.hardtanh(x) + 1) / 2,
    "snake": lambda x: x + x.sin() ** 2,
}
"""Formulas of what torch has no module for, written independently of ours."""


def in_torch(activation):
    """The function in torch, in evaluation mode and with its parameters in float64."""
    if activation.name in BARE:
        return BARE[activation.name]
    return eval(activation.code, {"nn": nn, **vars(modules)}).double().eval()


single = pytest.mark.parametrize("activation", SINGLE, ids=lambda a: a.name)


@single
def test_value_and_derivative_agree_with_torch(activation: Activation):
    x = np.linspace(-9, 9, 1801)
    leaf = torch.tensor(x, requires_grad=True)

    value = in_torch(activation)(leaf)
    value.sum().backward()

    np.testing.assert_allclose(activation.value(x), value.detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(activation.derivative(x), leaf.grad.numpy(), atol=1e-6)


@single
def test_the_largest_slope_is_the_one_stated(activation: Activation):
    measured = np.abs(activation.derivative(GRID)).max()

    if math.isinf(activation.max_derivative):
        assert measured > 2 * np.abs(activation.derivative(GRID / 2)).max() * 0.999
    else:
        assert measured == pytest.approx(activation.max_derivative, rel=1e-2)
        assert measured <= activation.max_derivative + 1e-9


@single
def test_the_output_fills_the_stated_range_and_never_leaves_it(activation: Activation):
    value = activation.value(np.concatenate([[-1e8], GRID, [1e8] * (activation.name != "exp")]))

    for stated, measured in ((activation.low, value.min()), (activation.high, value.max())):
        assert abs(measured) > 1e3 if math.isinf(stated) else abs(measured - stated) < 1e-7
    assert value.min() >= activation.low - 1e-6
    assert value.max() <= activation.high + 1e-6


@pytest.mark.parametrize(
    "activation",
    [a for a in SINGLE if a.name not in ("sin", "snake", "exp")],  # periodic; no largest slope
    ids=lambda a: a.name,
)
def test_an_end_saturates_exactly_if_the_slope_dies_there(activation: Activation):
    low, high = np.abs(activation.derivative(np.array([-40.0, 40.0])))

    assert (low < 0.005) == activation.saturates_low
    assert (high < 0.005) == activation.saturates_high


@single
def test_units_can_die_exactly_where_value_and_slope_are_both_zero(activation: Activation):
    def silent(x):
        return bool((activation.value(x) == 0).all() and (activation.derivative(x) == 0).all())

    sides = {"low": np.linspace(-6, -4, 50), "middle": np.linspace(-0.4, 0.4, 50)}

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
    operations = pytest.importorskip("lifesigns.record.graph.operations")

    words = {reader.word for reader in operations.ACTIVATION_NODES.values()}

    assert words <= set(ACTIVATIONS)


@single
def test_moments_agree_with_torch_autograd_on_a_fine_grid(activation: Activation):
    x = torch.linspace(-10, 10, 200_001, dtype=torch.float64) + 3e-7  # off the kinks
    weight = torch.exp(-0.5 * x**2)
    weight /= weight.sum()
    leaf = x.requires_grad_()

    value = in_torch(activation)(leaf)
    (slope,) = torch.autograd.grad(value.sum(), leaf)

    facts = activation.facts
    assert facts.mean == pytest.approx((weight @ value).item(), abs=1e-4)
    assert facts.zero_gradient == pytest.approx(weight[slope == 0].sum().item(), abs=1e-4)
    assert facts.forward_gain == pytest.approx((weight @ value**2).item() ** -0.5, rel=1e-4)
    assert facts.backward_gain == pytest.approx((weight @ slope**2).item() ** -0.5, rel=1e-4)


@pytest.mark.parametrize("name", ["glu", "geglu", "swiglu", "reglu", "maxout", "crelu"])
def test_gains_of_groups_agree_with_a_random_sample(name):
    activation, random = ACTIVATIONS[name], np.random.default_rng(0)
    x = random.standard_normal((200_000, activation.inputs))

    value, partials = activation.value(x), activation.derivative(x)

    facts = activation.facts
    assert facts.mean == pytest.approx(value.mean(), abs=0.02)
    assert facts.forward_gain == pytest.approx((value**2).mean() ** -0.5, rel=0.02)
    backward = (partials**2).sum(-2).mean() ** -0.5
    assert facts.backward_gain == pytest.approx(backward, rel=0.02)


@pytest.mark.parametrize("name", ["glu", "geglu", "swiglu", "reglu", "maxout", "crelu"])
def test_partial_derivatives_are_those_of_the_value(name):
    activation, step = ACTIVATIONS[name], 1e-6
    x = np.random.default_rng(1).standard_normal((50, activation.inputs))

    for i, direction in enumerate(np.eye(activation.inputs)):
        rise = activation.value(x + step * direction) - activation.value(x - step * direction)
        np.testing.assert_allclose(activation.derivative(x)[..., i], rise / (2 * step), atol=1e-7)


def test_known_moments_are_met_exactly():
    relu, tanh, sigmoid = (ACTIVATIONS[n].facts for n in ("relu", "tanh", "sigmoid"))
    exp, selu, glu = (ACTIVATIONS[n].facts for n in ("exp", "selu", "glu"))

    assert relu.forward_gain == relu.backward_gain == pytest.approx(math.sqrt(2), abs=1e-9)
    assert relu.mean == pytest.approx(1 / math.sqrt(2 * math.pi), abs=1e-9)
    assert (relu.zero_gradient, tanh.zero_gradient) == (0.5, 0)
    assert exp.mean == pytest.approx(math.exp(0.5), abs=1e-8)
    assert (selu.mean, selu.forward_gain) == (pytest.approx(0, abs=1e-8), pytest.approx(1))
    assert [f.zero_centred for f in (relu, tanh, sigmoid)] == [False, True, False]
    assert glu.forward_gain == pytest.approx(sigmoid.forward_gain)


def test_the_mass_of_zero_gradient_is_that_of_the_normal_distribution():
    outside_one = math.erfc(1 / math.sqrt(2))

    found = {name: ACTIVATIONS[name].facts.zero_gradient for name in ("hardtanh", "hardshrink")}

    assert found["hardtanh"] == pytest.approx(outside_one, abs=1e-9)
    assert found["hardshrink"] == pytest.approx(math.erf(0.5 / math.sqrt(2)), abs=1e-9)


def test_every_activation_of_torch_is_in_the_catalogue():
    no_function = {
        "MultiheadAttention",
        "Softmax2d",
    }  # an operation with weights; softmax over dim 1

    written = {a.code.removeprefix("nn.").partition("(")[0] for a in ACTIVATIONS.values()}

    assert set(nn.modules.activation.__all__) - no_function <= written


def test_names_are_unique_and_every_entry_says_what_it_is():
    entries = [activation for family in FAMILIES.values() for activation in family]

    assert len({a.name for a in entries}) == len(entries)
    assert [a.name for a in entries if not (a.formula and a.source and a.about.endswith("."))] == []


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=6))
def test_sparsemax_is_the_nearest_point_of_the_simplex(values):
    x = np.array(values)

    p = ACTIVATIONS["sparsemax"].value(x)

    assert p.sum() == pytest.approx(1)
    corners = np.eye(len(x))
    assert ((corners - p) @ (x - p) <= 1e-9).all()  # no corner lies on x's side of p


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=lambda a: a.name)
def test_the_drawn_derivative_is_that_of_the_drawn_value(activation):
    x, step = np.linspace(-3.9, 3.9, 79) + 0.013, 1e-6

    drawn = activation.curve(x)

    assert (drawn is None) == (activation.value is None)
    if drawn is not None:
        rise = activation.curve(x + step)[0] - activation.curve(x - step)[0]
        np.testing.assert_allclose(drawn[1], rise / (2 * step), atol=1e-6)


@single
def test_the_tails_begin_where_the_slope_stays_below_a_hundredth(activation: Activation):
    low, high = activation.facts.flat_below, activation.facts.flat_above
    steep = np.abs(activation.derivative(GRID)) >= 0.01 * activation.max_derivative * (1 + 1e-6)

    assert not steep[(low >= GRID) | (high <= GRID)].any()
    for end, outermost in ((low, GRID[steep][:1]), (high, GRID[steep][-1:])):
        assert math.isinf(end) or end == pytest.approx(*outermost, abs=2e-3)
    assert math.isfinite(low) == (activation.saturates_low and math.isfinite(activation.flat_slope))
    assert math.isfinite(high) == (
        activation.saturates_high and math.isfinite(activation.flat_slope)
    )
