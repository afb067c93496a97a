"""How often the loaders of a program are begun anew."""

from __future__ import annotations

from typing import Any

from torch.utils.data import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from lifesigns.records import Loader

MOST = 16
"""Kinds of loaders that are told apart."""
WHOLE = (RandomSampler, SequentialSampler)
"""Samplers that go through all data."""
COUNTED = (*WHOLE, SubsetRandomSampler, WeightedRandomSampler, DistributedSampler)
"""Samplers that know their number of samples without asking the user's code."""
OFTEN = 10
"""How often a sampler draws each of its weights, on average, before they are counted."""


class Loaders:
    """Counts the beginnings of loaders, by the samples they have and those of a batch."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, int, bool, int], list[int]] = {}

    def note(self, loader: Any, step: int) -> None:
        """A loader is begun.

        Args:
            loader: A `DataLoader`; only one that asks its data for their number itself is asked.
            step: Completed steps of training.
        """
        sampler = getattr(loader, "sampler", None)
        is_empty, weights = _is_empty(loader), _few_weights(sampler)
        if not (is_empty or weights) and type(sampler) not in WHOLE:
            return
        samples = len(sampler if is_empty or weights else loader.dataset)  # type: ignore[arg-type]
        key = samples, int(loader.batch_size or 0), is_empty, weights
        if key not in self._counts and len(self._counts) >= MOST:
            return
        counts = self._counts.setdefault(key, [0, 0, -1])
        counts[0] += 1
        counts[1] += step != counts[2]
        counts[2] = step

    def loaders(self) -> tuple[Loader, ...]:
        """Those that were begun, in the order of their first time."""
        return tuple(
            Loader(samples, batch, begun, steps, is_empty, weights)
            for (samples, batch, is_empty, weights), (begun, steps, _) in self._counts.items()
        )


def _is_empty(loader: Any) -> bool:
    """Whether a loader that puts batches together as torch does has none."""
    batches = getattr(loader, "batch_sampler", None)
    if type(batches) is not BatchSampler or type(batches.sampler) not in COUNTED:
        return False
    return len(batches) == 0


def _few_weights(sampler: Any) -> int:
    """How many samples there are for a sampler that draws each of them again and again; else 0."""
    if type(sampler) is not WeightedRandomSampler:
        return 0
    few = len(sampler.weights)
    return few if len(sampler) >= OFTEN * few else 0
