"""Optimizers that average gradients, and their squares, with one memory for each."""

from __future__ import annotations

from collections.abc import Iterator

from torch.optim import Optimizer

from lifesigns.record.schedule.rate_log import as_number
from lifesigns.records import LongMomentum

ALIKE, OTHER = ("adam", "lamb"), "schedulefree"
"""In the names of classes with the decay of the momentum first and that of the squares second; and
in those of which the first number is no decay."""


def long_momenta(optimizer: Optimizer) -> Iterator[LongMomentum]:
    """The settings of an optimizer like Adam where the first decay is above the second one.

    Lion and others that keep no squares use the same word for something else, and Adan has three.

    Args:
        optimizer: Any.

    Yields:
        One for each group of parameters.
    """
    name = type(optimizer).__name__
    plain = name.lower().replace("_", "")
    if OTHER in plain or not any(word in plain for word in ALIKE):
        return
    for group in optimizer.param_groups:
        betas = group.get("betas")
        if isinstance(betas, (tuple, list)) and len(betas) == 2:
            first, second = map(as_number, betas)
            if 0 <= second < first < 1:
                yield LongMomentum(name, first, second)
