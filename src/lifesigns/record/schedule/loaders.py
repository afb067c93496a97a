"""How often the loaders of a program are begun anew."""

from __future__ import annotations

from typing import Any

from torch.utils.data import RandomSampler, SequentialSampler

from lifesigns.records import Loader

MOST = 16
"""Kinds of loaders that are told apart."""


class Loaders:
    """Counts the beginnings of loaders, by the samples they have and those of a batch."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, int], list[int]] = {}

    def note(self, loader: Any, step: int) -> None:
        """A loader is begun.

        Args:
            loader: A `DataLoader`; only one that asks its data for their number itself is asked.
            step: Completed steps of training.
        """
        if type(getattr(loader, "sampler", None)) not in (RandomSampler, SequentialSampler):
            return
        key = len(loader.dataset), int(loader.batch_size or 0)
        if key not in self._counts and len(self._counts) >= MOST:
            return
        counts = self._counts.setdefault(key, [0, 0, -1])
        counts[0] += 1
        counts[1] += step != counts[2]
        counts[2] = step

    def loaders(self) -> tuple[Loader, ...]:
        """Those that were begun, in the order of their first time."""
        return tuple(
            Loader(samples, batch, begun, steps)
            for (samples, batch), (begun, steps, _) in self._counts.items()
        )
