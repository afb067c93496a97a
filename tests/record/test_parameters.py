"""Norms, updates, distinct rows and coherence of parameters against obvious computations."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.recorded import record, snapshot
from torch import nn
from trained import Trained, named, small

torch.set_num_threads(1)


def rms(tensor):
    return float(tensor.detach().double().square().mean().sqrt())


def test_norms_of_weight_gradient_and_update_are_per_element():
    model, x = small()
    trained = Trained(model, x, torch.randn(7, 2))
    for name, p in named(model):
        read, before = trained[name], trained.before[name]
        assert read.shape == tuple(p.shape)
        assert read.weight_rms == pytest.approx(rms(before), rel=1e-5)
        assert read.gradient_rms == pytest.approx(rms(p.grad), rel=1e-5)
        assert read.update_rms == pytest.approx(rms(p - before), rel=1e-4)
        assert read.update_rms == pytest.approx(0.1 * read.gradient_rms, rel=1e-3)
        assert read.learning_rate == 0.1
        assert (read.nonfinite_weights, read.nonfinite_gradients) == (0, 0)
        assert (read.trainable, read.reached, read.optimized) == (True, True, True)
        assert not read.gradient_is_zero


@pytest.mark.parametrize("factor", [1024.0, 0.25])
def test_loss_scaling_is_undone_in_the_gradient(factor):
    model, x = small()
    y = torch.zeros(7, 2)
    plain = Trained(model, x, y)["0.weight"].gradient_rms
    model, x = small()
    scaled = Trained(model, x, y, scaled=lambda loss: loss * factor)["0.weight"]
    assert scaled.gradient_rms == pytest.approx(plain, rel=1e-5)


def test_accumulated_gradients_are_read_as_their_mean_over_the_micro_batches():
    model, x = small()
    y, optimizer = torch.zeros(8, 2), torch.optim.SGD(model.parameters(), 0.1)
    x = torch.randn(8, 3)

    def step():
        for a, b in zip(x.split(2), y.split(2), strict=True):
            (F.mse_loss(model(a), b) / 4).backward()
        optimizer.step()

    last = record(step, model, [optimizer]).snapshots[-1]
    whole, _ = small()
    F.mse_loss(whole(x), y).backward()
    read = last.parameter("0.weight")
    assert read.gradient_rms == pytest.approx(rms(whole[0].weight.grad), rel=1e-4)


def test_of_a_gan_each_gradient_is_that_of_its_own_step():
    """The generator's loss adds to the critic's gradient after the critic has stepped."""
    made, critic = nn.Linear(2, 3), nn.Linear(3, 1)
    optimizers = [torch.optim.SGD(net.parameters(), 0.1) for net in (critic, made)]
    noise, kept = torch.randn(5, 2), []

    def step():
        (critic(made(noise).detach()) - 1).square().mean().backward()
        kept.append(critic.weight.grad.clone())
        optimizers[0].step()
        critic(made(noise)).square().mean().backward()
        optimizers[1].step()

    first, second = record(step, nn.ModuleList([made, critic]), optimizers).snapshots
    read = first.parameter("1.weight") or second.parameter("1.weight")
    assert read.gradient_rms == pytest.approx(rms(kept[0]), rel=1e-5)
    assert read.update_rms == pytest.approx(0.1 * rms(kept[0]), rel=1e-3)


def test_the_update_of_a_large_parameter_is_measured_on_a_sample():
    torch.manual_seed(0)
    model = nn.Linear(300, 400, bias=False)
    trained = Trained(model, torch.randn(4, 300), torch.zeros(4, 400))
    exact = rms(model.weight - trained.before["weight"])
    assert trained["weight"].update_rms == pytest.approx(exact, rel=0.05)


def test_a_parameter_that_was_not_moved_has_an_update_of_zero():
    model, x = small()
    trained = Trained(
        model, x, torch.zeros(7, 2), optimizer=torch.optim.SGD(model[2:].parameters(), 1)
    )
    assert trained["0.weight"].update_rms == 0
    assert not trained["0.weight"].optimized
    assert math.isnan(trained["0.weight"].learning_rate)
    assert trained["2.weight"].optimized


def test_learning_rates_are_those_of_the_groups():
    model, x = small()
    groups = [{"params": model[0].parameters(), "lr": 0.5}, {"params": model[2].parameters()}]
    trained = Trained(model, x, torch.zeros(7, 2), optimizer=torch.optim.Adam(groups, lr=0.01))
    rates = {name: trained[name].learning_rate for name, _ in named(model)}
    assert rates == {"0.weight": 0.5, "0.bias": 0.5, "2.weight": 0.01, "2.bias": 0.01}


def test_without_an_optimizer_every_parameter_counts_as_optimized():
    model, x = small()
    taken = snapshot(lambda: model(x).sum().backward(), model)
    assert all(p.optimized and math.isnan(p.learning_rate) for p in taken.parameters)


def test_what_the_loss_does_not_lead_to_is_not_reached():
    model, x = small()
    model.append(nn.Linear(2, 2))
    taken = snapshot(lambda: model[:3](x).sum().backward(), model)
    assert {p.name for p in taken.parameters if not p.reached} == {"3.weight", "3.bias"}
    unread = taken.parameter("3.weight")
    assert math.isnan(unread.gradient_rms)
    assert not unread.gradient_is_zero
    assert unread.trainable


def test_a_frozen_parameter_is_not_trainable():
    model, x = small()
    model[0].weight.requires_grad_(False)
    taken = snapshot(lambda: model(x).sum().backward(), model)
    frozen = taken.parameter("0.weight")
    assert (frozen.trainable, frozen.reached) == (False, False)
    assert frozen.weight_rms == pytest.approx(rms(model[0].weight), rel=1e-5)


def test_a_gradient_of_exactly_zero_is_told_from_none_and_from_a_small_one():
    model, x = small()
    with torch.no_grad():
        model[2].weight.zero_()
    taken = snapshot(lambda: model(x).sum().backward(), model)
    assert taken.parameter("0.weight").gradient_is_zero
    assert taken.parameter("0.weight").gradient_rms == 0
    assert not taken.parameter("2.weight").gradient_is_zero

    model, x = small()
    taken = snapshot(lambda: (model(x) * 1e-30).sum().backward(), model)
    assert not taken.parameter("0.weight").gradient_is_zero


def test_a_tiny_gradient_is_not_taken_for_zero():
    """Squares of 1e-30 are 0 in float32."""
    model = nn.Linear(2, 2, bias=False)
    x = torch.full((1, 2), 1e-30)
    taken = snapshot(lambda: model(x).sum().backward(), model)
    assert model.weight.grad.abs().min() > 0
    assert not taken.parameter("weight").gradient_is_zero


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_non_finite_weights_and_gradients_are_flagged(value):
    model, x = small()
    with torch.no_grad():
        model[2].weight[0, 0] = value
    taken = snapshot(lambda: model(x).sum().backward(), model)
    assert taken.parameter("2.weight").nonfinite_weights > 0
    assert taken.parameter("0.weight").nonfinite_weights == 0
    assert taken.parameter("0.weight").nonfinite_gradients > 0
    assert taken.parameter("2.weight").nonfinite_gradients == 0


# --- rows -----------------------------------------------------------------------------------------
def distinct(matrix):
    """How many rows of a matrix differ, one pair after another."""
    rows = np.asarray(matrix).reshape(len(matrix), -1)
    return len({row.tobytes() for row in rows + 0.0})


def weight_rows(matrix):
    """What is read of a weight and its gradient in one step."""
    layer = nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(matrix, dtype=torch.float32))
    return snapshot(lambda: layer(torch.ones(2, matrix.shape[1])).sum().backward(), layer)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 7),
    kinds=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_distinct_rows_are_counted(rows, columns, kinds, seed):
    random = np.random.default_rng(seed)
    pool = random.normal(size=(kinds, columns)).astype(np.float32)
    matrix = pool[random.integers(0, kinds, rows)]
    read = weight_rows(matrix).parameter("weight")
    assert read.distinct_weight_rows == distinct(matrix)
    assert read.distinct_gradient_rows == 1  # every output weighs the same


@pytest.mark.parametrize("value", [0.0, 1.0, -0.3])
def test_constant_weights_are_one_row(value):
    read = weight_rows(np.full((6, 4), value)).parameter("weight")
    assert read.distinct_weight_rows == 1


@pytest.mark.parametrize("is_bias_added_at_once", [False, True])
def test_units_are_the_columns_of_a_weight_that_is_not_turned_around(is_bias_added_at_once):
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([[0.1, 0.1, 0.2], [0.3, 0.3, 0.4]]))

        def forward(self, x):
            if is_bias_added_at_once:
                return torch.addmm(torch.zeros(3), x, self.weight)
            return x @ self.weight

    layer, x = Layer(), torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    shot = snapshot(lambda: layer(x).sum().backward(), layer)
    read, site = shot.parameter("weight"), shot.graph.sites[0]

    assert (read.distinct_weight_rows, read.distinct_gradient_rows) == (2, 1)
    assert (site.fan_in, site.fan_out) == (2, 3)


def test_symmetric_units_have_equal_weights_and_gradients_and_others_do_not():
    for symmetric in (True, False):
        model, x = small()
        if symmetric:
            with torch.no_grad():
                for p in model.parameters():
                    p.fill_(0.3)
        read = Trained(model, x, torch.zeros(7, 2))["0.weight"]
        expected = 1 if symmetric else 5
        assert (read.distinct_weight_rows, read.distinct_gradient_rows) == (expected, expected)


def test_the_filters_of_a_convolution_are_its_rows():
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 4, 3)
    with torch.no_grad():
        conv.weight[1] = conv.weight[0]
    taken = snapshot(lambda: conv(torch.randn(2, 2, 6, 6)).square().sum().backward(), conv)
    assert taken.parameter("weight").distinct_weight_rows == 3


def test_a_vector_has_no_rows():
    model, x = small()
    read = snapshot(lambda: model(x).sum().backward(), model).parameter("0.bias")
    assert (read.distinct_weight_rows, read.distinct_gradient_rows) == (-1, -1)
    assert math.isnan(read.sign_coherence)


def test_permuted_rows_are_not_taken_for_equal():
    matrix = np.array([[1, 2, 3], [3, 2, 1], [2, 1, 3], [1, 2, 3]], float)
    assert weight_rows(matrix).parameter("weight").distinct_weight_rows == 3


def coherence(gradient):
    """Mean over units of |sum of g| / sum of |g|, units without gradient left out."""
    rows = gradient.detach().double().reshape(len(gradient), -1).numpy()
    shares = [abs(row.sum()) / np.abs(row).sum() for row in rows if np.abs(row).sum() > 0]
    return np.mean(shares) if shares else math.nan


def test_sign_coherence_is_that_of_the_gradients_rows():
    model, x = small()
    trained = Trained(model, x, torch.zeros(7, 2))
    for name in ("0.weight", "2.weight"):
        gradient = dict(named(model))[name].grad
        assert trained[name].sign_coherence == pytest.approx(coherence(gradient), rel=1e-5)


def test_positive_inputs_give_gradients_of_a_single_sign_per_unit():
    """The zig-zag behind a sigmoid; dead units do not spoil it."""
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    with torch.no_grad():
        model[0].weight[0] = -1
        model[0].weight[1:].abs_()
        model[0].bias.zero_()
    taken = snapshot(lambda: model(torch.rand(1, 3)).sum().backward(), model)
    assert model[0].weight.grad[0].abs().max() == 0
    assert taken.parameter("0.weight").sign_coherence == pytest.approx(1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_norms_of_other_precisions_do_not_overflow(dtype):
    layer = nn.Linear(400, 400, bias=False).to(dtype)
    with torch.no_grad():
        layer.weight.fill_(300)
    x = torch.ones(1, 400, dtype=dtype) * 1e-3
    read = snapshot(lambda: layer(x).sum().backward(), layer).parameter("weight")
    assert read.weight_rms == pytest.approx(300, rel=1e-2)
    assert read.gradient_rms == pytest.approx(1e-3, rel=1e-2)


def test_autocast_of_the_user_does_not_round_what_is_read():
    """In bfloat16 rows that differ in the third digit would be one."""
    layer = nn.Linear(4, 6, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1)
        layer.weight[:, 0] += torch.arange(6) * 1e-4
    x = torch.rand(3, 4)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)

    def step():
        with torch.autocast("cpu", torch.bfloat16):
            layer(x).float().square().mean().backward()
            optimizer.step()

    read = snapshot(step, layer, [optimizer]).parameter("weight")
    assert read.distinct_weight_rows == 6
    assert read.update_rms == pytest.approx(0.1 * rms(layer.weight.grad), rel=1e-4)


def test_odd_parameters_are_read_without_a_failure():
    model = nn.ParameterDict(
        {
            "scalar": nn.Parameter(torch.tensor(2.0)),
            "empty": nn.Parameter(torch.zeros(0, 3)),
            "complex": nn.Parameter(torch.ones(2, 2, dtype=torch.complex64)),
            "unused": nn.Parameter(torch.ones(3, 3)),
        }
    )

    def step():
        parts = [model["scalar"] ** 2, model["empty"].sum(), model["complex"].abs().sum()]
        sum(parts).backward()

    taken = snapshot(step, model)
    assert taken.parameter("scalar").weight_rms == 2
    assert taken.parameter("scalar").gradient_rms == 4
    assert taken.parameter("empty").distinct_weight_rows == -1
    assert not taken.parameter("unused").reached
