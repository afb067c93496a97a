"""Loaders of data, as far as a run was seen to ask them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredData:
    """Numbers that a data set holds, looked at where a loader begins it anew after further steps.

    They are spread over the largest of its tensors and arrays.
    """

    looks: int
    """How often they were looked at, up to their latest change: normalisation in place ends at
    numbers that it leaves as they are."""
    changes: int
    """How often most of them were others than before, and yet like them: changed in place."""
    first: float
    """Their RMS at the first look..."""
    latest: float
    """... and at the latest."""


@dataclass(frozen=True)
class Loader:
    """All `DataLoader`s over so many samples in batches of one size."""

    samples: int
    """In the data set."""
    batch: int
    """Samples of a batch."""
    begun: int = 0
    """How often one was begun from its first batch."""
    steps: int = 0
    """Between how many different steps of training."""
    is_empty: bool = False
    """Whether it has no batch to give: what there is does not fill one, and is dropped."""
    weights: int = 0
    """Of a sampler that draws by weight, and far more samples than it has weights: their number.
    Then `samples` is what it draws; of other loaders 0."""
