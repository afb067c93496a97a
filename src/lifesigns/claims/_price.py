"""How long claims take on this machine: what they took on another, times how fast this one is."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import MappingProxyType

import torch
from torch import nn

from lifesigns.claims._claim import Claim, Effort

SECONDS = MappingProxyType(
    {
        "linear-stack": (0.6, 0.6),
        "straight-boundary": (4.1, 4.1),
        "activation-bends": (3.0, 3.7),
        "universal-approximation": (1.8, 1.8),
        "sigmoid-probability": (1.3, 1.5),
        "sigmoid-saturates": (2.9, 2.9),
        "sigmoid-zigzag": (2.5, 3.8),
        "exponential-cost": (0.8, 1.2),
        "tanh-against-sigmoid": (0.6, 0.8),
        "relu-faster": (25.0, 140.0),
        "relu-dies": (4.0, 7.6),
        "leaky-relu": (0.8, 0.8),
        "advice": (2.0, 3.8),
        "zero-start-relu": (0.7, 0.7),
        "born-dead": (1.0, 2.1),
        "rules-on-textbook-cases": (9.6, 9.6),
    }
)
"""Of a quick and of a full run, one thread of a server of 2023. Source: docs/claims.md."""
OTHER = (0.3, 0.3)
"""Of a claim that is not in the table."""
PROBE = 0.0095
"""Seconds that `_probe` took there."""
STEPS, TRIALS = 60, 3


def seconds_of(claim: Claim, effort: Effort) -> float:
    """What a claim took on the machine of the table.

    Args:
        claim: Which.
        effort: Quick or full.
    """
    return SECONDS.get(claim.name, OTHER)[0 if effort.quick else 1]


def price(claims: Iterable[Claim], effort: Effort) -> float:
    """Seconds that claims will take here, as it is with whatever else is running.

    Args:
        claims: That will be run.
        effort: Quick or full.

    Cost: a small training, a tenth of a second.
    """
    slower = sorted(_probe() for _ in range(TRIALS))[TRIALS // 2] / PROBE
    return slower * sum(seconds_of(claim, effort) for claim in claims)


def _probe() -> float:
    """Seconds of a small training, such as the claims are made of."""
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(64, 64, generator=draw), torch.randint(10, (64,), generator=draw)
    weight = (torch.randn(10, 64, generator=draw) / 8).requires_grad_()
    inner = (torch.randn(64, 64, generator=draw) / 8).requires_grad_()
    begin = time.perf_counter()
    for _ in range(STEPS):
        loss = nn.functional.cross_entropy(torch.relu(x @ inner.T) @ weight.T, y)
        gradients = torch.autograd.grad(loss, (weight, inner))
        with torch.no_grad():
            weight -= 0.1 * gradients[0]
            inner -= 0.1 * gradients[1]
    return time.perf_counter() - begin
