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


class Loaders:
    """Counts the beginnings of loaders, by the samples they have and those of a batch."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, int, bool], list[int]] = {}

    def note(self, loader: Any, step: int) -> None:
        """A loader is begun.

        Args:
            loader: A `DataLoader`; only one that asks its data for their number itself is asked.
            step: Completed steps of training.
        """
        sampler = getattr(loader, "sampler", None)
        is_empty = _is_empty(loader)
        if not is_empty and type(sampler) not in WHOLE:
            return
        samples = len(sampler if is_empty else loader.dataset)  # type: ignore[arg-type]
        key = samples, int(loader.batch_size or 0), is_empty
        if key not in self._counts and len(self._counts) >= MOST:
            return
        counts = self._counts.setdefault(key, [0, 0, -1])
        counts[0] += 1
        counts[1] += step != counts[2]
        counts[2] = step

    def loaders(self) -> tuple[Loader, ...]:
        """Those that were begun, in the order of their first time."""
        return tuple(
            Loader(samples, batch, begun, steps, is_empty)
            for (samples, batch, is_empty), (begun, steps, _) in self._counts.items()
        )


def _is_empty(loader: Any) -> bool:
    """Whether a loader that puts batches together as torch does has none."""
    batches = getattr(loader, "batch_sampler", None)
    if type(batches) is not BatchSampler or type(batches.sampler) not in COUNTED:
        return False
    return len(batches) == 0
