"""Whether a batch was dealt out anew before any weight: a view of the data that cuts its rows.

There is no gradient to the data, so its numbers are compared. What a first layer is given holds the
very numbers of the batch in another order, and the rows that lead to the output of a sample hold
numbers that this sample does not have: they are those of others.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

LAID_OUT = "view"
"""The word for it among the operations between the input and the first layer."""
FEWEST_STRANGERS = 2
"""One other sample, whole or a part of it, is a pair or a mixture that somebody chose."""
MOST_NUMBERS = 2**22
"""Of a batch: more are not sorted."""


def strangers_among(
    given: Iterable[tuple[Tensor, Tensor]], batch: Tensor | None, sample: int
) -> int:
    """At least how many other samples an output owes numbers to: `FEWEST_STRANGERS`, or 0.

    Args:
        given: What each first layer is given, and which rows of it lead to the output of `sample`.
        batch: Of the root module; samples along dimension 0.
        sample: Number of the sample of which that is known.
    """
    if batch is None or not batch.is_floating_point() or batch.numel() > MOST_NUMBERS:
        return 0
    samples = batch.detach().reshape(len(batch), -1)
    mixed = any(
        _are_in_order(rows, sample, len(samples)) and _is_dealt_out(data, samples, sample)
        for data, rows in given
        if data.numel() == samples.numel() and data.dtype == samples.dtype
    )
    return FEWEST_STRANGERS if mixed else 0


def _are_in_order(rows: Tensor, sample: int, samples: int) -> bool:
    """Whether the rows of a sample are one block, at the place where the sample is in the batch."""
    size = len(rows) // samples
    own = int(rows[sample * size : (sample + 1) * size].sum().item())
    return size * samples == len(rows) and 0 < own == int(rows.sum().item())


def _is_dealt_out(data: Tensor, samples: Tensor, sample: int) -> bool:
    blocks = data.detach().reshape(samples.shape)
    if _are_the_same(blocks[sample], samples[sample]) or not _are_the_same(blocks, samples):
        return False
    numbers = torch.unique_consecutive(samples.flatten().sort().values)
    held, used = _counts(samples, numbers), _counts(blocks, numbers)
    lacking = (used - held).clamp_min(0)
    return any(not bool((lack <= held).all(1).any().item()) for lack in lacking)


def _are_the_same(some: Tensor, others: Tensor) -> bool:
    return torch.equal(some.flatten().sort().values, others.flatten().sort().values)


def _counts(rows: Tensor, numbers: Tensor) -> Tensor:
    """How often each row holds each number."""
    places = torch.searchsorted(numbers, rows.contiguous())
    return torch.stack([torch.bincount(row, minlength=len(numbers)) for row in places])
