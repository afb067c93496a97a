"""Second derivatives by the input, and whether they are 0 everywhere."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)


def grad(y, x, **flags):
    return torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True, **flags)[0]


def details(residual, activation=nn.ReLU):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), activation(), nn.Linear(8, 1))

    def step():
        x = torch.rand(64, 2).requires_grad_()
        (residual(model(x), x) - 1).square().mean().backward()

    known = snapshot(step, model).loss.details
    return known.get("second_derivatives"), known.get("second_derivatives_zero")


SECOND = {
    "of all components": (lambda u, x: grad(grad(u, x), x), 1),
    "of a component": (lambda u, x: grad(grad(u, x)[:, :1], x)[:, :1], 1),
    "of a sum": (lambda u, x: grad((2 * grad(u, x)).sum(), x), 1),
    "a Laplacian": (lambda u, x: sum(grad(g, x) for g in grad(u, x).unbind(1)), 2),
}


@pytest.mark.parametrize("form", SECOND)
@pytest.mark.parametrize("activation", [nn.ReLU, nn.LeakyReLU, nn.Hardtanh])
def test_of_lines_it_is_zero_everywhere(form, activation):
    residual, count = SECOND[form]

    assert details(residual, activation) == (count, count)


@pytest.mark.parametrize("form", SECOND)
@pytest.mark.parametrize("activation", [nn.Tanh, nn.SiLU, nn.Softplus, nn.ELU])
def test_of_curves_it_is_not(form, activation):
    residual, count = SECOND[form]

    assert details(residual, activation) == (count, 0)


@pytest.mark.parametrize(("activation", "flat"), [(nn.ReLU, 2), (nn.Tanh, 0)])
def test_a_third_derivative_is_one_of_a_second(activation, flat):
    assert details(lambda u, x: grad(grad(grad(u, x), x), x), activation) == (2, flat)


def test_what_does_not_depend_on_the_input_has_none():
    def residual(u, x):
        slope = grad(u.clamp(min=-9), x)
        return u + grad(slope + 0 * u.detach(), x, allow_unused=True, materialize_grads=True)

    assert details(residual, nn.Identity) == (1, 1)


FIRST = {
    "none": lambda u, x: u,
    "one": lambda u, x: grad(u, x).norm(dim=1),
    "two of the output": lambda u, x: grad(u, x) + grad(u.square(), x),
}


@pytest.mark.parametrize("form", FIRST)
def test_first_derivatives_are_no_second_ones(form):
    assert details(FIRST[form]) == (None, None)


def test_a_derivative_without_a_graph_is_left_to_another_rule():
    def residual(u, x):
        slope = grad(u, x)
        return u + torch.autograd.grad(slope.sum(), x, retain_graph=True)[0]

    assert details(residual) == (None, None)
