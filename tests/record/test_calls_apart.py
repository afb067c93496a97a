"""Calls of a policy in a simulator, whose state is detached in each step."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

SAMPLES, STEPS = 16, 6


def details(run):
    torch.manual_seed(0)
    policy = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    known = snapshot(lambda: run(policy).backward(), policy)
    return [site.details.get("calls_cut_off") for site in known.graph.sites if site.parameters]


def simulated(policy, *, cut=True, effort=True, wanted=False, samples=None):
    place, goal = torch.randn(2, SAMPLES, 2)
    cost = torch.tensor(0.0)
    for _ in range(STEPS):
        place = place.detach() if cut else place
        given = torch.cat([place, goal], 1) if samples is None else samples()
        push = policy(given)
        place = place + 0.1 * push
        cost = cost + 0.01 * push.pow(2).sum(1).mean() * effort
        if wanted:
            cost = cost + (push - goal).abs().mean()
    return (place - goal).pow(2).sum(1).mean() + cost


def test_the_end_reaches_the_last_call_alone():
    found = details(simulated)

    assert found[-2:] == [STEPS - 1] * 2
    assert set(found[:-2]) == {None}


@pytest.mark.parametrize(
    "options",
    [
        {"cut": False},
        {"wanted": True},
        {"samples": lambda: torch.randn(SAMPLES, 4)},
    ],
)
def test_every_call_is_reached(options):
    assert set(details(lambda policy: simulated(policy, **options))) == {None}


def test_an_effort_alone():
    def run(policy):
        cost, x = torch.tensor(0.0), torch.randn(SAMPLES, 4)
        for _ in range(STEPS):
            x = x + 0.1 * torch.randn(SAMPLES, 4)
            cost = cost + policy(x).pow(2).mean()
        return cost

    assert set(details(run)) == {None}
