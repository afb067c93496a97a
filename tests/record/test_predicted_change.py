"""What an update is predicted to do to the loss, against obvious computations."""

import math

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn
from trained import Trained, named, small

torch.set_num_threads(1)


def predicted(gradient, change):
    """The scalar product of a gradient and an update."""
    return float((gradient.double() * change.detach().double()).sum())


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_the_predicted_change_is_the_gradient_times_the_update(optimizer):
    model, x = small()
    made = optimizer(model.parameters(), 0.01)
    trained = Trained(model, x, torch.randn(7, 2), optimizer=made)
    for name, p in named(model):
        expected = predicted(p.grad, p - trained.before[name])
        assert expected < 0
        assert trained[name].predicted_change == pytest.approx(expected, rel=1e-3)


def test_the_predicted_change_is_what_a_small_step_does_to_the_loss():
    model, x = small()
    y = torch.randn(7, 2)
    before = F.mse_loss(model(x), y).item()
    trained = Trained(model, x, y, rate=1e-3)
    change = sum(p.predicted_change for p in trained.snapshot.parameters)
    assert F.mse_loss(model(x), y).item() - before == pytest.approx(change, rel=1e-2)


@pytest.mark.parametrize("factor", [1024.0, 0.25])
def test_loss_scaling_is_undone_in_the_predicted_change(factor):
    """A scaled loss moves the weights `factor` times as far; its own gradient stays the same."""
    model, x = small()
    plain = Trained(model, x, torch.zeros(7, 2), rate=1e-3)["0.weight"]
    model, x = small()
    y = torch.zeros(7, 2)
    scaled = Trained(model, x, y, rate=1e-3 / factor, scaled=lambda loss: loss * factor)["0.weight"]
    assert scaled.predicted_change == pytest.approx(plain.predicted_change, rel=1e-3)
    assert scaled.descent_cosine == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("turn", [{"maximize": True}, {"maximize": False}])
def test_the_cosine_tells_descent_from_ascent(turn):
    model, x = small()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, **turn)
    read = Trained(model, x, torch.zeros(7, 2), optimizer=optimizer)["0.weight"]
    assert read.descent_cosine == pytest.approx(-1 if turn["maximize"] else 1, rel=1e-3)
    assert (read.predicted_change > 0) == turn["maximize"]


def test_a_loss_turned_round_by_a_factor_of_minus_one_is_descended():
    model, x = small()
    y = torch.zeros(7, 2)
    trained = Trained(model, x, y, rate=0.01, scaled=lambda loss: loss * -1)
    assert trained.snapshot.loss.value < 0
    assert trained["0.weight"].gradient_rms > 0
    assert trained["0.weight"].predicted_change < 0


def test_the_predicted_change_of_a_large_parameter_is_scaled_up_from_its_sample():
    torch.manual_seed(0)
    model = nn.Linear(300, 400, bias=False)
    trained = Trained(model, torch.randn(4, 300), torch.zeros(4, 400))
    exact = predicted(model.weight.grad, model.weight - trained.before["weight"])
    assert trained["weight"].predicted_change == pytest.approx(exact, rel=0.05)


def test_the_predicted_change_of_a_vanishing_gradient_does_not_underflow():
    model = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        model.weight.fill_(1e-25)
    optimizer = torch.optim.SGD(model.parameters(), 1.0)

    def step():
        (model(torch.ones(1, 2)).sum() + 0 * model.weight.sum()).mul(1e-30).backward()
        optimizer.step()

    read = snapshot(step, model, [optimizer]).parameter("weight")
    assert read.predicted_change < 0


def test_clipping_does_not_change_which_gradient_the_change_is_predicted_from():
    model, x = small()
    optimizer, kept = torch.optim.SGD(model.parameters(), 0.1), {}
    before = model[0].weight.detach().clone()

    def step():
        F.mse_loss(model(x), torch.ones(7, 2)).backward()
        kept["gradient"] = model[0].weight.grad.clone()
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        optimizer.step()

    read = snapshot(step, model, [optimizer]).parameter("0.weight")
    expected = predicted(kept["gradient"], model[0].weight - before)
    assert read.predicted_change == pytest.approx(expected, rel=1e-3)


def test_without_a_gradient_no_change_is_predicted():
    model, x = small()
    model.append(nn.Linear(2, 2))
    taken = snapshot(lambda: model[:3](x).sum().backward(), model)
    assert math.isnan(taken.parameter("3.weight").predicted_change)
