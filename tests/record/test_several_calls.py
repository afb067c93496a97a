"""A network that is called several times in one step."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)


def batch_of(step, model):
    return snapshot(step, model).batch


def test_the_batch_is_that_of_the_call_with_the_most_samples():
    torch.manual_seed(0)
    model, times, boundary = nn.Linear(1, 1), torch.linspace(0, 2, 8)[:, None], torch.zeros(1, 1)

    def step():
        inner, edge = model(times), model(boundary)
        (edge.square().mean() + inner.detach().square().mean()).backward()

    found = batch_of(step, model)

    assert found.shape == (8, 1)
    assert (found.features.minimum[0], found.features.maximum[0]) == (0.0, 2.0)


def test_a_call_without_gradients_gives_no_batch():
    torch.manual_seed(0)
    model, many, few = nn.Linear(3, 1), torch.randn(8, 3), torch.randn(4, 3)

    def step():
        with torch.no_grad():
            model(many)
        model(few).square().mean().backward()

    assert batch_of(step, model).shape == (4, 3)


def test_a_call_in_evaluation_mode_gives_no_batch():
    torch.manual_seed(0)
    model, many, few = nn.Linear(3, 1), torch.randn(8, 3), torch.randn(4, 3)

    def step():
        model.eval()(many)
        model.train()(few).square().mean().backward()

    assert batch_of(step, model).shape == (4, 3)


# --- a physics loss: the slope inside, and the boundary -------------------------------------------
def without_weights(create_graph: bool, factor: float = 1.0):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))

    def step():
        times = torch.linspace(0, 2, 8)[:, None].requires_grad_()
        u = model(times)
        slope = torch.autograd.grad(
            u, times, torch.ones_like(u), retain_graph=True, create_graph=create_graph
        )[0]
        inside = ((slope - times.cos()) ** 2).mean()
        edge = ((model(torch.zeros(1, 1)) - 1) ** 2).mean()
        (factor * inside + edge).backward()

    loss = snapshot(step, model).loss
    return [term.details.get("no_weights", 0.0) for term in (loss, *loss.others)]


@pytest.mark.parametrize("factor", [1.0, 0.1])
def test_a_term_without_a_way_to_the_weights_is_marked(factor):
    assert without_weights(create_graph=False, factor=factor) == [1.0, 0.0]


def test_terms_that_depend_on_weights_are_not_marked():
    assert without_weights(create_graph=True) == [0.0, 0.0]
