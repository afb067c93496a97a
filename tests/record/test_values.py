"""What is read at an activation equals a computation anybody can follow."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from oracles.activations import FORMS, FORMULAS, saturated, slope
from oracles.recorded import reading, snapshot
from oracles.sums import assert_same_sums, sums
from probe import GRID, UNITS, Probe, probed
from torch import nn

from lifesigns.records import Kind

torch.set_num_threads(1)


def site_name(form):
    return f"{'call' if isinstance(form.call, nn.Module) else ''}:{form.word}#0"


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.text)
def test_every_way_to_write_an_activation_is_read_as_its_formula_says(form):
    taken, output, upstream = probed(form.call)
    found = reading(taken, site_name(form))

    np.testing.assert_allclose(output, FORMULAS[form.formula](GRID), rtol=1e-6, atol=1e-9)
    flat = None if form.word == "maximum" else saturated(form.formula, GRID)
    passed = upstream * slope(form.formula, GRID)
    assert_same_sums(found.value, sums(output, saturated=flat))
    assert_same_sums(found.output_gradient, sums(upstream))
    assert_same_sums(found.input_gradient, sums(passed), leave_out=("saturated", "active"))
    expected = np.sqrt((passed**2).mean() / (upstream**2).mean())
    assert found.derivative_factor == pytest.approx(expected, rel=1e-5)
    assert taken.graph.sites[found.site].kind is Kind.ACTIVATION


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.text)
def test_channels_are_the_units_behind_a_convolution(form):
    images = GRID.reshape(2, UNITS, 5, 1)
    taken, output, upstream = probed(form.call, images, nn.Conv2d(UNITS, UNITS, 1, bias=False))
    found = reading(taken, site_name(form))

    assert taken.graph.sites[found.site].unit_dim == 1
    assert_same_sums(found.value, sums(output, 1), leave_out=("saturated",))
    assert_same_sums(found.output_gradient, sums(upstream, 1))
    passed = upstream * slope(form.formula, images)
    assert_same_sums(found.input_gradient, sums(passed, 1), leave_out=("saturated", "active"))


@pytest.mark.parametrize("form", FORMS[::5], ids=lambda form: form.text)
def test_positions_of_a_sequence_are_observations_of_the_units(form):
    taken, output, _ = probed(form.call, GRID.reshape(5, 2, UNITS))
    found = reading(taken, site_name(form))
    assert_same_sums(found.value, sums(output), leave_out=("saturated",))
    assert taken.graph.sites[found.site].units == UNITS


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("inplace", [True, False])
def test_rrelu_is_read_with_the_slopes_it_drew(training, inplace):
    rrelu = nn.RReLU(inplace=inplace).train(training)
    taken, output, upstream = probed(rrelu)
    found = reading(taken, "call:rrelu#0")
    assert_same_sums(found.value, sums(output))
    passed = upstream * np.where(GRID > 0, 1, output / GRID)
    assert_same_sums(found.input_gradient, sums(passed), leave_out=("saturated",))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: torch.where(x > 0, x, 0),
        lambda x: torch.where(x <= 0, 0, x),
        lambda x: torch.where(x > 0, x, torch.zeros_like(x)),
    ],
    ids=["where(x > 0, x, 0)", "where(x <= 0, 0, x)", "where(x > 0, x, zeros)"],
)
def test_a_relu_written_with_where_is_read_from_the_layer_that_uses_it(call):
    readout = nn.Linear(UNITS, 3).double()
    taken, _, _ = probed(lambda x: readout(call(x)))
    found = reading(taken, ":where#0")
    assert_same_sums(found.value, sums(np.maximum(GRID, 0)))
    np.testing.assert_array_equal(found.input_gradient.active, (GRID > 0).sum(0))
    assert found.output_gradient.count.tolist() == [10] * UNITS


def test_a_silu_written_as_a_product_shows_its_sigmoid_and_its_product():
    taken, _, upstream = probed(lambda x: x * torch.sigmoid(x))
    gate, product = reading(taken, ":sigmoid#0"), reading(taken, ":mul#0")
    assert_same_sums(
        gate.value, sums(1 / (1 + np.exp(-GRID)), saturated=saturated("sigmoid", GRID))
    )
    assert_same_sums(gate.output_gradient, sums(upstream * GRID))
    assert_same_sums(product.output_gradient, sums(upstream))


MAXOUT = {
    "max(last)": (lambda x: x.unflatten(-1, (3, 2)).max(-1).values, lambda g: g.reshape(10, 3, 2)),
    "amax(last)": (lambda x: x.unflatten(-1, (3, 2)).amax(-1), lambda g: g.reshape(10, 3, 2)),
    "max(middle)": (
        lambda x: x.unflatten(-1, (2, 3)).max(1).values,
        lambda g: g.reshape(10, 2, 3).transpose(0, 2, 1),
    ),
    "amax(keepdim)": (
        lambda x: x.unflatten(-1, (3, 2)).amax(-1, keepdim=True).squeeze(-1),
        lambda g: g.reshape(10, 3, 2),
    ),
}


@pytest.mark.parametrize("name", MAXOUT)
def test_maxout_keeps_its_units_apart(name):
    call, grouped = MAXOUT[name]
    mixed = np.sin(7 * GRID)
    readout = nn.Linear(3, 2).double()
    taken, _, _ = probed(lambda x: readout(call(x)), mixed)
    found = reading(taken, ":max#0")
    pieces = grouped(mixed)
    if "keepdim" not in name:
        assert_same_sums(found.value, sums(pieces.max(-1)))
        assert found.input_gradient.units == 3
        won = pieces == pieces.max(-1, keepdims=True)
        np.testing.assert_array_equal(found.input_gradient.active, won.sum((0, 2)))
    assert found.derivative_factor == pytest.approx(np.sqrt(0.5), rel=1e-5)


def test_maximum_of_two_layers_is_read_with_the_gradient_of_the_first():
    other = nn.Linear(UNITS, UNITS).double()
    model = Probe(lambda x: x).double()

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = model.carrier, other

        def forward(self, x):
            return torch.maximum(self.first(x), self.second(x))

    x = torch.tensor(GRID)
    both = Two()
    found = reading(snapshot(lambda: both(x).sum().backward(), both), ":maximum#0")
    a, b = GRID, other(x).detach().numpy()
    assert_same_sums(found.value, sums(np.maximum(a, b)))
    assert_same_sums(found.input_gradient, sums((a > b) * 1.0), leave_out=("saturated",))


def test_glu_halves_the_units_and_keeps_them_apart():
    taken, output, upstream = probed(lambda x: F.glu(x, -1))
    found = reading(taken, ":glu#0")
    assert_same_sums(found.value, sums(output))
    assert_same_sums(found.output_gradient, sums(upstream))
    gate = 1 / (1 + np.exp(-GRID[:, 3:]))
    passed = [upstream * gate, upstream * GRID[:, :3] * gate * (1 - gate)]
    assert_same_sums(found.input_gradient, sums(np.concatenate(passed)))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_is_read_with_its_values_and_gradients(name):
    taken, output, upstream = probed(
        getattr(nn, {"softmax": "Softmax"}.get(name, "LogSoftmax"))(-1)
    )
    found = reading(taken, f"call:{name}#0")
    x = torch.tensor(GRID, requires_grad=True)
    (passed,) = torch.autograd.grad(getattr(x, name)(-1), x, torch.tensor(upstream))
    assert_same_sums(found.value, sums(output))
    assert_same_sums(found.output_gradient, sums(upstream))
    assert_same_sums(found.input_gradient, sums(passed), leave_out=("saturated",))
    assert taken.graph.sites[found.site].details == {"dim": -1}


def test_an_activation_in_front_of_everything_is_read_too():
    readout = nn.Linear(UNITS, 1).double()
    x = torch.tensor(GRID, requires_grad=True)
    taken = snapshot(lambda: readout(torch.relu(x)).sum().backward(), readout)
    found = reading(taken, ":relu#0")
    assert_same_sums(found.value, sums(np.maximum(GRID, 0), saturated=GRID < 0))
    assert_same_sums(found.input_gradient, sums(x.grad), leave_out=("saturated",))


def test_gradients_are_those_that_retain_grad_sees_in_a_deep_network():
    torch.manual_seed(0)
    layers = [m for _ in range(5) for m in (nn.Linear(7, 7), nn.Tanh())]
    model, x, kept = nn.Sequential(*layers).double(), torch.randn(9, 7).double(), {}

    def step():
        h = x
        for i, layer in enumerate(model):
            h = kept[i] = layer(h)
            h.retain_grad()
        h.square().mean().backward()

    taken = snapshot(step, model)
    for i in range(1, 10, 2):
        found = reading(taken, f"{i}:tanh#0")
        assert_same_sums(found.value, sums(kept[i]), leave_out=("saturated",))
        assert_same_sums(found.output_gradient, sums(kept[i].grad))
        assert_same_sums(found.input_gradient, sums(kept[i - 1].grad), leave_out=("saturated",))


def test_a_saved_value_that_was_overwritten_later_is_said_to_be_unreadable():
    class Careless(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(UNITS, UNITS)

        def forward(self, x):
            h = self.linear(x)
            y = F.leaky_relu(h)
            with torch.no_grad():
                h.add_(1)
            return y

    model = Careless()
    loss = []

    def step():
        loss.append(model(torch.randn(5, UNITS)).sum())
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss[0].backward()

    taken = snapshot(step, model)
    assert any(":leaky_relu#0" in text for text in taken.coverage.unreadable)


def test_gradients_are_those_a_users_tensor_hook_left_behind():
    model, x = Probe(nn.Identity()).double(), torch.tensor(GRID)

    def step():
        y = torch.relu(model(x))
        y.register_hook(lambda g: g * 3)
        y.sum().backward()

    found = reading(snapshot(step, model), ":relu#0")
    assert found.output_gradient.maximum.tolist() == [3.0] * UNITS


def test_many_calls_of_one_module_are_read_up_to_a_limit_that_is_said():
    model, x = nn.Sequential(nn.Linear(2, 2), nn.Tanh()), torch.randn(3, 2)

    def step():
        h = x
        for _ in range(18):
            h = model(h)
        h.sum().backward()

    taken = snapshot(step, nn.ModuleList([model]))
    assert [s.call for s in taken.graph.sites if s.operation == "tanh"] == list(range(18))
    assert sum(taken.graph.sites[r.site].operation == "tanh" for r in taken.sites) == 16
    assert len(taken.coverage.unreadable) == 2
