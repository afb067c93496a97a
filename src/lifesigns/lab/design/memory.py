"""Refuses a design that this machine has no memory for, before anything is allocated."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from lifesigns._errors import UsageError
from lifesigns.lab.design.design import TUNING_SEEDS, Design
from lifesigns.nets.data import Split
from lifesigns.nets.mlp import PIECES

NUMBER = 4
"""Bytes of a number in single precision."""
COPIES = 7
"""Of a network's weights while it trains: parameter, gradient, two moments of the optimizer, the
update that is measured, one temporary; and the module they come from."""
HISTORY = 3 * 8
"""Bytes of a step of a network: its loss in double precision, twice while histories are joined, and
once while it trains."""
MEMBER = 4096
"""Bytes, about, of a network in the lists of what is to be done and what is done."""
CONTROL_GROUP = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where Linux says how much a container may use."""


def require_memory(design: Design, data: Split, jobs: int) -> None:
    """Makes sure that a design can be carried out in this machine's memory.

    Args:
        design: What is to be trained.
        data: What it is to be trained on.
        jobs: How many chunks are trained at a time on this machine.

    Raises:
        UsageError: It cannot; the message says what takes so much.
    """
    most = memory()
    networks = len(design.cells()) * (len(design.rates) * TUNING_SEEDS + design.seeds)
    at_a_time = jobs * max(1, min(design.chunk, networks))
    needs = {
        f"training networks of this size, {at_a_time:,} at a time,": at_a_time
        * _training(design, data),
        f"what {networks:,} networks did in {design.steps:,} steps": networks
        * (MEMBER + HISTORY * design.steps),
    }
    for what, needed in needs.items():
        if most is not None and needed > most:
            raise UsageError(
                f"There is no memory for {what} about {_gigabytes(needed)} GB are needed, and this "
                f"machine has {_gigabytes(most)} GB. Ask for less of --net, --batch, --steps, "
                "--seeds, --rate, --jobs or the chunk."
            )


def memory() -> int | None:
    """Bytes that this machine, or the container this process is in, has; None if it cannot tell."""
    known = []
    with suppress(AttributeError, ValueError, OSError):
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in CONTROL_GROUP:
        with suppress(OSError, ValueError):  # it may not be there, or hold the word max
            known.append(int(file.read_text()))
    return min(known, default=None)


def _training(design: Design, data: Split) -> int:
    """Bytes of one network in training: its weights, and what a batch leaves in its layers."""
    pieces = PIECES if "maxout" in design.activations else 1
    widths = (data.features, *(pieces * width for width in design.hidden), data.outputs)
    weights = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(widths))
    return NUMBER * (COPIES * weights + 3 * design.batch_size * sum(widths))


def _gigabytes(amount: int) -> str:
    return f"{max(1, -(-amount // 10**9)):,}"
