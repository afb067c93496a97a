"""How many of the labels of a CTC loss are its blank, which stands for no label."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import saved
from lifesigns.record.measure.reduce import Pack

NONE = -1
"""What stands where there is no label."""


class PendingBlanks(NamedTuple):
    """Numbers of labels, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: labels, those that are the blank, and those at an end.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        labels, blanks, at_end = arrays[self.slot].tolist()
        if not blanks:
            return {}
        return {"ctc_labels": labels, "blank_labels": blanks, "blanks_at_end": at_end}


class Labels(NamedTuple):
    """The labels of a CTC loss."""

    labels: Tensor
    """Those of all sequences in a row, and `NONE` where one was filled up."""
    rows: Tensor
    """The sequence of each."""
    lengths: Tensor
    """How many labels each sequence has."""


def labels_of(node: object) -> Labels | None:
    """Reads the labels that a CTC loss was given.

    Args:
        node: The autograd node of the loss.

    Returns:
        None where they cannot be read.
    """
    targets = saved(node, "targets")
    lengths = tuple(map(int, getattr(node, "_saved_target_lengths", ())))
    if targets is None or targets.dim() not in (1, 2) or not lengths:
        return None
    ends = torch.tensor(lengths, device=targets.device)
    if targets.dim() == 2:  # padded
        is_label = torch.arange(targets.shape[1], device=ends.device) < ends[:, None]
        labels = torch.where(is_label, targets, NONE).flatten()
        each = torch.full_like(ends, targets.shape[1])
    else:
        labels, each = targets[: sum(lengths)], ends
    rows = torch.arange(len(ends), device=ends.device)
    return Labels(labels, rows.repeat_interleave(each, output_size=len(labels)), ends)


def blank_targets(pack: Pack, node: object) -> PendingBlanks | None:
    """Counts the blanks among the labels, and those with no other label behind them.

    Args:
        pack: Where the numbers wait for the copy.
        node: The autograd node of the loss.

    Returns:
        None where the labels cannot be read.
    """
    found = labels_of(node)
    if found is None:
        return None
    labels, rows, lengths = found
    is_blank = labels == saved(node, "blank")
    is_other = ~is_blank & (labels != NONE)
    at = torch.arange(len(labels), device=labels.device)
    last = torch.full_like(lengths, -1)
    last = last.scatter_reduce(0, rows, torch.where(is_other, at, -1), "amax")
    at_end = is_blank & (at > last[rows])
    counts = ((is_blank | is_other).sum(), is_blank.sum(), at_end.sum())
    return PendingBlanks(pack.add(torch.stack(counts)))
