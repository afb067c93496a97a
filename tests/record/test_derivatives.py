"""Derivatives by the input, with and without a part in the gradient of the loss."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)


def grad(y, x, **flags):
    return torch.autograd.grad(y, x, torch.ones_like(y), **flags)[0]


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))


def details(residual, model):
    def step():
        t = torch.linspace(0, 2, 64).unsqueeze(1).requires_grad_()
        loss = residual(model(t), t).square().mean() + (model(torch.zeros(1, 1)) - 1).square().sum()
        loss.backward()

    return snapshot(step, model).loss.details


def second(u, t, **flags):
    return grad(grad(u, t, create_graph=True), t, **flags) + 9 * u


CUT = {
    "without a graph": (lambda u, t: grad(u, t, retain_graph=True) + 2 * u, 1),
    "detached": (lambda u, t: grad(u, t, create_graph=True).detach() + 2 * u, 1),
    "data": (lambda u, t: grad(u, t, create_graph=True).data + 2 * u, 1),
    "by a sum": (lambda u, t: torch.autograd.grad(u.sum(), t, retain_graph=True)[0] + 2 * u, 1),
    "of a column": (lambda u, t: grad(u[:, 0].sum(), t, retain_graph=True) + 2 * u, 1),
    "times the output": (lambda u, t: grad(u, t, retain_graph=True) * u - t**3, 1),
    "the second": (lambda u, t: second(u, t, retain_graph=True), 2),
}


@pytest.mark.parametrize("form", CUT)
def test_a_derivative_in_the_loss_without_its_graph(form):
    residual, count = CUT[form]

    found = details(residual, net())

    assert found["derivatives_left_out"] == count
    assert found["derivatives_entered"] == 1


def test_a_derivative_to_look_at_does_not_enter_the_loss():
    def residual(u, t):
        grad(u, t, retain_graph=True)
        return u - torch.sin(5 * t.detach())

    found = details(residual, net())

    assert (found["derivatives_left_out"], found["derivatives_entered"]) == (1, 0)


TRAINED = {
    "the first": lambda u, t: grad(u, t, create_graph=True) + 2 * u,
    "the second": lambda u, t: second(u, t, create_graph=True),
    "the second alone": lambda u, t: second(u, t, create_graph=True) - 9 * u.detach(),
    "none": lambda u, t: u,
}


@pytest.mark.parametrize("form", TRAINED)
def test_derivatives_that_are_trained_through(form):
    assert "derivatives_left_out" not in details(TRAINED[form], net())


def test_an_adversarial_example_is_no_derivative_of_the_network():
    model, y = net(), torch.ones(64, 1)

    def step():
        x = torch.randn(64, 1, requires_grad=True)
        loss = nn.functional.mse_loss(model(x), y)
        away = torch.autograd.grad(loss, x, retain_graph=True)[0].sign()
        (loss + nn.functional.mse_loss(model(x + 0.1 * away), y)).backward()

    assert "derivatives_left_out" not in snapshot(step, model).loss.details


def penalised(model, added, *, looked_at=None, create_graph=False):
    """A critic's loss, with what a slope of another of its calls makes."""

    def step():
        x = torch.linspace(0, 2, 64).unsqueeze(1)
        mix = (x + 0.5).requires_grad_()
        slope = grad((looked_at or model)(mix), mix, create_graph=create_graph)
        (model(x).mean() - model(x + 1).mean() + added(slope)).backward()

    return snapshot(step, model).loss.details


def penalty(slope):
    return 10 * (slope.norm(2, dim=1) - 1).square().mean()


def test_a_penalty_on_a_slope_without_a_graph_is_a_number():
    found = penalised(net(), penalty)

    assert (found["derivatives_left_out"], found["derivatives_beside"]) == (1, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"create_graph": True},
        {"added": lambda slope: torch.zeros((), requires_grad=True) * 2},
        {"looked_at": nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))},
    ],
    ids=["with a graph", "nothing without one is added", "of another network"],
)
def test_other_slopes_are_no_number_beside_the_loss(other):
    assert "derivatives_beside" not in penalised(net(), **{"added": penalty, **other})


def of_forces(*, create_graph=False, added=lambda slope: (slope - 3).square().mean()):
    """The error of energies, to which something made of their slope is added."""
    model = net()

    def step():
        x = torch.linspace(0, 2, 64).unsqueeze(1).requires_grad_()
        energy = model(x)
        flags = {"create_graph": create_graph, "retain_graph": True}
        slope = torch.autograd.grad(energy.sum(), x, **flags)[0]
        error = (energy - x.detach().sin()).square().mean()
        (0.1 * error + 0.9 * added(slope)).backward()

    return snapshot(step, model).loss


def test_an_error_of_forces_without_a_graph_is_a_number_in_the_loss():
    loss = of_forces()

    assert loss.details["derivatives_left_out"] == loss.details["derivatives_numbered"] == 1
    assert loss.penalty > 0.9 * loss.value


def test_forces_to_look_at_are_no_number_in_the_loss():
    found = of_forces(added=lambda slope: torch.zeros((), requires_grad=True) * 2).details

    assert found["derivatives_left_out"] == 1
    assert "derivatives_numbered" not in found


def test_forces_that_are_trained_are_not_left_out():
    assert "derivatives_left_out" not in of_forces(create_graph=True).details
