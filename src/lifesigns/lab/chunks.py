"""How many members to train as one program: as many as the processor's cache likes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

from lifesigns.lab.population import Member, train_population
from lifesigns.nets.data import Split

MOST_BYTES = 512 * 2**20
"""Memory for parameters, gradients, optimizer state and activations of one chunk."""
COPIES = 5
"""Parameter, gradient, two moments of the optimizer, one temporary."""
TRIAL_STEPS = 9


def largest_chunk(member: Member, data: Split) -> int:
    """How many such members fit into `MOST_BYTES`, at least one."""
    module = member.recipe.network.build()
    weights = sum(p.numel() for p in module.parameters())
    outputs = sum(p.numel() for p in module.parameters() if p.dim() == 1) + data.features
    samples = max(member.recipe.batch_size, min(512, len(data.test_inputs)))
    return max(1, MOST_BYTES // (4 * (COPIES * weights + 4 * samples * outputs)))


def best_chunk(members: Sequence[Member], data: Split) -> int:
    """The fastest chunk size for members of one structure, by a short trial of each power of two.

    Cost: a few steps at each size, well under a second for small networks.
    """
    most = min(len(members), largest_chunk(members[0], data), 512)
    sizes = [size for size in (1, 4, 8, 16, 32, 64, 128, 256, 512) if size <= most]
    return max(sizes, key=lambda size: _speed(members[:size], data))


def _speed(members: Sequence[Member], data: Split) -> float:
    """Member-steps per second of processor time in the fastest step.

    Set-up and first step are not counted; other programs on the machine only slow a step down.
    """
    marks: list[float] = []
    train_population(
        members,
        data,
        TRIAL_STEPS,
        measured_at=(),
        progress=lambda _: marks.append(time.process_time()),
    )
    fastest = min(after - before for before, after in itertools.pairwise(marks))
    return len(members) / max(fastest, 1e-9)
