"""How many members to train as one program: as many as the processor's cache likes."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from lifesigns.lab.training.members import Member
from lifesigns.lab.training.population import Population
from lifesigns.nets.data import Split

MOST_BYTES = 512 * 2**20
"""Memory for parameters, gradients, optimizer state and activations of one chunk."""
COPIES = 6
"""Parameter, gradient, two moments of the optimizer, the update that is measured, one temporary."""
MOST_MEMBERS = 512
TRIALS, STEPS = 4, 2
ABOUT = 0.95
"""Share of the best speed that is as good: processors are no more constant than that."""


def largest_chunk(member: Member, data: Split) -> int:
    """How many such members fit into `MOST_BYTES`, at least one.

    Args:
        member: Any one of them: they share one structure.
        data: What they are trained on.
    """
    module = member.recipe.network.build()
    weights = sum(p.numel() for p in module.parameters())
    outputs = sum(p.numel() for p in module.parameters() if p.dim() == 1) + data.features
    samples = max(member.recipe.batch_size, min(512, len(data.test_inputs)))
    return max(1, MOST_BYTES // (4 * (COPIES * weights + 4 * samples * outputs)))


def best_chunk(members: Sequence[Member], data: Split, jobs: int = 1) -> int:
    """The largest chunk size that is about as fast as any, and leaves work for `jobs` processes.

    Args:
        members: Of one structure.
        data: What they will be trained on.
        jobs: How many chunks are trained at a time.

    Cost: a few steps at each power of two, well under a second for small networks.
    """
    most = min(-(-len(members) // jobs), largest_chunk(members[0], data), MOST_MEMBERS)
    powers = (1 << exponent for exponent in range(most.bit_length()))
    sizes = sorted({*powers, most}, reverse=True)
    speeds = {size: speed(members[:size], data) for size in sizes}
    fastest = max(speeds.values())
    return next(size for size in sizes if speeds[size] >= ABOUT * fastest)


def speed(members: Sequence[Member], data: Split) -> float:
    """Steps of members per second of processor time, in the fastest of some trials.

    Set-up and first step are not counted; other programs on the machine only slow a step down.

    Args:
        members: Of one structure, trained together.
        data: What they are trained on.
    """
    population = Population(members, data, torch.float32)
    trials = [_seconds(population) for _ in range(1 + TRIALS)]
    return STEPS * len(members) / max(min(trials[1:]), 1e-9)


def _seconds(population: Population) -> float:
    start = time.process_time()
    for _ in population.advance(STEPS):
        pass
    return time.process_time() - start
