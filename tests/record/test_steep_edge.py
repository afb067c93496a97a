"""Operations whose gradient is infinite at the edge of what they are defined for."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)


def steep(function):
    torch.manual_seed(0)
    model, x = nn.Linear(3, 4), torch.randn(8, 3)
    sites = snapshot(lambda: function(model(x)).mean().backward(), model).graph.sites
    return [site.operation for site in sites if "steep_edge" in site.details]


STEEP = {
    "sqrt": lambda y: y.square().sum(1).sqrt(),
    "pow": lambda y: y.square().sum(1) ** 0.5,
    "std": lambda y: y.std(1) + 1e-5,
    "acos": lambda y: torch.acos(y.tanh()),
}
AWAY = {
    "a number is added": lambda y: (y.square().sum(1) + 1e-8).sqrt(),
    "cut off below": lambda y: y.square().sum(1).clamp(min=1e-8) ** 0.5,
    "cut off on both sides": lambda y: torch.acos(y.clamp(-0.99, 0.99)),
    "a norm, whose gradient torch takes for 0": lambda y: y.norm(dim=1),
    "a square": lambda y: y**2,
}


@pytest.mark.parametrize("operation", STEEP)
def test_an_operation_that_may_be_given_its_edge_is_steep(operation):
    assert steep(STEEP[operation]) == [operation]


@pytest.mark.parametrize("what", AWAY)
def test_an_operation_that_is_kept_away_from_its_edge_is_not(what):
    assert steep(AWAY[what]) == []
