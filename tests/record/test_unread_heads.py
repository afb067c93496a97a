"""Heads of a container of which the loss reads the last alone are told from those in use."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn


class Heads(nn.Module):
    """A trunk with three heads; `between` is a layer before the last one, as in deep networks."""

    def __init__(self, container=nn.ModuleList, between=False):
        super().__init__()
        heads = [nn.Linear(8, 3) for _ in range(3)]
        named = {str(number): head for number, head in enumerate(heads)}
        self.heads = container(named if container is nn.ModuleDict else heads)
        self.trunk, self.between = nn.Linear(4, 8), nn.Linear(8, 8) if between else None

    def forward(self, x):
        z = torch.tanh(self.trunk(x))
        *some, last = self.heads.values() if isinstance(self.heads, nn.ModuleDict) else self.heads
        said = [head(z) for head in some]
        return [*said, last(z if self.between is None else torch.tanh(self.between(z)))]


class Apart(nn.Module):
    """Heads that are attributes of the network: one may be for another loss."""

    def __init__(self):
        super().__init__()
        self.trunk, self.one, self.other = nn.Linear(4, 8), nn.Linear(8, 3), nn.Linear(8, 3)

    def forward(self, x):
        z = self.trunk(x)
        return [self.one(z), self.other(z)]


def found(model, read):
    x, y = torch.randn(6, 4), torch.randint(3, (6,))

    def step():
        said = model(x)
        sum(F.cross_entropy(said[k], y) for k in read).backward()

    taken = snapshot(step, model)
    details = taken.loss.details
    at = details.get("last_head_at")
    where = "" if at is None else taken.graph.sites[int(at)].module
    return details.get("unread_heads"), where


@pytest.mark.parametrize("container", [nn.ModuleList, nn.ModuleDict])
def test_heads_before_the_last_that_are_not_read_are_seen(container):
    assert found(Heads(container), read=[2]) == (2, "heads.2")


@pytest.mark.parametrize("read", [(0, 1, 2), (0,), (0, 2), (1,), (1, 2)])
def test_heads_of_which_others_are_read_say_nothing(read):
    assert found(Heads(), read) == (None, "")


def test_heads_at_several_depths_say_nothing():
    assert found(Heads(between=True), read=[2]) == (None, "")


def test_heads_that_are_frozen_say_nothing():
    model = Heads()
    model.heads[0].requires_grad_(False)
    model.heads[1].requires_grad_(False)
    assert found(model, read=[2]) == (None, "")


def test_heads_that_are_attributes_of_the_network_say_nothing():
    assert found(Apart(), read=[1]) == (None, "")
